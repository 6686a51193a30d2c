"""Cheapest ways over a slice against skimage, against scipy and against the wave of a front."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage
from skimage.graph import MCP_Geometric, route_through_array

from annotator.analysis import kernels
from annotator.analysis.path_tree import StepCost, grow_tree
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def ways() -> list[AbstractContextManager[None]]:
    """Return the compiled way, where there is one, and that of scipy."""
    compiled = [nullcontext()] if kernels.library() is not None else []
    return [*compiled, kernels.without_kernels()]


def random_cost(seed: int, least: float = 0.02) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return (random.random((43, 57)) ** 3 + least).astype(np.float32)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.5, 0.4)])
@pytest.mark.parametrize("least", [0.5, 1e-7])
def test_costs_and_ways_are_those_of_skimage(spacing: tuple[float, float], least: float) -> None:
    cost = random_cost(1, least)
    finder = MCP_Geometric(cost, sampling=spacing)
    expected, _ = finder.find_costs([(20, 11)])
    for way in ways():
        with way:
            tree = grow_tree(StepCost(cost=cost, spacing_mm=spacing), (20, 11))
        np.testing.assert_allclose(tree.spent, expected, rtol=1e-12)
        for end in ((0, 0), (42, 56), (3, 50), (20, 11)):
            assert tree.way_to(end).tolist() == [list(at) for at in finder.traceback(end)]
    if spacing == (1.0, 1.0):
        _, spent = route_through_array(cost, (20, 11), (42, 56))  # type: ignore[no-untyped-call]
        assert tree.spent[42, 56] == pytest.approx(spent, rel=1e-12)


def test_directions_are_weighed_alike_by_both_ways() -> None:
    random = np.random.default_rng(2)
    cost = random_cost(3)
    costs = StepCost(
        cost=cost,
        spacing_mm=(0.7, 1.1),
        turns=random.integers(0, 16, cost.shape).astype(np.uint8),
        across=random.random((16, 4)).astype(np.float32),
    )
    compiled, plain = (_grown(way, costs) for way in (nullcontext(), kernels.without_kernels()))
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-12)
    assert np.array_equal(compiled[1], plain[1])


def _grown(
    way: AbstractContextManager[None], costs: StepCost
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    with way:
        tree = grow_tree(costs, (40, 2))
    return tree.spent, tree.came_by


def test_no_way_of_steps_is_shorter_than_a_front_that_spreads() -> None:
    sitk = pytest.importorskip("SimpleITK")
    smooth = ndimage.gaussian_filter(np.random.default_rng(4).random((81, 81)), 4)
    cost = (0.2 + (smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)
    front = sitk.FastMarching(sitk.GetImageFromArray(1 / cost), trialPoints=[[40, 40]])
    arrived = sitk.GetArrayFromImage(front)
    spent = grow_tree(StepCost(cost=cost), (40, 40)).spent
    far = np.hypot(*(np.indices(cost.shape) - 40)) > 15
    ratio = spent[far] / arrived[far]
    # eight directions make a way up to 8.2 % longer; a front of first order comes late, by cells
    assert ratio.min() > 0.95
    assert ratio.max() < 1.09


def test_a_cost_of_nothing_is_refused() -> None:
    with pytest.raises(AnnotatorError, match="above 0"):
        grow_tree(StepCost(cost=np.zeros((3, 3), np.float32)), (0, 0))
