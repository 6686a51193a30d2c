"""Polygon against skimage, on each plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.draw import polygon

from annotator.drawing.gesture import Held
from annotator.drawing.polygon import Polygon
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import take_back, take_up

if TYPE_CHECKING:
    from annotator.drawing.edit import Edit, Mask, Point
    from annotator.drawing.gesture import Gesture

pytestmark = pytest.mark.unit

STAR = [(2.0, 10.2), (18.4, 16.0), (5.0, 1.0), (6.3, 19.0), (17.0, 3.5)]


def close(shape: Gesture) -> Edit | None:
    shape.confirm()
    assert shape.is_done
    return shape.finish()


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_equals_skimage_and_can_be_undone(plane: int) -> None:
    mask: Mask = np.zeros((20, 20, 20), np.uint8)
    shape = take_up(Polygon, mask, plane=plane, index=7, label=6)
    for row, column in STAR:
        point = [row, column]
        point.insert(plane, 7.0)
        shape.press((point[0], point[1], point[2]))
        shape.release()
    edit = close(shape)
    assert edit is not None
    expected = np.zeros((20, 20), np.uint8)
    rows, columns = zip(*STAR, strict=True)
    expected[polygon(rows, columns, expected.shape)] = 6  # type: ignore[no-untyped-call]
    assert np.array_equal(mask.take(7, axis=plane), expected)
    assert mask.sum() == expected.sum()
    take_back(mask, edit)
    assert not mask.any()


def test_reaching_over_the_edge_is_cut_off() -> None:
    mask: Mask = np.zeros((1, 10, 10), np.uint8)
    shape = take_up(Polygon, mask)
    for row, column in ((-50.0, -50.0), (-50.0, 60.0), (60.0, 60.0), (60.0, -50.0)):
        shape.press((0.0, row, column))
    close(shape)
    assert mask.all()


@pytest.mark.parametrize(
    "corners", [[(2, 2), (2, 2), (5, 5)], [(20, 20), (20, 30), (30, 30)]], ids=["line", "outside"]
)
def test_outside_or_without_area_is_no_edit(corners: list[tuple[int, int]]) -> None:
    shape = take_up(Polygon, np.zeros((1, 10, 10), np.uint8))
    for row, column in corners:
        shape.press((0.0, row, column))
    assert len(shape.preview.anchors) == len(set(corners))
    assert close(shape) is None


def test_corners_can_be_taken_back_until_none_is_left() -> None:
    shape = take_up(Polygon, np.zeros((1, 10, 10), np.uint8))
    shape.press((0.0, 1.0, 1.0))
    shape.press((0.0, 4.0, 4.0))
    shape.hover((0.0, 6.0, 1.0))
    assert len(shape.preview.lines) == 2
    assert shape.step_back()
    assert shape.preview.anchors == ((0.0, 1.0, 1.0),)
    assert not shape.is_done
    assert shape.step_back()
    assert shape.is_done
    assert not shape.step_back()


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_corner_is_moved_before_the_outline_is_closed(plane: int) -> None:
    def at(row: float, column: float) -> Point:
        place = [row, column]
        place.insert(plane, 4.0)
        return place[0], place[1], place[2]

    def outline(surface: Surface, *corners: Point) -> Gesture:
        held = Held(label=3, reach_mm=1.5)
        shape = Polygon(surface, held, plane=plane, index=4)
        for corner in corners:
            shape.press(corner)
            shape.release()
        return shape

    spacing = [1.0, 0.5]
    spacing.insert(plane, 7.0)
    masks = [np.zeros((20, 20, 20), np.uint8) for _ in range(2)]
    moved, meant = (
        Surface(mask=mask, spacing_mm=(spacing[0], spacing[1], spacing[2])) for mask in masks
    )
    shape = outline(moved, at(2, 2), at(9, 3), at(15, 17))
    shape.hover(at(9, 5))
    assert shape.preview.ring == at(9, 3)
    shape.press(at(9, 5))
    shape.drag(at(10, 5))
    assert shape.preview.anchors[1] == at(9, 3), "a click that trembles moves nothing"
    shape.drag(at(17, 4))
    shape.drag(at(16, 3))
    shape.release()
    assert shape.preview.anchors == (at(2, 2), at(16, 3), at(15, 17))
    assert not shape.is_done
    shape.press(at(2, 3))
    shape.release()
    assert shape.is_done, "a click on the first corner closes"
    assert shape.finish() is not None
    close(outline(meant, at(2, 2), at(16, 3), at(15, 17)))
    assert masks[1].any()
    assert np.array_equal(*masks)
