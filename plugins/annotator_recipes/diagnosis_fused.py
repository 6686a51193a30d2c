"""Weights of raters on working pixels become a fusion on the grid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.consensus import judge_raters, warn_of_votes
from annotator.api import FusedVoxels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes, VotePatterns
    from annotator.domain.review import RaterPerformance
    from annotator_recipes.images import CaseSlices

    Floats = NDArray[np.float32]


def fuse_weighted(
    case: CaseVotes,
    slices: CaseSlices,
    weights: Floats,
    *,
    warnings: tuple[str, ...] = (),
    training_target_only: bool = False,
) -> FusedVoxels:
    """Return the readings averaged voxel by voxel by ``weights (slice, rater, size, size)``.

    Weights are linear between working pixels and between the slices that were read.
    """
    window = case.window(0)
    on_grid = weights_on_box(slices, weights, window.box)
    labels = case.votes.labels
    probability = np.zeros((len(labels), *window.index.shape), np.float32)
    for rater, trust in enumerate(on_grid):
        said = case.votes.patterns[:, rater][window.index]
        for number, label in enumerate(labels):
            probability[number] += np.where(said == label, trust, np.float32(0))
    chosen = probability.argmax(axis=0)
    votes = case.votes
    doubts = warn_of_votes(votes.rater_ids, votes.patterns, votes.counts)
    return FusedVoxels(
        box=window.box,
        probability=probability,
        performance=_performance(votes, window.index, chosen, on_grid),
        weights=on_grid,
        warnings=(*doubts, *warnings),
        training_target_only=training_target_only,
    )


def weights_on_box(
    slices: CaseSlices, weights: Floats, box: tuple[tuple[int, ...], tuple[int, ...]]
) -> Floats:
    """Return ``(rater, z, y, x)`` of a box within ``slices.box``; sums to 1 over raters."""
    (z0, y0, x0), (z1, y1, x1) = box
    (_, from_y, from_x), _ = slices.box
    rows, columns = slice(y0 - from_y, y1 - from_y), slice(x0 - from_x, x1 - from_x)
    planes = np.stack([slices.frame.to_grid(one)[:, rows, columns] for one in weights])
    depth = np.arange(z0, z1)
    between = np.stack(
        [np.interp(depth, slices.places, one) for one in np.eye(len(slices.places))], axis=1
    )
    found = np.tensordot(between.astype(np.float32), planes, axes=1).swapaxes(0, 1)
    return np.asarray(found / found.sum(axis=0), np.float32)


def _performance(
    votes: VotePatterns, index: NDArray[np.int32], chosen: NDArray[np.intp], weights: Floats
) -> tuple[RaterPerformance, ...]:
    """Compare each rater with the chosen labels; a rater's weight is the mean where all look."""
    n_labels = len(votes.labels)
    pairs, counts = np.unique(index.astype(np.int64) * n_labels + chosen, return_counts=True)
    outside = int(votes.counts.sum()) - index.size
    patterns = np.vstack([votes.patterns[pairs // n_labels], np.zeros_like(votes.patterns[:1])])
    rows = judge_raters(
        votes.rater_ids,
        patterns,
        np.append(counts, outside),
        votes.labels,
        np.append(np.asarray(votes.labels, np.uint16)[pairs % n_labels], 0),
        votes.voxel_mm3,
    )
    is_drawn = (votes.patterns != 0).any(axis=1)[index]
    share = weights[:, is_drawn].mean(axis=1) if is_drawn.any() else weights.mean(axis=(1, 2, 3))
    by_rater = dict(zip(votes.rater_ids, share.tolist(), strict=True))
    return tuple(replace(row, weight=by_rater[row.rater_id]) for row in rows)
