"""Margin, hollow and the distances below them against SimpleITK's exact distance maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import unwatched
from annotator.drawing.windows import is_near
from tests.unit.drawing.asking import (
    SPACING,
    ask,
    distance_to,
    made_labels,
    reshaped,
    result_of,
    section,
    surface_of,
)

if TYPE_CHECKING:
    from annotator.drawing.edit import Mask

pytestmark = pytest.mark.unit


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.0, 0.002, 0.05, 0.6, 1.0]),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 20), st.integers(1, 40)),
    spacing=st.tuples(*[st.sampled_from([0.3, 1.0, 2.7])] * 3),
    mm=st.floats(0.1, 30.0),
)
def test_nearness_equals_the_distance_transform(
    seed: int,
    share: float,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    mm: float,
) -> None:
    inside = np.random.default_rng(seed).random(shape) < share
    near = is_near(inside, spacing, mm, unwatched)
    if not inside.any():
        assert not near.any()
        return
    distance = ndimage.distance_transform_edt(~inside, spacing)
    assert near[distance < mm * (1 - 1e-4)].all()
    assert not near[distance > mm * (1 + 1e-4)].any()


def test_large_volumes_are_worked_through_in_blocks() -> None:
    inside = np.random.default_rng(4).random((2, 500, 700)) < 1e-4
    near = is_near(inside, (3.0, 0.5, 0.4), 9.01, unwatched)
    assert np.array_equal(near, ndimage.distance_transform_edt(~inside, (3, 0.5, 0.4)) <= 9.01)


@pytest.mark.parametrize("mm", [1.3, 3.05, 7.7])
def test_growing_and_shrinking_in_the_volume(mm: float) -> None:
    mask = made_labels(1)
    mask[8, 12, 12] = 2
    own = mask == 1
    surface = surface_of(mask)
    grown = result_of("margin", surface, what="grow", mm=mm)
    assert np.array_equal(grown, reshaped(mask, 1, distance_to(own) <= mm))
    left = distance_to(~own) > mm
    if left.any():
        shrunk = result_of("margin", surface, what="shrink", mm=mm)
        assert np.array_equal(shrunk, reshaped(mask, 1, left))
    else:
        with pytest.raises(NothingToDoError, match="nowhere thicker than"):
            ask("margin", surface, what="shrink", mm=mm)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_growing_and_shrinking_in_a_slice(plane: int) -> None:
    mask = made_labels(2, dtype=np.uint16)
    surface, here = surface_of(mask), section(plane, 7)
    own = mask[here] == 3
    for what, region in (("grow", distance_to(own) <= 2.45), ("shrink", distance_to(~own) > 1.5)):
        expected = mask.copy()
        expected[here] = reshaped(mask[here], 3, region)
        mm = 2.45 if what == "grow" else 1.5
        found = result_of(
            "margin", surface, label=3, plane=plane, index=7, where="slice", what=what, mm=mm
        )
        assert np.array_equal(found, expected)


def test_a_ball_grows_to_a_ball() -> None:
    mask: Mask = np.zeros((21, 71, 45), np.uint8)
    place = np.stack(np.meshgrid(*map(np.arange, mask.shape), indexing="ij"), axis=-1)
    radius = np.linalg.norm((place - (10, 35, 22)) * SPACING, axis=-1)
    mask[10, 35, 22] = 1
    found = result_of("margin", surface_of(mask), what="grow", mm=15.3)
    assert np.array_equal(found == 1, radius <= 15.3)


def test_a_margin_below_a_voxel_is_told() -> None:
    surface = surface_of(made_labels(1))
    with pytest.raises(AnnotatorError, match=r"less than one voxel, which is 2\.5 × 0\.7 × 1\.1"):
        ask("margin", surface, what="grow", mm=0.6)


@pytest.mark.parametrize("side", ["inside", "outside", "centred"])
def test_hollow(side: str) -> None:
    mask = made_labels(3)
    own, mm = mask == 2, 3.05
    grown = distance_to(own) <= mm
    half = distance_to(own) <= mm / 2
    shell = {
        "inside": own & (distance_to(~own) <= mm),
        "outside": grown & ~own,
        "centred": half & (distance_to(~half) <= mm),
    }[side]
    found = result_of("hollow", surface_of(mask), label=2, side=side, mm=mm)
    assert np.array_equal(found, reshaped(mask, 2, shell))


def test_a_shell_of_a_ball_is_as_thick_as_asked() -> None:
    mask: Mask = np.zeros((61, 61, 61), np.uint8)
    place = np.stack(np.meshgrid(*map(np.arange, mask.shape), indexing="ij"), axis=-1) - 30
    radius = np.linalg.norm(place, axis=-1)
    mask[radius <= 20] = 1
    for side, low, high in (("inside", 16, 20), ("outside", 20, 24), ("centred", 18, 22)):
        found = result_of("hollow", surface_of(mask, spacing_mm=(1, 1, 1)), side=side, mm=4.0)
        shell = radius[found == 1]
        assert abs(float(shell.min()) - low) < 1
        assert abs(float(shell.max()) - high) < 1
        line = found[30, 30]
        assert [int(half.sum()) for half in (line[:30], line[31:])] == [4, 4]


def test_no_room_for_a_shell_outside() -> None:
    with pytest.raises(NothingToDoError, match="no room"):
        ask("hollow", surface_of(np.ones((4, 5, 6), np.uint8)), side="outside", mm=3.0)
