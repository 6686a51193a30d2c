"""What differs between two fusions of the same case, label by label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.segments import connect, cut_into_rows
from annotator.analysis.votes import merge_votes, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns

ADDED, REMOVED, RELABELLED = 1, 2, 3
"""Values of a map of changes: a label where there was none, none where there was one, another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """What one label gains and loses from one fusion to another.

    ``n_regions`` counts connected regions (26 neighbours) of voxels that it gains or loses.
    """

    label: int
    n_before: int
    n_after: int
    n_gained: int
    n_lost: int
    gained_mm3: float
    lost_mm3: float
    n_regions: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """Everything that differs between two fusions.

    Attributes
    ----------
    labels : tuple of LabelChange
        Each label but background, in ascending order.
    n_voxels, mm3 : int, float
        Voxels whose label differs, and their volume.
    n_regions : int
        Connected regions of them.
    map : MaskRuns
        1 where a label was added, 2 where one was removed, 3 where it became another.
    """

    labels: tuple[LabelChange, ...]
    n_voxels: int
    mm3: float
    n_regions: int
    map: MaskRuns


def find_changes(
    before: MaskRuns, after: MaskRuns, labels: Sequence[int], voxel_mm3: float
) -> Changes:
    """Compare two fused masks on one grid; ``labels`` names every label that may occur.

    Raises GeometryMismatchError where the grids differ.
    """
    pair = merge_votes([before, after], labels=labels)
    old, new = pair.patterns.T
    differs = old != new
    n_voxels = int(pair.counts[differs].sum())
    kind = np.where(old == 0, ADDED, np.where(new == 0, REMOVED, RELABELLED))
    return Changes(
        labels=tuple(_of_label(pair, label, voxel_mm3) for label in pair.labels[1:]),
        n_voxels=n_voxels,
        mm3=n_voxels * voxel_mm3,
        n_regions=_count_regions(pair, differs),
        map=spread(pair, np.where(differs, kind, 0)),
    )


def majority_mask(votes: VoteRuns) -> MaskRuns:
    """Return the majority vote of readings, the lowest label where it is a tie."""
    share = count_votes(votes.patterns, votes.labels) / votes.patterns.shape[1]
    return spread(votes, choose(share, votes.labels)[0])


def find_changes_from_majority(votes: VoteRuns, fused: MaskRuns, voxel_mm3: float) -> Changes:
    """Compare a fusion of readings with their majority vote."""
    return find_changes(majority_mask(votes), fused, votes.labels, voxel_mm3)


def join_changes(parts: Sequence[Changes], voxel_mm3: float) -> Changes:
    """Return everything that differs in any label group, of what differs in each.

    A voxel where one group gains a label and another loses one is relabelled.
    """
    if len(parts) == 1:
        return parts[0]
    votes = merge_votes([one.map for one in parts], labels=(ADDED, REMOVED, RELABELLED))
    most = votes.patterns.max(axis=1)
    is_one = ((votes.patterns == 0) | (votes.patterns == most[:, None])).all(axis=1)
    n_voxels = int(votes.counts[most > 0].sum())
    return Changes(
        labels=tuple(
            sorted((label for one in parts for label in one.labels), key=lambda one: one.label)
        ),
        n_voxels=n_voxels,
        mm3=n_voxels * voxel_mm3,
        n_regions=_count_regions(votes, most > 0),
        map=spread(votes, np.where(is_one, most, RELABELLED)),
    )


def _of_label(pair: VoteRuns, label: int, voxel_mm3: float) -> LabelChange:
    was, is_now = (pair.patterns == label).T
    n_gained = int(pair.counts[is_now & ~was].sum())
    n_lost = int(pair.counts[was & ~is_now].sum())
    return LabelChange(
        label=label,
        n_before=int(pair.counts[was].sum()),
        n_after=int(pair.counts[is_now].sum()),
        n_gained=n_gained,
        n_lost=n_lost,
        gained_mm3=n_gained * voxel_mm3,
        lost_mm3=n_lost * voxel_mm3,
        n_regions=_count_regions(pair, was != is_now),
    )


def _count_regions(pair: VoteRuns, chosen: NDArray[np.bool_]) -> int:
    segments = cut_into_rows(pair, chosen)
    return int(connect(segments, pair.grid).max(initial=-1)) + 1
