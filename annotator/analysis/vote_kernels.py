"""The compiled ways of `votes`: the same results, or None where there is no kernel for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.runs import SlabTable

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import SlabGrid
    from annotator.domain.reading import Box

_TABLE_LIMIT = 1 << 22
_MANY = 1 << 16
"""Runs from which on two threads merge faster than one."""
_LARGE = 1 << 22
"""Voxels from which on two threads write faster than one."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Runs over the flattened grid; ``codes`` is ``(pattern, group)`` uint64, ``counts`` int64."""

    ends: NDArray[np.int64]
    index: NDArray[np.int32]
    codes: NDArray[np.uint64]
    counts: NDArray[np.int64]


def merge(
    tables: Sequence[SlabTable],
    grid: SlabGrid,
    labels: tuple[int, ...],
    groups: Sequence[NDArray[np.int64]],
) -> Merged | None:
    """Merge masks; a rater's label counts as a digit of the code of the rater's group.

    Patterns are in the order of their codes, the first group first.
    """
    library = kernels.library()
    if library is None or any(
        len(table.ends) != len(table.labels) or table.first[-1] != len(table.ends)
        for table in tables
    ):
        return None
    if any(len(table) and table.numbers[-1] >= grid.n_slabs for table in tables):
        return None
    given = _Given(tables, grid, labels, groups)
    n_runs = sum(len(table.ends) for table in tables)
    parts: dict[int, Merged | None] = {}

    def merge_part(low: int, high: int) -> None:
        parts[low] = given.merge(library, low, high)

    kernels.in_parts(merge_part, grid.n_slabs, _MANY * grid.n_slabs // max(1, n_runs))
    found = [part for _, part in sorted(parts.items()) if part is not None]
    return _joined(found) if len(found) == len(parts) else None


class _Given:
    """What is merged, as the kernel wants it."""

    def __init__(
        self,
        tables: Sequence[SlabTable],
        grid: SlabGrid,
        labels: tuple[int, ...],
        groups: Sequence[NDArray[np.int64]],
    ) -> None:
        self._tables, self._grid = tables, grid
        self._n_labels, self._n_groups = len(labels), len(groups)
        self._place = np.full(1 << 16, -1, np.int32)
        self._place[list(labels)] = np.arange(len(labels))
        self._group = np.empty(len(tables), np.int64)
        self._weight = np.empty(len(tables), np.uint64)
        for number, group in enumerate(groups):
            self._group[group] = number
            self._weight[group] = np.uint64(len(labels)) ** np.arange(len(group), dtype=np.uint64)

    def merge(self, library: ctypes.CDLL, low: int, high: int) -> Merged | None:
        """Merge some slabs of the grid; codes are in the order in which they turn up."""
        tables, n_raters = self._tables, len(self._tables)
        bounds = np.array([np.searchsorted(table.numbers, [low, high]) for table in tables])
        n_read, n_slabs = np.ascontiguousarray(bounds.T)
        start = np.array([self._label_before(table, low) for table in tables], np.int32)
        if (start < 0).any():
            return None
        room = 1 + sum(
            int(table.first[last] - table.first[first] + last - first + 1)
            for table, (first, last) in zip(tables, bounds.tolist(), strict=True)
        )
        ends, index = np.empty(room, np.int64), np.empty(room, np.int32)
        codes = np.empty((room + 1, self._n_groups), np.uint64)
        counts, n_codes = np.zeros(room + 1, np.int64), np.zeros(1, np.int64)
        n_possible = self._n_labels**n_raters
        is_small = self._n_groups == 1 and n_possible <= _TABLE_LIMIT
        n_runs = library.merge_runs(
            n_raters,
            kernels.addresses([table.numbers for table in tables]),
            kernels.addresses([table.first for table in tables]),
            kernels.address(n_slabs),
            kernels.address(n_read),
            kernels.addresses([table.ends for table in tables]),
            kernels.addresses([table.labels for table in tables]),
            kernels.address(self._group),
            kernels.address(self._weight),
            kernels.address(start),
            self._n_groups,
            n_possible if is_small else 0,
            kernels.address(self._place),
            *self._grid.layout,
            low,
            high,
            *(kernels.address(array) for array in (ends, index, codes, counts, n_codes)),
        )
        if n_runs < 0:
            return None
        n_found = n_codes[0]
        return Merged(ends[:n_runs], index[:n_runs], codes[:n_found], counts[:n_found])

    def _label_before(self, table: SlabTable, slab: int) -> int:
        """Return the place of the label that a mask ends with before a slab; -1 if unknown."""
        at = int(np.searchsorted(table.numbers, slab)) - 1
        is_there = at >= 0 and table.numbers[at] == slab - 1
        return int(self._place[table.labels[table.first[at + 1] - 1] if is_there else 0])


def _joined(parts: Sequence[Merged]) -> Merged:
    """Join parts that follow each other, with the codes of all in order."""
    codes, number = _distinct(np.concatenate([part.codes for part in parts]))
    counts = np.zeros(len(codes), np.int64)
    np.add.at(counts, number, np.concatenate([part.counts for part in parts]))
    room = sum(len(part.ends) for part in parts)
    # The parts have room for the worst case; what is kept does not hold on to it.
    ends, index = np.empty(room, np.int64), np.empty(room, np.int32)
    first_code, at = 0, 0
    for part in parts:
        own = number[first_code : first_code + len(part.codes)]
        first_code += len(part.codes)
        if at and index[at - 1] == own[part.index[0]]:
            at -= 1  # the run goes on across the border
        stop = at + len(part.ends)
        ends[at:stop] = part.ends
        np.take(own, part.index, out=index[at:stop], mode="clip")
        at = stop
    return Merged(ends[:at], index[:at], codes, counts)


def _distinct(codes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return distinct rows in order, the first column first, and the number of each row given."""
    order = np.lexsort(codes.T[::-1])
    ordered = codes[order]
    is_new = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
    number = np.empty(len(codes), np.int32)
    number[order] = np.cumsum(is_new, dtype=np.int32) - 1
    return ordered[is_new], number


def spread(
    ends: NDArray[np.int64], index: NDArray[np.int32], values: NDArray[np.uint16], grid: SlabGrid
) -> SlabTable | None:
    """Return the mask in which each run has its pattern's value."""
    library = kernels.library()
    if library is None:
        return None
    out_ends = np.empty(len(ends) + grid.n_slabs, np.uint32)
    labels = np.empty(len(out_ends), np.uint16)
    number, first = np.empty(grid.n_slabs, np.int64), np.empty(grid.n_slabs + 1, np.int64)
    n_found = library.spread_runs(
        kernels.address(ends),
        kernels.address(index),
        len(ends),
        kernels.address(values),
        *grid.layout,
        grid.n_slabs,
        *(kernels.address(array) for array in (out_ends, labels, number, first)),
    )
    used = first[n_found]
    return SlabTable(
        number[:n_found].copy(),
        first[: n_found + 1].copy(),
        out_ends[:used].copy(),
        labels[:used].copy(),
    )


def paint(
    ends: NDArray[np.int64],
    index: NDArray[np.int32],
    values: NDArray[Any],
    shape: tuple[int, int, int],
    box: Box,
    out: NDArray[Any],
) -> bool:
    """Write each run's value into ``out``, the box of the grid; whether that was done.

    ``out`` has the type of ``values``, is C-contiguous or a box of a contiguous array.
    """
    library = kernels.library()
    size = values.itemsize
    if library is None or size not in (1, 2, 4, 8) or 0 in out.shape or values.dtype.hasobject:
        return False
    (z0, y0, x0), (z1, y1, x1) = box
    rows, columns = shape[1], shape[2]
    n_z, n_y, width = z1 - z0, y1 - y0, x1 - x0
    out_z, out_y = (stride // size for stride in out.strides[:2])
    if out.flags.c_contiguous and width == columns:
        # Whole rows follow each other in both, so that they are one long row.
        width, n_y, out_y = width * n_y, 1, 0
    origin = (z0 * rows + y0) * columns + x0
    states: list[int] = []

    def paint_part(low: int, high: int) -> None:
        states.append(
            library.paint_runs(
                kernels.address(ends),
                kernels.address(index),
                len(ends),
                kernels.address(values),
                size,
                origin + low * rows * columns,
                high - low,
                rows * columns,
                n_y,
                columns,
                width,
                kernels.address(out[low:]),
                out_z,
                out_y,
            )
        )

    kernels.in_parts(paint_part, n_z, max(1, _LARGE // max(1, n_y * width)))
    return min(states) >= 0


def bounding_box(
    ends: NDArray[np.int64],
    index: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    shape: tuple[int, int, int],
) -> tuple[Box | None] | None:
    """Return, in a tuple, the box around all runs of chosen patterns, or None where there are none.

    None without the tuple means that there is no kernel.
    """
    library = kernels.library()
    if library is None:
        return None
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    n_found = library.bound_runs(
        kernels.address(ends),
        kernels.address(index),
        len(ends),
        kernels.address(chosen),
        shape[1],
        shape[2],
        kernels.address(low),
        kernels.address(high),
    )
    (z0, y0, x0), (z1, y1, x1) = low.tolist(), high.tolist()
    return (((z0, y0, x0), (z1, y1, x1)),) if n_found else (None,)


def count_near(
    ends: NDArray[np.int64],
    index: NDArray[np.int32],
    is_drawn: NDArray[np.bool_],
    shape: tuple[int, int, int],
    around: Box,
    margin: int,
) -> int | None:
    """Count the voxels of the box ``around`` within ``margin`` of a drawn one."""
    library = kernels.library()
    if library is None:
        return None
    low, high = np.array(around[0], np.int64), np.array(around[1], np.int64)
    found: int = library.count_near_runs(
        kernels.address(ends),
        kernels.address(index),
        len(ends),
        kernels.address(np.ascontiguousarray(is_drawn)),
        shape[1],
        shape[2],
        kernels.address(low),
        kernels.address(high),
        margin,
    )
    return found if found >= 0 else None
