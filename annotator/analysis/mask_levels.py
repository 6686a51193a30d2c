"""A mask too large to be looked at whole, at coarser levels that follow it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.sparse_array import sparse_zeros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns

    Rows = tuple[int, int]
    Mask = NDArray[np.unsignedinteger]

COARSEST = 512
"""The last level is the first whose longer side has no more pixels."""
BLOCK = 256
"""Finest pixels a side of the blocks of which it is known whether anything is drawn in them."""
_PIECE = 4 * BLOCK
"""Finest pixels a side of what is taken over at a time."""


class MaskLevels:
    """A mask ``(1, y, x)``, and each level half as fine as the one before.

    A pixel of level ``m`` has the greatest label of the finest pixels that it covers, ``2**m``
    along each side. So nothing that is drawn is lost, however thin, an area is larger by less than
    a pixel of the level that is seen, and the order in which labels were drawn does not matter:
    every level is known from the finest alone.

    What was never drawn on is never read: the finest level may be far larger than memory, as long
    as nothing is drawn there. Several threads may call it; who writes to the mask tells where.
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        shape = (mask.shape[1], mask.shape[2])
        self._levels: list[Mask] = [mask[0]]
        while max(shape) > COARSEST:
            shape = (-(-shape[0] // 2), -(-shape[1] // 2))
            self._levels.append(sparse_zeros(shape, mask.dtype))
        self._greatest = np.zeros([-(-size // BLOCK) for size in mask.shape[1:]], mask.dtype)
        self._lock = threading.Lock()

    @property
    def n_levels(self) -> int:
        """How many there are, the finest included."""
        return len(self._levels)

    def shape(self, level: int) -> tuple[int, int]:
        """Return rows and columns of a level."""
        rows, columns = self._levels[level].shape
        return rows, columns

    def for_pixels(self, pixels: float) -> int:
        """Return the coarsest level no coarser than so many finest pixels a screen pixel."""
        return max(0, min(self.n_levels - 1, int(np.floor(np.log2(max(1.0, pixels)) + 1e-6))))

    def area(self, level: int, rows: Rows, columns: Rows) -> Mask:
        """Return rows and columns of a level, copied."""
        if level > 0:
            return self._levels[level][slice(*rows), slice(*columns)].copy()
        found = np.zeros((rows[1] - rows[0], columns[1] - columns[0]), self.mask.dtype)
        for top, left, bottom, right in self.drawn(rows, columns):
            found[top - rows[0] : bottom - rows[0], left - columns[0] : right - columns[0]] = (
                self.mask[0, top:bottom, left:right]
            )
        return found

    def live(self, level: int, rows: Rows, columns: Rows) -> Mask:
        """Return rows and columns of a level as it is at any time, ``(1, y, x)``; to read only."""
        found = self._levels[level][slice(*rows), slice(*columns)].view()
        found.flags.writeable = False
        return found[np.newaxis]

    def drawn(self, rows: Rows, columns: Rows) -> Iterator[tuple[int, int, int, int]]:
        """Yield where something may be drawn: blocks ``(top, left, bottom, right)``, cut off."""
        block_rows = slice(rows[0] // BLOCK, -(-rows[1] // BLOCK))
        block_columns = slice(columns[0] // BLOCK, -(-columns[1] // BLOCK))
        for row, column in np.argwhere(self._greatest[block_rows, block_columns] > 0).tolist():
            top, left = (row + block_rows.start) * BLOCK, (column + block_columns.start) * BLOCK
            yield (
                max(rows[0], top),
                max(columns[0], left),
                min(rows[1], top + BLOCK),
                min(columns[1], left + BLOCK),
            )

    def expect(self, rows: Rows, columns: Rows) -> None:
        """Take it that anything may be drawn between these rows and columns, until `update` looks.

        Quick: for who writes more than can be looked at while somebody waits.
        """
        place = (
            slice(rows[0] // BLOCK, -(-rows[1] // BLOCK)),
            slice(columns[0] // BLOCK, -(-columns[1] // BLOCK)),
        )
        with self._lock:
            self._greatest[place] = np.iinfo(self._greatest.dtype).max

    def update(self, rows: Rows, columns: Rows) -> None:
        """Take over what was written to the mask between these rows and columns."""
        top, bottom = max(0, rows[0]), min(self.mask.shape[1], rows[1])
        left, right = max(0, columns[0]), min(self.mask.shape[2], columns[1])
        if top >= bottom or left >= right:
            return
        # Whole blocks, so that none is read twice.
        top, left = top // BLOCK * BLOCK, left // BLOCK * BLOCK
        bottom = min(self.mask.shape[1], -(-bottom // BLOCK) * BLOCK)
        right = min(self.mask.shape[2], -(-right // BLOCK) * BLOCK)
        for row in range(top, bottom, _PIECE):
            for column in range(left, right, _PIECE):
                with self._lock:
                    self._update(
                        (row, min(bottom, row + _PIECE)), (column, min(right, column + _PIECE))
                    )

    def follow(self, runs: MaskRuns) -> None:
        """Take over a mask that was nothing but zeros before these runs were written to it."""
        is_drawn = np.zeros(self._greatest.shape, np.bool_)
        for slab, content in runs.slabs.items():
            _, first, last = runs.grid.rows(slab)
            drawn = np.flatnonzero(content.labels)
            starts = np.where(drawn > 0, content.ends[drawn - 1], 0).astype(np.int64)
            stops = content.ends[drawn].astype(np.int64) - 1
            width = self.mask.shape[2]
            is_one_row = starts // width == stops // width
            left = np.where(is_one_row, starts % width, 0).min(initial=width)
            right = np.where(is_one_row, stops % width, width - 1).max(initial=-1)
            is_drawn[first // BLOCK : -(-last // BLOCK), left // BLOCK : right // BLOCK + 1] = True
        for row in np.flatnonzero(is_drawn.any(axis=1)).tolist():
            columns = np.flatnonzero(is_drawn[row])
            for span in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
                ends = (int(span[0]) * BLOCK, (int(span[-1]) + 1) * BLOCK)
                self.update((row * BLOCK, (row + 1) * BLOCK), ends)

    def sketch(self, level: int, rows: Rows, columns: Rows, pixels: Mask) -> None:
        """Show something at a level and those above until the mask has it and `update` is told."""
        with self._lock:
            self._levels[level][slice(*rows), slice(*columns)] = pixels
            self._coarsen_above(level, rows, columns)

    def wipe(self, level: int, rows: Rows, columns: Rows) -> None:
        """Drop what was sketched at a level that is not the finest, between rows and columns."""
        with self._lock:
            self._coarsen(level, rows, columns)
            self._coarsen_above(level, rows, columns)

    def box(self, *values: int) -> tuple[Rows, Rows] | None:
        """Return the rows and columns around all pixels of some values; None where there is none.

        From each side in, until one is met: what lies between is not read.
        """
        may = self._greatest >= max(1, min(values))
        rows = self._ends(may, values, 0)
        if rows is None:
            return None
        columns = self._ends(may, values, 1)
        return None if columns is None else (rows, columns)

    def counts(self) -> NDArray[np.int64]:
        """Return how many pixels each value of the mask has; the background is not counted."""
        found = np.zeros(int(self._greatest.max(initial=0)) + 1, np.int64)
        shape = self.mask.shape
        for top, left, bottom, right in self.drawn((0, shape[1]), (0, shape[2])):
            block = np.bincount(self.mask[0, top:bottom, left:right].ravel())
            found[: len(block)] += block[: len(found)]
        found[0] = 0
        return found

    def _update(self, rows: Rows, columns: Rows) -> None:
        place = (
            slice(rows[0] // BLOCK, -(-rows[1] // BLOCK)),
            slice(columns[0] // BLOCK, -(-columns[1] // BLOCK)),
        )
        self._greatest[place] = _greatest_of(self.mask[0, slice(*rows), slice(*columns)], BLOCK)
        self._coarsen_above(0, rows, columns)

    def _coarsen_above(self, level: int, rows: Rows, columns: Rows) -> None:
        for number in range(level + 1, self.n_levels):
            rows, columns = _halved(rows), _halved(columns)
            self._coarsen(number, rows, columns)

    def _coarsen(self, level: int, rows: Rows, columns: Rows) -> None:
        fine = self._levels[level - 1][2 * rows[0] : 2 * rows[1], 2 * columns[0] : 2 * columns[1]]
        flat, below = fine[::2].copy(), fine[1::2]
        np.maximum(flat[: len(below)], below, out=flat[: len(below)])
        found, beside = flat[:, ::2].copy(), flat[:, 1::2]
        np.maximum(found[:, : beside.shape[1]], beside, out=found[:, : beside.shape[1]])
        coarse = self._levels[level][slice(*rows), slice(*columns)]
        if found.any() or coarse.any():  # memory that nothing is written to costs nothing
            coarse[...] = found

    def _ends(self, may: NDArray[np.bool_], values: tuple[int, ...], axis: int) -> Rows | None:
        """Return the first row (or column) that holds a value, and the one behind the last."""
        lines = np.flatnonzero(may.any(axis=1 - axis)).tolist()
        for line in lines:
            first = self._places(may, values, axis, line)
            if first:
                break
        else:
            return None
        for line in reversed(lines):
            last = self._places(may, values, axis, line)
            if last:
                return min(first), max(last) + 1
        return None

    def _places(
        self, may: NDArray[np.bool_], values: tuple[int, ...], axis: int, line: int
    ) -> list[int]:
        """Return rows (or columns) that hold a value in a line of blocks: the ends in each."""
        met: list[int] = []
        for other in np.flatnonzero(may[line] if axis == 0 else may[:, line]).tolist():
            row, column = (line, other) if axis == 0 else (other, line)
            block = self.mask[
                0, row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK
            ]
            places = np.flatnonzero(np.isin(block, values).any(axis=1 - axis))
            met += [line * BLOCK + int(place) for place in places[[0, -1]]] if places.size else []
        return met


def _halved(ends: Rows) -> Rows:
    return ends[0] // 2, -(-ends[1] // 2)


def _greatest_of(fine: Mask, side: int) -> Mask:
    by_row = np.maximum.reduceat(fine, np.arange(0, fine.shape[0], side), axis=0)
    found: Mask = np.maximum.reduceat(by_row, np.arange(0, fine.shape[1], side), axis=1)
    return found
