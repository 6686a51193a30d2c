"""Scissors against an outline that numpy pushes through the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.draw import polygon2mask

from annotator.domain.errors import CancelledError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.rules import MaskingRules
from annotator.drawing.scissors import Scissors
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import stroke, take_back, take_up, worked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask, Point

pytestmark = pytest.mark.unit

SHAPE = (22, 26, 40)
SPACING = (2.0, 1.0, 0.5)
CORNERS = [(3.2, 4.1), (15.6, 2.3), (19.4, 13.7), (11.1, 9.6), (4.4, 18.2)]
INDEX = 7


def labels(kind: type[np.unsignedinteger]) -> Mask:
    return np.random.default_rng(3).integers(0, 4, SHAPE).astype(kind)


def places(plane: int) -> list[Point]:
    found: list[Point] = []
    for row, column in CORNERS:
        at = [row, column]
        at.insert(plane, float(INDEX))
        found.append((at[0], at[1], at[2]))
    return found


def extruded(plane: int, depth_mm: float | None) -> NDArray[np.bool_]:
    shape = tuple(size for axis, size in enumerate(SHAPE) if axis != plane)
    section = polygon2mask(shape, np.array(CORNERS))  # type: ignore[no-untyped-call]
    inside = np.repeat(np.expand_dims(section, plane), SHAPE[plane], axis=plane)
    if depth_mm is not None:
        away = np.abs(np.arange(SHAPE[plane]) - INDEX) * SPACING[plane]
        inside &= np.expand_dims(away <= depth_mm, [axis for axis in range(3) if axis != plane])
    return np.asarray(inside)


@pytest.mark.parametrize("operation", ["erase-inside", "erase-outside", "fill-inside"])
@pytest.mark.parametrize("depth_mm", [None, 3.0])
@pytest.mark.parametrize(("plane", "which"), [(0, "held"), (1, "all"), (2, "held")])
def test_equals_an_outline_pushed_through(
    plane: int, which: str, depth_mm: float | None, operation: str
) -> None:
    mask = labels(np.uint16 if plane else np.uint8)
    start = mask.copy()
    surface = Surface(mask=mask, spacing_mm=SPACING)
    cut = take_up(
        Scissors,
        surface,
        label=2,
        plane=plane,
        index=INDEX,
        operation=operation,
        range="whole" if depth_mm is None else "near",
        depth_mm=depth_mm or 0.0,
        labels=which,
    )
    edit = stroke(cut, *places(plane))
    assert edit is not None
    inside = extruded(plane, depth_mm)
    expected = start.copy()
    if operation == "fill-inside":
        expected[inside] = 2
    else:
        reached = extruded(plane, None)
        if operation == "erase-outside":
            deep = extruded(plane, depth_mm).any(
                axis=tuple(axis for axis in range(3) if axis != plane), keepdims=True
            )
            reached = ~reached & deep
        else:
            reached = inside
        expected[reached & ((start == 2) if which == "held" else (start > 0))] = 0
    assert np.array_equal(mask, expected)
    take_back(mask, edit)
    assert np.array_equal(mask, start)


def test_corners_are_clicked_and_rules_hold() -> None:
    mask = labels(np.uint8)
    start = mask.copy()
    surface = Surface(mask=mask, rules=MaskingRules(locked=frozenset({3})))
    cut = take_up(Scissors, surface, label=0, plane=2, index=INDEX)
    for place in places(2):
        cut.press(place)
        cut.release()
    assert not cut.is_done
    cut.confirm()
    assert worked(cut) is not None
    inside = extruded(2, None)
    assert not mask[inside & (start != 3)].any()
    assert np.array_equal(mask[start == 3], start[start == 3])
    assert np.array_equal(mask[~inside], start[~inside])
    cut.cancel()
    assert np.array_equal(mask, start)


def test_cutting_can_be_cancelled_or_meet_nothing() -> None:
    mask = labels(np.uint8)
    cut = take_up(Scissors, mask, label=9, plane=0, index=INDEX)
    with pytest.raises(NothingToDoError, match="met nothing"):
        stroke(cut, *places(0))
    outside = [(7.0, -20.0, -20.0), (7.0, -20.0, -9.0), (7.0, -9.0, -9.0)]
    with pytest.raises(NothingToDoError):
        stroke(take_up(Scissors, mask, plane=0, index=INDEX), *outside)
    cut = take_up(Scissors, mask, plane=0, index=INDEX)
    for place in places(0):
        cut.press(place)
    cut.confirm()
    assert cut.work is not None
    with pytest.raises(CancelledError):
        cut.work(lambda: True)
    line = take_up(Scissors, mask, plane=0, index=INDEX)
    line.press((7.0, 3.0, 3.0))
    line.release()
    line.confirm()
    assert line.is_done
    assert line.finish() is None
