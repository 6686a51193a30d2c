"""A pyramid of tiles that are decoded when they are asked for, and kept a while."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CACHE_BYTES = 64 << 20
"""Decoded tiles that one pyramid keeps, which regions side by side share; who shows a picture keeps
what is shown."""
N_THREADS = min(4, os.cpu_count() or 1)

Tile = tuple[int, int, int]
"""Level, row and column of a tile."""


class TiledLevel(Protocol):
    """One level; may be decoded from several threads at once."""

    @property
    def shape(self) -> tuple[int, int]:
        """Its size, ``(rows, columns)``."""
        ...

    @property
    def tile(self) -> tuple[int, int]:
        """Size of a tile; those at the lower and right edges may be smaller."""
        ...

    def decode(self, row: int, column: int) -> NDArray[Any] | None:
        """Return a tile ``(rows, columns[, channel])``, None where nothing is stored.

        Raises whatever a decoder does on damaged content.
        """
        ...


class TilePyramid:
    """Levels that are read tile by tile; keeps to ``Pyramid``.

    A tile that cannot be decoded is shown empty, and told in ``damage`` once.
    """

    def __init__(
        self,
        levels: Sequence[TiledLevel],
        dtype: np.dtype[Any],
        n_channels: int,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._levels = tuple(levels)
        self.shapes: tuple[tuple[int, int], ...] = tuple(level.shape for level in levels)
        self.dtype = dtype
        self.n_channels = n_channels
        self._channels = () if n_channels == 1 else (n_channels,)
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Tile, NDArray[Any] | None] = OrderedDict()
        self._n_bytes, self._most_bytes = 0, cache_bytes
        self._damaged: dict[Tile, str] = {}

    @property
    def damage(self) -> str:
        """What could not be read so far, in words; empty where all could."""
        with self._lock:
            found = dict(self._damaged)
        if not found:
            return ""
        (level, row, column), why = next(iter(found.items()))
        rows, columns = self._levels[level].tile
        first = f"at row {row * rows}, column {column * columns} of level {level}: {why}"
        return (
            f"a part of the picture is damaged and shown empty ({first})"
            if len(found) == 1
            else f"{len(found)} parts of the picture are damaged and shown empty ({first})"
        )

    def read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of a level, ``(rows, columns[, channel])``; it lies inside the level."""
        own = self._levels[level]
        tall, wide = own.tile
        found = np.zeros(
            (rows.stop - rows.start, columns.stop - columns.start, *self._channels), self.dtype
        )
        if not found.size:
            return found
        wanted: list[Tile] = [
            (level, row, column)
            for row in range(rows.start // tall, -(-rows.stop // tall))
            for column in range(columns.start // wide, -(-columns.stop // wide))
        ]

        def put(tile: Tile) -> None:
            content = self._tile(tile)
            if content is None:
                return
            top, left = tile[1] * tall, tile[2] * wide
            y0, x0 = max(rows.start, top), max(columns.start, left)
            y1 = min(rows.stop, top + content.shape[0])
            x1 = min(columns.stop, left + content.shape[1])
            found[y0 - rows.start : y1 - rows.start, x0 - columns.start : x1 - columns.start] = (
                content[y0 - top : y1 - top, x0 - left : x1 - left]
            )

        with self._lock:
            n_missing = sum(tile not in self._tiles for tile in wanted)
        if n_missing > 1 and N_THREADS > 1:
            list(_helpers().map(put, wanted))
        else:
            for tile in wanted:
                put(tile)
        return found

    def _tile(self, tile: Tile) -> NDArray[Any] | None:
        with self._lock:
            if tile in self._tiles:
                self._tiles.move_to_end(tile)
                return self._tiles[tile]
        content: NDArray[Any] | None = None
        level, row, column = tile
        try:
            content = self._levels[level].decode(row, column)
            if content is not None and content.shape[2:] != self._channels:
                raise ValueError(f"a tile of shape {content.shape}")  # noqa: TRY301
        except Exception as error:  # decoders raise anything on damaged content
            content = None
            words = " ".join(str(error).split())[:200] or type(error).__name__
            with self._lock:
                self._damaged.setdefault(tile, words)
        self._keep(tile, content)
        return content

    def _keep(self, tile: Tile, content: NDArray[Any] | None) -> None:
        with self._lock:
            if tile in self._tiles:
                return
            self._tiles[tile] = content
            self._n_bytes += 0 if content is None else content.nbytes
            while self._n_bytes > self._most_bytes and len(self._tiles) > 1:
                _, old = self._tiles.popitem(last=False)
                self._n_bytes -= 0 if old is None else old.nbytes


@cache
def _helpers() -> ThreadPoolExecutor:
    """Return the threads that decode: the library lets others run meanwhile."""
    return ThreadPoolExecutor(N_THREADS, thread_name_prefix="slide-tiles")
