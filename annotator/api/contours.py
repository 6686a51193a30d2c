"""The door of contour detectors: every point of a drawn contour is judged right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api.learning import Learned
    from annotator.api.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnContour:
    """The contour of one label in one reading, and the image around it.

    Attributes
    ----------
    name : str
        Which case it is of; all readings of one share it, and never stand on both sides of a split.
    label : int
        Whose contour it is.
    mask : ndarray
        All that was drawn, ``(z, y, x)`` unsigned; cut out around the contour.
    image : ndarray
        Modality values on the same voxels, ``(z, y, x)`` or ``(z, y, x, channel)`` float32.
    spacing_mm : tuple of float
        Distance between voxel centres, ``(z, y, x)``.

    The points that are judged are those of `annotator.analysis.contour_points.contour_points` for
    this label of the mask, in that order.
    """

    name: str
    label: int
    mask: NDArray[np.unsignedinteger]
    image: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContourLesson:
    """A contour of which is known how far it lies from what was signed off.

    ``deviation_mm`` is ``(point,)``, positive where it lies too far out; infinite where the label
    was signed off nowhere.
    """

    drawn: DrawnContour
    deviation_mm: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedContour:
    """What a detector says of each point of a contour, each ``(point,)`` float32.

    ``too_far_out`` and ``too_far_in`` are probabilities, their sum 1 at the most: how likely the
    point lies wrong in that direction. ``deviation_mm`` is how far from the right contour it is
    expected to lie, positive where too far out.
    """

    too_far_out: NDArray[np.float32]
    too_far_in: NDArray[np.float32]
    deviation_mm: NDArray[np.float32]


class ContourDetector(Protocol):
    """Learns from contours with known errors where others are wrong. Runs in its own process."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def learn(
        self,
        lessons: Sequence[ContourLesson],
        parameters: BaseModel,
        *,
        seed: int,
        progress: Progress,
    ) -> Learned:
        """Return what was learned; the same lessons and seed give the same bytes.

        Raises AnnotatorError, with the reason, where there is too little to learn from. Must not
        write to the lessons.
        """
        ...

    def judge(self, learned: bytes, drawn: DrawnContour, progress: Progress) -> JudgedContour:
        """Judge every point of a contour. Must not write to it.

        Raises AnnotatorError where the bytes are not what `learn` returned.
        """
        ...
