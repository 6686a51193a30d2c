"""Nudge against unions and differences with the swept disc, by numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.drawing import nudge
from annotator.drawing.brush import Brush
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.nudge import Nudge
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import stroke, take_back, take_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask, Point

pytestmark = pytest.mark.unit

EDGE = 48


@pytest.fixture(autouse=True, scope="module", params=[256, 2], ids=["whole", "windows"])
def window(request: pytest.FixtureRequest) -> Iterator[None]:
    """Look at a slice at once, and in small windows, as at a large one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nudge, "_WINDOW", request.param)
        yield


def in_plane(plane: int, *places: tuple[float, float], index: int = 2) -> tuple[Point, ...]:
    points = []
    for place in places:
        point = [place[0], place[1]]
        point.insert(plane, float(index))
        points.append((point[0], point[1], point[2]))
    return tuple(points)


def shaped(plane: int) -> tuple[int, int, int]:
    size = [EDGE, EDGE]
    size.insert(plane, 5)
    return size[0], size[1], size[2]


def disc_mask(plane: int, radius: float = 12.0, label: int = 3) -> Mask:
    mask: Mask = np.zeros(shaped(plane), np.uint16)
    y, x = np.ogrid[:EDGE, :EDGE]
    np.moveaxis(mask, plane, 0)[1:4] = np.where(np.hypot(y - 24, x - 24) <= radius, label, 0)
    return mask


def swept(
    plane: int, places: tuple[Point, ...], spacing: Point, diameter_mm: float
) -> NDArray[np.bool_]:
    mask: Mask = np.zeros(shaped(plane), np.uint8)
    surface = Surface(mask=mask, spacing_mm=spacing)
    stroke(take_up(Brush, surface, plane=plane, diameter_mm=diameter_mm), *places)
    return mask.astype(bool)


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 1.3)])
def test_from_inside_it_is_the_union_with_the_swept_disc(plane: int, spacing: Point) -> None:
    mask = disc_mask(plane)
    start = mask.copy()
    places = in_plane(plane, (24, 26), (24, 30), (26, 41))
    surface = Surface(mask=mask, spacing_mm=spacing)
    gesture = take_up(Nudge, surface, label=9, plane=plane, index=2, diameter_mm=8, smooth=False)
    edit = stroke(gesture, *places)
    assert edit is not None
    expected = np.where(swept(plane, places, spacing, 8), 3, start)
    assert np.array_equal(mask, expected)
    take_back(mask, edit)
    assert np.array_equal(mask, start)


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 1.3)])
def test_from_outside_it_is_the_difference(plane: int, spacing: Point) -> None:
    mask = disc_mask(plane)
    start = mask.copy()
    places = in_plane(plane, (24, 42), (25, 38), (26, 33))
    surface = Surface(mask=mask, spacing_mm=spacing)
    gesture = take_up(Nudge, surface, label=9, plane=plane, index=2, diameter_mm=8, smooth=False)
    stroke(gesture, *places)
    left = np.where(swept(plane, places, spacing, 8), 0, start)
    parts, n_parts = ndimage.label(np.take(left, 2, axis=plane))
    sizes = ndimage.sum_labels(parts > 0, parts, np.arange(n_parts + 1))
    np.moveaxis(left, plane, 0)[2][parts != sizes.argmax()] = 0  # crumbs of the border
    assert np.array_equal(mask, left)
    assert (mask != start).any()


def test_from_outside_only_the_nearest_label_gives_way() -> None:
    mask: Mask = np.zeros((1, EDGE, EDGE), np.uint8)
    mask[0, 10:40, 5:20] = 1
    mask[0, 10:40, 26:40] = 2
    start = mask.copy()
    places = in_plane(0, (24, 22), (24, 18), index=0)
    stroke(take_up(Nudge, mask, diameter_mm=16, smooth=False), *places)
    assert (mask[start == 2] == 2).all()
    assert np.count_nonzero(mask == 1) < np.count_nonzero(start == 1)


def test_what_is_locked_stops_the_push() -> None:
    """The disc reaches beyond a wall; what lies there is not connected and stays."""
    mask: Mask = np.zeros((1, EDGE, EDGE), np.uint8)
    mask[0, 14:34, 4:20] = 1
    mask[0, :, 22:24] = 5
    start = mask.copy()
    surface = Surface(mask=mask, rules=MaskingRules(locked=frozenset({5})))
    stroke(take_up(Nudge, surface, diameter_mm=16), *in_plane(0, (24, 12), (24, 30), index=0))
    assert np.array_equal(mask[0, :, 22:], start[0, :, 22:])
    assert (mask[0, 17:31, 4:22] == 1).all()
    assert ndimage.label(mask == 1)[1] == 1


def test_slivers_that_the_push_cuts_off_go_and_large_parts_stay() -> None:
    mask: Mask = np.zeros((1, EDGE, EDGE), np.uint8)
    mask[0, 10:38, 10:38] = 1
    mask[0, 2:4, 2:4] = 1  # was apart before: not the push's concern
    corner = in_plane(0, (5, 30), (10, 34), (20, 40), index=0)
    stroke(take_up(Nudge, mask, diameter_mm=9, smooth=False), *corner)
    assert ndimage.label(mask)[1] == 2
    assert mask[0, 10, 37] == 0
    assert mask[0, 2, 2] == 1
    across = in_plane(0, (24, 2), (24, 46), index=0)
    stroke(take_up(Nudge, mask, diameter_mm=5, smooth=False), *across)
    assert ndimage.label(mask)[1] == 3


def test_corners_are_rounded_where_the_push_was_and_nowhere_else() -> None:
    y, x = np.ogrid[:160, :160]
    start: Mask = (np.hypot(y - 80, x - 70) <= 45).astype(np.uint8)[None]
    start[0, 75:85, :40] = 0  # a notch on the other side
    plain, rounded = start.copy(), start.copy()
    places = in_plane(0, (80, 100), (80, 120), index=0)
    stroke(take_up(Nudge, plain, diameter_mm=30, smooth=False), *places)
    stroke(take_up(Nudge, rounded, diameter_mm=30), *places)
    assert not (plain & ~rounded & 1).any()
    more = np.argwhere(rounded[0] & ~plain[0] & 1)
    assert 10 < len(more) < 100
    assert (more[:, 1] > 95).all()
    disc = np.hypot(*np.ogrid[-12:13, -12:13]) <= 12
    east = (slice(None), slice(95, None))
    open_corners = [
        np.count_nonzero(
            (ndimage.binary_closing(np.pad(one[0], 20), disc)[20:-20, 20:-20] > one[0])[east]
        )
        for one in (plain, rounded)
    ]
    assert open_corners[1] < 0.4 * open_corners[0]
    edge: Mask = np.zeros((1, 60, 60), np.uint8)
    edge[0, 20:40, 20:40] = 1
    stroke(take_up(Nudge, edge, diameter_mm=16), *in_plane(0, (30, 40), (30, 48), index=0))
    assert not edge[0, :, 57:].any()  # nothing is closed against the edge of the image


blobs = st.lists(
    st.tuples(st.integers(6, 42), st.integers(6, 42), st.integers(3, 10), st.integers(1, 3)),
    min_size=1,
    max_size=4,
)
ways = st.lists(st.tuples(st.integers(-4, 51), st.integers(-4, 51)), min_size=2, max_size=5)


@settings(max_examples=40, deadline=None)
@given(
    blobs=blobs, way=ways, label=st.integers(0, 1), diameter=st.integers(1, 20), lock=st.booleans()
)
def test_area_is_monotone_and_no_island_comes_up(
    blobs: list[tuple[int, int, int, int]],
    way: list[tuple[int, int]],
    label: int,
    diameter: int,
    lock: bool,
) -> None:
    mask: Mask = np.zeros((1, EDGE, EDGE), np.uint8)
    y, x = np.ogrid[:EDGE, :EDGE]
    for row, column, radius, value in blobs:
        mask[0][np.hypot(y - row, x - column) <= radius] = value
    start = mask.copy()
    row, column = (min(max(number, 0), EDGE - 1) for number in way[0])
    pushing = 0 if label == 0 else int(start[0, row, column])
    places = in_plane(0, (row, column), *way[1:], index=0)
    rules = MaskingRules(locked=frozenset({2}) if lock else frozenset())
    gesture = take_up(Nudge, Surface(mask=mask, rules=rules), label=label, diameter_mm=diameter)
    stroke(gesture, *places)
    changed = mask != start
    assert (mask[changed] == pushing).all()
    if lock:
        assert np.array_equal(mask == 2, start == 2)
    grown = ndimage.label(mask == pushing)[0]
    fresh = np.unique(grown[changed & (mask == pushing)])
    old = np.unique(grown[(start == pushing) & (mask == pushing)])
    if pushing != 0:
        assert np.isin(fresh, old).all()
        assert len(fresh) <= 1
    assert ndimage.label(mask == pushing)[1] <= max(1, ndimage.label(start == pushing)[1])
    if pushing == 0:
        assert len(np.unique(start[changed])) <= 1


def test_an_empty_slice_is_told_and_cancel_puts_back() -> None:
    mask = disc_mask(0)
    start = mask.copy()
    with pytest.raises(NothingToDoError, match="Nothing is drawn on this slice"):
        take_up(Nudge, mask, index=0).press((0.0, 24.0, 24.0))
    gesture = take_up(Nudge, mask, index=2, diameter_mm=20)
    gesture.press((2.0, 24.0, 24.0))
    gesture.drag((2.0, 24.0, 40.0))
    assert (mask != start).any()
    gesture.cancel()
    assert np.array_equal(mask, start)
    outside = take_up(Nudge, mask, index=2)
    assert outside.press((2.0, 90.0, 24.0)) is None
    assert outside.is_done
