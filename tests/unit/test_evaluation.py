"""Laws of the measures that judge a ranking, and numbers worked out otherwise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.evaluation import aurc, auroc, effort_saved, excess_aurc
from annotator.domain.errors import AnnotatorError

pytestmark = pytest.mark.unit

risks = st.lists(st.integers(0, 20).map(lambda value: value / 20), min_size=1, max_size=30)
few = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 4)), min_size=1, max_size=5
)


@given(risks)
def test_the_best_order_leaves_no_excess(risk: list[float]) -> None:
    assert excess_aurc(risk, risk) == 0.0
    worst = excess_aurc([-value for value in risk], risk)
    assert worst is not None
    assert worst >= 0.0


@given(risks)
def test_no_order_at_all_is_worth_the_mean_risk(risk: list[float]) -> None:
    assert aurc([1.0] * len(risk), risk) == pytest.approx(np.mean(risk))


@given(st.lists(st.tuples(st.integers(-9, 9), st.booleans()), min_size=1, max_size=30))
def test_only_the_order_of_scores_counts(cases: list[tuple[int, bool]]) -> None:
    score = np.array([value for value, _ in cases], np.float64)
    hard = np.array([is_hard for _, is_hard in cases])
    bent = np.exp(score / 3) - 5
    assert auroc(bent, hard) == auroc(score, hard)
    assert aurc(bent, hard) == aurc(score, hard)
    assert excess_aurc(bent, hard) == excess_aurc(score, hard)
    assert effort_saved(bent, hard) == effort_saved(score, hard)


@given(few)
def test_ties_are_worth_the_mean_over_their_orders(cases: list[tuple[int, bool, int]]) -> None:
    score = [value for value, _, _ in cases]
    hard = np.array([is_hard for _, is_hard, _ in cases])
    risk = np.array([value for _, _, value in cases], np.float64)
    orders = [
        order
        for order in itertools.permutations(range(len(cases)))
        if all(score[one] <= score[next_] for one, next_ in itertools.pairwise(order))
    ]
    by_hand = [
        np.mean([risk[list(order[:kept])].mean() for kept in range(1, len(cases) + 1)])
        for order in orders
    ]
    assert aurc(score, risk) == pytest.approx(np.mean(by_hand))
    if hard.any():
        wanted = int(np.ceil(0.95 * hard.sum()))
        looks = [
            1 + int(np.flatnonzero(np.cumsum(hard[list(order[::-1])]) == wanted)[0])
            for order in orders
        ]
        assert effort_saved(score, hard) == pytest.approx(1 - np.mean(looks) / len(cases))


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30))
def test_auroc_counts_pairs(cases: list[tuple[int, bool]]) -> None:
    hard = [value for value, is_hard in cases if is_hard]
    easy = [value for value, is_hard in cases if not is_hard]
    found = auroc([value for value, _ in cases], [is_hard for _, is_hard in cases])
    if not hard or not easy:
        assert found is None
        return
    pairs = [(one > two) + 0.5 * (one == two) for one in hard for two in easy]
    assert found == pytest.approx(np.mean(pairs))
    mirrored = auroc([-value for value, _ in cases], [is_hard for _, is_hard in cases])
    assert found is not None
    assert mirrored is not None
    assert found + mirrored == pytest.approx(1.0)


def test_a_worked_example() -> None:
    risk = [0.1, 0.2, 0.3, 0.4]
    assert aurc([1, 2, 3, 4], risk) == pytest.approx((0.1 + 0.15 + 0.2 + 0.25) / 4)
    assert aurc([4, 3, 2, 1], risk) == pytest.approx((0.4 + 0.35 + 0.3 + 0.25) / 4)
    assert excess_aurc([4, 3, 2, 1], risk) == pytest.approx(0.15)


def test_effort_saved_is_what_need_not_be_looked_at() -> None:
    hard = np.zeros(100, np.bool_)
    hard[:20] = True
    assert effort_saved(np.arange(100)[::-1], hard) == pytest.approx(0.81)
    assert effort_saved(np.arange(100), hard) == pytest.approx(0.01)
    assert effort_saved(np.arange(100)[::-1], hard, found=0.5) == pytest.approx(0.9)
    assert effort_saved(np.zeros(100), hard) == pytest.approx(1 - 19 * 101 / 21 / 100)


def test_what_is_undefined_or_makes_no_sense() -> None:
    assert aurc([], []) is None
    assert excess_aurc([], []) is None
    assert effort_saved([1.0], [False]) is None
    with pytest.raises(AnnotatorError, match="one number a case"):
        auroc([1.0, 2.0], [True])
    with pytest.raises(AnnotatorError, match="finite"):
        aurc([np.nan], [0.0])
    with pytest.raises(AnnotatorError, match="share to be found"):
        effort_saved([1.0], [True], found=0.0)
