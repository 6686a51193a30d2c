"""Fill against scipy's labelling of the whole array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.domain.errors import CancelledError
from annotator.drawing.edit import box_slices
from annotator.drawing.fill import Fill, LeakError, find_region
from annotator.drawing.gesture import NothingToDoError
from tests.unit.drawing.hands import stroke, take_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask

pytestmark = pytest.mark.unit


def labelled_whole(mask: Mask, seed: tuple[int, int, int]) -> NDArray[np.bool_]:
    parts, _ = ndimage.label(mask == mask[seed])
    inside: NDArray[np.bool_] = parts == parts[seed]
    return inside


def placed(
    mask: Mask, origin: tuple[int, int, int], inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    whole = np.zeros(mask.shape, bool)
    whole[tuple(slice(a, a + n) for a, n in zip(origin, inside.shape, strict=True))] = inside
    return whole


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    fraction=st.sampled_from([0.2, 0.35, 0.5, 0.7, 0.95]),
    start=st.tuples(st.integers(0, 39), st.integers(0, 69), st.integers(0, 36)),
)
def test_region_equals_labelling_the_whole(
    seed: int, fraction: float, start: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(seed)
    mask: Mask = (rng.random((40, 70, 37)) < fraction).astype(np.uint8)
    region = find_region(mask, start)
    expected = labelled_whole(mask, start)
    assert np.array_equal(placed(mask, region.origin, region.inside), expected)
    assert region.n_voxels == np.count_nonzero(expected)


def test_a_winding_region_over_many_blocks() -> None:
    mask: Mask = np.zeros((5, 200, 200), np.uint8)
    for row in range(0, 200, 4):
        mask[2, row] = 1
        mask[2, row : row + 4, -1 if (row // 4) % 2 else 0] = 1
    region = find_region(mask, (2, 0, 100))
    assert np.array_equal(
        placed(mask, region.origin, region.inside), labelled_whole(mask, (2, 0, 100))
    )


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_slice_fill_stays_in_its_slice(plane: int) -> None:
    rng = np.random.default_rng(plane)
    mask: Mask = (rng.random((12, 15, 18)) < 0.6).astype(np.uint8)
    start = mask.copy()
    seed = (5, 7, 9)
    edit = stroke(take_up(Fill, mask, label=4, plane=plane), seed)
    assert edit is not None
    expected = start.copy()
    section = tuple(slice(s, s + 1) if a == plane else slice(None) for a, s in enumerate(seed))
    part, _ = ndimage.label(start[section] == start[seed])
    place = tuple(0 if a == plane else s for a, s in enumerate(seed))
    expected[section][part == part[place]] = 4
    assert np.array_equal(mask, expected)
    mask[box_slices(edit.box)] = edit.before
    assert np.array_equal(mask, start)


def test_a_hole_inside_a_closed_outline_is_filled() -> None:
    mask: Mask = np.zeros((3, 20, 20), np.uint8)
    mask[1, 5:15, 5:15] = 1
    mask[1, 6:14, 6:14] = 0
    stroke(take_up(Fill, mask), (1, 10, 10))
    assert mask[1, 5:15, 5:15].all()
    assert mask.sum() == 100


def test_filling_with_the_label_that_is_there_does_nothing() -> None:
    mask: Mask = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(NothingToDoError, match="already has the chosen label"):
        stroke(take_up(Fill, mask, is_3d=True), (1, 1, 1))
    with pytest.raises(NothingToDoError):
        stroke(take_up(Fill, mask), (1, 1, 1))


def test_a_leak_is_stopped_with_words_and_changes_nothing() -> None:
    mask: Mask = np.zeros((64, 64, 64), np.uint8)
    with pytest.raises(LeakError, match="not closed"):
        find_region(mask, (0, 0, 0), max_voxels=40_000)
    assert not mask.any()


def test_a_fill_can_be_cancelled() -> None:
    mask: Mask = np.zeros((64, 64, 64), np.uint8)
    fill = take_up(Fill, mask, is_3d=True)
    fill.press((0.0, 0.0, 0.0))
    assert fill.has_begun
    assert fill.work is not None
    asked: list[int] = []

    def is_cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(CancelledError):
        fill.work(is_cancelled)
    assert len(asked) == 3
    assert not mask.any()
