"""What is read of a pyramid to show a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.slide_tiles import (
    TILE,
    SlideTiles,
    TileKey,
    grid_for,
    grids_of,
    tiles_over,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


class MadePyramid:
    """Levels in memory; counts what is read."""

    def __init__(self, levels: list[NDArray[Any]]) -> None:
        self.levels = levels
        self.reads: list[tuple[int, slice, slice]] = []

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        return tuple((level.shape[0], level.shape[1]) for level in self.levels)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.levels[0].dtype

    @property
    def n_channels(self) -> int:
        return 1 if self.levels[0].ndim == 2 else 3

    def read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        self.reads.append((level, rows, columns))
        assert rows.stop <= self.shapes[level][0]
        assert columns.stop <= self.shapes[level][1]
        return self.levels[level][rows, columns]


def ramp(rows: int, columns: int, factor: int) -> NDArray[np.uint16]:
    """Row plus column of the finest pixel in the middle."""
    row, column = (np.arange(n) * factor + factor // 2 for n in (rows, columns))
    found: NDArray[np.uint16] = (row[:, None] + column).astype(np.uint16)
    return found


def slide(*factors: int) -> MadePyramid:
    return MadePyramid([ramp(-(-4100 // f), -(-6000 // f), f) for f in factors])


def test_grids_fill_the_gaps_between_levels_and_end_where_a_picture_is_small() -> None:
    grids = grids_of(slide(1, 4, 16))
    assert [(g.level, g.step, g.factor) for g in grids] == [
        (0, 1, 1),
        (0, 2, 2),
        (1, 1, 4),
        (1, 2, 8),
        (2, 1, 16),
    ]
    assert [g.factor for g in grids_of(slide(1))] == [1, 2, 4, 8, 16]
    assert [g.factor for g in grids_of(slide(1, 3))] == [1, 2, 3, 6, 12]


@pytest.mark.parametrize(
    ("pixels", "factor"), [(0.1, 1), (1, 1), (1.99, 1), (2, 2), (3.9, 2), (15.9, 8), (500, 16)]
)
def test_what_is_shown_is_just_finer_than_the_screen(pixels: float, factor: int) -> None:
    grids = grids_of(slide(1, 4, 16))
    assert grids[grid_for(grids, pixels)].factor == factor


def test_tiles_come_from_the_middle_out_and_all_of_them() -> None:
    grid = grids_of(slide(1))[0]
    keys = tiles_over(0, grid, (600, 2700), (-50, 9000))
    assert {(key.row, key.column) for key in keys} == {
        (row, column) for row in range(1, 6) for column in range(12)
    }
    assert (keys[0].row, keys[0].column) == (3, 8)  # the middle of what was asked for


def test_an_area_is_what_the_level_holds_across_tiles_and_at_the_far_edge() -> None:
    made = slide(1, 4, 16)
    tiles = SlideTiles(made)
    rows, columns = (500, 1025), (1000, 1500)
    np.testing.assert_array_equal(
        tiles.area(2, rows, columns, reads=True), made.levels[1][slice(*rows), slice(*columns)]
    )
    halves = tiles.area(1, (1000, 2050), (2000, 3000), reads=True)
    four = made.levels[0][2000:4100, 4000:6000].astype(float).reshape(1050, 2, 1000, 2)
    np.testing.assert_array_equal(halves, np.rint(four.mean(axis=(1, 3))))


def test_coarser_tiles_stand_in_where_they_lie_until_finer_ones_are_read() -> None:
    made = slide(1, 4, 16)
    tiles = SlideTiles(made)
    tiles.overview()
    tiles.read(TileKey(2, 0, 0))
    n_read = len(made.reads)
    rows, columns = (1900, 2300), (1900, 2300)
    shown = tiles.area(0, rows, columns, reads=False).astype(int)
    assert len(made.reads) == n_read
    away = np.abs(shown - made.levels[0][slice(*rows), slice(*columns)])
    assert away[:148, :148].max() <= 4  # of the tile of level 1, up to row and column 2048
    assert 4 < away.max() <= 16
    tiles.read(TileKey(0, 3, 3))
    finer = tiles.area(0, rows, columns, reads=False)
    np.testing.assert_array_equal(finer[:148, :148], made.levels[0][1900:2048, 1900:2048])
    assert tiles.value(0, 1950, 1960) == 1950 + 1960
    assert abs(int(tiles.value(0, 4000, 5000)) - 9000) <= 16  # type: ignore[arg-type]


def test_memory_is_bounded_and_the_coarsest_stays() -> None:
    made = slide(1, 4, 16)
    tiles = SlideTiles(made, room_bytes=3 * TILE * TILE * 2)
    tiles.overview()
    for column in range(8):
        tiles.read(TileKey(0, 0, column))
        assert tiles.n_bytes <= 3 * TILE * TILE * 2
    assert tiles.held(TileKey(0, 0, 0)) is None
    assert tiles.held(TileKey(0, 0, 7)) is not None
    assert tiles.held(TileKey(4, 0, 0)) is not None
