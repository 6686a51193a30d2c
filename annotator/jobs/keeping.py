"""Fused voxels as a project keeps them: rows of probability, and each voxel's row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.consensus import choose
from annotator.analysis.segments import mask_of_voxels
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns, SlabGrid
    from annotator.api import FusedVoxels, VotePatterns
    from annotator.domain.reading import Box

MAX_ROWS = 1 << 16
LEVELS = (250, 100, 50, 20, 10)
"""Steps of probability that are kept: the first with which few enough rows differ."""
_MOST_OFF = 0.01
"""How far probabilities may be from summing to 1: more does not fit the byte that keeps them."""
_WEIGHT_STEPS = 63
_REACH = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Labels, and per voxel the row of ``probability`` ``(row, label)``; row 0 is background."""

    labels: MaskRuns
    patterns: MaskRuns
    probability: NDArray[np.float64]
    weights: dict[str, MaskRuns]


def keep_voxels(fused: FusedVoxels, votes: VotePatterns, grid: SlabGrid, title: str) -> Kept:
    """Return fused voxels in the form that the store keeps.

    Probabilities are rounded to 1/250; where more than 65535 rows would differ, coarser. The label
    is chosen before rounding. Raises AnnotatorError, naming the method, where shapes do not fit.
    """
    _check(fused, votes, grid, title)
    flat = fused.probability.reshape(len(votes.labels), -1).T.astype(np.float64)
    chosen, _ = choose(flat / flat.sum(axis=1, keepdims=True), votes.labels)
    position = _positions(fused.box, grid)
    number, table = _rows(flat)
    is_kept = number != 0
    is_label = chosen != 0
    return Kept(
        labels=mask_of_voxels(grid, position[is_label], chosen[is_label]),
        patterns=mask_of_voxels(grid, position[is_kept], number[is_kept]),
        probability=table,
        weights=_weights(fused, votes, grid, position, is_kept),
    )


def _check(fused: FusedVoxels, votes: VotePatterns, grid: SlabGrid, title: str) -> None:
    size = tuple(high - low for low, high in zip(*fused.box, strict=True))
    fits = all(
        0 <= low <= high <= limit for low, high, limit in zip(*fused.box, grid.shape, strict=True)
    )
    expected = (len(votes.labels), *size)
    if not fits or fused.probability.shape != expected:
        raise AnnotatorError(
            f"{title} gave probabilities of shape {fused.probability.shape} for the box {fused.box}"
            f" of a grid {grid.shape}; (label, z, y, x) {expected} is needed"
        )
    weighed = (len(votes.rater_ids), *size)
    if fused.weights is not None and fused.weights.shape != weighed:
        raise AnnotatorError(
            f"{title} gave weights of shape {fused.weights.shape}; (rater, z, y, x) {weighed} is "
            "needed"
        )
    if not np.isfinite(fused.probability).all() or (fused.probability < 0).any():
        raise AnnotatorError(f"{title} gave probabilities that are negative or not finite")
    total = fused.probability.sum(axis=0)
    if total.size and max(1.0 - total.min(), total.max() - 1.0) > _MOST_OFF:
        raise AnnotatorError(
            f"{title} gave probabilities that sum to {total.min():.3g} … {total.max():.3g} over "
            "labels; they must sum to 1"
        )


def _positions(box: Box, grid: SlabGrid) -> NDArray[np.int64]:
    """Return the place of every voxel of a box in the flattened grid."""
    axes = np.ogrid[tuple(slice(low, high) for low, high in zip(*box, strict=True))]
    z, y, x = (axis.astype(np.int64) for axis in axes)
    return np.asarray(((z * grid.shape[1] + y) * grid.shape[2] + x).reshape(-1))


def _rows(probability: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the row of each voxel and the ``(row, label)`` table, background for certain first."""
    n_labels = probability.shape[1]
    background = np.eye(1, n_labels)
    for levels in LEVELS:
        rounded = np.rint(probability * levels).astype(np.uint8)
        rounded[rounded.sum(axis=1) == 0, 0] = levels
        packed = np.ascontiguousarray(rounded).view(np.dtype((np.void, n_labels)))[:, 0]
        distinct, number = np.unique(packed, return_inverse=True)
        if len(distinct) < MAX_ROWS:
            break
    else:
        raise AnnotatorError(
            f"the probabilities differ in {len(distinct)} ways; at most {MAX_ROWS} can be kept"
        )
    table = distinct.view(np.uint8).reshape(-1, n_labels).astype(np.float64)
    table /= table.sum(axis=1, keepdims=True)
    is_certain = (table == background).all(axis=1)
    place = np.where(is_certain, 0, np.cumsum(~is_certain))
    return place[number], np.vstack([background, table[~is_certain]])


def _weights(
    fused: FusedVoxels,
    votes: VotePatterns,
    grid: SlabGrid,
    position: NDArray[np.int64],
    is_drawn: NDArray[np.bool_],
) -> dict[str, MaskRuns]:
    """Return each rater's weights where anything may be, and a little around it."""
    if fused.weights is None:
        return {}
    size = fused.weights.shape[1:]
    near = ndimage.maximum_filter(is_drawn.reshape(size), 2 * _REACH + 1).reshape(-1)
    steps = np.rint(np.clip(fused.weights, 0, 1) * _WEIGHT_STEPS).reshape(len(votes.rater_ids), -1)
    values = 1 + np.rint(steps * (254 / _WEIGHT_STEPS)).astype(np.uint16)
    return {
        rater_id: mask_of_voxels(grid, position[near], own[near])
        for rater_id, own in zip(votes.rater_ids, values, strict=True)
    }
