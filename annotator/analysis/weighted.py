"""Votes of unequal weight, and weights from how far raters agree with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.blocks import FEWEST_BLOCKS, draw_blocks, interval_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RaterWeights:
    """Share of each rater in a vote, ``(rater,)``, sums to 1.

    ``ends`` is the 95 % interval ``(2, rater)``; None where there is too little to draw from.
    """

    share: Floats
    ends: Floats | None = None


def weighted_share(patterns: NDArray[np.integer], labels: Sequence[int], weights: Floats) -> Floats:
    """Return the share of the vote that each label gets, ``(pattern, label)``; rows sum to 1.

    ``weights`` is ``(rater,)`` and sums to 1.
    """
    return np.stack([(patterns == label) @ weights for label in labels], axis=1)


def shares(values: Floats) -> Floats:
    """Return values ``(…, rater)`` over their sum; equal shares where all are 0."""
    total = values.sum(axis=-1, keepdims=True)
    return np.where(
        total > 0, values / np.where(total > 0, total, 1.0), 1.0 / max(1, values.shape[-1])
    )


def agreement_weights(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    *,
    power: float = 1.0,
    block_counts: NDArray[np.integer] | None = None,
) -> RaterWeights:
    """Return weights from each rater's agreement with the others, by Cohen's kappa.

    A rater's agreement is the mean kappa with every other (Light, Psychological Bulletin 76 (1971)
    365, who averages over all pairs), at least 0; the weight is its ``power``. Kappa, unlike Dice,
    treats background as a label among others.
    """
    n_blocks = 0 if block_counts is None else len(block_counts)
    if block_counts is None or n_blocks < FEWEST_BLOCKS:
        agreed = _mean_kappa(_pair_sums(counts[None].astype(np.float64), patterns, labels))
        return RaterWeights(share=shares(agreed[0] ** power))
    rows = np.vstack([counts, block_counts]).astype(np.float64)
    same, said = _pair_sums(rows, patterns, labels)
    draws = np.vstack([np.zeros((1, n_blocks)), draw_blocks(n_blocks) - 1])
    drawn = tuple(part[:1] + np.tensordot(draws, part[1:], 1) for part in (same, said))
    weights = shares(_mean_kappa((drawn[0], drawn[1])) ** power)
    return RaterWeights(share=weights[0], ends=interval_ends(weights[1:]))


def _pair_sums(
    weights: Floats, patterns: NDArray[np.integer], labels: Sequence[int]
) -> tuple[Floats, Floats]:
    """Return voxels alike ``(row, rater, rater)`` and voxels said ``(row, rater, label)``."""
    same = [weights @ (patterns == own[:, None]) for own in patterns.T]
    said = [weights @ (patterns == label) for label in labels]
    return np.stack(same, axis=1), np.stack(said, axis=2)


def _mean_kappa(sums: tuple[Floats, Floats]) -> Floats:
    """Return each rater's mean kappa with the others, at least 0, ``(row, rater)``; 1 for one."""
    same, said = sums
    total = said.sum(axis=2)[:, :1, None]
    total = np.where(total > 0, total, 1.0)
    observed = same / total
    by_chance = np.einsum("rkl,rjl->rkj", said / total, said / total)
    is_open = by_chance < 1.0 - 1e-12
    kappa = (observed - by_chance) / np.where(is_open, 1.0 - by_chance, 1.0)
    # Two who both gave every voxel the same single label agree altogether.
    kappa = np.where(is_open, kappa, 1.0)
    n_raters = same.shape[1]
    if n_raters == 1:
        return np.ones((len(same), 1))
    others = kappa * (1.0 - np.eye(n_raters))
    return np.asarray(np.maximum(others.sum(axis=2) / (n_raters - 1), 0.0))
