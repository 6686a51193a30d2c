"""Measures against SimpleITK's statistics of labels, and lines against known shapes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.measures import angle_degrees, area_mm2, length_mm, measure_label
from tests.unit.drawing.asking import SHAPE, SPACING, made_labels, section, surface_of

if TYPE_CHECKING:
    from annotator.drawing.surface import Surface

pytestmark = pytest.mark.unit


def with_image(seed: int) -> Surface:
    mask = made_labels(seed, dtype=np.uint16)
    image = np.random.default_rng(seed).integers(0, 4000, mask.shape).astype(np.int16)
    return surface_of(mask, image=image, slope=0.5, intercept=-1024.0)


def of_itk(surface: Surface) -> tuple[Any, Any]:
    labels = sitk.GetImageFromArray(surface.mask)
    values = sitk.GetImageFromArray(surface.values(surface.whole).astype(np.float64))
    for image in (labels, values):
        image.SetSpacing(SPACING[::-1])
    shapes, intensities = (
        sitk.LabelShapeStatisticsImageFilter(),
        sitk.LabelIntensityStatisticsImageFilter(),
    )
    shapes.ComputeFeretDiameterOn()
    shapes.Execute(labels)
    intensities.SetNumberOfBins(1 << 16)
    intensities.Execute(labels, values)
    return shapes, intensities


@pytest.mark.parametrize("label", [1, 2, 3])
def test_a_label_in_the_volume(label: int) -> None:
    surface = with_image(41)
    shapes, intensities = of_itk(surface)
    found = measure_label(surface, label)
    assert found.n_voxels == shapes.GetNumberOfPixels(label)
    assert found.volume_mm3 == pytest.approx(shapes.GetPhysicalSize(label))
    assert found.volume_ml == pytest.approx(shapes.GetPhysicalSize(label) / 1000)
    assert found.longest_mm == pytest.approx(shapes.GetFeretDiameter(label))
    x, y, z, width, height, depth = shapes.GetBoundingBox(label)
    assert found.box == ((z, y, x), (z + depth, y + height, x + width))
    shown = found.intensities
    assert shown is not None
    assert shown.mean == pytest.approx(intensities.GetMean(label))
    assert shown.sd == pytest.approx(intensities.GetStandardDeviation(label))
    assert shown.minimum == intensities.GetMinimum(label)
    assert shown.maximum == intensities.GetMaximum(label)
    assert shown.median == pytest.approx(intensities.GetMedian(label), abs=2.0)
    values = surface.values(surface.whole)[surface.mask == label]
    assert shown.percentiles == pytest.approx(np.percentile(values, (5, 25, 75, 95)).tolist())


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_areas_of_slices(plane: int) -> None:
    surface = with_image(42)
    surface.mask[section(plane, 0)] = 0
    step = math.prod(size for axis, size in enumerate(SPACING) if axis != plane)
    counts = np.count_nonzero(surface.mask == 2, axis=tuple({0, 1, 2} - {plane}))
    found = measure_label(surface, 2, plane=plane)
    first, last = found.box[0][plane], found.box[1][plane]
    assert found.slice_areas_mm2 == pytest.approx((counts[first:last] * step).tolist())
    assert counts.sum() == counts[first:last].sum()
    single = measure_label(surface, 2, plane=plane, index=7)
    assert single.slice_areas_mm2 == pytest.approx((counts[7] * step,))
    values = surface.values(surface.whole)[section(plane, 7)]
    inside = surface.mask[section(plane, 7)] == 2
    assert single.intensities is not None
    assert single.intensities.mean == pytest.approx(float(values[inside].mean()))


@pytest.mark.parametrize("seed", range(6))
def test_the_longest_way_through_a_label_of_any_shape(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.uint8)
    where = [np.arange(size) for size in SHAPE]
    flat = rng.permutation(3)[: seed % 3]  # a body, a sheet, a line
    for axis in flat:
        where[axis] = where[axis][:1]
    region = rng.random([len(part) for part in where]) < 0.4
    mask[np.ix_(*where)] = region
    places = np.argwhere(mask) * SPACING
    found = measure_label(surface_of(mask), 1)
    assert found.longest_mm == pytest.approx(pdist(places).max())


def test_a_single_voxel_colours_and_no_image() -> None:
    mask = np.zeros((3, 4, 5), np.uint8)
    mask[1, 2, 3] = 1
    colours = np.zeros((3, 4, 5, 3), np.uint8)
    colours[1, 2, 3] = 200
    found = measure_label(surface_of(mask, image=colours), 1).intensities
    assert found is not None
    assert [found.sd, found.minimum, found.median] == pytest.approx([0, 200, 200])
    assert measure_label(surface_of(mask), 1).intensities is None
    with pytest.raises(NothingToDoError, match="Label 2 is not drawn in this slice"):
        measure_label(surface_of(mask), 2, index=1)


coordinates = st.tuples(*[st.floats(-50, 50)] * 3)


@settings(max_examples=40)
@given(first=coordinates, vertex=coordinates, last=coordinates)
def test_lines_and_angles_are_those_between_physical_points(
    first: tuple[float, float, float],
    vertex: tuple[float, float, float],
    last: tuple[float, float, float],
) -> None:
    image = sitk.Image(4, 4, 4, sitk.sitkUInt8)
    image.SetSpacing(SPACING[::-1])
    a, at, b = (
        np.array(image.TransformContinuousIndexToPhysicalPoint(place[::-1]))
        for place in (first, vertex, last)
    )
    found = length_mm([first, vertex, last], SPACING)
    assert found == pytest.approx(math.dist(a, at) + math.dist(at, b))
    if math.dist(a, at) > 1e-3 and math.dist(b, at) > 1e-3:
        cosine = (a - at) @ (b - at) / (math.dist(a, at) * math.dist(b, at))
        expected = math.degrees(math.acos(min(1.0, max(-1.0, cosine))))
        assert angle_degrees(first, vertex, last, SPACING) == pytest.approx(expected, abs=1e-4)


def test_angles_of_known_shapes() -> None:
    assert angle_degrees((0, 4, 0), (0, 0, 0), (0, 0, 3), (1, 1, 1)) == pytest.approx(90)
    assert angle_degrees((0, 1, 0), (0, 0, 0), (1, 1, 0), (0.5, 0.5, 1)) == pytest.approx(45)
    assert angle_degrees((0, 1, 0), (0, 0, 0), (0, -2, 0), (1, 1, 1)) == pytest.approx(180)
    assert math.isnan(angle_degrees((1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1)))


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_areas_inside_lines(plane: int) -> None:
    spacing = (2.0, 0.5, 3.0)
    first, second = (axis for axis in range(3) if axis != plane)
    turns = np.linspace(0, 2 * math.pi, 721)[:-1]
    circle = np.full((720, 3), 5.0)
    circle[:, first] = 20 + 10 * np.cos(turns) / spacing[first]
    circle[:, second] = 30 + 10 * np.sin(turns) / spacing[second]
    places = [(z, y, x) for z, y, x in circle.tolist()]
    assert area_mm2(places, spacing) == pytest.approx(100 * math.pi, rel=1e-4)
    bent = np.full((6, 3), 1.0)
    bent[:, [first, second]] = [(0, 0), (4, 0), (4, 1), (1, 1), (1, 3), (0, 3)]
    area = area_mm2([(z, y, x) for z, y, x in bent.tolist()], spacing)
    assert area == pytest.approx(6 * spacing[first] * spacing[second])
    assert area_mm2([(0, 0, 0), (1, 1, 1)], spacing) == 0
