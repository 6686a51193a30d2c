from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.simulate import SimulatedRater, simulate_reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SPACING = (2.0, 1.0, 1.0)


def truth() -> NDArray[np.uint8]:
    mask = np.zeros((20, 60, 60), np.uint8)
    mask[6:14, 10:26, 10:26] = 1
    mask[6:14, 34:50, 34:50] = 2
    return mask


def test_the_default_rater_draws_the_truth() -> None:
    mask = truth()
    before = mask.copy()
    assert (simulate_reading(mask, SPACING, SimulatedRater(), seed=0) == mask).all()
    assert (mask == before).all()


@pytest.mark.parametrize("bias_mm", [-2.0, 3.0])
def test_bias_moves_the_outline_by_its_length(bias_mm: float) -> None:
    mask = (truth() == 1).astype(np.uint8)
    drawn = simulate_reading(mask, SPACING, SimulatedRater(bias_mm=bias_mm), seed=0)
    extent = np.ptp(np.flatnonzero(drawn.any(axis=(0, 1)))) + 1
    assert extent == 16 + 2 * bias_mm


def test_same_seed_same_reading() -> None:
    rater = SimulatedRater(wobble_mm=1.0, roughness_mm=0.5, miss_rate=0.5, n_false=2)
    first, again, other = (
        simulate_reading(truth(), SPACING, rater, seed=seed) for seed in (3, 3, 4)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_misses_and_false_objects() -> None:
    blind = SimulatedRater(miss_rate=1.0)
    assert not simulate_reading(truth(), SPACING, blind, seed=0).any()
    seer = SimulatedRater(n_false=2, false_radius_mm=3.0)
    drawn = simulate_reading(truth(), SPACING, seer, seed=1)
    extra = (drawn > 0) & (truth() == 0)
    assert 1 <= ndimage.label(extra)[1] <= 2
    assert (drawn[truth() > 0] == truth()[truth() > 0]).all()


def test_wobble_is_smooth_and_roughness_is_not() -> None:
    def n_objects(rater: SimulatedRater) -> int:
        drawn = simulate_reading(truth(), SPACING, rater, seed=2)
        return int(ndimage.label((drawn > 0) != (truth() > 0))[1])

    smooth = n_objects(SimulatedRater(wobble_mm=1.0, wobble_size_mm=6.0))
    ragged = n_objects(SimulatedRater(roughness_mm=1.0))
    assert 0 < smooth < ragged / 3


def test_moving_an_outline_leaves_no_specks_and_no_pinholes() -> None:
    wild = SimulatedRater(wobble_mm=2.0, wobble_size_mm=3.0, roughness_mm=2.0)
    every = np.ones((3, 3, 3))
    for seed in range(3):
        drawn = simulate_reading(truth(), SPACING, wild, seed=seed)
        for value in np.unique(truth()[truth() > 0]):
            pieces, n_pieces = ndimage.label(drawn == value, every)
            touching = np.unique(pieces[truth() == value])
            assert set(range(1, n_pieces + 1)) <= set(touching.tolist())
            holes, n_holes = ndimage.label(drawn != value, every)
            open_ones = np.unique(holes[truth() != value])
            assert set(range(1, n_holes + 1)) <= set(open_ones.tolist())


def test_an_empty_truth_stays_empty_but_for_false_objects() -> None:
    nothing = np.zeros((6, 20, 20), np.uint8)
    assert not simulate_reading(nothing, SPACING, SimulatedRater(wobble_mm=2.0), seed=0).any()
    drawn = simulate_reading(nothing, SPACING, SimulatedRater(n_false=1), seed=0)
    assert set(np.unique(drawn)) == {0, 1}
