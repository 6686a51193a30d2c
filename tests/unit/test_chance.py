from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from annotator.analysis.chance import count_answers, fleiss_kappa, krippendorff_alpha

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

GRADES = ("none", "mild", "moderate", "severe")


def random_answers(seed: int, missing: float) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, 30)
    shifts = random.choice([0, 0, 0, 1, -1, 2], (30, 5))
    answers: NDArray[np.float64] = np.clip(truth[:, None] + shifts, 0, 3).astype(np.float64)
    answers[random.random(answers.shape) < missing] = np.nan
    return answers


def counts_of(answers: NDArray[np.float64]) -> NDArray[np.int64]:
    rows = [[None if np.isnan(v) else GRADES[int(v)] for v in row] for row in answers]
    return count_answers(rows, GRADES)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("seed", range(4))
def test_alpha_equals_the_reference_package(
    seed: int, missing: float, level: Literal["nominal", "ordinal", "interval"]
) -> None:
    oracle: Any = pytest.importorskip("krippendorff")
    answers = random_answers(seed, missing)
    expected = oracle.alpha(
        reliability_data=answers.T, level_of_measurement=level, value_domain=[0, 1, 2, 3]
    )
    assert krippendorff_alpha(counts_of(answers), level) == pytest.approx(expected, abs=1e-9)


def test_interval_alpha_uses_the_numbers() -> None:
    oracle: Any = pytest.importorskip("krippendorff")
    answers = random_answers(9, 0.2)
    numbers = np.array([0.0, 1.0, 5.0, 20.0])
    known = ~np.isnan(answers)
    mapped = np.full_like(answers, np.nan)
    mapped[known] = numbers[answers[known].astype(int)]
    expected = oracle.alpha(
        reliability_data=mapped.T, level_of_measurement="interval", value_domain=numbers
    )
    found = krippendorff_alpha(counts_of(answers), "interval", numbers.tolist())
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_kappa_equals_statsmodels(seed: int) -> None:
    oracle: Any = pytest.importorskip("statsmodels.stats.inter_rater")
    counts = counts_of(random_answers(seed, 0.0))
    assert fleiss_kappa(counts) == pytest.approx(oracle.fleiss_kappa(counts), abs=1e-12)


def test_full_agreement_is_one() -> None:
    counts = count_answers([["a", "a"], ["b", "b"]], ("a", "b"))
    assert fleiss_kappa(counts) == pytest.approx(1.0)
    assert krippendorff_alpha(counts) == pytest.approx(1.0)


def test_undefined_is_none() -> None:
    one_answer = count_answers([["a", "a"], ["a", "a"]], ("a", "b"))
    assert fleiss_kappa(one_answer) is None
    assert krippendorff_alpha(one_answer) is None
    alone = count_answers([["a", None], [None, "b"]], ("a", "b"))
    assert fleiss_kappa(alone) is None
    assert krippendorff_alpha(alone) is None
    nothing = np.zeros((0, 2), np.int64)
    assert fleiss_kappa(nothing) is None
    assert krippendorff_alpha(nothing) is None


def test_kappa_refuses_missing_raters() -> None:
    with pytest.raises(ValueError, match="krippendorff_alpha"):
        fleiss_kappa(count_answers([["a", "b"], ["a", None]], ("a", "b")))
