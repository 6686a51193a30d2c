from __future__ import annotations

import math
from dataclasses import replace

import pytest

from annotator.domain.geometry import Direction, Geometry

pytestmark = pytest.mark.unit

CT = Geometry(shape=(60, 512, 512), spacing_mm=(5.0, 0.7, 0.7), origin_mm=(-179.0, -179.0, -1500.0))


def turned(degrees: float) -> Direction:
    """Return the directions of a grid that is turned about the z axis."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return (cosine, -sine, 0.0, sine, cosine, 0.0, 0.0, 0.0, 1.0)


def test_a_small_turn_is_told_where_it_moves_the_far_corner() -> None:
    found = CT.differences(replace(CT, direction=turned(0.05)))
    assert found == (
        "the axes point in other directions",
        "the farthest corner lies 0.45 voxels off",
    )
    small = replace(CT, shape=(60, 32, 32))
    assert small.differences(replace(small, direction=turned(0.05))) == ()


def test_a_small_stretch_is_told_where_it_adds_up() -> None:
    found = CT.differences(replace(CT, spacing_mm=(5.0, 0.7, 0.7003)))
    assert found[0] == "spacing is (5, 0.7, 0.7003) mm, not (5, 0.7, 0.7) mm"
    assert found[1:] == ("the farthest corner lies 0.22 voxels off",)


def test_the_thickness_of_a_single_slice_counts() -> None:
    slice_ = replace(CT, shape=(1, 512, 512))
    assert slice_.differences(replace(slice_, spacing_mm=(1.0, 0.7, 0.7)))[0].startswith("spacing")


def test_voxels_of_the_grid_itself_are_the_measure() -> None:
    moved = (-179.0, -179.0, -1499.8)
    assert CT.differences(replace(CT, origin_mm=moved)) == (), "0.04 of a slice"
    thin = replace(CT, spacing_mm=(1.0, 0.7, 0.7))
    assert thin.differences(replace(thin, origin_mm=moved)) == (
        "origin is (-179, -179, -1499.8) mm, not (-179, -179, -1500) mm",
        "the farthest corner lies 0.2 voxels off",
    )


def test_small_differences_that_add_up_are_told() -> None:
    other = replace(CT, origin_mm=(-178.97, -179.0, -1500.0), spacing_mm=(5.0, 0.7, 0.70006))
    assert CT.differences(other) == ("the farthest corner lies 0.087 voxels off",)


def test_rounding_to_single_precision_is_no_difference() -> None:
    other = replace(CT, origin_mm=(-179.00001, -179.0, -1500.0001), direction=turned(1e-5))
    assert CT.differences(other) == ()


def test_another_shape_is_told() -> None:
    other = replace(CT, shape=(60, 512, 500))
    assert CT.differences(other) == ("shape (z, y, x) is (60, 512, 500), not (60, 512, 512)",)
