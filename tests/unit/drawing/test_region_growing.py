"""Region growing against SimpleITK and against labelling by scipy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.domain.errors import CancelledError
from annotator.drawing import region_growing
from annotator.drawing.fill import LeakError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.region_growing import RegionGrowing
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import take_back, take_up, worked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Point
    from annotator.drawing.gesture import Gesture

pytestmark = pytest.mark.unit

SHAPE = (20, 44, 52)
SEED = (9, 20, 25)


def tissue(kind: type[np.unsignedinteger] = np.uint8, rules: MaskingRules | None = None) -> Surface:
    """Return a ball in noise, with a bridge to another one."""
    random = np.random.default_rng(7)
    z, y, x = np.indices(SHAPE)
    image = 60.0 * (np.sqrt(4 * (z - 9) ** 2 + (y - 20) ** 2 + (x - 25) ** 2) < 14)
    image[8:11, 18:22, 25:50] = 60
    image = ndimage.gaussian_filter(image, 0.8) + random.normal(0, 6, SHAPE)
    return Surface(
        mask=np.zeros(SHAPE, kind),
        image=np.rint(image).astype(np.int16),
        spacing_mm=(2.0, 1.0, 0.8),
        slope=2.0,
        intercept=-30.0,
        rules=rules or MaskingRules(),
    )


def shown_range(gesture: Gesture) -> tuple[float, float]:
    low, high = gesture.preview.text.split(" … ")
    return float(low), float(high)


def dragged(surface: Surface, to: Point, **chosen: float) -> Gesture:
    growing = take_up(RegionGrowing, surface, plane=0, index=SEED[0], label=5, is_3d=True, **chosen)
    growing.press((9.0, 20.0, 25.0))
    growing.drag(to)
    return growing


def connected(surface: Surface, low: float, high: float) -> NDArray[np.bool_]:
    sitk = pytest.importorskip("SimpleITK")
    values = surface.values(surface.whole)
    found = sitk.ConnectedThreshold(
        sitk.GetImageFromArray(values), seedList=[SEED[::-1]], lower=low, upper=high
    )
    inside: NDArray[np.bool_] = sitk.GetArrayFromImage(found) > 0
    return inside


@pytest.mark.parametrize("away", [0.0, 9.0, 25.0])
def test_the_volume_is_that_of_simpleitk(away: float, monkeypatch: pytest.MonkeyPatch) -> None:
    surface = tissue(np.uint16 if away else np.uint8)
    monkeypatch.setattr(region_growing, "number_text", repr)
    growing = dragged(surface, (9.0, 20.0, 25.0 + away), radius_mm=500.0)
    low, high = shown_range(growing)
    growing.release()
    assert growing.work is not None
    assert not surface.mask.any()
    edit = worked(growing)
    assert edit is not None
    assert np.array_equal(surface.mask == 5, connected(surface, low, high))
    take_back(surface.mask, edit)
    assert not surface.mask.any()


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_slice_within_the_radius(plane: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_growing, "number_text", repr)
    surface = tissue()
    growing = take_up(
        RegionGrowing, surface, plane=plane, index=SEED[plane], label=5, radius_mm=9.0
    )
    growing.press((9.2, 20.3, 24.8))
    assert growing.has_begun
    to = np.array(SEED, float)
    to[(plane + 1) % 3] += 8
    growing.drag((to[0], to[1], to[2]))
    low, high = shown_range(growing)
    growing.release()
    edit = growing.finish()
    assert edit is not None
    values = surface.values(surface.whole)
    steps = np.reshape(surface.spacing_mm, (3, 1, 1, 1))
    mm = np.sqrt((((np.indices(SHAPE) - np.reshape(SEED, (3, 1, 1, 1))) * steps) ** 2).sum(axis=0))
    members = (values >= low) & (values <= high) & (mm <= 9.0)
    section = members.take(SEED[plane], axis=plane)
    parts, _ = ndimage.label(section)
    place = tuple(at for axis, at in enumerate(SEED) if axis != plane)
    drawn = surface.mask.take(SEED[plane], axis=plane) == 5
    assert np.array_equal(drawn, parts == parts[place])
    assert np.count_nonzero(surface.mask) == np.count_nonzero(drawn)
    assert np.count_nonzero(drawn) > 20


def test_further_is_more_and_back_is_fewer() -> None:
    growing = dragged(tissue(), (9.0, 20.0, 25.0))
    ranges, points = [], []
    for away in (0.0, 10.0, 20.0, 40.0, 10.0):
        growing.drag((9.0, 20.0 - away, 25.0))
        ranges.append(shown_range(growing))
        points.append(sum(len(line.points) for line in growing.preview.lines))
    assert ranges[0][0] > ranges[1][0] > ranges[2][0] > ranges[3][0]
    assert ranges[0][1] < ranges[1][1] < ranges[2][1] < ranges[3][1]
    assert ranges[4] == ranges[1]
    assert points[4] == points[1] > 0


def test_the_volume_is_bounded_cancelled_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    surface = tissue()
    near = dragged(surface, (9.0, 20.0, 45.0), radius_mm=6.0)
    near.release()
    edit = worked(near)
    assert edit is not None
    steps = np.array(surface.spacing_mm)
    places = (np.argwhere(surface.mask == 5) - SEED) * steps
    assert 4 < np.linalg.norm(places, axis=1).max() <= 6.0
    take_back(surface.mask, edit)
    far = dragged(surface, (9.0, 20.0, 45.0))
    far.release()
    assert far.work is not None
    with pytest.raises(CancelledError):
        far.work(lambda: True)
    monkeypatch.setattr(region_growing, "MAX_VOXELS", 100)
    with pytest.raises(LeakError, match="smaller radius"):
        far.work(lambda: False)
    assert not surface.mask.any()
    with pytest.raises(NothingToDoError, match="inside the image"):
        take_up(RegionGrowing, surface).press((0.0, -4.0, 3.0))


def test_rules_hold_and_dropping_leaves_nothing() -> None:
    surface = tissue(rules=MaskingRules(intensity=(60.0, 200.0)))
    growing = dragged(surface, (9.0, 20.0, 55.0))
    growing.release()
    assert worked(growing) is not None
    assert surface.values(surface.whole)[surface.mask == 5].min() >= 60.0
    growing.cancel()
    assert not surface.mask.any()
