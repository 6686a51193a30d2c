"""Runs of several raters merged in numpy: one sort of all changes, and sums along them.

The reference of the compiled merge, and what takes its place where nothing was compiled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.runs import slab_offsets
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns, SlabGrid, SlabRuns

    _Codes = NDArray[np.signedinteger[Any]]

_TABLE_LIMIT = 1 << 22
_BLOCK = 1 << 15


def merge_by_sorting(
    masks: Sequence[MaskRuns],
    grid: SlabGrid,
    all_labels: tuple[int, ...],
    groups: Sequence[NDArray[np.int64]],
    bits: int,
) -> tuple[NDArray[np.uint16], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Return patterns, counts, run ends and their patterns, as in `VoteRuns`.

    ``groups`` holds the raters whose labels make one number each, ``bits`` is how many a change of
    a rater's label needs.
    """
    n_voxels = math.prod(grid.shape)
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
    return patterns, counts.astype(np.int64), end, index


def _changes(
    masks: Sequence[MaskRuns], grid: SlabGrid, labels: tuple[int, ...], bits: int
) -> Iterator[tuple[int, NDArray[np.integer[Any]]]]:
    """Yield all label changes, some slabs at a time: small enough to stay in the processor's cache.

    A change is ``(position - start) << bits | (rater * n_labels + old) * n_labels + new``, labels
    by their place in the list; ``start`` comes along. Positions ascend from one array to the next,
    not within one. 32 bits are used wherever they suffice, because they sort twice as fast.
    """
    n_labels, offset = len(labels), slab_offsets(grid)
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
