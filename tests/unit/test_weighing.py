"""Votes of unequal weight, SIMPLE, COLLATE and regions of STAPLE on readings of known skill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.spatial.distance import dice as scipy_dice

from annotator.analysis.collate import collate
from annotator.analysis.dependence import dependent_pairs
from annotator.analysis.fusion_region import region_counts, settle_agreed
from annotator.analysis.simple import simple
from annotator.analysis.simulate import SimulatedRater, simulate_panel
from annotator.analysis.staple import staple
from annotator.analysis.votes import to_dense
from annotator.analysis.weighted import agreement_weights
from annotator_builtins.collate import Collate
from annotator_builtins.majority import MajorityVote
from annotator_builtins.simple import Simple
from annotator_builtins.staple import Staple
from annotator_builtins.weighted_vote import WeightedVote
from tests.unit.fused_phantoms import UNIT, ball, dice, merged, two_good_three_bad, vote_patterns

if TYPE_CHECKING:
    from annotator.api import FusionMethod
    from tests.unit.fused_phantoms import Mask

pytestmark = pytest.mark.unit


def fused_dice(
    method: FusionMethod, masks: tuple[Mask, ...], truth: Mask, **given: object
) -> float:
    votes = merged(masks)
    fused = method.fuse(vote_patterns(votes), method.parameters.model_validate(given))
    return dice(to_dense(votes, fused.chosen, np.uint8), truth)


@pytest.mark.parametrize(
    ("method", "given"),
    [
        (Staple(), {}),
        (Staple(), {"region": "disputed"}),
        (Staple(), {"smoothing": 5.0}),
        (WeightedVote(), {}),
        (Simple(), {}),
        (Collate(), {}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_two_good_raters_outvote_three_bad_ones(
    method: FusionMethod, given: dict[str, object]
) -> None:
    gains = []
    for seed in range(4):
        truth, masks = two_good_three_bad(seed)
        voted = fused_dice(MajorityVote(), masks, truth)
        gains.append(fused_dice(method, masks, truth, **given) - voted)
    assert np.mean(gains) > 0.004
    assert min(gains) > -0.002


def test_intervals_and_weights_are_given() -> None:
    _, masks = two_good_three_bad(0)
    votes = vote_patterns(merged(masks))
    for method in (Staple(), WeightedVote(), Simple(), Collate(), MajorityVote()):
        for row in method.fuse(votes, method.parameters()).performance:
            for value, ends in (
                (row.sensitivity, row.sensitivity_interval),
                (row.specificity, row.specificity_interval),
                (row.weight, row.weight_interval),
            ):
                if value is None:
                    assert method.name == "majority"
                    continue
                assert ends is not None
                assert 0 <= ends[0] <= ends[1] <= 1
                assert ends[0] - 0.02 <= value <= ends[1] + 0.02
    weights = [row.weight or 0 for row in Staple().fuse(votes, Staple().parameters()).performance]
    assert min(weights[:2]) > max(weights[2:])


def test_the_better_agree_more() -> None:
    _, masks = two_good_three_bad(1)
    votes = vote_patterns(merged(masks))
    found = agreement_weights(
        votes.patterns, votes.counts, votes.labels, block_counts=votes.block_counts
    )
    assert found.share.sum() == pytest.approx(1)
    assert found.share[:2].min() > found.share[2:].max()
    assert found.ends is not None
    assert (found.ends[0] <= found.share).all()
    assert (found.share <= found.ends[1]).all()


def test_agreement_is_mean_kappa() -> None:
    sklearn_like = pytest.importorskip("statsmodels.stats.inter_rater")
    random = np.random.default_rng(2)
    patterns = np.unique(random.integers(0, 3, (12, 3)), axis=0)
    counts = random.integers(1, 90, len(patterns))
    kappa = np.ones((3, 3))
    for one in range(3):
        for two in range(3):
            table = np.zeros((3, 3))
            np.add.at(table, (patterns[:, one], patterns[:, two]), counts)
            kappa[one, two] = sklearn_like.cohens_kappa(table, return_results=False)
    mean = np.maximum((kappa.sum(axis=1) - 1) / 2, 0)
    found = agreement_weights(patterns, counts, (0, 1, 2)).share
    np.testing.assert_allclose(found, mean / mean.sum())


# SIMPLE


@pytest.mark.parametrize("seed", range(3))
def test_simple_drops_spammers(seed: int) -> None:
    truth = ball((20, 48, 48), 9)
    fair = SimulatedRater(wobble_mm=0.7, wobble_size_mm=4.0)
    spammer = SimulatedRater(is_spammer=True)
    masks = simulate_panel(truth, UNIT, [fair, spammer, fair, fair, spammer, fair], seed)
    votes = vote_patterns(merged(masks))
    found = simple(votes.patterns, votes.counts, votes.labels)
    assert found.is_kept.tolist() == [True, False, True, True, False, True]
    assert found.weights[[1, 4]].tolist() == [0, 0]
    assert found.has_settled
    fused = Simple().fuse(votes, Simple().parameters())
    assert any("4 of 6 readings count; dropped: b (Dice 0." in text for text in fused.warnings)


def test_simple_keeps_raters_who_are_nearly_alike() -> None:
    truth = ball((20, 48, 48), 9)
    fair = [SimulatedRater(wobble_mm=0.5 + 0.05 * rater, wobble_size_mm=4.0) for rater in range(5)]
    votes = vote_patterns(merged(simulate_panel(truth, UNIT, fair, 3)))
    assert simple(votes.patterns, votes.counts, votes.labels).is_kept.all()
    strict = simple(votes.patterns, votes.counts, votes.labels, least_gap=0.0)
    assert not strict.is_kept.all()


def test_simple_scores_are_dice() -> None:
    _, masks = two_good_three_bad(3)
    votes = merged(masks)
    found = simple(votes.patterns, votes.counts, votes.labels, alpha=9)
    assert found.is_kept.all()
    estimate = to_dense(votes, found.share[:, 1] > 0.5, np.bool_)
    for rater, mask in enumerate(masks):
        expected = 1 - scipy_dice(estimate.reshape(-1), mask.reshape(-1) != 0)
        assert found.score[rater] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_raters", [2, 3, 5])
def test_simple_keeps_two_of_raters_who_share_nothing(n_raters: int) -> None:
    rows = np.vstack([np.zeros(n_raters, int), np.eye(n_raters, dtype=int)])
    counts = np.array([500, *(10 * 2 ** np.arange(n_raters))])
    found = simple(rows, counts, (0, 1), alpha=0.0, least_gap=0.0)
    assert found.is_kept.sum() >= 2
    assert np.isfinite(found.share).all()
    assert found.weights.sum() == pytest.approx(1)


# COLLATE


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_likelihood_of_collate_never_falls(seed: int, smoothing: float) -> None:
    random = np.random.default_rng(seed)
    n_labels, n_raters = int(random.integers(2, 5)), int(random.integers(2, 7))
    patterns = np.unique(random.integers(0, n_labels, (60, n_raters)), axis=0)
    found = collate(
        patterns, random.integers(0, 500, len(patterns)), range(n_labels), smoothing=smoothing
    )
    assert (np.diff(found.trace) >= -1e-9 * np.abs(found.trace[1:])).all()
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1.0, atol=1e-9)
    assert ((found.consensus >= 0) & (found.consensus <= 1 + 1e-12)).all()
    differ = (patterns != patterns[:, :1]).any(axis=1)
    assert (found.consensus[differ] == 0).all()


def test_collate_finds_easy_voxels_and_skill_in_the_others() -> None:
    """Seven of ten voxels are easy; the matrices must be those of the other three."""
    random = np.random.default_rng(5)
    n_voxels, skill = 100_000, np.array([0.9, 0.8, 0.7, 0.85, 0.65])
    truth = random.random(n_voxels) < 0.4
    is_easy = random.random(n_voxels) < 0.7
    is_right = (random.random((n_voxels, 5)) < skill) | is_easy[:, None]
    said = np.where(is_right, truth[:, None], ~truth[:, None]).astype(int)
    patterns, counts = np.unique(said, axis=0, return_counts=True)
    found = collate(patterns, counts, (0, 1), max_iterations=2000)
    assert found.has_converged
    for label in (0, 1):
        np.testing.assert_allclose(found.confusion[:, label, label], skill, atol=0.02)
    assert found.consensus @ counts / n_voxels == pytest.approx(0.7, abs=0.02)
    plain = staple(patterns, counts, (0, 1))
    assert plain.confusion[:, 1, 1].min() > 0.85  # the easy voxels make everybody look good


# regions, dependence


def test_disputed_voxels_alone_decide() -> None:
    rows = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2], [1, 1, 0], [2, 1, 1], [0, 2, 2]])
    counts = np.array([900, 300, 100, 20, 30, 10])
    used, said = region_counts(rows, counts, 1000, "disputed")
    assert used.tolist() == [0, 0, 0, 20, 30, 10]
    assert not said
    settled = settle_agreed(np.full((6, 3), 1 / 3), rows, (0, 1, 2), "disputed")
    assert settled[:3].tolist() == np.eye(3).tolist()
    near, _ = region_counts(rows, counts, 1000, "union")
    assert near.tolist() == [540, 300, 100, 20, 30, 10]


def test_smoothing_guards_small_structures() -> None:
    """Six voxels that a rater misses must not make a bad rater of him."""
    rows = np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1]])
    counts = np.array([2000, 6, 4])
    plain, smooth = (staple(rows, counts, (0, 1), smoothing=value) for value in (0.0, 10.0))
    sharp, calm = plain.sensitivity(1), smooth.sensitivity(1)
    assert sharp is not None
    assert calm is not None
    assert sharp[2] == pytest.approx(4 / 10, abs=0.01)
    assert calm[2] == pytest.approx((4 + 10) / (10 + 10), abs=0.01)


@pytest.mark.parametrize("region", ["union", "full", "disputed"])
def test_departure_is_told_from_the_share_that_is_set(region: str) -> None:
    _, masks = two_good_three_bad(4)
    votes = vote_patterns(merged(masks))
    always = Staple().parameters(region=region, departure=0.0)
    never = Staple().parameters(region=region, departure=10.0)
    assert any("by majority" in text for text in Staple().fuse(votes, always).warnings)
    assert not any("by majority" in text for text in Staple().fuse(votes, never).warnings)


@pytest.mark.parametrize("seed", range(3))
def test_copies_are_told_and_others_are_not(seed: int) -> None:
    truth = ball((20, 48, 48), 9)
    own = SimulatedRater(wobble_mm=1.0, wobble_size_mm=4.0)
    copy = SimulatedRater(copies=0, roughness_mm=0.05)
    panel = merged(simulate_panel(truth, UNIT, [own, own, copy, own], seed))
    assert dependent_pairs(panel.patterns, panel.counts) == [(0, 2)]
    fused = MajorityVote().fuse(vote_patterns(panel), MajorityVote().parameters())
    assert any("a and c are nearly identical" in text for text in fused.warnings)
    empty = SimulatedRater(empty_rate=1.0)
    independent = merged(simulate_panel(truth, UNIT, [own, own, own, empty], seed))
    assert dependent_pairs(independent.patterns, independent.counts) == []


def test_raters_who_all_agree_are_not_called_dependent() -> None:
    rows = np.array([[0, 0, 0], [1, 1, 1]])
    assert dependent_pairs(rows, np.array([100, 100])) == []
