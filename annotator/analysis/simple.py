"""SIMPLE: a weighted vote that drops the raters who do not keep up.

Langerak, van der Heide, Kotte, Viergever, van Vulpen and Pluim, IEEE TMI 29 (2010) 2000: vote,
score every reading by its overlap (Dice) with the estimate, drop those who score below the mean by
more than ``alpha`` standard deviations, vote again with the scores as weights, and so on until the
panel and its weights stay.

Chosen here, for a panel of a few people instead of a hundred atlases, where one of three scores
always lies more than a standard deviation below the mean: a score counts as lower only if it is so
by ``least_gap`` too, and at least two readings stay. With several labels the score is the mean Dice
over the labels that the rater or the estimate has. A tied voxel counts for each tied label alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.blocks import FEWEST_BLOCKS, draw_blocks, interval_ends
from annotator.analysis.weighted import shares, weighted_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FEWEST_RATERS = 2
_SETTLED = 1e-9
_TIE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimpleResult:
    """What SIMPLE finds.

    Attributes
    ----------
    share : ndarray
        Share of the weight of those who stayed, ``(pattern, label)``; rows sum to 1.
    weights : ndarray
        Share of each rater, ``(rater,)``; 0 for those who were dropped.
    weight_ends : ndarray or None
        Its 95 % interval, ``(2, rater)``, over blocks, the panel as it is.
    score : ndarray
        Dice of each rater with the last estimate, ``(rater,)``.
    is_kept : ndarray
        Who stayed, ``(rater,)`` bool.
    has_settled : bool
        False where the rounds ran out first.
    """

    share: Floats
    weights: Floats
    weight_ends: Floats | None
    score: Floats
    is_kept: NDArray[np.bool_]
    has_settled: bool


def simple(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    *,
    alpha: float = 1.0,
    least_gap: float = 0.05,
    max_rounds: int = 100,
    block_counts: NDArray[np.integer] | None = None,
) -> SimpleResult:
    """Run SIMPLE over patterns ``(pattern, rater)`` with their voxel counts ``(pattern,)``."""
    n_raters = patterns.shape[1]
    rows = counts[None].astype(np.float64)
    is_kept = np.ones(n_raters, np.bool_)
    weights = np.full(n_raters, 1.0 / n_raters)
    score = np.ones(n_raters)
    has_settled = False
    for _ in range(max_rounds):
        estimate = _winners(weighted_share(patterns, labels, weights))
        score = _dice(*_overlap(rows, patterns, labels, estimate))[0]
        dropped = _too_low(score, is_kept, alpha, least_gap)
        is_kept = is_kept & ~dropped
        before, weights = weights, shares(np.where(is_kept, score, 0.0))
        if not score[is_kept].any():
            weights = shares(is_kept.astype(np.float64))
        if not dropped.any() and np.abs(weights - before).max() < _SETTLED:
            has_settled = True
            break
    share = weighted_share(patterns, labels, weights)
    ends = _weight_ends(patterns, counts, labels, _winners(share), is_kept, block_counts)
    return SimpleResult(
        share=share,
        weights=weights,
        weight_ends=ends,
        score=score,
        is_kept=is_kept,
        has_settled=has_settled,
    )


def _winners(share: Floats) -> Floats:
    """Return 1 for the label with the largest share, divided among ties, ``(pattern, label)``."""
    is_best = share >= share.max(axis=1, keepdims=True) - _TIE
    return np.asarray(is_best / is_best.sum(axis=1, keepdims=True))


def _too_low(
    score: Floats, is_kept: NDArray[np.bool_], alpha: float, least_gap: float
) -> NDArray[np.bool_]:
    """Return who is to be dropped, the lowest first as long as two stay."""
    kept = score[is_kept]
    limit = kept.mean() - max(alpha * kept.std(), least_gap)
    low = np.flatnonzero(is_kept & (score < limit - _SETTLED))
    room = max(0, int(is_kept.sum()) - _FEWEST_RATERS)
    lowest = low[np.argsort(score[low], kind="stable")]
    if 0 < room < len(lowest):  # equals leave together or not at all
        lowest = lowest[score[lowest] < score[lowest[room]] - _SETTLED]
    is_dropped = np.zeros(len(score), np.bool_)
    is_dropped[lowest[:room]] = True
    return is_dropped


def _overlap(
    rows: Floats, patterns: NDArray[np.integer], labels: Sequence[int], estimate: Floats
) -> tuple[Floats, Floats]:
    """Return voxels in common and the sum of both sizes, ``(row, rater, label)``."""
    common, sizes = [], []
    for place, label in enumerate(labels[1:]):
        said = (patterns == label).astype(np.float64)
        there = estimate[:, place + 1]
        common.append(rows @ (said * there[:, None]))
        sizes.append(rows @ said + (rows @ there)[:, None])
    if not common:
        nothing = np.zeros((len(rows), patterns.shape[1], 0))
        return nothing, nothing
    return np.stack(common, axis=2), np.stack(sizes, axis=2)


def _dice(common: Floats, sizes: Floats) -> Floats:
    """Return the mean Dice over the labels that are anywhere, ``(row, rater)``; 1 for none."""
    is_there = sizes > 0
    dice = np.where(is_there, 2.0 * common / np.where(is_there, sizes, 1.0), 0.0)
    n_there = is_there.sum(axis=2)
    return np.where(n_there > 0, dice.sum(axis=2) / np.maximum(n_there, 1), 1.0)


def _weight_ends(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    estimate: Floats,
    is_kept: NDArray[np.bool_],
    block_counts: NDArray[np.integer] | None,
) -> Floats | None:
    if block_counts is None or len(block_counts) < FEWEST_BLOCKS:
        return None
    draws = draw_blocks(len(block_counts))
    sums = _overlap(block_counts.astype(np.float64), patterns, labels, estimate)
    score = _dice(*(np.tensordot(draws, part, 1) for part in sums))
    return interval_ends(shares(np.where(is_kept, score, 0.0)))
