"""Marks are measured in mm and in the units of the image, held against sums done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from annotator.domain.geometry import Geometry
from annotator.domain.marks import Mark
from annotator.drawing.mark_measures import image_surface, measure_mark

pytestmark = pytest.mark.unit

SHAPE = (4, 30, 20)
SPACING = (3.0, 0.5, 0.8)
STORED = np.random.default_rng(4).integers(0, 4000, SHAPE).astype(np.int16)
GEOMETRY = Geometry(shape=SHAPE, spacing_mm=SPACING)
SURFACE = image_surface(STORED, GEOMETRY, slope=2.0, intercept=-1000.0)
HOUNSFIELD = STORED * 2.0 - 1000.0


def test_a_line_has_a_length_and_values_along_it() -> None:
    places = ((1.0, 2.5, 3.0), (2.0, 12.5, 3.0), (2.0, 12.5, 8.0), (0.0, 29.0, 19.0))
    found = measure_mark(Mark(mark_id=1, kind="line", places=places), SURFACE)
    assert found.unit == "mm"
    last = math.hypot(6.0, 16.5 * 0.5, 11 * 0.8)
    assert found.length == pytest.approx(math.hypot(3.0, 5.0) + 5 * 0.8 + last)
    assert found.angle_degrees is found.area is found.volume is None
    ask = RegularGridInterpolator([np.arange(n) for n in SHAPE], HOUNSFIELD)
    first = [(1 + t / 20, 2.5 + t / 2, 3.0) for t in range(21)]
    second = [(2.0, 12.5, 3 + t / 2) for t in range(1, 11)]
    third = [(2 - 2 * t / 33, 12.5 + t / 2, 8 + 11 * t / 33) for t in range(1, 34)]
    expected = ask([*first, *second, *third])
    assert found.intensities is not None
    assert found.intensities.mean == pytest.approx(expected.mean())
    assert found.intensities.sd == pytest.approx(expected.std(ddof=1))


def test_an_angle_is_taken_in_mm() -> None:
    places = ((0.0, 0.0, 10.0), (0.0, 0.0, 0.0), (1.0, 6.0, 0.0))
    mark = Mark(mark_id=1, kind="angle", places=places)
    assert measure_mark(mark, SURFACE).angle_degrees == pytest.approx(90.0)
    bent = Mark(mark_id=1, kind="angle", places=((1.0, 6.0, 0.0), (0, 0, 0), (0.0, 6.0, 0.0)))
    assert measure_mark(bent, SURFACE).angle_degrees == pytest.approx(45.0)
    nothing = Mark(mark_id=1, kind="angle", places=((0.0, 0.0, 0.0), (0, 0, 0), (0.0, 6.0, 0.0)))
    assert measure_mark(nothing, SURFACE).angle_degrees is None


def test_an_area_and_a_flat_box_hold_the_same_voxels() -> None:
    corners = ((2.0, 4.5, 2.5), (2.0, 4.5, 10.5), (2.0, 9.5, 10.5), (2.0, 9.5, 2.5))
    area = measure_mark(Mark(mark_id=1, kind="area", places=corners), SURFACE)
    box = measure_mark(Mark(mark_id=1, kind="box", places=(corners[2], corners[0])), SURFACE)
    voxels = HOUNSFIELD[2, 5:10, 3:11]
    assert area.area == box.area == pytest.approx(voxels.size * 0.5 * 0.8)
    assert area.length == pytest.approx(2 * (5 * 0.5 + 8 * 0.8))
    assert box.volume is None
    for found in (area.intensities, box.intensities):
        assert found is not None
        assert found.mean == pytest.approx(voxels.mean())
        assert found.sd == pytest.approx(voxels.std(ddof=1))
        assert (found.minimum, found.maximum) == (voxels.min(), voxels.max())
        assert found.median == np.median(voxels)


def test_a_box_has_a_volume_and_ends_at_the_image() -> None:
    places = ((3.4, 10.2, 4.9), (0.6, -9.0, 2.1))
    found = measure_mark(Mark(mark_id=1, kind="box", places=places), SURFACE)
    assert found.volume == pytest.approx(2.8 * 3.0 * 19.2 * 0.5 * 2.8 * 0.8)
    assert found.area is None
    assert found.intensities is not None
    assert found.intensities.mean == pytest.approx(HOUNSFIELD[1:4, :11, 3:5].mean())


def test_a_point_has_the_value_under_it_and_px_are_not_mm() -> None:
    point = Mark(mark_id=1, kind="landmark", name="tip", places=((3.0, 7.0, 9.0),))
    found = measure_mark(point, SURFACE).intensities
    assert found is not None
    assert (found.mean, found.sd) == (HOUNSFIELD[3, 7, 9], 0.0)
    away = Mark(mark_id=1, kind="point", places=((9.0, 7.0, 9.0),))
    assert measure_mark(away, SURFACE).intensities is None
    line = Mark(mark_id=1, kind="line", places=((0.0, 0.0, 0.0), (0.0, 3.0, 4.0)))
    photo = Geometry(shape=SHAPE, is_calibrated=False)
    in_px = measure_mark(line, image_surface(STORED, photo))
    assert (in_px.unit, in_px.length) == ("px", 5.0)


def test_of_what_is_too_large_to_be_looked_at_only_the_size_is_told() -> None:
    wide = Geometry(shape=(1, 5000, 5000), spacing_mm=(1.0, 0.1, 0.1))
    image = np.broadcast_to(np.int16(7), wide.shape)
    surface = image_surface(image, wide)
    far = ((0.0, 0.0, 0.0), (0.0, 4999.0, 4999.0))
    box = measure_mark(Mark(mark_id=1, kind="box", places=far), surface)
    assert box.intensities is None
    assert box.area == pytest.approx(499.9**2)
    corners = (*far, (0.0, 0.0, 4999.0))
    assert measure_mark(Mark(mark_id=1, kind="area", places=corners), surface).intensities is None
    along = measure_mark(Mark(mark_id=1, kind="line", places=far), surface).intensities
    assert along is not None
    assert (along.mean, along.sd) == (7.0, 0.0)
