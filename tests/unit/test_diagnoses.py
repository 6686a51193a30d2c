from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.diagnoses.answers import MISSING, skill_intervals
from annotator.analysis.diagnoses.bracket import bracket_answers
from annotator.analysis.diagnoses.dawid_skene import dawid_skene
from annotator.analysis.diagnoses.glad import glad
from annotator.analysis.diagnoses.mace import mace
from annotator.analysis.diagnoses.majority import majority
from tests.data.make_crowd_kit import run_crowd_kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.diagnoses.answers import Consensus

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[1] / "data"
ESTIMATORS: list[Callable[[NDArray[np.int64], int], Consensus]] = [
    majority,
    dawid_skene,
    glad,
    mace,
]
each = pytest.mark.parametrize("estimate", ESTIMATORS, ids=lambda one: one.__name__)


def plant(
    skill: list[float], n_items: int, n_classes: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return true classes ``(item,)`` and answers of raters who are right so often."""
    random = np.random.default_rng(seed)
    truth = random.integers(n_classes, size=n_items)
    wrong = (truth[:, None] + random.integers(1, n_classes, (n_items, len(skill)))) % n_classes
    is_right = random.random(wrong.shape) < skill
    return truth, np.asarray(np.where(is_right, truth[:, None], wrong), np.int64)


def check(found: Consensus, answers: NDArray[np.int64], n_classes: int) -> None:
    assert found.posterior.shape == (len(answers), n_classes)
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1.0, atol=1e-12)
    assert (found.posterior >= 0).all()
    assert found.skill.shape == (answers.shape[1],)
    assert ((found.skill >= 0) & (found.skill <= 1 + 1e-12)).all()
    assert np.isfinite(found.trace).all()
    assert (np.diff(found.trace) >= -1e-9 * np.abs(found.trace[1:])).all()


@st.composite
def tables(draw: st.DrawFn) -> tuple[NDArray[np.int64], int]:
    """Answers of up to five raters, many of them missing."""
    n_classes = draw(st.integers(1, 4))
    shape = draw(st.integers(0, 12)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    answers = random.integers(n_classes, size=shape)
    answers[random.random(shape) < draw(st.sampled_from([0.0, 0.4, 1.0]))] = MISSING
    return answers, n_classes


@each
@given(table=tables())
@settings(max_examples=30)
def test_every_table_has_a_defined_consensus(
    estimate: Callable[[NDArray[np.int64], int], Consensus], table: tuple[NDArray[np.int64], int]
) -> None:
    found = estimate(*table)
    check(found, *table)
    assert found.has_converged


@each
@pytest.mark.parametrize("n_raters", [1, 2, 4])
def test_raters_who_agree_are_believed(
    estimate: Callable[[NDArray[np.int64], int], Consensus], n_raters: int
) -> None:
    said = np.arange(12) % 3
    found = estimate(np.repeat(said[:, None], n_raters, axis=1), 3)
    assert (found.posterior.argmax(axis=1) == said).all()
    np.testing.assert_allclose(found.skill, found.skill[0])
    assert found.skill[0] > 0.5


@each
def test_order_of_raters_items_and_classes_does_not_matter(
    estimate: Callable[[NDArray[np.int64], int], Consensus],
) -> None:
    _, answers = plant([0.9, 0.8, 0.7, 0.5], 40, 3, 5)
    answers[::7, 1] = MISSING
    random = np.random.default_rng(1)
    items, raters, classes = (random.permutation(size) for size in (40, 4, 3))
    other = np.where(answers == MISSING, MISSING, classes[answers])[np.ix_(items, raters)]
    first, second = estimate(answers, 3), estimate(other, 3)
    np.testing.assert_allclose(
        second.posterior, first.posterior[items][:, np.argsort(classes)], atol=1e-5
    )
    np.testing.assert_allclose(second.skill, first.skill[raters], atol=1e-5)


@each
def test_the_reliable_are_told_from_the_unreliable(
    estimate: Callable[[NDArray[np.int64], int], Consensus],
) -> None:
    planted = [0.95, 0.9, 0.8, 0.5, 0.35]
    truth, answers = plant(planted, 400, 3, 2)
    before = answers.copy()
    found = estimate(answers, 3)
    assert (np.diff(found.skill) < 0).all()
    assert (found.posterior.argmax(axis=1) == truth).mean() > 0.9
    assert (answers == before).all()
    again = estimate(answers, 3)
    assert again.posterior.tobytes() == found.posterior.tobytes()


@pytest.mark.parametrize("estimate", [dawid_skene, glad, mace])
def test_models_beat_the_majority_where_most_raters_guess(
    estimate: Callable[[NDArray[np.int64], int], Consensus],
) -> None:
    truth, answers = plant([0.97, 0.95, 0.4, 0.4, 0.4], 300, 3, 4)
    voted = (majority(answers, 3).posterior.argmax(axis=1) == truth).mean()
    assert (estimate(answers, 3).posterior.argmax(axis=1) == truth).mean() > voted + 0.03


def test_planted_confusion_is_recovered() -> None:
    random = np.random.default_rng(8)
    planted = np.array(
        [
            [[0.9, 0.2, 0.05], [0.08, 0.7, 0.05], [0.02, 0.1, 0.9]],
            [[0.95, 0.05, 0.0], [0.05, 0.9, 0.3], [0.0, 0.05, 0.7]],
            [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
            [[0.7, 0.0, 0.15], [0.15, 1.0, 0.15], [0.15, 0.0, 0.7]],
        ]
    )
    truth = random.choice(3, 6000, p=[0.5, 0.3, 0.2])
    below = np.cumsum(planted, axis=1)[:, :, truth]
    answers = (random.random((4, 1, 6000)) > below).sum(axis=1).T
    answers[random.random(answers.shape) < 0.1] = MISSING
    found = dawid_skene(answers, 3)
    np.testing.assert_allclose(found.confusion, planted, atol=0.04)
    np.testing.assert_allclose(found.class_share, [0.5, 0.3, 0.2], atol=0.03)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1.0)


def test_glad_tells_hard_items_and_able_raters() -> None:
    random = np.random.default_rng(3)
    ability, b = np.array([3.0, 2.0, 1.5, 1.0, 0.2]), random.choice([0.3, 2.0], 250)
    truth = random.integers(2, size=250)
    is_right = random.random((250, 5)) < 1 / (1 + np.exp(-ability * b[:, None]))
    found = glad(np.where(is_right, truth[:, None], 1 - truth[:, None]), 2)
    assert np.argsort(-found.ability).tolist() == [0, 1, 2, 3, 4]
    hard = b == 0.3
    above = found.difficulty[hard][:, None] > found.difficulty[~hard]
    assert above.mean() > 0.75
    assert found.error_rate[hard].mean() > found.error_rate[~hard].mean() + 0.1


def test_mace_finds_who_always_says_the_same() -> None:
    truth, answers = plant([0.9, 0.9, 0.9, 0.9], 200, 3, 6)
    answers[:, 3] = 2
    found = mace(answers, 3)
    assert found.knows[3] < 0.1
    assert (found.knows[:3] > 0.75).all()
    assert found.guesses[3].argmax() == 2
    assert found.guesses[3, 2] > 0.95
    assert (found.posterior.argmax(axis=1) == truth).mean() > 0.95


def test_more_items_make_narrower_intervals() -> None:
    _, many = plant([0.9, 0.7, 0.6, 0.8, 0.8], 240, 2, 7)
    many[:, 1] = np.where(np.arange(240) == 3, many[:, 1], MISSING)
    wide = skill_intervals(dawid_skene, many[:30], 2, n=40)
    narrow = skill_intervals(dawid_skene, many, 2, n=40)
    assert wide[1] is narrow[1] is None
    for rater in (0, 2, 3):
        one, other = wide[rater], narrow[rater]
        assert one is not None
        assert other is not None
        assert other[1] - other[0] < one[1] - one[0]
    assert skill_intervals(dawid_skene, many, 2, n=40) == narrow
    assert skill_intervals(dawid_skene, np.zeros((0, 2), np.int64), 2) == (None, None)


def test_bracket_runs_from_the_lowest_to_the_highest_answer() -> None:
    answers = np.array([[0, 2, -1], [1, 1, 1], [-1, -1, -1], [2, -1, -1]])
    found = bracket_answers(answers, 3)
    assert found.specific.tolist() == [0, 1, -1, 2]
    assert found.sensitive.tolist() == [2, 1, -1, 2]
    assert found.is_disputed.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("answers", "n_classes", "told"),
    [
        (np.array([[0, 3]]), 3, "0 to 2"),
        (np.array([[0.5, 1.0]]), 3, "whole numbers"),
        (np.array([0, 1]), 2, "item, rater"),
        (np.zeros((1, 1), int), 0, "at least one class"),
    ],
)
def test_what_is_no_table_of_answers_is_refused(
    answers: NDArray[Any], n_classes: int, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        majority(answers, n_classes)


def compare(answers: NDArray[np.int64], n_classes: int, expected: dict[str, Any]) -> None:
    """Compare with what crowd-kit estimates where both are run to the end."""
    found = dawid_skene(answers, n_classes, smoothing=0.0, max_iterations=5000)
    np.testing.assert_allclose(found.posterior, expected["dawid_skene"], atol=1e-4)
    np.testing.assert_allclose(found.confusion, expected["confusion"], atol=1e-4)
    able = glad(answers, n_classes)
    np.testing.assert_allclose(able.posterior, expected["glad"], atol=1e-3)
    np.testing.assert_allclose(able.ability, expected["ability"], atol=1e-3)
    np.testing.assert_allclose(-np.log(able.difficulty), expected["log_b"], atol=1e-3)
    knowing = mace(answers, n_classes, smoothing=0.01 / n_classes)
    np.testing.assert_allclose(knowing.posterior, expected["mace"], atol=1e-3)
    np.testing.assert_allclose(knowing.knows, expected["knows"], atol=1e-3)
    np.testing.assert_allclose(knowing.guesses, expected["guesses"], atol=1e-3)


@pytest.mark.parametrize("world", [0, 1])
def test_what_crowd_kit_estimated(world: int) -> None:
    content = json.loads((DATA / "crowd_kit.json").read_text(encoding="utf-8"))[world]
    compare(np.array(content["answers"]), content["n_classes"], content["expected"])


def test_what_crowd_kit_estimates_here() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(
            "crowdkit.aggregation",
            reason="crowd-kit, or what it needs, is not installed",
            exc_type=ImportError,
        )
        _, answers = plant([0.95, 0.85, 0.7], 15, 2, 11)
        compare(answers, 2, run_crowd_kit(answers, 2, n_rounds=200))
