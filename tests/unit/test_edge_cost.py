"""Edges of shapes that are known, and what ways along them cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.edge_cost import LEAST, WEIGHTS, measure_edges, sharpen, snap, step_cost
from annotator.analysis.path_tree import grow_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SPACING = (1.5, 0.8)


def away_mm(size: int = 90) -> NDArray[np.float64]:
    row, column = np.indices((size, size)) - size / 2
    away: NDArray[np.float64] = np.hypot(row * SPACING[0], column * SPACING[1])
    return away


def disc(radius_mm: float, blur_mm: float = 2.0) -> NDArray[np.float32]:
    """Return a disc whose flank is the integral of a Gaussian: its edge is where it was."""
    from scipy.special import erf

    flank = (radius_mm - away_mm()) / (np.sqrt(2) * blur_mm)
    image: NDArray[np.float32] = (50 * (1 + erf(flank))).astype(np.float32)
    return image


def test_a_way_is_sharpened_to_a_part_of_a_pixel() -> None:
    edges = measure_edges(disc(25.0), SPACING, 1.0)
    ring = np.argwhere(np.abs(away_mm() - 25.0) < 0.4)
    places = (sharpen(edges, ring) - 45) * SPACING
    before = np.abs(np.hypot(*((ring - 45) * SPACING).T) - 25.0)
    after = np.abs(np.hypot(*places.T) - 25.0)
    assert after.mean() < 0.12
    assert after.mean() < before.mean()
    assert np.abs(sharpen(edges, ring) - ring).max() <= 0.5 + 1e-6


def test_gradients_are_those_of_numpy_per_millimetre() -> None:
    image = disc(25.0)
    edges = measure_edges(image, SPACING, 2.4)
    smooth = ndimage.gaussian_filter(image, (2.4 / 1.5, 2.4 / 0.8))
    down, right = np.gradient(smooth, *SPACING)
    inner = (slice(1, -1), slice(1, -1))
    assert np.allclose(edges.strength[inner], np.hypot(down, right)[inner], atol=1e-4)
    laplacian = np.gradient(down, SPACING[0], axis=0) + np.gradient(right, SPACING[1], axis=1)
    crossed = edges.crosses & (edges.strength > 1)
    assert np.abs(laplacian[crossed]).max() < 0.3 * np.abs(laplacian).max()


def test_an_edge_is_the_cheapest_way_and_its_cost_is_as_told() -> None:
    image = np.zeros((40, 60), np.float32)
    image[20:] = 100
    edges = measure_edges(image, (1.0, 1.0), 1.0)
    row = 19 if edges.crosses[19, 30] else 20
    costs = step_cost(edges, float(edges.strength[row, 30]))
    tree = grow_tree(costs, (row, 5))
    assert (tree.way_to((row, 50))[:, 0] == row).all()
    assert tree.spent[row, 50] == pytest.approx(45 * LEAST, rel=1e-4)
    assert costs.cost[5, 30] == pytest.approx(WEIGHTS[0] + WEIGHTS[1] + LEAST)
    assert costs.across is not None
    # along the edge turning costs nothing, across it all
    assert costs.across[costs.turns[row, 30]].tolist() == pytest.approx(  # type: ignore[index]
        [0.0, WEIGHTS[2] / 2, WEIGHTS[2], WEIGHTS[2] / 2], abs=1e-6
    )


def test_a_click_goes_to_its_own_edge_beside_a_stronger_one() -> None:
    image = np.zeros((40, 60), np.float32)
    image[:, 20:] = 30
    image[:, 27:] = 300
    edges = measure_edges(ndimage.gaussian_filter(image, 1.0), (1.0, 1.0), 1.0)
    assert edges.strength[20, 24] > edges.strength[20, 20]
    assert snap(edges, (20, 22), 2)[1] in {19, 20}
    assert snap(edges, (20, 25), 2)[1] in {26, 27}


def test_what_is_no_number_is_no_edge_of_infinite_strength() -> None:
    image = np.zeros((20, 20), np.float32)
    image[:, 10:] = np.nan
    image[0, 0] = np.inf
    assert measure_edges(image, (1.0, 1.0), 1.0).strength.max() == 0
