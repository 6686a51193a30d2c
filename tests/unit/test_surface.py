from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.analysis.simulate import SimulatedRater, simulate_reading
from annotator.analysis.surface import DEFINITION, surface_distances
from annotator.analysis.surface_elements import areas, lengths
from annotator.analysis.votes import merge_votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

oracle: Any = pytest.importorskip("surface_distance")


def simulated(shape: tuple[int, int, int], seed: int) -> list[NDArray[np.unsignedinteger[Any]]]:
    axes = np.ogrid[tuple(slice(-(size - 1) / 2, size / 2) for size in shape)]
    scaled = [axis / (0.3 * size) for axis, size in zip(axes, shape, strict=True)]
    truth = (sum((axis**2 for axis in scaled), np.zeros(shape)) < 1).astype(np.uint8)
    return [
        simulate_reading(
            truth,
            (2.5, 0.7, 0.9),
            SimulatedRater(bias_mm=bias, wobble_mm=1.0, roughness_mm=rough),
            seed=10 * seed + number,
        )
        for number, (bias, rough) in enumerate([(0.0, 0.0), (1.5, 0.6), (-1.0, 0.3)])
    ]


def expected(
    first: NDArray[np.bool_], second: NDArray[np.bool_], spacing: tuple[float, ...]
) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = oracle.compute_surface_distances(first, second, spacing)
    there, back = found["distances_gt_to_pred"], found["distances_pred_to_gt"]
    areas, other = found["surfel_areas_gt"], found["surfel_areas_pred"]
    mean = (there @ areas + back @ other) / (areas.sum() + other.sum())
    return float(oracle.compute_robust_hausdorff(found, 95)), float(mean)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.9)])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", [(14, 40, 36), (1, 50, 60)])
def test_equals_surface_distance(
    shape: tuple[int, int, int], seed: int, spacing: tuple[float, float, float]
) -> None:
    masks = simulated(shape, seed)
    votes = merge_votes([encode(mask) for mask in masks], labels=[1])
    for pair in surface_distances(votes, 1, spacing):
        first, second = masks[pair.first] > 0, masks[pair.second] > 0
        if shape[0] == 1:
            hd95, mean = expected(first[0], second[0], spacing[1:])
        else:
            hd95, mean = expected(first, second, spacing)
        assert pair.hd95_mm == pytest.approx(hd95, abs=1e-5)
        assert pair.mean_mm == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.9)])
def test_areas_equal_the_named_table(spacing: tuple[float, float, float]) -> None:
    from surface_distance import lookup_tables

    table = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    np.testing.assert_allclose(areas(spacing), table, atol=1e-6)
    named = lookup_tables.create_table_neighbour_code_to_contour_length(spacing[1:])
    np.testing.assert_allclose(lengths(spacing[1:]), named, atol=1e-12)


def test_a_shift_is_its_length_in_mm() -> None:
    masks = [np.zeros((12, 20, 20), np.uint8) for _ in range(2)]
    masks[0][3:8, 5:12, 5:12] = 2
    masks[1][3:8, 5:12, 9:16] = 2
    votes = merge_votes([encode(mask) for mask in masks], labels=[2])
    (pair,) = surface_distances(votes, 2, (9.0, 9.0, 0.5))
    assert pair.hd95_mm == pytest.approx(2.0)
    assert "surface-distance 0.1" in DEFINITION


def test_identical_readings_are_no_distance_apart() -> None:
    mask = np.zeros((4, 9, 9), np.uint8)
    mask[1:3, 2:6, 3:7] = 1
    votes = merge_votes([encode(mask)] * 3, labels=[1])
    assert [(p.hd95_mm, p.mean_mm) for p in surface_distances(votes, 1, (1, 1, 1))] == [(0, 0)] * 3


def test_undefined_is_none_never_infinite() -> None:
    empty = np.zeros((4, 9, 9), np.uint8)
    mask = empty.copy()
    mask[1:3, 2:6, 3:7] = 1
    votes = merge_votes([encode(mask), encode(empty), encode(empty)], labels=[1])
    for pair in surface_distances(votes, 1, (1.0, 1.0, 1.0)):
        assert pair.hd95_mm is None
        assert pair.mean_mm is None
