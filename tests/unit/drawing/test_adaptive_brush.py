"""The adaptive brush on phantoms with a known border, against the plain brush and a watershed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import watershed

from annotator.drawing.adaptive_brush import AdaptiveBrush
from annotator.drawing.brush import Brush
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import stroke, take_back, take_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask, Point

    Region = NDArray[np.bool_]

pytestmark = pytest.mark.unit

SHAPE = (24, 96, 96)
SPACING = (3.0, 1.0, 1.0)


def ball(radius_mm: float = 30.0) -> Region:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside: Region = ((z - 12) * 3) ** 2 + (y - 48) ** 2 + (x - 40) ** 2 <= radius_mm**2
    return inside


def surface_of(truth: Region, contrast: float, *, seed: int = 1, dtype: str = "i2") -> Surface:
    """The truth blurred by a voxel, with noise of 10 units; `contrast` is in units of noise."""
    blurred = ndimage.gaussian_filter(truth * 10.0 * contrast, (0.3, 1.0, 1.0))
    noise = np.random.default_rng(seed).normal(0, 10, SHAPE)
    return Surface(
        mask=np.zeros(SHAPE, np.uint8),
        image=(blurred + noise + 50).astype(dtype),
        spacing_mm=SPACING,
    )


def dice(left: Region, right: Region) -> float:
    return float(2 * np.count_nonzero(left & right) / (left.sum() + right.sum()))


def footprint(places: tuple[Point, ...], plane: int, *, is_3d: bool, diameter_mm: float) -> Region:
    mask: Mask = np.zeros(SHAPE, np.uint8)
    surface = Surface(mask=mask, spacing_mm=SPACING)
    brush = take_up(Brush, surface, plane=plane, is_3d=is_3d, diameter_mm=diameter_mm)
    stroke(brush, *places)
    return mask.astype(bool)


def round_the_border(radius_mm: float, plane: int = 0) -> tuple[Point, ...]:
    """Places on a circle inside the ball, one mouse event after the other."""
    angles = np.linspace(-1.0, 1.0, 9)
    rows, columns = radius_mm * np.sin(angles), radius_mm * np.cos(angles)
    if plane == 0:
        return tuple(
            (12.0, 48 + float(a), 40 + float(b)) for a, b in zip(rows, columns, strict=True)
        )
    if plane == 1:
        return tuple(
            (12 + float(a) / 3, 48.0, 40 + float(b)) for a, b in zip(rows, columns, strict=True)
        )
    return tuple(
        (12 + float(a) / 3, 48 + float(b), 40.0) for a, b in zip(rows, columns, strict=True)
    )


@pytest.mark.parametrize(
    ("plane", "is_3d", "contrast", "least"),
    [
        (0, False, 3, 0.96),
        (0, False, 5, 0.985),
        (0, False, -12, 0.985),
        (1, False, 5, 0.97),
        (2, False, 5, 0.97),
        (0, True, 6, 0.96),
    ],
)
def test_follows_the_border_of_a_noisy_ball(
    plane: int, is_3d: bool, contrast: float, least: float
) -> None:
    truth = ball()
    surface = surface_of(truth, contrast)
    places = round_the_border(20.0, plane)
    gesture = take_up(
        AdaptiveBrush,
        surface,
        diameter_mm=30,
        plane=plane,
        index=round(places[0][plane]),
        is_3d=is_3d,
    )
    edit = stroke(gesture, *places)
    assert edit is not None
    reached = footprint(places, plane, is_3d=is_3d, diameter_mm=30)
    found, wanted = surface.mask > 0, truth & reached
    assert not (found & ~reached).any()
    assert dice(found, wanted) > max(least, dice(reached, wanted) + 0.05)
    far = ndimage.distance_transform_edt(~truth, SPACING) > 2.5
    assert np.count_nonzero(found & far) <= 0.003 * np.count_nonzero(reached & far)
    take_back(surface.mask, edit)
    assert not surface.mask.any()


def test_better_than_a_watershed_between_pointer_and_rim() -> None:
    """Their gradient smoothed more than ours, from a place of the same size as ours."""
    truth = ball()
    at = (12.0, 48.0, 62.0)
    reached = footprint((at,), 0, is_3d=False, diameter_mm=30)[12]
    wanted = truth[12] & reached
    ours, theirs = [], []
    for seed in range(4):
        surface = surface_of(truth, 5, seed=seed)
        stroke(take_up(AdaptiveBrush, surface, diameter_mm=30, index=12), at)
        ours.append(dice(surface.mask[12] > 0, wanted))
        assert surface.image is not None
        slope = ndimage.gaussian_gradient_magnitude(surface.image[12].astype(float), 1.5)
        seeds = np.where(reached & ~ndimage.binary_erosion(reached), 2, 0)
        seeds[44:53, 58:67] = 1
        parts = watershed(slope, seeds, mask=reached)  # type: ignore[no-untyped-call]
        theirs.append(dice(parts == 1, wanted))
    assert min(ours) > 0.97
    assert min(ours) > max(theirs)


def test_an_even_place_is_painted_as_by_the_plain_brush() -> None:
    surface = surface_of(np.ones(SHAPE, bool), 5, dtype="f4")
    places = ((12.0, 48.0, 30.0), (12.0, 50.0, 60.0))
    gesture = take_up(AdaptiveBrush, surface, diameter_mm=24, index=12, tolerance=3)
    stroke(gesture, *places)
    assert np.array_equal(surface.mask > 0, footprint(places, 0, is_3d=False, diameter_mm=24))


def test_less_tolerance_stops_at_weaker_edges_and_more_runs_over() -> None:
    truth = ball()
    painted = []
    for tolerance in (1.5, 8.0):
        surface = surface_of(truth, 3)
        gesture = take_up(AdaptiveBrush, surface, diameter_mm=30, index=12, tolerance=tolerance)
        stroke(gesture, (12.0, 48.0, 62.0))
        painted.append(surface.mask[12] > 0)
    reached = footprint(((12.0, 48.0, 62.0),), 0, is_3d=False, diameter_mm=30)[12]
    assert dice(painted[0], truth[12] & reached) > 0.95
    assert np.array_equal(painted[1], reached)


@pytest.mark.parametrize("hold", [False, True])
def test_across_a_border_it_follows_the_pointer_or_holds(hold: bool) -> None:
    truth = ball()
    surface = surface_of(truth, 8)
    gesture = take_up(AdaptiveBrush, surface, diameter_mm=12, index=12, hold=hold)
    stroke(gesture, (12.0, 48.0, 55.0), (12.0, 48.0, 90.0))
    outside = ndimage.distance_transform_edt(~truth, SPACING)[12] > 2.5
    painted = np.count_nonzero((surface.mask[12] > 0) & outside)
    assert (painted == 0) if hold else (painted > 100)


def test_tells_before_the_press_keeps_the_rules_and_can_be_cancelled() -> None:
    truth = ball()
    rules = MaskingRules(locked=frozenset({3}))
    surface = Surface(mask=np.zeros(SHAPE, np.uint8), image=surface_of(truth, 8).image, rules=rules)
    surface.mask[:, :48] = 3
    gesture = take_up(AdaptiveBrush, surface, diameter_mm=20, index=12)
    gesture.hover((12.0, 48.0, 40.0))
    assert not gesture.has_begun
    middle, low, high = (
        float(word) for word in gesture.preview.text.replace(";", "").split() if word[-1].isdigit()
    )
    assert middle == pytest.approx(130, abs=6)
    assert (high - low) / 4 == pytest.approx(10, rel=0.2)
    gesture.hover((12.0, 48.0, 400.0))
    assert not gesture.preview.text
    gesture.press((12.0, 48.0, 40.0))
    gesture.drag((12.0, 48.0, 400.0))
    assert (surface.mask[12] == 1).any()
    assert (surface.mask[:, :48] == 3).all()
    gesture.cancel()
    assert not surface.mask[:, 48:].any()
