"""A case as methods see it that look at more than vote patterns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api.fusion import VotePatterns
    from annotator.domain.reading import Box, Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseWindow:
    """A box of a case, voxel by voxel.

    Attributes
    ----------
    box : Box
        Where the arrays lie in the grid, half-open.
    index : ndarray
        Vote pattern of each voxel, ``(z, y, x)`` int32.
    image : ndarray
        Modality values (HU for CT), ``(z, y, x)`` or ``(z, y, x, channel)`` float32.
    """

    box: Box
    index: NDArray[np.int32]
    image: NDArray[np.float32]

    def masks(self, votes: VotePatterns) -> NDArray[np.uint16]:
        """Return the label that each rater gave each voxel, ``(rater, z, y, x)``."""
        return votes.patterns.T[:, self.index]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseVotes:
    """The readings of a case, its diagnoses and its image.

    Attributes
    ----------
    votes : VotePatterns
        Vote patterns over the whole grid.
    shape : tuple of int
        The grid, ``(z, y, x)``.
    spacing_mm : tuple of float
        Distance between voxel centres, ``(z, y, x)``.
    modality : str
        DICOM modality of the image (``CT``, ``MR``…); ``OT`` where its file does not say.
    diagnoses : mapping
        What each rater says of the case, by rater id.
    final_diagnosis : Diagnosis or None
        The reviewer's, where the case was signed off. When a case is fused, it is what was known
        while the method learned; None for methods that do not learn: a recipe has to name
        everything that its result depends on.
    decided_counts : ndarray or None
        Voxels of each pattern to which the signed-off mask gives each label, ``(pattern, label)``
        int64; None where these readings were not signed off.
    moments : callable
        Returns sums over the voxels of each rater's label, ``(rater, label, 10)`` float64 without
        background: 1, z, y, x, zz, yy, xx, zy, zx, yx in mm from the middle of the grid.
    window : callable
        Returns the box around everything drawn, that many voxels wider on each side as far as the
        grid goes; the whole grid for None. Read at each call.
    target : callable or None
        Returns what a model is to learn, ``(label, z, y, x)`` float32 over the whole grid, where
        training was told to learn a fusion, or what was signed off.
    target_labels : tuple of int or None
        The labels of ``target``, background first, where these are not those of the votes: a
        reviewer may have drawn one that no rater drew.
    """

    case_id: str
    title: str
    votes: VotePatterns
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    moments: Callable[[], NDArray[np.float64]]
    window: Callable[[int | None], CaseWindow]
    modality: str = "OT"
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    final_diagnosis: Diagnosis | None = None
    decided_counts: NDArray[np.int64] | None = None
    target: Callable[[], NDArray[np.float32]] | None = None
    target_labels: tuple[int, ...] | None = None
