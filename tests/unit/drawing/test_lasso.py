"""Lasso against skimage's polygon, on each plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.draw import polygon

from annotator.drawing.lasso import Lasso
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import stroke, take_back, take_up, worked

if TYPE_CHECKING:
    from annotator.drawing.edit import Mask, Point

pytestmark = pytest.mark.unit

ANGLES = np.linspace(0, 2 * np.pi, 40, endpoint=False)
BLOB = [
    (float(15.3 + r * np.sin(t)), float(16.1 + r * np.cos(t)))
    for t, r in zip(ANGLES, 9 + 3 * np.cos(3 * ANGLES), strict=True)
]


def on_slice(plane: int, index: int, place: tuple[float, float]) -> Point:
    point = [place[0], place[1]]
    point.insert(plane, float(index))
    return point[0], point[1], point[2]


def filled(outline: list[tuple[float, float]], label: int = 1) -> Mask:
    expected = np.zeros((32, 32), np.uint16)
    rows, columns = zip(*outline, strict=True)
    expected[polygon(rows, columns, expected.shape)] = label  # type: ignore[no-untyped-call]
    return expected


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_drawn_in_one_go_it_is_filled_when_the_button_goes_up(plane: int) -> None:
    mask: Mask = np.zeros((32, 32, 32), np.uint16)
    lasso = take_up(Lasso, mask, plane=plane, index=5, label=900)
    edit = stroke(lasso, *(on_slice(plane, 5, place) for place in BLOB))
    assert edit is not None
    assert np.array_equal(mask.take(5, axis=plane), filled(BLOB, 900))
    assert mask.sum() == filled(BLOB, 900).sum()
    take_back(mask, edit)
    assert not mask.any()


def test_clicks_and_drawn_parts_go_on_until_confirmed() -> None:
    mask: Mask = np.zeros((1, 32, 32), np.uint8)
    lasso = take_up(Lasso, mask)
    lasso.press((0.0, 3.0, 3.0))
    lasso.drag((0.0, 3.2, 3.1))  # the hand shakes: still a click
    lasso.release()
    assert not lasso.is_done
    lasso.hover((0.0, 3.0, 20.0))
    assert lasso.preview.lines[1].is_dashed
    assert lasso.preview.lines[1].points.tolist() == [[0, 3, 3], [0, 3, 20], [0, 3, 3]]
    drawn = [(3.0, 28.0), (10.0, 25.0), (20.0, 29.0)]
    lasso.press((0.0, *drawn[0]))
    for place in drawn[1:]:
        lasso.drag((0.0, *place))
    lasso.release()
    assert not lasso.is_done
    lasso.press((0.0, 31.0, 31.0))
    lasso.release()
    assert lasso.step_back()  # the corner, not the part that was drawn
    lasso.press((0.0, 27.5, 8.0))
    lasso.release()
    lasso.confirm()
    edit = lasso.finish()
    assert edit is not None
    assert np.array_equal(mask[0], filled([(3.0, 3.0), *drawn, (27.5, 8.0)]))


def test_parts_are_taken_back_until_none_is_left() -> None:
    lasso = take_up(Lasso, np.zeros((1, 32, 32), np.uint8))
    for place in ((2.0, 2.0), (2.0, 9.0)):
        lasso.press((0.0, *place))
        lasso.release()
    assert lasso.step_back()
    assert isinstance(lasso, Lasso)
    assert lasso.outline == [(0.0, 2.0, 2.0)]
    assert lasso.step_back()
    assert lasso.is_done
    assert not lasso.step_back()
    assert worked(lasso) is None


def test_cuts_out_with_label_0_and_what_is_locked_stays() -> None:
    mask: Mask = np.ones((1, 32, 32), np.uint8)
    mask[0, :, 16:] = 2
    before = mask.copy()
    lasso = take_up(Lasso, Surface(mask=mask, rules=MaskingRules(locked=frozenset({2}))), label=0)
    stroke(lasso, *((0.0, *place) for place in BLOB))
    assert np.array_equal(mask[0], np.where(filled(BLOB) & (before[0] == 1), 0, before[0]))


def test_reaching_over_the_edge_is_cut_off_and_cancel_writes_nothing() -> None:
    mask: Mask = np.zeros((1, 32, 32), np.uint8)
    lasso = take_up(Lasso, mask)
    for place in ((-9.0, -9.0), (-9.0, 50.0), (50.0, 50.0)):
        lasso.press((0.0, *place))
        lasso.release()
    lasso.cancel()
    assert not mask.any()
    lasso = take_up(Lasso, mask)
    stroke(lasso, (0.0, -9.0, -9.0), (0.0, -9.0, 50.0), (0.0, 50.0, 50.0), (0.0, 50.0, -9.0))
    assert mask.all()
