"""Made studies: the same bytes from the same seed, and answers that are really planted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.phantoms import (
    MAKERS,
    SCENARIOS,
    Scenario,
    Shape,
    SimulatedStudy,
    disc_cup_case,
    find_scenario,
    simulate_study,
)
from annotator.domain.errors import AnnotatorError, UnknownNameError
from tests.phantoms import dice

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def everything(study: SimulatedStudy) -> bytes:
    parts: list[NDArray[Any]] = []
    for case in study.cases:
        parts += [case.phantom.truth, case.phantom.image, *case.readings, *case.expected_error_mm]
        parts.append(np.array([*case.answers, case.difficulty, case.phantom.is_diseased]))
    return b"".join(part.tobytes() for part in parts)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_same_seed_same_study(scenario: Scenario) -> None:
    first, again, other = (simulate_study(scenario, n_cases=2, seed=seed) for seed in (3, 3, 4))
    assert everything(first) == everything(again)
    assert everything(first) != everything(other)
    longer = simulate_study(scenario, n_cases=3, seed=3)
    assert everything(longer).startswith(everything(first))
    for case in first.cases:
        assert len(case.readings) == len(case.answers) == len(first.members)
        assert all(mask.shape == case.phantom.truth.shape for mask in case.readings)
        assert np.isfinite(case.phantom.image).all()


@pytest.mark.parametrize("shape", MAKERS)
def test_disease_follows_the_risk_and_the_image_says_little(shape: Shape) -> None:
    made = [MAKERS[shape](seed=seed, size=48) for seed in range(150)]
    risk = np.array([phantom.risk for phantom in made])
    ill = np.array([phantom.is_diseased for phantom in made])
    measure = np.array([phantom.measure for phantom in made])
    assert abs(risk.mean() - ill.mean()) < 0.1
    assert 0.15 < ill.mean() < 0.85
    assert (np.diff(risk[np.argsort(measure)]) >= 0).all()
    mean = np.array([phantom.image.mean() for phantom in made])
    assert separation(measure, ill) > 0.85
    assert separation(mean, ill) < 0.75


def separation(score: NDArray[np.float64], ill: NDArray[np.bool_]) -> float:
    apart = score[ill][:, None] - score[~ill]
    return float((apart > 0).mean() + 0.5 * (apart == 0).mean())


def test_the_cup_lies_in_the_disc() -> None:
    steps = []
    for seed in range(20):
        phantom = disc_cup_case(seed=seed)
        disc, cup = phantom.truth >= 1, phantom.truth == 2
        assert cup.any()
        assert not cup[0, [0, -1]].any()
        assert 0.25 < phantom.measure < 0.85
        assert phantom.measure == pytest.approx(np.sqrt(cup.sum() / disc.sum()))
        steps.append(float(phantom.image[disc].mean() - phantom.image[~disc].mean()))
    assert 1.0 < np.mean(steps) < 1.6


def mean_dice(study: SimulatedStudy) -> list[float]:
    return [
        float(
            np.mean(
                [dice(case.readings[rater] > 0, case.phantom.truth > 0) for case in study.cases]
            )
        )
        for rater in range(len(study.members))
    ]


def test_global_skill_is_planted() -> None:
    found = mean_dice(simulate_study("global-skill", n_cases=12, seed=1))
    assert min(found[:2]) > max(found[2:]) + 0.05


def test_spammers_and_copies_are_planted() -> None:
    found = mean_dice(simulate_study("spammers", n_cases=12, seed=1))
    assert min(found[:3]) > 0.85 > 0.5 > max(found[3:])
    study = simulate_study("dependent-raters", n_cases=3, seed=1)
    for case in study.cases:
        _, good, copied, copy, _ = case.readings
        assert dice(copied, copy) > 0.95 > dice(good, copied)


def test_regional_skill_is_planted() -> None:
    study = simulate_study("regional-skill", n_cases=15, seed=1)
    wrong = np.zeros((2, len(study.members)))
    for case in study.cases:
        for rater, (mask, error) in enumerate(
            zip(case.readings, case.expected_error_mm, strict=True)
        ):
            is_good = error < error.mean()
            for place, where in enumerate((is_good, ~is_good)):
                wrong[place, rater] += (mask != case.phantom.truth)[where].sum() / where.sum()
    assert (wrong[0] < 0.5 * wrong[1]).all()


def test_small_lesions_are_overlooked_and_invented() -> None:
    study = simulate_study("small-lesions", n_cases=40, seed=2)
    careful, _, inventive, blind = (
        sum(int((case.readings[rater] > 0).sum()) for case in study.cases) for rater in range(4)
    )
    assert blind < 0.7 * careful < careful < inventive
    healthy = [case for case in study.cases if not case.phantom.truth.any()]
    assert healthy
    assert all(case.readings[2].any() and not case.readings[0].any() for case in healthy)


def test_answers_are_as_right_as_planted() -> None:
    study = simulate_study("spammers", n_cases=200, seed=5, size=24)
    right = np.mean(
        [[said == case.phantom.is_diseased for said in case.answers] for case in study.cases],
        axis=0,
    )
    planted = [member.diagnosis_accuracy for member in study.members]
    assert np.abs(right - planted).max() < 0.1


def test_raters_are_repeated_in_turn() -> None:
    study = simulate_study("spammers", n_cases=1, n_raters=7)
    assert study.members[5:] == study.members[:2]
    assert study.rater_ids == ("r1", "r2", "r3", "r4", "r5", "r6", "r7")
    assert len({member.name(n) for n, member in enumerate(study.members)}) == 7


def test_another_shape_may_be_read() -> None:
    study = simulate_study("global-skill", n_cases=1, shape="organ", size=32)
    assert study.cases[0].phantom.truth.shape == (8, 32, 32)


def test_what_cannot_be_made_is_said() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'spammers'"):
        find_scenario("spamers")
    with pytest.raises(AnnotatorError, match="at least one case"):
        simulate_study("spammers", n_cases=0)
    with pytest.raises(AnnotatorError, match="at least 2 raters"):
        simulate_study("spammers", n_cases=1, n_raters=1)
