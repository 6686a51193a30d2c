"""Levels that a file lacks, made once when it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from annotator_builtins.slide_tiff import TiffLevel, open_levels
from annotator_builtins.slide_tiles import TilePyramid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator_builtins.slide_tiles import TiledLevel

COARSEST_PIXELS = 1 << 24
"""The coarsest level has no more: it is what a whole slide is shown by, 50 MB as RGB."""
_TILE = 512
_FOLDER = "levels"


def is_lacking(shapes: Sequence[tuple[int, int]]) -> bool:
    """Whether a pyramid's coarsest level is too large to be shown whole."""
    rows, columns = shapes[-1]
    return rows * columns > COARSEST_PIXELS


def add_levels(
    level: TiledLevel, dtype: np.dtype[Any], n_channels: int, directory: Path, progress: Progress
) -> None:
    """Write levels below a slide's coarsest, each half of the one before, as TIFF files.

    Raises OSError, and what ``progress`` raises. A value is the mean of four.
    """
    folder = directory / _FOLDER
    folder.mkdir(parents=True)
    # All levels together are a third of the first one's source.
    whole, begun, n = level.shape[0] * level.shape[1] * 4 / 3, 0.0, 0
    while level.shape[0] * level.shape[1] > COARSEST_PIXELS:
        n += 1
        source = TilePyramid([level], dtype, n_channels)
        shape = (-(-level.shape[0] // 2), -(-level.shape[1] // 2))
        path = folder / f"level-{n:02}.tif"
        share = level.shape[0] * level.shape[1] / whole

        def report(done: float, *, begun: float = begun, share: float = share, n: int = n) -> None:
            progress(min(1.0, begun + share * done), f"Making coarser level {n}")

        channels = () if n_channels == 1 else (n_channels,)
        tifffile.imwrite(
            path,
            _tiles(source, shape, report),
            shape=(*shape, *channels),
            dtype=dtype,
            bigtiff=True,
            tile=(_TILE, _TILE),
            compression="zstd",
            compressionargs={"level": 1},
            photometric="rgb" if channels else "minisblack",
            metadata=None,
        )
        begun += share
        level = open_levels(path)[0]


def added_levels(directory: Path) -> tuple[TiffLevel, ...]:
    """Open the levels that were added to a slide, the finest first."""
    return tuple(open_levels(path)[0] for path in sorted((directory / _FOLDER).glob("*.tif")))


def _tiles(source: TilePyramid, shape: tuple[int, int], report: Any) -> Iterator[NDArray[Any]]:  # noqa: ANN401
    """Yield the tiles of the next level, row by row."""
    rows, columns = source.shapes[0]
    for top in range(0, shape[0], _TILE):
        report(top / shape[0])
        for left in range(0, shape[1], _TILE):
            below, right = min(rows, 2 * (top + _TILE)), min(columns, 2 * (left + _TILE))
            fine = source.read(0, slice(2 * top, below), slice(2 * left, right))
            coarse = _halved(fine)
            missing = [(0, _TILE - size) for size in coarse.shape[:2]]
            yield np.pad(coarse, [*missing, *[(0, 0)] * (coarse.ndim - 2)], mode="edge")


def _halved(fine: NDArray[Any]) -> NDArray[Any]:
    """Return the means of 2 x 2; an odd last row or column stands for two."""
    odd = [(0, size % 2) for size in fine.shape[:2]]
    if any(after for _, after in odd):
        fine = np.pad(fine, [*odd, *[(0, 0)] * (fine.ndim - 2)], mode="edge")
    if fine.dtype.kind == "f":
        parts = (fine[::2, ::2], fine[1::2, ::2], fine[::2, 1::2], fine[1::2, 1::2])
        return np.asarray(sum(parts) / 4, fine.dtype)
    wide = np.dtype(np.uint16 if fine.dtype == np.uint8 else np.int64)
    total = fine[::2, ::2].astype(wide)
    for part in (fine[1::2, ::2], fine[::2, 1::2], fine[1::2, 1::2]):
        np.add(total, part, out=total)
    return np.asarray((total + 2) // 4, fine.dtype)
