"""The threshold brush against the plain brush and a range of values, by numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.domain.errors import AnnotatorError
from annotator.drawing.brush import Brush
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from annotator.drawing.threshold_brush import ThresholdBrush
from tests.unit.drawing.hands import stroke, take_back, take_up

if TYPE_CHECKING:
    from annotator.drawing.edit import Mask, Point

pytestmark = pytest.mark.unit

SPACING = (2.5, 1.0, 0.7)
SHAPE = (16, 40, 44)


def noisy_surface(rules: MaskingRules | None = None) -> Surface:
    """CT-like: stored values, from which 1024 is taken away."""
    stored = np.random.default_rng(5).integers(900, 1200, SHAPE).astype(np.uint16)
    return Surface(
        mask=np.zeros(SHAPE, np.uint16),
        image=stored,
        spacing_mm=SPACING,
        slope=1.0,
        intercept=-1024.0,
        rules=rules or MaskingRules(),
    )


def reached(plane: int, *, is_3d: bool, places: tuple[Point, ...], diameter_mm: float) -> Mask:
    mask: Mask = np.zeros(SHAPE, np.uint16)
    brush = take_up(
        Brush,
        Surface(mask=mask, spacing_mm=SPACING),
        diameter_mm=diameter_mm,
        plane=plane,
        is_3d=is_3d,
    )
    stroke(brush, *places)
    return mask


@pytest.mark.parametrize(
    ("plane", "is_3d"), [(0, False), (1, False), (2, False), (0, True)], ids=str
)
def test_paints_what_the_brush_reaches_and_the_range_holds(plane: int, is_3d: bool) -> None:
    surface = noisy_surface()
    places: tuple[Point, ...] = ((8.0, 3.0, 3.0), (8.0, 20.0, 20.0))
    if plane == 1:
        places = ((1.0, 20.0, 3.0), (15.0, 20.0, 30.0))
    elif plane == 2:
        places = ((1.0, 1.0, 20.0), (15.0, 30.0, 20.0))
    gesture = take_up(
        ThresholdBrush,
        surface,
        label=7,
        diameter_mm=13,
        plane=plane,
        index=round(places[0][plane]),
        is_3d=is_3d,
        source="set",
        low=-50,
        high=40,
    )
    edit = stroke(gesture, *places)
    assert edit is not None
    assert surface.image is not None
    units = surface.image.astype(int) - 1024
    within = reached(plane, is_3d=is_3d, places=places, diameter_mm=13).astype(bool)
    expected = within & (units >= -50) & (units <= 40)
    assert np.array_equal(surface.mask, np.where(expected, 7, 0))
    take_back(surface.mask, edit)
    assert not surface.mask.any()


def test_range_is_that_of_a_small_disc_under_the_press_and_stays() -> None:
    surface = noisy_surface()
    assert surface.image is not None
    surface.image[8, :, 22:] = 3000
    gesture = take_up(ThresholdBrush, surface, diameter_mm=12, index=8, spread=1.5)
    stroke(gesture, (8.0, 20.0, 14.0), (8.0, 20.0, 30.0))
    units = surface.image.astype(float) - 1024
    _, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    disc = np.hypot((y - 20) * 1.0, (x - 14) * 0.7) <= 2
    sample = units[8][disc[0]]
    low, high = sample.mean() - 1.5 * sample.std(), sample.mean() + 1.5 * sample.std()
    within = reached(0, is_3d=False, places=((8.0, 20.0, 14.0), (8.0, 20.0, 30.0)), diameter_mm=12)
    expected = (within > 0) & (units >= low) & (units <= high)
    assert np.array_equal(surface.mask > 0, expected)
    assert not surface.mask[8, :, 22:].any()


def test_only_what_hangs_together_with_the_pointer() -> None:
    mask: Mask = np.zeros((1, 30, 30), np.uint8)
    image = np.zeros((1, 30, 30), np.float32)
    image[0, 5:25, 10:14] = 100
    image[0, 5:25, 18:22] = 100
    surface = Surface(mask=mask, image=image)
    gesture = take_up(
        ThresholdBrush, surface, diameter_mm=40, source="set", low=90, high=110, connected=True
    )
    stroke(gesture, (0.0, 15.0, 12.0))
    parts, _ = ndimage.label(image)
    assert np.array_equal(mask > 0, parts == parts[0, 15, 12])


def test_tells_before_the_press_and_begins_with_it() -> None:
    image = np.full((1, 20, 20), 40, np.int16)
    gesture = take_up(ThresholdBrush, Surface(mask=np.zeros((1, 20, 20), np.uint8), image=image))
    gesture.hover((0.0, 10.0, 10.0))
    assert gesture.preview.text == "40; paints 39 to 41"
    erasing = take_up(ThresholdBrush, gesture.surface, label=0)
    erasing.hover((0.0, 10.0, 10.0))
    assert erasing.preview.text == "40; erases 39 to 41"
    assert not gesture.has_begun
    gesture.hover((0.0, 10.0, 60.0))
    assert not gesture.preview.text
    gesture.press((0.0, 60.0, 60.0))
    assert gesture.has_begun
    assert gesture.finish() is None
    gesture.drag((0.0, 10.0, 10.0))  # what lies outside is like nothing; this says what is meant
    assert gesture.finish() is not None


def test_an_empty_range_is_told() -> None:
    surface = noisy_surface()
    gesture = take_up(ThresholdBrush, surface, source="set", low=5, high=4)
    gesture.hover((8.0, 20.0, 20.0))
    with pytest.raises(AnnotatorError, match="lowest value is 5 and the highest 4"):
        gesture.press((8.0, 20.0, 20.0))


def test_rules_are_kept_and_cancel_puts_back() -> None:
    surface = noisy_surface(
        MaskingRules(locked=frozenset({4}), regions=(((0, 0, 0), (16, 40, 18)),))
    )
    surface.mask[:, :16] = 4
    before = surface.mask.copy()
    gesture = take_up(
        ThresholdBrush, surface, diameter_mm=20, is_3d=True, source="set", low=-1e6, high=1e6
    )
    gesture.press((8.0, 18.0, 18.0))
    changed = surface.mask != before
    assert changed.any()
    assert not changed[:, :16].any()
    assert not changed[..., 18:].any()
    gesture.cancel()
    assert np.array_equal(surface.mask, before)
