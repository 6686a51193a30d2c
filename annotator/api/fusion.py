"""The door of fusion methods: several readings become one.

There are three kinds. A :class:`FusionMethod` needs the vote patterns of one case and nothing else.
A :class:`SpatialFusionMethod` looks at where the votes lie. A :class:`LearnedFusionMethod` first
learns from all cases of a project. A method may be of one kind only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api.cases import CaseVotes
    from annotator.api.learning import Learned
    from annotator.api.progress import Progress
    from annotator.domain.reading import Box
    from annotator.domain.review import RaterPerformance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VotePatterns:
    """The distinct ways in which raters voted, with how many voxels voted so.

    Attributes
    ----------
    rater_ids : tuple of str
        Columns of ``patterns``.
    patterns : ndarray
        Label of each rater, ``(pattern, rater)`` uint16.
    counts : ndarray
        Voxels with that pattern over the whole grid, ``(pattern,)`` int64; sums to all voxels.
    labels : tuple of int
        Every label that may occur, ascending, 0 first.
    voxel_mm3 : float
        Volume of one voxel.
    n_near : int or None
        Voxels within three voxels, along every axis, of anything that was drawn, the drawn ones
        among them: the region that STAPLE looks at. None where the caller did not count them.
    block_counts : ndarray or None
        ``counts`` by block of neighbouring voxels, ``(block, pattern)`` int64, blocks without a
        drawn voxel left out: what intervals within a case are drawn from. Patterns that nobody
        drew are not counted. None where the caller did not count them.
    """

    rater_ids: tuple[str, ...]
    patterns: NDArray[np.uint16]
    counts: NDArray[np.int64]
    labels: tuple[int, ...]
    voxel_mm3: float
    n_near: int | None = None
    block_counts: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedPatterns:
    """What a fusion method makes of each pattern.

    ``probability`` is ``(pattern, label)`` float64 in the order of ``VotePatterns.labels``; rows
    sum to 1. ``chosen`` is the fused label of each pattern, uint16; ``undecided`` marks ties.
    """

    probability: NDArray[np.float64]
    chosen: NDArray[np.uint16]
    undecided: NDArray[np.bool_]
    performance: tuple[RaterPerformance, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedVoxels:
    """What a fusion method makes of each voxel of a box; beyond it everything is background.

    The box must hold every drawn voxel. The most probable label is chosen, the lowest in a tie.

    Attributes
    ----------
    box : Box
        Where ``probability`` lies in the grid, half-open.
    probability : ndarray
        ``(label, z, y, x)`` float32 in the order of ``VotePatterns.labels``; sums to 1 over labels.
        Kept to about 1/250.
    weights : ndarray or None
        How far each rater was believed, ``(rater, z, y, x)`` float32; sums to 1 over raters. None
        where the method weighs no raters.
    training_target_only : bool
        True where the result knows an answer that it would be judged by: it may teach a model,
        and is never a reference.
    """

    box: Box
    probability: NDArray[np.float32]
    performance: tuple[RaterPerformance, ...]
    weights: NDArray[np.float32] | None = None
    warnings: tuple[str, ...] = ()
    training_target_only: bool = False


@runtime_checkable
class FusionMethod(Protocol):
    """Fuses readings. Must be a pure function of its arguments: the same bytes every time."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return probability, label and rater performance of each vote pattern."""
        ...


@runtime_checkable
class SpatialFusionMethod(Protocol):
    """Fuses readings voxel by voxel. Must be a pure function of its arguments."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def fuse_voxels(
        self, case: CaseVotes, parameters: BaseModel, progress: Progress
    ) -> FusedVoxels:
        """Return probability and rater performance of each voxel."""
        ...


@runtime_checkable
class LearnedFusionMethod(Protocol):
    """Fuses readings by what it learned of the raters from all cases of a project.

    Both functions must be pure: the same bytes every time. What was learned is kept, and every
    fusion names it. A method that would judge a case by its own diagnosis cross-fits: what it
    learned must hold, for each case that it learned from, something learned without that case.

    One that sets ``needs_image`` to True learns from no slides: their image cannot be had whole.
    """

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Learn from all cases; raises AnnotatorError, with the reason, where they do not do."""
        ...

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedPatterns | FusedVoxels:
        """Fuse one case, which may or may not be among those that were learned from."""
        ...


AnyFusionMethod = FusionMethod | SpatialFusionMethod | LearnedFusionMethod
