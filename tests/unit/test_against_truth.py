"""Readings against a known truth: surfaces, objects, where outlines are off, and change in time."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.against_truth import compare_with_truth, count_objects
from annotator.analysis.drift import find_drift, rank_scores
from annotator.analysis.outline_shift import outline_shift
from annotator.analysis.runs import encode
from annotator.analysis.simulate import Region, SimulatedRater, simulate_reading
from annotator.domain.geometry import Geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.against_truth import LabelAgainstTruth

pytestmark = pytest.mark.unit

SHAPE = (24, 48, 48)
SPACING_MM = (2.0, 1.0, 1.0)
GRID = Geometry(shape=SHAPE, spacing_mm=SPACING_MM)


def ball(radius_mm: float, centre: tuple[float, float, float] = (12, 24, 24)) -> NDArray[np.bool_]:
    z, y, x = np.ogrid[tuple(slice(size) for size in SHAPE)]
    squared = sum(
        ((axis - at) * step) ** 2
        for axis, at, step in zip((z, y, x), centre, SPACING_MM, strict=True)
    )
    return np.asarray(squared <= radius_mm**2)


def compared(
    drawn: NDArray[np.generic], truth: NDArray[np.generic], geometry: Geometry = GRID
) -> LabelAgainstTruth:
    masks = (encode(drawn.astype(np.uint8)), encode(truth.astype(np.uint8)))
    (found,) = compare_with_truth(*masks, (1,), geometry, tolerance_mm=1.5)
    return found


def test_a_drawing_of_the_truth_is_perfect() -> None:
    found = compared(ball(12), ball(12))
    assert (found.dice, found.surface_dice, found.hd95_mm) == (1.0, 1.0, 0.0)
    assert (found.n_objects, found.n_found, found.n_false) == (1, 1, 0)
    assert found.shift is not None
    assert found.shift.mean_mm == 0.0
    assert found.counts[1:3] == (0, 0)
    assert sum(found.counts) == np.prod(SHAPE)


@pytest.mark.parametrize("tolerance_mm", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("radius_mm", [9.0, 13.0])
def test_surface_dice_and_hd95_are_those_of_surface_distance(
    radius_mm: float, tolerance_mm: float
) -> None:
    oracle: Any = pytest.importorskip("surface_distance")
    drawn, truth = ball(radius_mm, (11, 25, 22)), ball(12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distances = oracle.compute_surface_distances(truth, drawn, SPACING_MM)
    masks = (encode(drawn.astype(np.uint8)), encode(truth.astype(np.uint8)))
    (found,) = compare_with_truth(*masks, (1,), GRID, tolerance_mm=tolerance_mm)
    assert found.surface_dice == pytest.approx(
        oracle.compute_surface_dice_at_tolerance(distances, tolerance_mm), abs=1e-6
    )
    assert found.hd95_mm == pytest.approx(oracle.compute_robust_hausdorff(distances, 95), abs=1e-6)


def test_objects_are_found_missed_and_made_up() -> None:
    truth = ball(4, (6, 12, 12)) | ball(4, (6, 36, 36)) | ball(4, (18, 12, 36))
    drawn = ball(3, (6, 13, 12)) | ball(3, (18, 36, 12)) | ball(1, (18, 40, 40))
    assert count_objects(drawn, truth) == (3, 1, 2)
    found = compared(drawn, truth)
    assert (found.n_objects, found.n_found, found.n_false) == (3, 1, 2)
    assert found.shift is not None
    assert -2.0 < found.shift.mean_mm < 0.0, "objects that were missed altogether do not count"


def test_what_was_not_drawn_has_no_distance() -> None:
    found = compared(np.zeros(SHAPE, np.bool_), ball(8))
    assert (found.dice, found.surface_dice, found.hd95_mm) == (0.0, 0.0, None)
    assert (found.n_found, found.shift) == (0, None)


def test_what_is_in_neither_is_not_compared() -> None:
    empty = encode(np.zeros(SHAPE, np.uint8))
    assert compare_with_truth(empty, empty, (1,), GRID, tolerance_mm=1.0) == ()


def test_lengths_are_left_out_where_they_mean_nothing() -> None:
    photograph = replace(GRID, is_calibrated=False)
    found = compared(ball(10), ball(12), photograph)
    assert (found.surface_dice, found.hd95_mm) == (None, None)
    assert found.shift is not None, "in pixels"
    video = compared(ball(10), ball(12), replace(GRID, is_time=True))
    assert (video.hd95_mm, video.shift) == (None, None)


@pytest.mark.parametrize("bias_mm", [-3.0, -1.5, 1.5, 3.0])
def test_a_bias_is_measured_in_mm(bias_mm: float) -> None:
    found = outline_shift(ball(13 + bias_mm), ball(13), GRID)
    assert found is not None
    assert found.mean_mm == pytest.approx(bias_mm, abs=0.35)
    assert len(found.towards) == 6
    assert all(value == pytest.approx(bias_mm, abs=0.6) for _, value in found.towards)


# A direction (z, y, x) of the array and the side of the patient that it is, for a given frame.
HEAD_FIRST = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0)
"""x to the left, y downwards, z to the back."""


@pytest.mark.parametrize(
    ("frame", "direction", "side"),
    [
        (HEAD_FIRST, (0.0, 0.0, 1.0), "left"),
        (HEAD_FIRST, (0.0, 0.0, -1.0), "right"),
        (HEAD_FIRST, (0.0, 1.0, 0.0), "posterior"),
        (HEAD_FIRST, (0.0, -1.0, 0.0), "anterior"),
        (HEAD_FIRST, (1.0, 0.0, 0.0), "superior"),
        (CORONAL, (0.0, 1.0, 0.0), "inferior"),
        (CORONAL, (1.0, 0.0, 0.0), "posterior"),
    ],
)
def test_a_bias_is_seen_on_its_side(
    frame: tuple[float, ...], direction: tuple[float, float, float], side: str
) -> None:
    truth = ball(13).astype(np.uint8)
    region = Region(direction=direction, opening_deg=90.0, bias_mm=3.0)
    drawn = simulate_reading(truth, SPACING_MM, SimulatedRater(regions=(region,)), seed=1)
    geometry = replace(GRID, direction=frame)  # type: ignore[arg-type]
    found = outline_shift(drawn != 0, truth != 0, geometry)
    assert found is not None
    assert max(found.towards, key=lambda entry: entry[1])[0] == side
    at = found.at(side)
    assert at is not None
    assert at > 1.2
    assert all(abs(value) < 0.5 for name, value in found.towards if name != side)


def test_sides_of_a_picture_are_those_of_the_picture() -> None:
    truth = np.zeros((1, 60, 60), np.bool_)
    truth[0, 20:40, 20:40] = True
    drawn = truth.copy()
    drawn[0, 40:44, 20:40] = True
    picture = Geometry(shape=(1, 60, 60), is_calibrated=False)
    found = outline_shift(drawn, truth, picture)
    assert found is not None
    assert max(found.towards, key=lambda entry: entry[1])[0] == "bottom"
    assert {name for name, _ in found.towards} == {
        "right of the picture", "bottom", "left of the picture", "top",
    }  # fmt: skip


def test_few_results_tell_nothing_of_drift() -> None:
    assert find_drift([0.9] * 7) is None


def test_equal_results_do_not_drift() -> None:
    found = find_drift([0.9] * 20)
    assert found is not None
    assert (found.slope, found.is_there) == (0.0, False)


def test_a_fall_is_found_and_told_apart_from_a_rise() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(0, 0.02, 30)
    falling = find_drift((0.9 - 0.004 * np.arange(30) + noise).tolist())
    rising = find_drift((0.7 + 0.004 * np.arange(30) + noise).tolist())
    assert falling is not None
    assert rising is not None
    assert (falling.falls, falling.rises, rising.falls, rising.rises) == (True, False, False, True)
    assert falling.slope == pytest.approx(-0.004, abs=0.001)
    assert falling.slope_low < falling.slope < falling.slope_high


def test_a_sudden_change_shows_in_the_sums_soon_after_it() -> None:
    random = np.random.default_rng(5)
    values = np.concatenate([random.normal(0.9, 0.02, 30), random.normal(0.8, 0.02, 10)])
    found = find_drift(values.tolist())
    assert found is not None
    assert found.left_at is not None
    assert 31 <= found.left_at <= 38
    assert max(found.upper_sums) < 6.0 < max(found.lower_sums)


def test_what_does_not_change_is_rarely_called_a_drift() -> None:
    random = np.random.default_rng(11)
    found = [find_drift((1.0 - 0.1 * random.exponential(1.0, 30)).tolist()) for _ in range(300)]
    by_slope = np.mean([one.falls or one.rises for one in found if one is not None])
    by_sums = np.mean([one.left_at is not None for one in found if one is not None])
    assert by_slope < 0.09
    assert by_sums < 0.04


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=8, max_size=40))
def test_drift_does_not_depend_on_the_unit(values: list[int]) -> None:
    results = [float(value) for value in values]
    one, scaled = find_drift(results), find_drift([0.001 * value for value in results])
    assert one is not None
    assert scaled is not None
    assert one.left_at == scaled.left_at
    assert scaled.slope == pytest.approx(0.001 * one.slope)


@given(st.permutations(list(range(8))))
def test_a_result_scores_by_its_rank_so_far(order: list[int]) -> None:
    scores = rank_scores(np.array(order, np.float64))
    assert scores[0] == 0.0
    assert (scores[-1] > 0) == (order[-1] > 3)
