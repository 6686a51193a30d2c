"""The smoothing brush against the median filter of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from annotator.drawing.rules import MaskingRules
from annotator.drawing.smooth_brush import SmoothBrush
from annotator.drawing.surface import Surface
from tests.unit.drawing import replay
from tests.unit.drawing.asking import SHAPE, SPACING, made_labels
from tests.unit.drawing.hands import stroke, take_back, take_up

pytestmark = pytest.mark.unit

AT = (8.0, 12.0, 15.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("plane", "is_3d"), [(0, False), (1, False), (2, False), (0, True)])
def test_a_dab_is_the_median_of_a_box_as_far_as_the_brush_reaches(
    plane: int, is_3d: bool, dtype: type[np.unsignedinteger]
) -> None:
    mask = made_labels(9, dtype=dtype)
    mask[np.random.default_rng(2).random(SHAPE) < 0.3] = 0
    before = mask.copy()
    surface = Surface(mask=mask, spacing_mm=SPACING)
    gesture = take_up(
        SmoothBrush,
        surface,
        diameter_mm=14.0,
        plane=plane,
        index=int(AT[plane]),
        is_3d=is_3d,
        reach=1.5,
    )
    edit = stroke(gesture, AT)
    reach = [
        0 if axis == plane and not is_3d else max(1, round(1.5 / step))
        for axis, step in enumerate(SPACING)
    ]
    is_most = ndimage.median_filter(
        (before == 1).astype(np.uint8), size=[2 * far + 1 for far in reach], mode="nearest"
    )
    inside = replay.swept(SHAPE, SPACING, [AT], radius_mm=7.0, plane=None if is_3d else plane)
    expected = before.copy()
    expected[inside & (is_most == 0) & (before == 1)] = 0
    expected[inside & (is_most == 1) & (before == 0)] = 1
    np.testing.assert_array_equal(mask, expected)
    assert edit is not None
    take_back(mask, edit)
    np.testing.assert_array_equal(mask, before)


def test_a_rough_disc_becomes_smoother_and_keeps_its_place_and_size() -> None:
    y, x = np.mgrid[:80, :80]
    disc = (y - 40) ** 2 + (x - 40) ** 2 <= 25**2
    rough = disc ^ (np.random.default_rng(1).random(disc.shape) < 0.25) & (
        np.abs(np.hypot(y - 40, x - 40) - 25) < 4
    )
    mask = rough.astype(np.uint8)[None]
    surface = Surface(mask=mask)
    around = [
        (0.0, 40 + 25 * float(np.sin(a)), 40 + 25 * float(np.cos(a)))
        for a in np.linspace(0, 4 * np.pi, 60)
    ]
    stroke(take_up(SmoothBrush, surface, diameter_mm=12.0, reach=2.0), *around)
    off = np.count_nonzero((mask[0] == 1) != disc)
    assert off < 0.35 * np.count_nonzero(rough != disc)


def test_keeps_to_the_rules_and_leaves_other_labels() -> None:
    mask = made_labels(4)
    before = mask.copy()
    surface = Surface(mask=mask, spacing_mm=SPACING, rules=MaskingRules(locked=frozenset({1})))
    assert stroke(take_up(SmoothBrush, surface, label=1, diameter_mm=20.0), AT) is None
    assert stroke(take_up(SmoothBrush, surface, label=2, diameter_mm=20.0), AT) is not None
    for label in (1, 3):
        np.testing.assert_array_equal(mask == label, before == label)
