"""What of a pyramid is read to show a part of it, and what of it stays in memory."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.pyramid import Pyramid

TILE = 512
"""Rows and columns of a tile, in pixels of the grid that it is shown on."""
CACHE_BYTES = 256 << 20
"""Memory that tiles may take."""
_COARSEST = 512
"""No grid is made whose longer side has fewer pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Pixels that a pyramid is shown with: each covers ``factor`` finest ones along each side.

    Attributes
    ----------
    level : int
        Level of the pyramid that is read.
    step : int
        Pixels of that level, along each side, of which one of the grid is the mean: more than 1
        where the next level is much coarser.
    factor : float
        Finest pixels a pixel of the grid.
    shape : tuple of int
        Rows and columns.
    """

    level: int
    step: int
    factor: float
    shape: tuple[int, int]

    def centre(self, number: float) -> float:
        """Return where a row or column of the grid lies, in rows or columns of the finest."""
        return (number + 0.5) * self.factor - 0.5

    def cells(self, low: float, high: float, axis: int) -> tuple[int, int]:
        """Return the rows (axis 0) or columns that finest places ``low`` to ``high`` lie in."""
        first = math.floor((low + 0.5) / self.factor)
        stop = math.ceil((high + 0.5) / self.factor)
        return max(0, first), min(self.shape[axis], max(stop, first + 1))


@dataclass(frozen=True, slots=True)
class TileKey:
    """A tile: which grid of the tiles' pyramid, and which row and column of tiles."""

    grid: int
    row: int
    column: int


def grids_of(pyramid: Pyramid) -> tuple[Grid, ...]:
    """Return the grids that a pyramid can be shown with, the finest first.

    Each level is one; between levels that are more than twice as coarse as the one before, and
    beyond the last, there are grids of means of 2, 4, 8 … pixels a side.
    """
    shapes = pyramid.shapes
    factors = [_factor(shapes[0], shape) for shape in shapes]
    found: list[Grid] = []
    for level, (shape, factor) in enumerate(zip(shapes, factors, strict=True)):
        step = 1
        while True:
            size = (-(-shape[0] // step), -(-shape[1] // step))
            found.append(Grid(level=level, step=step, factor=factor * step, shape=size))
            step *= 2
            is_covered = level + 1 < len(shapes) and factor * step > 0.75 * factors[level + 1]
            if is_covered or max(size) <= _COARSEST:
                break
    return tuple(found)


def grid_for(grids: tuple[Grid, ...], pixels: float) -> int:
    """Return the coarsest grid that is no coarser than so many finest pixels a screen pixel."""
    fitting = [number for number, grid in enumerate(grids) if grid.factor <= pixels * (1 + 1e-6)]
    return max(fitting, default=0)


def tiles_over(
    number: int, grid: Grid, rows: tuple[int, int], columns: tuple[int, int]
) -> list[TileKey]:
    """Return the tiles of a grid that hold some rows and columns of it, from the middle out."""
    middle = (sum(rows) / 2 / TILE - 0.5, sum(columns) / 2 / TILE - 0.5)
    keys = [
        TileKey(number, row, column)
        for row in range(max(0, rows[0]) // TILE, -(-min(rows[1], grid.shape[0]) // TILE))
        for column in range(max(0, columns[0]) // TILE, -(-min(columns[1], grid.shape[1]) // TILE))
    ]
    keys.sort(key=lambda key: math.hypot(key.row - middle[0], key.column - middle[1]))
    return keys


class SlideTiles:
    """Tiles of a pyramid: read once, kept as long as there is room; used by several threads."""

    def __init__(self, pyramid: Pyramid, room_bytes: int = CACHE_BYTES) -> None:
        self.pyramid = pyramid
        self.grids = grids_of(pyramid)
        self._room = room_bytes
        self._kept: OrderedDict[TileKey, NDArray[Any]] = OrderedDict()
        self._pinned: dict[TileKey, NDArray[Any]] = {}
        self._n_bytes = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """Memory that the tiles take."""
        return self._n_bytes

    def held(self, key: TileKey) -> NDArray[Any] | None:
        """Return a tile that is in memory, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            return self._pinned.get(key)

    def read(self, key: TileKey) -> NDArray[Any]:
        """Return a tile, ``(rows, columns[, channel])``, and keep it; the coarsest for good."""
        found = self.held(key)
        if found is not None:
            return found
        grid = self.grids[key.grid]
        side = TILE * grid.step
        rows, columns = self.pyramid.shapes[grid.level]
        stored = self.pyramid.read(
            grid.level,
            slice(key.row * side, min(rows, (key.row + 1) * side)),
            slice(key.column * side, min(columns, (key.column + 1) * side)),
        )
        tile = np.ascontiguousarray(_means(stored, grid.step))
        with self._lock:
            if key.grid == len(self.grids) - 1:
                self._pinned[key] = tile
            elif key not in self._kept:
                self._kept[key] = tile
                self._n_bytes += tile.nbytes
                while self._n_bytes > self._room and len(self._kept) > 1:
                    self._n_bytes -= self._kept.popitem(last=False)[1].nbytes
        return tile

    def area(
        self, number: int, rows: tuple[int, int], columns: tuple[int, int], *, reads: bool
    ) -> NDArray[Any]:
        """Return rows and columns of a grid, ``(rows, columns[, channel])``.

        Where ``reads`` is False, what is not in memory is taken from coarser tiles that are, the
        finest first, and is 0 where there is none.
        """
        channels = () if self.pyramid.n_channels == 1 else (self.pyramid.n_channels,)
        out = np.zeros((rows[1] - rows[0], columns[1] - columns[0], *channels), self.pyramid.dtype)
        for key in tiles_over(number, self.grids[number], rows, columns):
            tile = self.read(key) if reads else self.held(key)
            if tile is not None:
                _place(out, tile, key, rows, columns)
            else:
                self._place_coarser(out, key, rows, columns)
        return out

    def put_tile(
        self, out: NDArray[Any], key: TileKey, rows: tuple[int, int], columns: tuple[int, int]
    ) -> None:
        """Write a tile that is in memory into an area of its grid."""
        tile = self.held(key)
        if tile is not None:
            _place(out, tile, key, rows, columns)

    def value(self, number: int, row: int, column: int) -> NDArray[Any] | None:
        """Return the value at a finest pixel as a grid shows it; None where no tile is in memory.

        Of grids that are coarser where that one is not in memory.
        """
        for coarser in range(number, len(self.grids)):
            grid = self.grids[coarser]
            at_row = min(int(row / grid.factor), grid.shape[0] - 1)
            at_column = min(int(column / grid.factor), grid.shape[1] - 1)
            tile = self.held(TileKey(coarser, at_row // TILE, at_column // TILE))
            if tile is not None:
                return np.asarray(tile[at_row % TILE, at_column % TILE])
        return None

    def overview(self) -> NDArray[Any]:
        """Return the coarsest grid, whole; reads what is not in memory."""
        last = len(self.grids) - 1
        shape = self.grids[last].shape
        return self.area(last, (0, shape[0]), (0, shape[1]), reads=True)

    def _place_coarser(
        self, out: NDArray[Any], key: TileKey, rows: tuple[int, int], columns: tuple[int, int]
    ) -> None:
        """Write what coarser tiles show of the place of a tile."""
        fine = self.grids[key.grid]
        row = np.arange(max(rows[0], key.row * TILE), min(rows[1], (key.row + 1) * TILE))
        column = np.arange(
            max(columns[0], key.column * TILE), min(columns[1], (key.column + 1) * TILE)
        )
        part = out[
            row[0] - rows[0] : row[-1] + 1 - rows[0],
            column[0] - columns[0] : column[-1] + 1 - columns[0],
        ]
        missing = np.ones(part.shape[:2], np.bool_)
        for number in range(key.grid + 1, len(self.grids)):
            grid = self.grids[number]
            share = fine.factor / grid.factor
            at_row = np.minimum(((row + 0.5) * share).astype(np.intp), grid.shape[0] - 1)
            at_column = np.minimum(((column + 0.5) * share).astype(np.intp), grid.shape[1] - 1)
            for near in self._keys_at(number, at_row, at_column):
                tile = self.held(near)
                if tile is None:
                    continue
                here = _run(at_row // TILE == near.row), _run(at_column // TILE == near.column)
                wanted = missing[here]
                if not wanted.any():
                    continue
                seen = tile[at_row[here[0]] % TILE][:, at_column[here[1]] % TILE]
                if wanted.all():
                    part[here] = seen
                else:
                    part[here][wanted] = seen[wanted]
                missing[here] = False
            if not missing.any():
                return

    def _keys_at(
        self, number: int, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> Iterator[TileKey]:
        for row in range(rows[0] // TILE, rows[-1] // TILE + 1):
            for column in range(columns[0] // TILE, columns[-1] // TILE + 1):
                yield TileKey(number, int(row), int(column))


def _factor(finest: tuple[int, int], shape: tuple[int, int]) -> float:
    """Return finest pixels a pixel of a level; whole where the sizes are those of a whole factor.

    Writers halve sizes rounding up or down, so that the ratio of two sizes is not quite it.
    """
    ratio = max(finest) / max(shape)
    whole = max(1, round(ratio))
    is_whole = all(abs(size / whole - part) <= 1 for size, part in zip(finest, shape, strict=True))
    return float(whole) if is_whole else ratio


def _means(stored: NDArray[Any], step: int) -> NDArray[Any]:
    """Return the means of squares of pixels; those at the far edges may hold fewer."""
    if step == 1:
        return stored
    rows, columns = (-(-size // step) * step - size for size in stored.shape[:2])
    padding = ((0, rows), (0, columns), *((0, 0),) * (stored.ndim - 2))
    whole = np.pad(stored, padding, mode="edge") if rows or columns else stored
    tall, wide = whole.shape[0] // step, whole.shape[1] // step
    total = np.zeros((tall, wide, *stored.shape[2:]), np.float32)
    for row in range(step):
        for column in range(step):
            total += whole[row::step, column::step]
    total /= step * step
    if np.issubdtype(stored.dtype, np.integer):
        np.rint(total, out=total)
    return total.astype(stored.dtype)


def _place(
    out: NDArray[Any],
    tile: NDArray[Any],
    key: TileKey,
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> None:
    row, column = key.row * TILE, key.column * TILE
    top, bottom = max(rows[0], row), min(rows[1], row + tile.shape[0])
    left, right = max(columns[0], column), min(columns[1], column + tile.shape[1])
    if top < bottom and left < right:
        out[top - rows[0] : bottom - rows[0], left - columns[0] : right - columns[0]] = tile[
            top - row : bottom - row, left - column : right - column
        ]


def _run(chosen: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(chosen)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)
