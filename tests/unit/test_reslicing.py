"""Slabs and oblique slices against numpy and SimpleITK, surfaces against analytic bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import marching_cubes

from annotator.analysis.label_surface import LabelSurface, label_surface, vertex_normals
from annotator.analysis.reslicing import oblique, plane_axes, slab, slices_within, turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.reslicing import Projection

    Volume = NDArray[np.int16]

pytestmark = pytest.mark.unit

SPACING = (2.0, 0.5, 0.8)


@pytest.fixture(scope="module")
def volume() -> Volume:
    smooth = np.random.default_rng(5).normal(0, 300, (14, 30, 26))
    return smooth.astype(np.int16)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("projection", "peer"), [("maximum", np.max), ("minimum", np.min)])
def test_a_slab_is_a_projection_of_its_slices(
    volume: Volume, axis: int, projection: Projection, peer: Callable[..., Volume]
) -> None:
    for index, n, wanted in ((5, 5, range(3, 8)), (0, 4, range(2)), (13, 1, range(13, 14))):
        got = slab(volume, axis, index, n, projection)
        np.testing.assert_array_equal(got, peer(volume.take(list(wanted), axis=axis), axis=axis))
        assert got.dtype == volume.dtype


def test_thickness_in_mm() -> None:
    assert [slices_within(10.0, spacing) for spacing in (2.0, 3.0, 25.0)] == [5, 3, 1]


def test_an_oblique_slice_equals_simpleitk(volume: Volume) -> None:
    down, right = (1.0, 2.0, 0.3), (0.2, -0.4, 1.0)
    centre, shape, pixel = (6.0, 14.0, 12.0), (21, 17), 0.4
    ours = oblique(
        volume,
        SPACING,
        centre=centre,
        down=down,
        right=right,
        shape=shape,
        pixel_mm=pixel,
        outside=float(volume.min()),
    )
    image = SimpleITK.GetImageFromArray(volume)
    image.SetSpacing(SPACING[::-1])
    axes = plane_axes(down, right)
    normal = np.cross(axes[1], axes[0])
    middle = np.asarray(centre) * SPACING
    first = middle - axes[0] * pixel * (shape[0] - 1) / 2 - axes[1] * pixel * (shape[1] - 1) / 2
    columns = np.stack([axes[1][::-1], axes[0][::-1], normal[::-1]], axis=1)
    peer = SimpleITK.Resample(
        image,
        (shape[1], shape[0], 1),
        SimpleITK.Transform(),
        SimpleITK.sitkLinear,
        tuple(first[::-1]),
        (pixel, pixel, 1.0),
        tuple(columns.reshape(-1)),
        float(volume.min()),
    )
    np.testing.assert_allclose(ours, SimpleITK.GetArrayFromImage(peer)[0], atol=1)


def test_along_the_axes_an_oblique_slice_is_the_stored_one(volume: Volume) -> None:
    ours = oblique(
        volume,
        (1.0, 1.0, 1.0),
        centre=(7, 14.5, 12.5),
        down=(0, 1, 0),
        right=(0, 0, 1),
        shape=(30, 26),
        pixel_mm=1.0,
        order=0,
    )
    np.testing.assert_array_equal(ours, volume[7])


@settings(max_examples=30, deadline=None)
@given(one=st.floats(-3, 3), other=st.floats(-3, 3))
def test_turned_axes_stay_perpendicular_and_turn_back(one: float, other: float) -> None:
    start = plane_axes((0, 1, 0), (0, 0, 1))
    axes = turned(start, about_down=one, about_right=other)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    back = turned(turned(axes, about_right=-other), about_down=-one)
    np.testing.assert_allclose(back, start, atol=1e-9)


def test_parallel_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="span a plane"):
        plane_axes((0, 1, 0), (0, 2, 0))


def _enclosed_mm3(surface: LabelSurface) -> float:
    """Return the signed volume inside closed triangles (divergence theorem)."""
    a, b, c = (surface.points[surface.triangles[:, corner]].astype(float) for corner in range(3))
    return abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6)


def test_the_surface_of_a_ball_is_a_sphere_in_mm() -> None:
    z, y, x = np.ogrid[:30, :60, :60]
    mask = np.zeros((30, 60, 60), np.uint8)
    mask[((z - 14) * 2.0) ** 2 + (y - 30) ** 2 + (x - 28) ** 2 <= 20.0**2] = 3
    surface = label_surface(mask, 3, (2.0, 1.0, 1.0))
    assert surface is not None
    assert surface.step == (1, 1, 1)
    away = np.linalg.norm(surface.points - np.array([28.0, 30.0, 28.0]), axis=1)
    assert abs(away.mean() - 20) < 0.5
    assert away.std() < 0.6
    assert _enclosed_mm3(surface) == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.04)
    coarse = label_surface(mask, 3, (2.0, 1.0, 1.0), max_voxels=4000)
    assert coarse is not None
    assert max(coarse.step) > 1
    assert _enclosed_mm3(coarse) == pytest.approx(_enclosed_mm3(surface), rel=0.06)
    plain = label_surface(mask, 3, (2.0, 1.0, 1.0), max_triangles=2000)
    assert plain is not None
    assert 500 < len(plain.triangles) <= 2400
    assert label_surface(mask, 2, (2.0, 1.0, 1.0)) is None
    outwards = (surface.points - 28.0 - np.array([0.0, 2.0, 0.0])) / away[:, None]
    normals = vertex_normals(surface.points, surface.triangles)
    assert np.einsum("ij,ij->i", normals, outwards).min() > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_layers_make_the_surface_that_the_whole_makes(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(13, 20, 17))
    mask = np.pad((ndimage.gaussian_filter(noise, 1 + seed) > 0).astype(np.uint8), 1)
    surface = label_surface(mask, 1, (1.0, 1.0, 1.0))
    assert surface is not None
    smooth = ndimage.gaussian_filter(np.pad(mask, 4).astype(np.float32), 0.7)
    level = min(0.5, 0.5 * float(smooth.max()))
    points, triangles, _, _ = marching_cubes(smooth, level)  # type: ignore[no-untyped-call]
    assert len(surface.triangles) == len(triangles)
    assert surface.points.shape == points.shape
    order, known = (np.lexsort(np.round(places, 3).T) for places in (surface.points, points))
    np.testing.assert_allclose(surface.points[order] + 4, points[known], atol=2e-3)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 9), (6, 6, 6)])
def test_surfaces_are_closed_also_at_the_edge_and_of_one_voxel(shape: tuple[int, int, int]) -> None:
    surface = label_surface(np.ones(shape, np.uint8), 1, (1.0, 1.0, 1.0))
    assert surface is not None
    sides = np.sort(
        np.concatenate(
            [
                surface.triangles[:, [0, 1]],
                surface.triangles[:, [1, 2]],
                surface.triangles[:, [2, 0]],
            ]
        ),
        axis=1,
    )
    _, counts = np.unique(sides, axis=0, return_counts=True)
    assert (counts == 2).all(), "each side belongs to two triangles"
