from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.simulate import Region, SimulatedRater, simulate_panel
from annotator.analysis.spatial_staple import into_cells, near_drawn, spread_over_voxels
from annotator.analysis.votes import count_near, to_dense
from annotator.api import no_progress
from annotator.domain.errors import CancelledError
from annotator_builtins.majority import MajorityVote
from annotator_builtins.spatial_staple import SpatialStaple
from annotator_builtins.staple import Staple
from tests.unit.fused_phantoms import UNIT, ball, case_of, dice, merged, two_good_three_bad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, FusedVoxels, FusionMethod
    from tests.unit.fused_phantoms import Mask

pytestmark = pytest.mark.unit

METHOD = SpatialStaple()


def fuse(case: CaseVotes, **given: object) -> FusedVoxels:
    return METHOD.fuse_voxels(case, METHOD.parameters.model_validate(given), no_progress)


def over_the_grid(case: CaseVotes, fused: FusedVoxels) -> NDArray[np.float32]:
    """Return the probability of each label over the whole grid, background beyond the box."""
    whole = np.zeros((len(case.votes.labels), *case.shape), np.float32)
    whole[0] = 1.0
    box = tuple(slice(low, high) for low, high in zip(*fused.box, strict=True))
    whole[(slice(None), *box)] = fused.probability
    return whole


def labels_of(case: CaseVotes, fused: FusedVoxels) -> NDArray[np.int64]:
    labels = np.asarray(case.votes.labels, np.int64)
    return np.asarray(labels[over_the_grid(case, fused).argmax(axis=0)])


def patterns_dice(
    method: FusionMethod, case: CaseVotes, masks: Sequence[Mask], truth: Mask
) -> float:
    fused = method.fuse(case.votes, method.parameters())
    return dice(to_dense(merged(masks), fused.chosen, np.uint8), truth)


def regional_panel(seed: int) -> tuple[Mask, tuple[Mask, ...]]:
    """Return a truth and five raters, each of whom draws badly in a half of their own."""
    truth = ball((12, 48, 48), 14)
    ways = [(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1), (0, 1, 1)]
    raters = [
        SimulatedRater(
            wobble_mm=0.4,
            wobble_size_mm=4.0,
            regions=(Region(direction=way, bias_mm=1.0 - 2.0 * (number % 2), wobble_mm=3.0),),
        )
        for number, way in enumerate(ways)
    ]
    return truth, simulate_panel(truth, UNIT, raters, seed)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (3.0, 0.5, 0.7)])
def test_an_infinite_window_is_staple(spacing_mm: tuple[float, float, float]) -> None:
    _, masks = two_good_three_bad(2)
    case = case_of(masks, spacing_mm=spacing_mm)
    spatial = over_the_grid(case, fuse(case, sigma_mm=1e9))
    plain = Staple().fuse(case.votes, Staple().parameters())
    expected = to_dense(merged(masks), plain.probability[:, 1], np.float64)
    np.testing.assert_allclose(spatial[1], expected, atol=1e-3)
    rows = fuse(case, sigma_mm=1e9).performance
    for one, two in zip(rows, plain.performance, strict=True):
        assert one.sensitivity == pytest.approx(two.sensitivity, abs=1e-4)
        assert one.specificity == pytest.approx(two.specificity, abs=1e-4)


def test_an_infinite_window_is_staple_for_several_labels() -> None:
    truth = ball((12, 40, 40), 12)
    truth[ball((12, 40, 40), 6) != 0] = 3
    raters = [SimulatedRater(wobble_mm=wobble, wobble_size_mm=4.0) for wobble in (0.5, 1.0, 2.0)]
    masks = simulate_panel(truth, UNIT, raters, 4, nested=True)
    case = case_of(masks)
    spatial = over_the_grid(case, fuse(case, sigma_mm=1e9))
    plain = Staple().fuse(case.votes, Staple().parameters())
    for place in range(3):
        expected = to_dense(merged(masks), plain.probability[:, place], np.float64)
        np.testing.assert_allclose(spatial[place], expected, atol=1e-3)


def test_regional_skill_is_used() -> None:
    gains_on_vote, gains_on_staple = [], []
    for seed in range(4):
        truth, masks = regional_panel(seed)
        case = case_of(masks)
        own = dice(labels_of(case, fuse(case, sigma_mm=6.0)).astype(np.uint8), truth)
        gains_on_vote.append(own - patterns_dice(MajorityVote(), case, masks, truth))
        gains_on_staple.append(own - patterns_dice(Staple(), case, masks, truth))
    assert np.mean(gains_on_vote) > 0.003
    assert np.mean(gains_on_staple) > 0.003


def test_weights_say_who_is_good_where() -> None:
    truth, masks = regional_panel(1)
    case = case_of(masks)
    fused = fuse(case, sigma_mm=6.0)
    assert fused.weights is not None
    np.testing.assert_allclose(fused.weights.sum(axis=0), 1.0, atol=1e-5)
    box = tuple(slice(low, high) for low, high in zip(*fused.box, strict=True))
    edge = ndimage.binary_dilation(truth, iterations=2) & ~ndimage.binary_erosion(
        truth, iterations=2
    )
    y = np.arange(case.shape[1])[box[1]] - 23.5
    upper, lower = (np.broadcast_to((way * y > 4)[:, None], fused.weights.shape[1:])
                    & edge[box] for way in (-1, 1))  # fmt: skip
    # The first rater draws badly below, the second above.
    assert fused.weights[0][upper].mean() > fused.weights[0][lower].mean() + 0.02
    assert fused.weights[1][lower].mean() > fused.weights[1][upper].mean() + 0.02


def test_order_of_raters_does_not_matter() -> None:
    _, masks = regional_panel(3)
    order = [3, 0, 4, 2, 1]
    first = fuse(case_of(masks), sigma_mm=5.0)
    second = fuse(case_of([masks[rater] for rater in order]), sigma_mm=5.0)
    np.testing.assert_allclose(first.probability, second.probability, atol=1e-4)
    assert first.weights is not None
    assert second.weights is not None
    np.testing.assert_allclose(first.weights[order], second.weights, atol=1e-4)


def test_the_same_bytes_every_time() -> None:
    _, masks = regional_panel(5)
    case = case_of(masks)
    first, second = fuse(case), fuse(case)
    assert first.probability.tobytes() == second.probability.tobytes()
    assert first.performance == second.performance
    assert first.weights is not None
    assert second.weights is not None
    assert first.weights.tobytes() == second.weights.tobytes()


@pytest.mark.parametrize("n_raters", [1, 2, 4])
@pytest.mark.parametrize("sigma_mm", [2.0, 8.0, 1e6])
def test_identical_readings_come_back(n_raters: int, sigma_mm: float) -> None:
    mask = ball((6, 20, 20), 5) * 2
    mask[:, :10] //= 2
    case = case_of([mask] * n_raters)
    fused = fuse(case, sigma_mm=sigma_mm)
    assert np.array_equal(labels_of(case, fused), mask)
    assert over_the_grid(case, fused).max(axis=0).min() > 1 - 1e-6
    assert all(row.sensitivity == pytest.approx(1.0) for row in fused.performance)
    assert all(row.specificity == pytest.approx(1.0) for row in fused.performance)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("n_raters", [1, 2, 3])
def test_empty_and_full_readings_are_defined_and_told(value: int, n_raters: int) -> None:
    case = case_of([np.full((3, 8, 9), value, np.uint8)] * n_raters)
    fused = fuse(case)
    assert (labels_of(case, fused) == value).all()
    assert fused.weights is not None
    assert np.isfinite(fused.weights).all()
    assert any(("every voxel" if value else "is empty") in text for text in fused.warnings)


def test_a_picture_and_its_edges() -> None:
    truth = np.zeros((1, 60, 50), np.uint8)
    truth[0, :20, :25] = 1  # in the corner: the window ends at the edge of the picture
    raters = [SimulatedRater(wobble_mm=wobble, wobble_size_mm=3.0) for wobble in (0.5, 1.5, 2.0)]
    case = case_of(simulate_panel(truth, UNIT, raters, 1))
    fused = fuse(case, sigma_mm=5.0)
    assert dice(labels_of(case, fused).astype(np.uint8), truth) > 0.95
    assert all(row.sensitivity_interval is not None for row in fused.performance)


def test_disputed_voxels_lie_within_the_region_that_staple_counts() -> None:
    _, masks = two_good_three_bad(1)
    votes = merged(masks)
    drawn = to_dense(votes, (votes.patterns != 0).any(axis=1), np.bool_)
    assert near_drawn(drawn).sum() == count_near(votes)


def test_each_iteration_is_reported_and_can_be_stopped() -> None:
    _, masks = two_good_three_bad(1)
    case, heard = case_of(masks), []

    def listen(fraction: float, message: str) -> None:
        heard.append((fraction, message))
        if len(heard) == 4:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        METHOD.fuse_voxels(case, METHOD.parameters(), listen)
    assert [message for _, message in heard[1:]] == ["iteration 1", "iteration 2", "iteration 3"]


def test_cells_hold_every_voxel_that_counts() -> None:
    random = np.random.default_rng(3)
    index = random.integers(0, 5, (7, 11, 13)).astype(np.int32)
    counted = random.random(index.shape) < 0.7
    cells = into_cells(index, counted, (2.0, 6.0, 100.0), 2)
    assert cells.edge == (1, 3, 13)
    assert cells.grid == (7, 4, 1)
    assert cells.counts.sum() == counted.sum()
    assert np.array_equal(cells.pattern[cells.pair], index[counted])
    where = np.argwhere(counted) // cells.edge
    number = (where[:, 0] * cells.grid[1] + where[:, 1]) * cells.grid[2] + where[:, 2]
    assert np.array_equal(cells.cell[cells.pair], number)


def test_many_labels_get_larger_cells() -> None:
    index = np.zeros((60, 120, 120), np.int32)
    few = into_cells(index, index == 0, (4.0, 4.0, 4.0), 2)
    many = into_cells(index, index == 0, (4.0, 4.0, 4.0), 60)
    assert np.prod(few.grid) > 8 * np.prod(many.grid)


def test_a_field_is_linear_between_cells() -> None:
    shape, edge = (1, 12, 10), (1, 3, 5)
    y = np.arange(4) * 3.0 + 1
    field = np.broadcast_to(y[:, None], (1, 4, 2))[None]
    found = spread_over_voxels(np.asarray(field), edge, shape)
    assert found.shape == (1, *shape)
    np.testing.assert_allclose(found[0, 0, 1:11, 0], np.arange(1, 11))
    assert found[0, 0, 0, 0] == found[0, 0, 1, 0]
