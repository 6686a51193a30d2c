"""The ruler against lengths, angles and areas that are known, on each plane."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.drawing.ruler import Ruler
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import take_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.gesture import Gesture

pytestmark = pytest.mark.unit

SPACING = (2.0, 0.5, 0.25)


def ruler(plane: int = 0) -> Gesture:
    image = np.arange(20 * 30 * 40, dtype=np.int16).reshape(20, 30, 40) % 7
    surface = Surface(
        mask=np.zeros((20, 30, 40), np.uint8), image=image, spacing_mm=SPACING, slope=2.0
    )
    return take_up(Ruler, surface, plane=plane, index=5)


def drag(gesture: Gesture, *places: Point) -> None:
    gesture.press(places[0])
    for place in places[1:]:
        gesture.drag(place)
    gesture.release()


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_dragged_line_has_its_length_in_mm(plane: int) -> None:
    gesture = ruler(plane)
    start, end = [3.0, 4.0, 5.0], [9.0, 12.0, 25.0]
    start[plane] = end[plane] = 5.0
    drag(gesture, (start[0], start[1], start[2]), (end[0], end[1], end[2]))
    length = math.dist(np.multiply(start, SPACING), np.multiply(end, SPACING))
    assert gesture.preview.text == f"{length:.1f} mm"
    gesture.hover((5.0, 5.0, 5.0))
    assert len(gesture.preview.anchors) == 2, "what was dragged stays"
    gesture.confirm()
    assert gesture.is_done
    assert gesture.finish() is None


def test_corners_give_angle_area_and_values() -> None:
    gesture = ruler()
    for corner in ((5.0, 4.0, 4.0), (5.0, 24.0, 4.0), (5.0, 24.0, 24.0)):
        gesture.hover(corner)
        drag(gesture, corner)
    length, angle, area, values = gesture.preview.text.split(" · ")
    assert length == f"{20 * 0.5 + 20 * 0.25:.1f} mm"
    assert angle == "90°"
    assert area == f"{10 * 5 / 2:.0f} mm²"
    rows, columns = np.indices((30, 40))
    inside = (rows >= 4) & (rows <= 24) & (columns >= 4) & (columns - 4 <= rows - 4)
    expected = 2.0 * gesture.surface.image[5][inside]  # type: ignore[index]
    assert values == f"{expected.mean():.4g} ± {expected.std(ddof=1):.3g}"


def test_the_image_is_looked_at_once_for_corners_that_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[Box] = []
    values = Surface.values

    def look(surface: Surface, box: Box) -> NDArray[np.float32]:
        looked.append(box)
        return values(surface, box)

    monkeypatch.setattr(Surface, "values", look)
    image = np.zeros((1, 600, 600), np.int16)
    surface = Surface(mask=np.zeros(image.shape, np.uint8), image=image)
    gesture = take_up(Ruler, surface, plane=0, index=0)
    for corner in ((0.0, 10.0, 10.0), (0.0, 500.0, 10.0), (0.0, 500.0, 500.0)):
        drag(gesture, corner)
    for row in range(20):
        gesture.hover((0.0, float(row), 300.0))
        assert gesture.preview.text.endswith("0 ± 0")
    assert len(looked) == 1
    gesture.press((0.0, 400.0, 400.0))
    for column in range(20):
        gesture.drag((0.0, 10.0, 400.0 + column))
        assert gesture.preview.text.endswith("mm²"), "sizes only: the area is large"
    assert len(looked) == 1
    gesture.release()
    assert gesture.preview.text.endswith("0 ± 0")
    assert len(looked) == 2


def test_corners_are_taken_back_one_by_one() -> None:
    gesture = ruler()
    drag(gesture, (5.0, 4.0, 4.0), (5.0, 10.0, 4.0))
    assert gesture.step_back()
    assert gesture.preview.text == ""
    gesture.hover((5.0, 8.0, 4.0))
    assert gesture.preview.text == "2.0 mm"
    assert gesture.step_back()
    assert gesture.is_done
    assert not gesture.step_back()
