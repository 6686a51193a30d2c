"""How good each rater is against a fusion, label by label, with intervals.

The truth is what a fusion believes it to be: every voxel counts for each label with the probability
that the fusion gives it. Intervals come from drawing whole blocks (or cases) with replacement while
the fusion stays as it is; they tell how much a rater varies within the case, not how wrong the
fusion may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.blocks import FEWEST_BLOCKS, draw_blocks, interval_ends
from annotator.domain.review import RaterPerformance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.review import Ends

    Floats = NDArray[np.float64]

_HITS, _SAID, _TRUE, _ALL = range(4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """Numbers of each rater and label (without background), ``(rater, label)``; NaN: undefined.

    ``informed`` is a rater's share of what all raters know of a label: Youden's index (sensitivity
    + specificity - 1, at least 0) over its sum; equal shares where that is 0. The ``_ends`` are 95
    % intervals, ``(2, rater, label)``, or None where there is too little to draw from.
    """

    sensitivity: Floats
    specificity: Floats
    informed: Floats
    sensitivity_ends: Floats | None = None
    specificity_ends: Floats | None = None
    informed_ends: Floats | None = None

    def rows(
        self,
        rater_ids: Sequence[str],
        labels: Sequence[int],
        volumes_mm3: Floats,
        *,
        weights: Floats | None = None,
        weight_ends: Floats | None = None,
    ) -> tuple[RaterPerformance, ...]:
        """Return a record for each rater and label; ``labels`` names background first.

        ``volumes_mm3`` and ``weights`` are ``(rater, label)``, ``weight_ends``
        ``(2, rater, label)``.
        """
        return tuple(
            RaterPerformance(
                rater_id=rater_id,
                label=label,
                sensitivity=_number(self.sensitivity, rater, place),
                specificity=_number(self.specificity, rater, place),
                volume_mm3=float(volumes_mm3[rater, place]),
                sensitivity_interval=_ends(self.sensitivity_ends, rater, place),
                specificity_interval=_ends(self.specificity_ends, rater, place),
                weight=_number(weights, rater, place),
                weight_interval=_ends(weight_ends, rater, place),
            )
            for place, label in enumerate(labels[1:])
            for rater, rater_id in enumerate(rater_ids)
        )


def judge_patterns(
    patterns: NDArray[np.integer],
    counts: NDArray[np.number],
    labels: Sequence[int],
    posterior: Floats,
    block_counts: NDArray[np.integer] | None = None,
) -> Judgement:
    """Judge raters by patterns ``(pattern, rater)`` and the probability ``(pattern, label)``.

    ``counts`` are the voxels that count, ``(pattern,)``; ``block_counts`` ``(block, pattern)`` are
    those of them that are drawn anew for intervals. The others are the same in every draw.
    """
    n_blocks = 0 if block_counts is None else len(block_counts)
    if block_counts is None or n_blocks < FEWEST_BLOCKS:
        return judge(_sums(counts.astype(np.float64)[None], patterns, labels, posterior)[0])
    sums = _sums(np.vstack([counts, block_counts]).astype(np.float64), patterns, labels, posterior)
    flat = sums.reshape(1 + n_blocks, -1)
    rest = flat[0] - flat[1:].sum(axis=0)
    drawn = draw_blocks(n_blocks) @ flat[1:] + rest
    return judge(sums[0], drawn.reshape(-1, *sums.shape[1:]))


def judge_confusion(said: Floats) -> Judgement:
    """Judge raters by expected voxels ``(case, rater, said, true)``, zeros where they did not read.

    Intervals come from drawing cases; a rater of too few has none.
    """
    hits = np.einsum("crll->crl", said)
    true = said.sum(axis=2)
    everything = np.broadcast_to(true.sum(axis=2, keepdims=True), hits.shape)
    sums = np.stack([hits, said.sum(axis=3), true, everything], axis=1)[..., 1:]
    total = sums.sum(axis=0)
    if len(said) < FEWEST_BLOCKS:
        return judge(total)
    drawn = (draw_blocks(len(said)) @ sums.reshape(len(said), -1)).reshape(-1, *total.shape)
    has_few = said.any(axis=(2, 3)).sum(axis=0) < FEWEST_BLOCKS
    found = judge(total, drawn)
    for ends in (found.sensitivity_ends, found.specificity_ends, found.informed_ends):
        if ends is not None:
            ends[:, has_few] = np.nan
    return found


def judge(total: Floats, drawn: Floats | None = None) -> Judgement:
    """Judge raters by sums over voxels, ``(4, rater, label)``: hits, said so, is so, all.

    ``drawn`` holds the same sums of each draw, ``(draw, 4, rater, label)``.
    """
    sensitivity, specificity, informed = _rates(total)
    if drawn is None:
        return Judgement(sensitivity=sensitivity, specificity=specificity, informed=informed)
    ends = [interval_ends(rate) for rate in _rates(np.moveaxis(drawn, 1, 0))]
    return Judgement(
        sensitivity=sensitivity,
        specificity=specificity,
        informed=informed,
        sensitivity_ends=ends[0],
        specificity_ends=ends[1],
        informed_ends=ends[2],
    )


def drawn_volumes(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    voxel_mm3: float,
) -> Floats:
    """Return the volume that each rater gave each label but background, ``(rater, label)`` mm3."""
    voxels = [counts @ (patterns == label) for label in labels[1:]]
    return np.array(voxels, np.float64).reshape(-1, patterns.shape[1]).T * voxel_mm3


def _sums(
    weights: Floats, patterns: NDArray[np.integer], labels: Sequence[int], posterior: Floats
) -> Floats:
    """Return the sums that raters are judged by, ``(row, 4, rater, label)``, a row of weights each.

    ``weights`` is ``(row, pattern)``. Label by label, so that a hundred labels need little memory.
    """
    sums = np.empty((len(weights), 4, patterns.shape[1], len(labels) - 1))
    sums[:, _ALL] = weights.sum(axis=1)[:, None, None]
    for place, label in enumerate(labels[1:]):
        is_there = posterior[:, place + 1]
        said = (patterns == label).astype(np.float64)
        sums[:, _HITS, :, place] = weights @ (said * is_there[:, None])
        sums[:, _SAID, :, place] = weights @ said
        sums[:, _TRUE, :, place] = (weights @ is_there)[:, None]
    return sums


def _rates(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return sensitivity, specificity and share of information, ``(…, rater, label)``."""
    hits, said, true, everything = sums
    sensitivity = _ratio(hits, true)
    specificity = 1.0 - _ratio(said - hits, everything - true)
    knows = np.maximum(sensitivity + specificity - 1.0, 0.0)
    knows = np.where(np.isfinite(knows), knows, 0.0)
    total = knows.sum(axis=-2, keepdims=True)
    share = np.where(total > 0, knows / np.where(total > 0, total, 1.0), 1.0 / knows.shape[-2])
    return sensitivity, specificity, share


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return ``part / whole`` within 0 and 1, NaN where there is nothing to divide by."""
    is_there = whole > 1e-9
    ratio = np.clip(part / np.where(is_there, whole, 1.0), 0.0, 1.0)
    return np.where(is_there, ratio, np.nan)


def _number(values: Floats | None, rater: int, place: int) -> float | None:
    if values is None or not np.isfinite(values[rater, place]):
        return None
    return float(values[rater, place])


def _ends(ends: Floats | None, rater: int, place: int) -> Ends | None:
    if ends is None or not np.isfinite(ends[:, rater, place]).all():
        return None
    return float(ends[0, rater, place]), float(ends[1, rater, place])
