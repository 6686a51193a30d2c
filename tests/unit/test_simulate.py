from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.simulate import (
    Region,
    SimulatedRater,
    planted_error_mm,
    simulate_panel,
    simulate_reading,
)
from annotator.domain.errors import AnnotatorError

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


def ball() -> NDArray[np.uint8]:
    axes = np.ogrid[-10:11, -30:31, -30:31]
    distance = np.sqrt(sum((axis * step) ** 2 for axis, step in zip(axes, SPACING, strict=True)))
    return (distance < 15).astype(np.uint8)


def nested() -> NDArray[np.uint8]:
    y, x = np.ogrid[-30:31, -30:31]
    return ((np.hypot(y, x) < 20).astype(np.uint8) + (np.hypot(y, x) < 10))[None]


def test_a_regional_bias_moves_the_outline_there_and_nowhere_else() -> None:
    mask = ball()
    rater = SimulatedRater(regions=(Region(direction=(0, 0, 2.0), bias_mm=4.0),))
    drawn = simulate_reading(mask, SPACING, rater, seed=0)
    columns = np.flatnonzero(drawn.any(axis=(0, 1)))
    assert (columns[0], columns[-1]) == (30 - 14, 30 + 14 + 4)
    assert (drawn[..., :30] == mask[..., :30]).all()
    expected = planted_error_mm(mask, SPACING, rater)
    assert set(np.unique(expected[..., :30])) == {0.0}
    assert set(np.unique(expected[..., 31:])) == {4.0}


@pytest.mark.parametrize(("opening", "share"), [(90.0, 0.25), (180.0, 0.5), (270.0, 0.75)])
def test_a_region_is_as_wide_as_it_says(opening: float, share: float) -> None:
    flat = np.zeros((1, 101, 101), np.uint8)
    flat[0, 50, 50] = 1
    covered = Region(direction=(0, 1, 1), opening_deg=opening).covers(flat, (1.0, 1.0, 1.0))
    y, x = np.ogrid[-50:51, -50:51]
    disc = np.hypot(y, x) < 50
    assert covered[0][disc].mean() == pytest.approx(share, abs=0.02)
    assert covered[0, 90, 90]
    assert not covered[0, 10, 10]


def test_measured_errors_are_the_planted_ones() -> None:
    mask = np.zeros((1, 201, 201), np.uint8)
    mask[0, :, :100] = 1
    rater = SimulatedRater(bias_mm=1.0, wobble_mm=2.0, wobble_size_mm=3.0)
    drawn = np.stack(
        [simulate_reading(mask, (1.0, 1.0, 1.0), rater, seed=seed)[0] for seed in range(20)]
    )
    shift = drawn.sum(axis=2) - 100.0
    expected = float(planted_error_mm(mask, (1.0, 1.0, 1.0), rater).mean())
    assert np.sqrt((shift**2).mean()) == pytest.approx(expected, rel=0.1)


def test_labels_are_swapped_object_by_object() -> None:
    mask = truth()
    drawn = simulate_reading(mask, SPACING, SimulatedRater(swap_rate=1.0), seed=0)
    assert (drawn == np.array([0, 2, 1])[mask]).all()
    alone = (mask == 1).astype(np.uint8)
    assert (simulate_reading(alone, SPACING, SimulatedRater(swap_rate=1.0), seed=0) == alone).all()


def test_some_readings_are_empty() -> None:
    rater = SimulatedRater(empty_rate=0.5)
    drawn = [simulate_reading(truth(), SPACING, rater, seed=seed).any() for seed in range(40)]
    assert 8 < sum(drawn) < 32


def test_a_gap_breaks_one_object() -> None:
    mask = truth()
    drawn = simulate_reading(mask, SPACING, SimulatedRater(n_gaps=1, gap_mm=3.0), seed=4)
    lost = (mask != 0) & (drawn == 0)
    assert lost.any()
    assert len(np.unique(mask[lost])) == 1
    assert (drawn[~lost] == mask[~lost]).all()


@pytest.mark.parametrize("n", [-2, 1, 30])
def test_a_drawing_some_slices_off(n: int) -> None:
    mask = truth()
    drawn = simulate_reading(mask, SPACING, SimulatedRater(slices_off=n), seed=0)
    expected = np.zeros_like(mask)
    for z in range(len(mask)):
        if 0 <= z + n < len(mask):
            expected[z + n] = mask[z]
    assert (drawn == expected).all()


def test_a_spammer_does_not_look() -> None:
    spammer = SimulatedRater(is_spammer=True)
    drawn = [simulate_reading(truth(), SPACING, spammer, seed=seed) for seed in range(30)]
    assert all(set(np.unique(mask)) <= {0, 1, 2} and mask.any() for mask in drawn)
    overlap = [((mask != 0) & (truth() != 0)).sum() / (mask != 0).sum() for mask in drawn]
    assert np.mean(overlap) < 0.3


def test_nested_labels_stay_nested() -> None:
    mask = nested()
    for rater in (
        SimulatedRater(bias_mm=-4.0),
        SimulatedRater(bias_mm=4.0),
        SimulatedRater(wobble_mm=4.0),
        SimulatedRater(is_spammer=True),
    ):
        drawn = simulate_reading(mask, (1.0, 1.0, 1.0), rater, seed=3, nested=True)
        pieces, n_pieces = ndimage.label(drawn == 0)
        edge = set(np.unique(pieces[:, [0, -1]])) | set(np.unique(pieces[..., [0, -1]]))
        assert set(range(1, n_pieces + 1)) <= edge, "background between the labels"
    small = simulate_reading(
        mask, (1.0, 1.0, 1.0), SimulatedRater(bias_mm=-4.0), seed=0, nested=True
    )
    assert np.ptp(np.flatnonzero((small > 0).any(axis=(0, 1)))) == 38 - 8
    assert np.ptp(np.flatnonzero((small == 2).any(axis=(0, 1)))) == 18 - 8


def test_confusion_tables_are_recovered() -> None:
    table = ((0.9, 0.07, 0.03), (0.2, 0.7, 0.1), (0.05, 0.15, 0.8))
    mask = np.repeat(np.array([0, 1, 2], np.uint8), 40_000).reshape(30, 40, 100)
    before = mask.copy()
    drawn = simulate_reading(mask, SPACING, SimulatedRater(confusion=table), seed=5)
    found = [[(drawn[mask == meant] == said).mean() for said in range(3)] for meant in range(3)]
    assert np.abs(np.array(found) - table).max() < 0.01
    assert (mask == before).all()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (((0.9, 0.2), (0.1, 0.9)), "sum to 1"),
        (((1.0, 0.0),), "square"),
        (((1.2, -0.2), (0.0, 1.0)), "not negative"),
        (((1.0, 0.0), (0.0, 1.0)), "label 2"),
    ],
)
def test_confusion_tables_that_are_none(table: tuple[tuple[float, ...], ...], says: str) -> None:
    with pytest.raises(AnnotatorError, match=says):
        simulate_reading(truth(), SPACING, SimulatedRater(confusion=table), seed=0)


def test_a_copy_is_nearer_to_the_copied_than_to_the_truth() -> None:
    panel = (
        SimulatedRater(copies=1, wobble_mm=0.4),
        SimulatedRater(wobble_mm=3.0),
        SimulatedRater(copies=1),
    )
    first, copied, twin = simulate_panel(ball(), SPACING, panel, seed=2)
    assert (copied == twin).all()
    assert 0 < (first != copied).sum() < 0.5 * (first != ball()).sum()
    with pytest.raises(AnnotatorError, match="simulate_panel"):
        simulate_reading(ball(), SPACING, panel[0], seed=0)


@pytest.mark.parametrize("copies", [(1, 0), (0, None), (7, None)])
def test_copies_that_go_nowhere(copies: tuple[int | None, ...]) -> None:
    panel = [SimulatedRater(copies=one) for one in copies]
    with pytest.raises(AnnotatorError, match="copies rater"):
        simulate_panel(ball(), SPACING, panel, seed=0)


def test_a_rater_who_joins_changes_no_reading() -> None:
    rater = SimulatedRater(wobble_mm=1.0)
    two = simulate_panel(ball(), SPACING, [rater] * 2, seed=1)
    three = simulate_panel(ball(), SPACING, [rater] * 3, seed=1)
    assert (two[0] != two[1]).any()
    assert all((left == right).all() for left, right in zip(two, three, strict=False))


def test_scaling_multiplies_every_shift() -> None:
    rater = SimulatedRater(
        bias_mm=1.0,
        wobble_mm=2.0,
        roughness_mm=0.5,
        regions=(Region(direction=(1, 0, 0), bias_mm=1),),
    )
    once, twice = (planted_error_mm(ball(), SPACING, rater.scaled(factor)) for factor in (1.0, 2.0))
    assert np.allclose(twice, 2 * once)
