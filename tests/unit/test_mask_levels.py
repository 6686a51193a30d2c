"""Coarser levels of a large mask against their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.mask_levels import BLOCK, MaskLevels

pytestmark = pytest.mark.unit

SHAPE = (1, 1117, 1539)
places = st.tuples(st.integers(0, SHAPE[1] - 1), st.integers(0, SHAPE[2] - 1))
Edits = list[tuple[tuple[int, int], int, int, int]]
edits = st.lists(
    st.tuples(places, st.integers(1, 500), st.integers(1, 700), st.integers(0, 3)), max_size=8
)


def defined(mask: np.ndarray, level: int) -> np.ndarray:
    """Greatest label of squares of ``2**level`` pixels."""
    side = 2**level
    rows, columns = (-(-size // side) for size in mask.shape[1:])
    whole = np.zeros((rows * side, columns * side), mask.dtype)
    whole[: mask.shape[1], : mask.shape[2]] = mask[0]
    found: np.ndarray = whole.reshape(rows, side, columns, side).max(axis=(1, 3))
    return found


@settings(max_examples=15)
@given(edits)
def test_every_level_is_what_the_finest_says_after_any_edits(edits: Edits) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    levels = MaskLevels(mask)
    for (row, column), tall, wide, label in edits:
        rows, columns = (row, min(SHAPE[1], row + tall)), (column, min(SHAPE[2], column + wide))
        mask[0, slice(*rows), slice(*columns)] = label
        levels.update(rows, columns)
    for level in range(levels.n_levels):
        rows, columns = (0, levels.shape(level)[0]), (0, levels.shape(level)[1])
        np.testing.assert_array_equal(levels.area(level, rows, columns), defined(mask, level))
    counted = levels.counts()
    for label in (1, 2, 3):
        held = np.argwhere(mask[0] == label)
        assert (counted[label] if label < len(counted) else 0) == len(held)
        if len(held):
            low, high = held.min(axis=0).tolist(), (held.max(axis=0) + 1).tolist()
            assert levels.box(label) == ((low[0], high[0]), (low[1], high[1]))
        else:
            assert levels.box(label) is None


def test_a_line_one_pixel_wide_is_seen_at_every_level() -> None:
    mask = np.zeros(SHAPE, np.uint16)
    levels = MaskLevels(mask)
    mask[0, 1000, 100:1400] = 300
    levels.update((1000, 1001), (100, 1400))
    for level in range(levels.n_levels):
        side = 2**level
        first, stop = 100 // side, -(-1400 // side)
        line = levels.area(level, (1000 // side, 1000 // side + 1), (first, stop))[0]
        assert line.tolist() == [300] * (stop - first)


def test_what_is_sketched_goes_when_the_finest_does_not_have_it() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    levels = MaskLevels(mask)
    levels.sketch(1, (100, 200), (300, 400), np.full((100, 100), 2, np.uint8))
    assert levels.area(1, (150, 151), (350, 351)).item() == 2
    levels.update((200, 400), (600, 800))
    for level in range(levels.n_levels):
        rows, columns = levels.shape(level)
        assert not levels.area(level, (0, rows), (0, columns)).any()


class Watched(np.ndarray[Any, Any]):
    """Tells how much of it was asked for at once."""

    most = 0

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as numpy has it
        found = super().__getitem__(key)
        Watched.most = max(Watched.most, int(np.size(found)))
        return found


def test_what_is_not_drawn_on_is_not_read() -> None:
    mask = np.zeros((1, 40_000, 40_000), np.uint8)
    levels = MaskLevels(mask)
    mask[0, 20_000:20_010, 30_000:30_010] = 1
    levels.update((20_000, 20_010), (30_000, 30_010))
    levels.mask = mask.view(Watched)
    assert levels.area(3, (2400, 2600), (3700, 3800)).sum() == 4  # 2 x 2 squares of 8 pixels
    assert levels.box(1) == ((20_000, 20_010), (30_000, 30_010))
    assert levels.counts().tolist() == [0, 100]
    assert 0 < Watched.most <= BLOCK * BLOCK
