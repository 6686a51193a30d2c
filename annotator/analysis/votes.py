"""Distinct vote patterns of several readings, merged from their runs without touching a voxel.

All voxels that every rater labelled alike share one pattern, so fusion, overlap and entropy need
only the patterns and how many voxels show each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.runs import MaskRuns, SlabGrid, SlabRuns
from annotator.domain.errors import AnnotatorError, GeometryMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from annotator.domain.reading import Box

    _Codes = NDArray[np.signedinteger[Any]]

_KEY_BITS = 63
_CHANGE_BITS = 30
_CODE_LIMIT = 1 << 62
_TABLE_LIMIT = 1 << 22
_BLOCK = 1 << 15


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
    deltas = [_deltas(group, len(masks), len(all_labels)) for group in groups]
    ends: list[NDArray[np.int64]] = []
    codes: list[list[_Codes]] = [[np.zeros(1, delta.dtype)] for delta in deltas]
    for start, keys in _changes(masks, grid, all_labels, bits):
        if not len(keys):
            continue
        # One sort of whole numbers orders the changes of all raters along the grid.
        keys.sort()
        what = keys & keys.dtype.type((1 << bits) - 1)
        keys >>= keys.dtype.type(bits)
        last = np.append(np.flatnonzero(keys[1:] != keys[:-1]), len(keys) - 1)
        ends.append(keys.take(last) + np.int64(start))
        for delta, found in zip(deltas, codes, strict=True):
            code = np.cumsum(delta.take(what), dtype=delta.dtype).take(last)
            found.append(code + found[-1][-1])
    index, patterns = _number_patterns([np.concatenate(own) for own in codes], groups, all_labels)
    end = np.concatenate([*ends, np.array([n_voxels], np.int64)])
    if len(end) > 1 and end[0] == 0:  # a change at voxel 0: the run before it is empty
        end, index = end[1:], index[1:]
    counts = np.bincount(index, weights=np.diff(end, prepend=0), minlength=len(patterns))
    return VoteRuns(
        patterns=patterns,
        counts=counts.astype(np.int64),
        ends=end,
        index=index,
        grid=grid,
        labels=all_labels,
    )


def _changes(
    masks: Sequence[MaskRuns], grid: SlabGrid, labels: tuple[int, ...], bits: int
) -> Iterator[tuple[int, NDArray[np.integer[Any]]]]:
    """Yield all label changes, some slabs at a time: small enough to stay in the processor's cache.

    A change is ``(position - start) << bits | (rater * n_labels + old) * n_labels + new``, labels
    by their place in the list; ``start`` comes along. Positions ascend from one array to the next,
    not within one. 32 bits are used wherever they suffice, because they sort twice as fast.
    """
    n_labels, offset = len(labels), _offsets(grid)
    table = np.full(1 << 16, -1, np.int32)
    table[list(labels)] = np.arange(n_labels)
    slab = np.concatenate([np.fromiter(mask.slabs, np.int64, len(mask.slabs)) for mask in masks])
    rater = np.repeat(np.arange(len(masks)), [len(mask.slabs) for mask in masks])
    order = np.lexsort((rater, slab))
    unsorted = [runs for mask in masks for runs in mask.slabs.values()]
    if not unsorted:
        return
    slabs = [unsorted[place] for place in order.tolist()]
    slab, rater = slab[order], rater[order]
    first, last = np.zeros((2, len(masks), len(offset) + 1), np.int64)
    first[rater, slab] = table[[runs.labels[0] for runs in slabs]]
    last[rater, slab + 1] = table[[runs.labels[-1] for runs in slabs]]
    meets, where = np.nonzero((first != last)[:, :-1].T)
    meeting = (where * n_labels + last[where, meets]) * n_labels + first[where, meets]
    sizes = np.array([len(runs.ends) for runs in slabs])
    room = (1 << 32) // (grid.n_voxels(0) << bits) - 1
    kind = np.dtype(np.uint32 if room > 0 else np.int64)
    base = rater * n_labels**2
    met = 0
    for low, high in _blocks(slab, sizes, room if room > 0 else len(offset)):
        own, start = slice(low, high), int(offset[slab[low]])
        number = _label_numbers(slabs[own], table, labels)
        keys = np.concatenate([runs.ends for runs in slabs[own]], dtype=kind)
        np.left_shift(keys, bits, out=keys)
        begin = ((offset[slab[own]] - start) << bits) + base[own]
        np.add(keys, np.repeat(begin.astype(kind), sizes[own]), out=keys)
        change = number[:-1] * np.int32(n_labels) + number[1:]
        np.add(keys[:-1], change.view(np.uint32), out=keys[:-1])
        is_inner = np.ones(len(keys), np.bool_)
        is_inner[np.cumsum(sizes[own]) - 1] = False
        until = len(meets) if high == len(slabs) else int(np.searchsorted(meets, slab[high]))
        between = ((offset[meets[met:until]] - start) << bits) | meeting[met:until]
        yield start, np.concatenate([between.astype(kind), np.compress(is_inner, keys)])
        met = until


def _blocks(
    slab: NDArray[np.int64], sizes: NDArray[np.int64], room: int
) -> Iterator[tuple[int, int]]:
    """Yield stretches ``low, high`` of the listed slabs: some runs long, within ``room`` slabs."""
    total = np.cumsum(sizes)
    low = 0
    while low < len(slab):
        high = int(np.searchsorted(slab, slab[low] + room))
        full = int(np.searchsorted(total, total[low] + _BLOCK))
        if full < high:
            high = max(
                int(np.searchsorted(slab, slab[full])), int(np.searchsorted(slab, slab[low] + 1))
            )
        yield low, high
        low = high


def _label_numbers(
    slabs: Sequence[SlabRuns], table: NDArray[np.int32], labels: tuple[int, ...]
) -> NDArray[np.int32]:
    """Return the place in ``labels`` of every run's label."""
    values = np.concatenate([runs.labels for runs in slabs])
    numbers = table.take(values)
    if numbers.min() < 0:
        unknown = [int(value) for value in np.unique(values[numbers < 0])]
        raise AnnotatorError(
            f"readings hold the labels {unknown}, which are not among {list(labels)}; "
            "add them to the label schema or remap the masks"
        )
    return numbers


def _offsets(grid: SlabGrid) -> NDArray[np.int64]:
    """Return the position of each slab's first voxel in the flattened grid, ``(slab,)``."""
    z, band = np.divmod(np.arange(grid.n_slabs, dtype=np.int64), grid.bands)
    return np.asarray((z * grid.shape[1] + band * grid.band_rows) * grid.shape[2])


def _rater_groups(n_raters: int, n_labels: int) -> list[NDArray[np.int64]]:
    """Return the raters in groups whose labels, as digits, make a number that fits 64 bits."""
    size = 1
    while size < n_raters and n_labels ** (size + 1) <= _CODE_LIMIT:
        size += 1
    return [np.arange(first, min(first + size, n_raters)) for first in range(0, n_raters, size)]


def _weights(group: NDArray[np.int64], n_labels: int) -> NDArray[np.int64]:
    return np.asarray(np.int64(n_labels) ** np.arange(len(group), dtype=np.int64))


def _deltas(group: NDArray[np.int64], n_raters: int, n_labels: int) -> _Codes:
    """Return by how much each change moves the number of a group of raters."""
    weight = np.zeros(n_raters, np.int64)
    weight[group] = _weights(group, n_labels)
    rater, change = np.divmod(np.arange(n_raters * n_labels**2), n_labels**2)
    moves = (change % n_labels - change // n_labels) * weight[rater]
    is_small = n_labels ** len(group) < np.iinfo(np.int32).max
    return np.asarray(moves, np.int32 if is_small else np.int64)


def _number_patterns(
    codes: Sequence[_Codes],
    groups: Sequence[NDArray[np.int64]],
    labels: tuple[int, ...],
) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """Return the pattern of each run, and the patterns, from the groups' numbers of each run."""
    index = np.zeros(len(codes[0]), np.int32)
    digits = np.zeros((1, 0), np.int64)
    for code, group in zip(codes, groups, strict=True):
        numbers, values = _compact(code)
        own = values[:, None] // _weights(group, len(labels)) % len(labels)
        if not digits.size:
            index, digits = numbers, own
            continue
        index, pairs = _compact(index.astype(np.int64) * len(values) + numbers)
        left, right = np.divmod(pairs, len(values))
        digits = np.concatenate([digits[left], own[right]], axis=1)
    return index, np.array(labels, np.uint16)[digits]


def _compact(codes: _Codes) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return each code's place among the distinct codes, and those, ascending."""
    largest = int(codes.max())
    if largest >= _TABLE_LIMIT:
        values, numbers = np.unique(codes, return_inverse=True)
        return numbers.astype(np.int32), values.astype(np.int64)
    seen = np.zeros(largest + 1, np.bool_)
    seen[codes] = True
    rank = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return rank.take(codes), np.flatnonzero(seen)


def spread(votes: VoteRuns, values: NDArray[np.integer[Any]]) -> MaskRuns:
    """Return a mask in which each voxel has its pattern's value, ``(pattern,)`` up to 65535."""
    labels = np.asarray(values).astype(np.uint16)[votes.index]
    keeps = np.append(labels[1:] != labels[:-1], np.True_)
    return cut_into_slabs(votes.grid, np.compress(keeps, votes.ends), np.compress(keeps, labels))


def cut_into_slabs(grid: SlabGrid, ends: NDArray[np.int64], labels: NDArray[np.uint16]) -> MaskRuns:
    """Return runs over the flattened grid, up to its last voxel, as a mask; neighbours differ."""
    starts = _offsets(grid)
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
    shape = votes.grid.shape
    (z0, y0, x0), (z1, y1, x1) = box or ((0, 0, 0), shape)
    plane = shape[1] * shape[2]
    per_run = np.asarray(values).astype(dtype)[votes.index]
    if box is None:
        return np.repeat(per_run, np.diff(votes.ends, prepend=0)).reshape(shape)
    dense = np.empty((z1 - z0, y1 - y0, x1 - x0), dtype)
    for z in range(z0, z1):
        start, stop = z * plane + y0 * shape[2], z * plane + y1 * shape[2]
        low = np.searchsorted(votes.ends, start, side="right")
        high = np.searchsorted(votes.ends, stop, side="left") + 1
        inside = np.minimum(votes.ends[low:high], stop)
        lengths = np.diff(inside, prepend=start)
        rows = np.repeat(per_run[low:high], lengths).reshape(y1 - y0, shape[2])
        dense[z - z0] = rows[:, x0:x1]
    return dense


def bounding_box(votes: VoteRuns, chosen: NDArray[np.bool_]) -> Box | None:
    """Return the box around all voxels of the chosen patterns, ``(pattern,)`` bool."""
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
