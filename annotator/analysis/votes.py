"""Distinct vote patterns of several readings, merged from their runs without touching a voxel.

All voxels that every rater labelled alike share one pattern, so fusion, overlap and entropy need
only the patterns and how many voxels show each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis import vote_kernels
from annotator.analysis.merge_sorting import merge_by_sorting
from annotator.analysis.runs import MaskRuns, SlabGrid, SlabRuns, SlabTable, slab_offsets
from annotator.analysis.sparse_array import is_large, sparse_zeros
from annotator.domain.errors import AnnotatorError, GeometryMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from annotator.domain.reading import Box

_KEY_BITS = 63
_CHANGE_BITS = 30
_CODE_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoteRuns:
    """Vote patterns of a case and the runs of voxels that show them.

    Attributes
    ----------
    patterns : ndarray
        Label of each rater, ``(pattern, rater)`` uint16; row 0 is background by everyone.
    counts : ndarray
        Voxels of each pattern, ``(pattern,)`` int64; sums to all voxels of the grid.
    ends : ndarray
        Run ends over the flattened ``(z, y, x)`` grid, ascending int64; the last is its size.
    index : ndarray
        Pattern of each run, int32; neighbours differ.
    grid : SlabGrid
        The grid of all readings.
    labels : tuple of int
        Labels that may occur, ascending, 0 first.
    """

    patterns: NDArray[np.uint16]
    counts: NDArray[np.int64]
    ends: NDArray[np.int64]
    index: NDArray[np.int32]
    grid: SlabGrid
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoteHistogram:
    """How many voxels show each vote pattern, without where; the fields are those of `VoteRuns`."""

    patterns: NDArray[np.uint16]
    counts: NDArray[np.int64]
    labels: tuple[int, ...]


def merge_votes(masks: Sequence[MaskRuns], *, labels: Sequence[int]) -> VoteRuns:
    """Merge the runs of one mask a rater into vote patterns.

    ``labels`` names every label that may occur (0 is understood). Raises GeometryMismatchError
    where the grids differ and AnnotatorError on a label that is not listed. The order of patterns
    depends on the order of raters and labels only.
    """
    if not masks:
        raise AnnotatorError("nothing to merge: at least one reading is needed")
    grid = masks[0].grid
    for mask in masks[1:]:
        if mask.grid != grid:
            raise GeometryMismatchError(
                f"readings lie on different grids: {mask.grid.shape} and {grid.shape} (z, y, x)"
            )
    all_labels = tuple(sorted({0, *labels}))
    n_voxels = math.prod(grid.shape)
    bits = (len(masks) * len(all_labels) ** 2).bit_length()
    if bits > _CHANGE_BITS or n_voxels.bit_length() + bits > _KEY_BITS:
        raise AnnotatorError(
            f"{len(masks)} readings with {len(all_labels)} labels on {n_voxels} voxels are too "
            "many to merge at once; list only the labels that occur"
        )
    groups = _rater_groups(len(masks), len(all_labels))
    tables = [SlabTable.of(mask.slabs) for mask in masks]
    merged = vote_kernels.merge(tables, grid, all_labels, groups)
    if merged is None:
        patterns, counts, ends, index = merge_by_sorting(masks, grid, all_labels, groups, bits)
    else:
        patterns = _patterns_of(merged.codes, groups, all_labels)
        counts, ends, index = merged.counts, merged.ends, merged.index
    return VoteRuns(
        patterns=patterns, counts=counts, ends=ends, index=index, grid=grid, labels=all_labels
    )


def _patterns_of(
    codes: NDArray[np.uint64], groups: Sequence[NDArray[np.int64]], labels: tuple[int, ...]
) -> NDArray[np.uint16]:
    """Return the labels of each rater from the codes of the groups, ``(pattern, group)``."""
    n_labels = np.uint64(len(labels))
    digits = [
        column[:, None] // n_labels ** np.arange(len(group), dtype=np.uint64) % n_labels
        for column, group in zip(codes.T, groups, strict=True)
    ]
    places = np.concatenate(digits, axis=1).astype(np.intp)
    return np.array(labels, np.uint16)[places]


def _rater_groups(n_raters: int, n_labels: int) -> list[NDArray[np.int64]]:
    """Return the raters in groups whose labels, as digits, make a number that fits 64 bits."""
    size = 1
    while size < n_raters and n_labels ** (size + 1) <= _CODE_LIMIT:
        size += 1
    return [np.arange(first, min(first + size, n_raters)) for first in range(0, n_raters, size)]


def spread(votes: VoteRuns, values: NDArray[np.integer[Any]]) -> MaskRuns:
    """Return a mask in which each voxel has its pattern's value, ``(pattern,)`` up to 65535."""
    if len(values) == len(votes.patterns):
        per_pattern = np.ascontiguousarray(values).astype(np.uint16)
        table = vote_kernels.spread(votes.ends, votes.index, per_pattern, votes.grid)
        if table is not None:
            return MaskRuns(votes.grid, table)
    labels = np.asarray(values).astype(np.uint16)[votes.index]
    keeps = np.append(labels[1:] != labels[:-1], np.True_)
    return cut_into_slabs(votes.grid, np.compress(keeps, votes.ends), np.compress(keeps, labels))


def cut_into_slabs(grid: SlabGrid, ends: NDArray[np.int64], labels: NDArray[np.uint16]) -> MaskRuns:
    """Return runs over the flattened grid, up to its last voxel, as a mask; neighbours differ."""
    starts = slab_offsets(grid)
    stops = np.append(starts[1:], ends[-1])
    low = np.searchsorted(ends, starts, side="right")
    high = np.searchsorted(ends, stops, side="left") + 1
    slabs: dict[int, SlabRuns] = {}
    for slab in np.flatnonzero((high - low > 1) | (labels[low] != 0)).tolist():
        own = slice(low[slab], high[slab])
        inside = np.minimum(ends[own], stops[slab]) - starts[slab]
        slabs[slab] = SlabRuns(inside.astype(np.uint32), labels[own].copy())
    return MaskRuns(grid, slabs)


def to_dense(
    votes: VoteRuns, values: NDArray[Any], dtype: DTypeLike, box: Box | None = None
) -> NDArray[Any]:
    """Return the ``(z, y, x)`` array in which each voxel has its pattern's value, ``(pattern,)``.

    Only the half-open ``box`` is returned where one is given.
    """
    whole = box or ((0, 0, 0), votes.grid.shape)
    (z0, y0, x0), (z1, y1, x1) = whole
    shape = (z1 - z0, y1 - y0, x1 - x0)
    if is_large(shape):
        return _to_sparse(votes, np.asarray(values), np.dtype(dtype), shape, whole)
    dense = np.empty(shape, dtype)
    paint(votes, np.asarray(values), dense, whole)
    return dense


def _to_sparse(
    votes: VoteRuns,
    values: NDArray[Any],
    dtype: np.dtype[Any],
    shape: tuple[int, int, int],
    box: Box,
) -> NDArray[Any]:
    """Do what `to_dense` does, row by row, and touch no memory where the value is 0."""
    found = sparse_zeros(shape, dtype)
    per_run = values.astype(dtype)[votes.index]
    own = np.flatnonzero(per_run)
    starts = np.where(own > 0, votes.ends[own - 1], 0)
    (z0, y0, x0), _ = box
    n_rows, n_columns = votes.grid.shape[1:]
    for value, start, stop in zip(
        per_run[own].tolist(), starts.tolist(), votes.ends[own].tolist(), strict=True
    ):
        at = start
        while at < stop:
            row, column = divmod(at, n_columns)
            end = min(stop - row * n_columns, n_columns)
            z, y = divmod(row, n_rows)
            if 0 <= z - z0 < shape[0] and 0 <= y - y0 < shape[1]:
                found[z - z0, y - y0, max(0, column - x0) : max(0, end - x0)] = value
            at = row * n_columns + end
    return found


def paint(votes: VoteRuns, values: NDArray[Any], out: NDArray[Any], box: Box) -> None:
    """Write into ``out`` the value of each voxel's pattern, ``(pattern,)``, within a box.

    ``out`` is the box's array ``(z, y, x)``, or a part of that shape of a larger contiguous one.
    """
    per_pattern = np.ascontiguousarray(values).astype(out.dtype)
    shape = votes.grid.shape
    if len(per_pattern) == len(votes.patterns) and vote_kernels.paint(
        votes.ends, votes.index, per_pattern, shape, box, out
    ):
        return
    per_run = per_pattern[votes.index]
    (z0, y0, x0), (z1, y1, x1) = box
    for z in range(z0, z1):
        start, stop = (z * shape[1] + y0) * shape[2], (z * shape[1] + y1) * shape[2]
        low = np.searchsorted(votes.ends, start, side="right")
        high = np.searchsorted(votes.ends, stop, side="left") + 1
        inside = np.minimum(votes.ends[low:high], stop)
        lengths = np.diff(inside, prepend=start)
        rows = np.repeat(per_run[low:high], lengths).reshape(y1 - y0, shape[2])
        out[z - z0] = rows[:, x0:x1]


def bounding_box(votes: VoteRuns, chosen: NDArray[np.bool_]) -> Box | None:
    """Return the box around all voxels of the chosen patterns, ``(pattern,)`` bool."""
    if len(chosen) == len(votes.patterns):
        per_pattern = np.ascontiguousarray(chosen, np.bool_)
        bound = vote_kernels.bounding_box(votes.ends, votes.index, per_pattern, votes.grid.shape)
        if bound is not None:
            return bound[0]
    is_chosen = np.asarray(chosen)[votes.index]
    if not is_chosen.any():
        return None
    _, rows, columns = votes.grid.shape
    first = np.append(0, votes.ends[:-1])[is_chosen]
    last = votes.ends[is_chosen] - 1
    row_first, row_last = first // columns, last // columns
    slice_first, slice_last = row_first // rows, row_last // rows
    low, high = [int(slice_first[0]), 0, 0], [int(slice_last[-1]), rows - 1, columns - 1]
    if (slice_first == slice_last).all():
        low[1], high[1] = int((row_first % rows).min()), int((row_last % rows).max())
    if (row_first == row_last).all():
        low[2], high[2] = int((first % columns).min()), int((last % columns).max())
    return (low[0], low[1], low[2]), (high[0] + 1, high[1] + 1, high[2] + 1)


def profile(votes: VoteRuns, chosen: NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """Count the voxels of the chosen patterns in each slice along an axis of ``(z, y, x)``."""
    found = np.zeros(votes.grid.shape[axis], np.int64)
    box = bounding_box(votes, chosen)
    if box is not None:
        inside = to_dense(votes, chosen, np.bool_, box)
        others = tuple(other for other in range(3) if other != axis)
        found[box[0][axis] : box[1][axis]] = inside.sum(axis=others)
    return found


def count_near(votes: VoteRuns, margin: int = 3) -> int:
    """Count the voxels within ``margin`` voxels, along every axis, of anything that was drawn.

    ``margin`` is 7 at most. The drawn voxels themselves count.
    """
    drawn = (votes.patterns != 0).any(axis=1)
    box = bounding_box(votes, drawn)
    if box is None:
        return 0
    low = [max(0, edge - margin) for edge in box[0]]
    high = [min(size, edge + margin) for size, edge in zip(votes.grid.shape, box[1], strict=True)]
    around: Box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    counted = vote_kernels.count_near(
        votes.ends, votes.index, drawn, votes.grid.shape, around, margin
    )
    if counted is not None:
        return counted
    # Eight voxels a byte: everything after this line touches an eighth of the memory.
    bits = np.packbits(to_dense(votes, drawn, np.bool_, around), axis=2)
    grown = bits.copy()
    for step in range(1, margin + 1):
        grown |= (bits >> step) | (bits << step)
        grown[..., 1:] |= bits[..., :-1] << (8 - step)
        grown[..., :-1] |= bits[..., 1:] >> (8 - step)
    spare = 8 * bits.shape[2] - (high[2] - low[2])
    grown[..., -1] &= (0xFF << spare) & 0xFF
    for axis in (1, 0):
        along = np.moveaxis(grown, axis, 0)
        before = along.copy()
        for step in range(1, margin + 1):
            along[step:] |= before[:-step]
            along[:-step] |= before[step:]
    return int(np.bitwise_count(grown).sum(dtype=np.int64))
