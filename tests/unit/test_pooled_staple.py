from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.pooled_staple import PooledCase, learn_confusion
from annotator.analysis.simulate import SimulatedRater, simulate_panel
from annotator.analysis.staple import staple
from annotator.api import no_progress
from annotator_builtins.pooled_staple import PooledStaple
from annotator_builtins.staple import Staple
from tests.unit.fused_phantoms import UNIT, case_of, dice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, FusedPatterns

pytestmark = pytest.mark.unit

SKILL = np.array([0.95, 0.85, 0.75, 0.65])
METHOD = PooledStaple()


def small_case(
    number: int, readers: Sequence[int], *, signed_off: bool = False, skill: NDArray[np.float64]
) -> CaseVotes:
    """Return a picture with 30 true voxels, each drawn with the rater's skill as probability."""
    random = np.random.default_rng(number)
    truth = np.zeros((1, 12, 40), np.uint8)
    truth[0, 3:8, 10:16] = 1
    masks = [
        np.where(truth, random.random(truth.shape) < skill[rater],
                 random.random(truth.shape) < 0.01).astype(np.uint8)
        for rater in readers
    ]  # fmt: skip
    return case_of(
        masks,
        case_id=f"case {number}",
        rater_ids=["abcd"[rater] for rater in readers],
        labels=[1],
        truth=truth if signed_off else None,
    )


def fuse(case: CaseVotes, cases: Sequence[CaseVotes], **given: object) -> FusedPatterns:
    parameters = METHOD.parameters.model_validate(given)
    learned = METHOD.learn(cases, parameters, no_progress)
    return METHOD.fuse_learned(case, learned.content, parameters, no_progress)


def sensitivities(fused: FusedPatterns) -> NDArray[np.float64]:
    return np.array([np.nan if row.sensitivity is None else row.sensitivity
                     for row in fused.performance])  # fmt: skip


@pytest.mark.parametrize("smoothing", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_one_case_is_staple(seed: int, smoothing: float) -> None:
    random = np.random.default_rng(seed)
    patterns = np.unique(random.integers(0, 3, (30, 4)), axis=0)
    counts = random.integers(1, 500, len(patterns))
    alone = staple(patterns, counts, (0, 1, 2), smoothing=smoothing)
    case = PooledCase(raters=np.arange(4), said=patterns, counts=counts.astype(np.float64))
    pooled = learn_confusion([case], 4, 3, smoothing=smoothing, max_iterations=2000)
    np.testing.assert_allclose(pooled.confusion, alone.confusion, atol=2e-4)
    assert pooled.trace[0] == pytest.approx(alone.trace[0])


@pytest.mark.parametrize("seed", range(4))
def test_likelihood_never_falls_whoever_read_and_whatever_is_known(seed: int) -> None:
    random = np.random.default_rng(seed)
    cases = []
    for number in range(6):
        raters = np.sort(random.choice(5, int(random.integers(1, 5)), replace=False))
        said = np.unique(random.integers(0, 3, (20, len(raters))), axis=0)
        counts = random.integers(0, 300, len(said)).astype(np.float64)
        known = random.multinomial(1, [0.3, 0.3, 0.4], len(said)) * counts[:, None]
        cases.append(PooledCase(raters=raters, said=said, counts=counts,
                                known=known if number % 3 == 0 else None))  # fmt: skip
    for smoothing in (0.0, 1.5):
        found = learn_confusion(cases, 5, 3, smoothing=smoothing, max_iterations=100)
        assert (np.diff(found.trace) >= -1e-9 * np.abs(found.trace[1:])).all()
        assert np.isfinite(found.confusion).all()
        np.testing.assert_allclose(found.confusion.sum(axis=1), 1.0)
        assert found.expected[1].sum() == pytest.approx(
            cases[1].counts.sum() * len(cases[1].raters)
        )


def test_skill_on_small_structures_is_known_better_from_all_cases() -> None:
    panels = [(0, 1, 2), (0, 2, 3), (1, 2, 3), (0, 1, 3), (0, 1, 2, 3)]
    cases = [small_case(number, panels[number % 5], skill=SKILL) for number in range(20)]
    errors, alone_errors = [], []
    for case in cases[:5]:
        truth = SKILL[["abcd".index(name) for name in case.votes.rater_ids]]
        errors.append(np.abs(sensitivities(fuse(case, cases)) - truth))
        alone = Staple().fuse(case.votes, Staple().parameters())
        alone_errors.append(np.abs(sensitivities(alone) - truth))
    assert np.concatenate(errors).mean() < 0.04
    assert np.concatenate(errors).mean() < 0.5 * np.concatenate(alone_errors).mean()


def test_intervals_come_from_cases() -> None:
    cases = [small_case(number, (0, 1, 2), skill=SKILL) for number in range(12)]
    for row, skill in zip(fuse(cases[0], cases).performance, SKILL, strict=False):
        assert row.sensitivity_interval is not None
        low, high = row.sensitivity_interval
        assert low - 0.03 <= skill <= high + 0.03
        assert 0.01 < high - low < 0.25
        assert row.weight_interval is not None
    few = fuse(cases[0], cases[:3])
    assert all(row.sensitivity_interval is None for row in few.performance)


def test_signed_off_cases_tell_who_is_right() -> None:
    """Two of three raters miss the same half: only the decision knows that the third is right."""
    truth = np.zeros((1, 20, 30), np.uint8)
    truth[0, 5:15, 5:25] = 1
    half = truth.copy()
    half[0, :, 15:] = 0
    open_case = case_of([truth, half, half], case_id="open", labels=[1])
    decided = [
        case_of([truth, half, half], case_id=f"decided {number}", labels=[1], truth=truth)
        for number in range(3)
    ]
    before = fuse(open_case, [open_case, *(replace(case, decided_counts=None) for case in decided)])
    after = fuse(open_case, [open_case, *decided])
    voxels = int(open_case.votes.counts[after.chosen == 1].sum())
    assert int(open_case.votes.counts[before.chosen == 1].sum()) == half.sum()
    assert voxels == truth.sum()
    assert "Learned from 4 cases, 3 of them signed off." in after.warnings
    assert METHOD.learn(decided, METHOD.parameters(), no_progress).summary == (
        "Learned from 3 cases, 3 of them signed off.",
    )


def test_a_signed_off_case_does_not_judge_itself() -> None:
    cases = [small_case(number, (0, 1, 2), skill=SKILL) for number in range(6)]
    truth = np.zeros((1, 12, 40), np.uint8)
    truth[0, 0:2] = 1  # a decision that no reading comes near
    own = case_of(
        [np.asarray(cases[0].window(None).masks(cases[0].votes)[rater], np.uint8)
         for rater in range(3)],
        case_id="case 0", labels=[1], truth=truth,
    )  # fmt: skip
    without = fuse(cases[0], cases[1:])
    with_itself = fuse(own, [own, *cases[1:]])
    np.testing.assert_allclose(with_itself.probability, without.probability, atol=1e-6)


def test_background_beyond_the_region_teaches_nothing() -> None:
    truth = np.zeros((1, 200, 200), np.uint8)
    truth[0, 90:110, 90:110] = 1
    masks = simulate_panel(truth, UNIT, [SimulatedRater(bias_mm=bias) for bias in (0.0, 1.0)], 1)
    near = case_of(masks, truth=truth, labels=[1])
    performance = fuse(near, [near], region="union").performance
    far = fuse(near, [near], region="full").performance
    near_one, far_one = performance[1].specificity, far[1].specificity
    assert near_one is not None
    assert far_one is not None
    assert near_one < 0.95 < far_one


def test_raters_who_are_new_are_average_and_told() -> None:
    cases = [small_case(number, (0, 1, 2), skill=SKILL) for number in range(5)]
    newcomer = small_case(9, (0, 3), skill=SKILL)
    fused = fuse(newcomer, cases)
    assert any("Nothing was learned of d" in text for text in fused.warnings)
    assert np.isfinite(fused.probability).all()
    rows = {row.rater_id: row for row in fused.performance}
    assert rows["d"].sensitivity is not None
    assert rows["d"].sensitivity_interval is None
    strangers = replace(newcomer, votes=replace(newcomer.votes, rater_ids=("x", "y")))
    assert any("on this case alone" in text for text in fuse(strangers, cases).warnings)


def test_a_label_that_was_never_learned_is_taken_as_said() -> None:
    cases = [small_case(number, (0, 1, 2), skill=SKILL) for number in range(4)]
    masks = [np.asarray(mask * 5, np.uint8)
             for mask in cases[0].window(None).masks(cases[0].votes)]  # fmt: skip
    fused = fuse(case_of(masks, case_id="new", labels=[5]), cases)
    assert set(fused.chosen.tolist()) == {0, 5}
    assert {row.label for row in fused.performance} == {5}


def test_cases_of_one_reader_count_only_when_signed_off() -> None:
    lone, decided = (small_case(number, (0,), signed_off=bool(number), skill=SKILL)
                     for number in range(2))  # fmt: skip
    summary = METHOD.learn([lone, decided], METHOD.parameters(), no_progress).summary
    assert summary == ("Learned from 1 case, 1 of them signed off.",)


def test_a_decision_alone_is_not_learned_from_itself() -> None:
    case = small_case(1, (0, 1, 2), signed_off=True, skill=SKILL)
    fused = fuse(case, [case])
    assert any("on this case alone" in text for text in fused.warnings)
    unsigned = fuse(replace(case, decided_counts=None), [replace(case, decided_counts=None)])
    np.testing.assert_allclose(fused.probability, unsigned.probability)


def test_pooled_fusion_comes_closer_to_the_truth() -> None:
    truth = np.zeros((1, 12, 40), np.uint8)
    truth[0, 3:8, 10:16] = 1
    cases = [small_case(number, (0, 2, 3), skill=SKILL) for number in range(12)]
    pooled, alone = [], []
    for case in cases:
        numbers = case.window(None).index
        own = Staple().fuse(case.votes, Staple().parameters())
        alone.append(dice(own.chosen[numbers], truth))
        pooled.append(dice(fuse(case, cases).chosen[numbers], truth))
    assert np.mean(pooled) > np.mean(alone) + 0.004
