"""Polygon against skimage, on each plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.draw import polygon

from annotator.drawing.edit import box_slices
from annotator.drawing.polygon import Polygon

if TYPE_CHECKING:
    from annotator.drawing.edit import Mask

pytestmark = pytest.mark.unit

STAR = [(2.0, 10.2), (18.4, 16.0), (5.0, 1.0), (6.3, 19.0), (17.0, 3.5)]


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_equals_skimage_and_can_be_undone(plane: int) -> None:
    mask: Mask = np.zeros((20, 20, 20), np.uint8)
    shape = Polygon(mask, plane=plane, value=6)
    for row, column in STAR:
        point = [row, column]
        point.insert(plane, 7.0)
        shape.add((point[0], point[1], point[2]))
    edit = shape.close()
    assert edit is not None
    expected = np.zeros((20, 20), np.uint8)
    rows, columns = zip(*STAR, strict=True)
    expected[polygon(rows, columns, expected.shape)] = 6  # type: ignore[no-untyped-call]
    assert np.array_equal(mask.take(7, axis=plane), expected)
    assert mask.sum() == expected.sum()
    mask[box_slices(edit.box)] = edit.before
    assert not mask.any()


def test_reaching_over_the_edge_is_cut_off() -> None:
    mask: Mask = np.zeros((1, 10, 10), np.uint8)
    shape = Polygon(mask, plane=0, value=1)
    for row, column in ((-50.0, -50.0), (-50.0, 60.0), (60.0, 60.0), (60.0, -50.0)):
        shape.add((0.0, row, column))
    shape.close()
    assert mask.all()


def test_outside_or_without_area_is_no_edit() -> None:
    mask: Mask = np.zeros((1, 10, 10), np.uint8)
    shape = Polygon(mask, plane=0, value=1)
    shape.add((0.0, 2.0, 2.0))
    shape.add((0.0, 2.0, 2.0))
    shape.add((0.0, 5.0, 5.0))
    assert len(shape.vertices) == 2
    assert shape.close() is None
    for row, column in ((20.0, 20.0), (20.0, 30.0), (30.0, 30.0)):
        shape.add((0.0, row, column))
    assert shape.close() is None
    assert shape.vertices == []


def test_the_last_vertex_can_be_taken_back() -> None:
    shape = Polygon(np.zeros((1, 10, 10), np.uint8), plane=0, value=1)
    shape.add((0.0, 1.0, 1.0))
    shape.add((0.0, 4.0, 4.0))
    shape.remove_last()
    assert shape.vertices == [(0.0, 1.0, 1.0)]
    shape.remove_last()
    shape.remove_last()
    assert shape.vertices == []
