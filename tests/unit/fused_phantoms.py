"""Readings by raters whose skill is known, as fusion methods see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.blocks import count_blocks
from annotator.analysis.moments import label_moments
from annotator.analysis.runs import encode
from annotator.analysis.simulate import SimulatedRater, simulate_panel
from annotator.analysis.votes import bounding_box, count_near, merge_votes, to_dense
from annotator.api import CaseVotes, CaseWindow, VotePatterns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.domain.reading import Box

    Mask = NDArray[np.unsignedinteger]
    Shape = tuple[int, int, int]

UNIT = (1.0, 1.0, 1.0)


def ball(shape: Shape, radius: float) -> NDArray[np.uint8]:
    """Return a ball in the middle of a grid."""
    axes = np.ogrid[tuple(slice(-(size - 1) / 2, size / 2) for size in shape)]
    return np.asarray(sum(axis**2 for axis in axes) < radius**2, np.uint8)


def merged(masks: Sequence[Mask], labels: Sequence[int] | None = None) -> VoteRuns:
    """Return the vote runs of dense masks; their labels are found where not given."""
    found = sorted({int(value) for mask in masks for value in np.unique(mask)} - {0})
    return merge_votes([encode(mask) for mask in masks], labels=labels or found or [1])


def vote_patterns(votes: VoteRuns, rater_ids: Sequence[str] | None = None) -> VotePatterns:
    """Return vote patterns on voxels of 1 mm3 with all that can be counted."""
    names = tuple(rater_ids or "abcdefghijklmnopqrstuvwxyz"[: votes.patterns.shape[1]])
    return VotePatterns(
        rater_ids=names,
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=1.0,
        n_near=count_near(votes),
        block_counts=count_blocks(votes),
    )


def case_of(
    masks: Sequence[Mask],
    *,
    case_id: str = "case",
    rater_ids: Sequence[str] | None = None,
    labels: Sequence[int] | None = None,
    truth: Mask | None = None,
    spacing_mm: tuple[float, float, float] = UNIT,
) -> CaseVotes:
    """Return a case of dense masks; with a ``truth`` it counts as signed off."""
    votes = merged(masks, labels)
    patterns = vote_patterns(votes, rater_ids)
    numbers = to_dense(votes, np.arange(len(votes.patterns)), np.int32)
    shape = votes.grid.shape
    decided = None
    if truth is not None:
        decided = np.stack(
            [
                np.bincount(numbers[truth == label], minlength=len(votes.patterns))
                for label in votes.labels
            ],
            axis=1,
        )

    def window(margin: int | None) -> CaseWindow:
        box: Box = ((0, 0, 0), shape)
        drawn = bounding_box(votes, (votes.patterns != 0).any(axis=1))
        if margin is not None and drawn is not None:
            low = [max(0, edge - margin) for edge in drawn[0]]
            high = [min(size, edge + margin) for edge, size in zip(drawn[1], shape, strict=True)]
            box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        part = tuple(slice(start, stop) for start, stop in zip(*box, strict=True))
        return CaseWindow(
            box=box, index=numbers[part], image=np.zeros(numbers[part].shape, np.float32)
        )

    return CaseVotes(
        case_id=case_id,
        title=case_id,
        votes=patterns,
        shape=shape,
        spacing_mm=spacing_mm,
        moments=lambda: label_moments(votes, spacing_mm),
        window=window,
        decided_counts=decided,
    )


def two_good_three_bad(seed: int) -> tuple[Mask, tuple[Mask, ...]]:
    """Return a truth and five readings: two close to it, three far from it, each in its own way."""
    truth = ball((24, 48, 48), 10)
    good = SimulatedRater(wobble_mm=0.4, wobble_size_mm=4.0)
    bad = [
        SimulatedRater(wobble_mm=2.5, wobble_size_mm=4.0, bias_mm=bias) for bias in (1.5, -1.5, 0.5)
    ]
    return truth, simulate_panel(truth, UNIT, [good, good, *bad], seed)


def dice(left: Mask, right: Mask) -> float:
    """Return the overlap of two masks, 0 to 1."""
    one, two = left != 0, right != 0
    return float(2 * (one & two).sum() / max(1, one.sum() + two.sum()))
