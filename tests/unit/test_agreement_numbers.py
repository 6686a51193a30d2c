"""Intraclass correlation, Bland-Altman, kappas and set distances against published figures."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from annotator.analysis.agreement_icc import icc_agreement, icc_one_way, intraclass
from annotator.analysis.bland_altman import bland_altman, repeatability, slope_of
from annotator.analysis.calibration import crps
from annotator.analysis.chance import count_answers
from annotator.analysis.kappa import (
    answer_table,
    cohen_kappa,
    gwet_ac1,
    observed_agreement,
)
from annotator.analysis.set_distance import dice_match, dice_max, ged_squared

if TYPE_CHECKING:
    from annotator.analysis.kappa import Weights

pytestmark = pytest.mark.unit

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
"""Table 2 of Shrout & Fleiss (1979), Psychological Bulletin 86: six targets, four judges."""
PINGOUIN = {  # pingouin 0.7.0, intraclass_corr, on that table; its intervals have two digits
    "1,1": (0.165742, -0.13, 0.72),
    "A,1": (0.289764, 0.02, 0.76),
    "C,1": (0.714841, 0.34, 0.95),
    "1,k": (0.442797, -0.88, 0.91),
    "A,k": (0.620051, 0.07, 0.93),
    "C,k": (0.909316, 0.68, 0.99),
}
GWET: list[list[int | None]] = [
    [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1],
    [None, None, 3, None],
]  # fmt: skip
"""Twelve units, four raters, five answers: the example of Gwet (2014), Handbook, table 2.10."""


def test_icc_as_printed_by_shrout_and_fleiss() -> None:
    found = intraclass(SHROUT_FLEISS)
    printed = {"1,1": 0.17, "A,1": 0.29, "C,1": 0.71, "1,k": 0.44, "A,k": 0.62, "C,k": 0.91}
    assert {entry.form: round(entry.value or 0.0, 2) for entry in found.forms} == printed
    assert (found.n_cases, found.n_raters) == (6, 4)


def test_icc_and_intervals_of_pingouin() -> None:
    for entry in intraclass(SHROUT_FLEISS).forms:
        value, low, high = PINGOUIN[entry.form]
        assert entry.value == pytest.approx(value, abs=1e-6)
        assert entry.low == pytest.approx(low, abs=0.0051)
        assert entry.high == pytest.approx(high, abs=0.0051)


@pytest.mark.filterwarnings("ignore")  # of pingouin about pandas
def test_icc_of_other_tables_by_pingouin() -> None:
    peer = pytest.importorskip("pingouin", reason="pingouin (GPL) is not installed")
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    for _ in range(5):
        n, k = random.integers(3, 12), random.integers(2, 6)
        scores = random.normal(size=(n, 1)) * 3 + random.normal(size=(n, k)) + random.normal(size=k)
        rows = [(i, j, scores[i, j]) for i, j in itertools.product(range(n), range(k))]
        frame = pandas.DataFrame(rows, columns=["target", "rater", "score"])
        table = peer.intraclass_corr(frame, "target", "rater", "score").set_index("Type")
        for entry in intraclass(scores).forms:
            row = table.loc[f"ICC({entry.form})"]
            assert entry.value == pytest.approx(row["ICC"])
            ends = [round(end or 0.0, 2) for end in (entry.low, entry.high)]
            assert ends == pytest.approx(list(row["CI95"]), abs=0.0101)


@given(st.integers(0, 2**32))
def test_icc_laws(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, k = int(random.integers(2, 9)), int(random.integers(2, 6))
    scores = random.normal(size=(n, 1)) * 2 + random.normal(size=(n, k))
    found = intraclass(scores)
    shifted = intraclass(scores + random.normal(size=(1, k)) * 5)
    assert found.form("C,1").value == pytest.approx(shifted.form("C,1").value), "bias of raters"
    moved = intraclass(scores * 3 - 2)
    for entry in found.forms:
        assert entry.value == pytest.approx(moved.form(entry.form).value), "unit and zero"
        # Below 0 the interval of ICC(A,1) is no interval: its degrees of freedom assume a spread.
        if (entry.value or -1.0) >= 0 and entry.low is not None and entry.high is not None:
            assert entry.value is not None
            assert entry.low <= entry.value + 1e-9
            assert entry.value <= entry.high + 1e-9
    assert icc_agreement(scores) == found.form("A,1").value
    assert icc_one_way(scores) == found.form("1,1").value


def test_icc_with_missing_readings() -> None:
    scores = SHROUT_FLEISS.copy()
    scores[0, 1] = scores[3, :3] = np.nan
    found = intraclass(scores)
    complete = intraclass(scores[[1, 2, 4, 5]])
    assert (found.n_cases, found.n_cases_one_way) == (4, 5)
    assert found.form("A,1").value == complete.form("A,1").value
    kept = scores[[0, 1, 2, 4, 5]]
    groups = [row[np.isfinite(row)] for row in kept]
    ratio = stats.f_oneway(*groups).statistic
    sizes = np.array([len(group) for group in groups])
    k = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
    assert found.form("1,1").value == pytest.approx((ratio - 1) / (ratio + k - 1))


@pytest.mark.parametrize(
    "scores",
    [np.zeros((0, 3)), np.ones((1, 3)), np.full((4, 3), 7.0), np.full((4, 2), np.nan)],
    ids=["no case", "one case", "no spread", "nobody read"],
)
def test_icc_undefined_is_none(scores: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    assert {(e.value, e.low, e.high) for e in intraclass(scores).forms} == {(None, None, None)}


def test_icc_of_raters_who_agree_fully_is_one() -> None:
    found = intraclass(np.repeat(np.arange(5.0)[:, None], 3, axis=1))
    assert [entry.value for entry in found.forms] == [1.0] * 6


def test_bland_altman_on_peak_flow() -> None:
    """Peak flow of 17 people by two meters: Bland & Altman (1986), Lancet 327, 307-310."""
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    found = bland_altman(np.array(large, float), np.array(mini, float))
    assert found is not None
    # As printed: d = -2.1, s = 38.8, limits -79.7 and 75.5 by 2 s; 95 % of the bias -22.0 to 17.8.
    assert round(found.bias.value, 1) == -2.1
    assert round(found.sd, 1) == 38.8
    assert found.lower.value == pytest.approx(-2.1 - 1.96 * 38.8, abs=0.1)
    assert (found.bias.low, found.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    # As printed, with sqrt(3 s²/n): lower limit -114.3 to -45.1; 1/n + 1.96²/2(n-1) is narrower.
    assert (found.lower.low, found.lower.high) == pytest.approx((-114.3, -45.1), abs=2.5)
    assert found.slope is not None
    assert found.slope.low < 0 < found.slope.high


def test_bland_altman_of_few() -> None:
    none = np.array([np.nan, 1.0])
    assert bland_altman(none, np.array([2.0, 3.0])) is None
    same = bland_altman(np.array([2.0, 2.0, 2.0]), np.array([2.0, 2.0, 2.0]))
    assert same is not None
    assert (same.bias.value, same.sd, same.slope) == (0.0, 0.0, None)


@given(st.integers(0, 2**32))
def test_slope_and_limits_by_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, int(random.integers(3, 12))))
    found, expected = slope_of(x, y), stats.linregress(x, y)
    reach = float(stats.t.ppf(0.975, len(x) - 2)) * float(expected.stderr)
    assert found is not None
    assert found.value == pytest.approx(float(expected.slope))
    assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach))
    ends = repeatability(np.stack([x, y], axis=1))
    assert ends is not None
    squares = ends.within_sd.value**2 * len(x)
    assert ends.within_sd.low == pytest.approx((squares / stats.chi2.ppf(0.975, len(x))) ** 0.5)
    assert ends.within_sd.high == pytest.approx((squares / stats.chi2.ppf(0.025, len(x))) ** 0.5)


def test_proportional_bias_is_found() -> None:
    size = np.linspace(10, 100, 30)
    found = bland_altman(size * 1.1, size * 0.9)
    assert found is not None
    assert found.slope is not None
    assert found.slope.value == pytest.approx(0.2)


@given(st.integers(0, 2**32))
def test_within_sd_is_that_of_one_way_analysis(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(int(random.integers(2, 8)), int(random.integers(2, 5))))
    found = repeatability(scores)
    assert found is not None
    assert found.within_sd.value == pytest.approx(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    assert found.coefficient.value == pytest.approx(1.96 * np.sqrt(2) * found.within_sd.value)
    assert found.within_sd.low <= found.within_sd.value <= found.within_sd.high


def test_repeatability_leaves_missing_readings_out() -> None:
    scores = np.array([[1.0, 3.0, np.nan], [4.0, np.nan, np.nan], [5.0, 5.0, 8.0]])
    found = repeatability(scores)
    assert found is not None
    assert (found.n_cases, found.n_readings) == (2, 5)
    assert found.within_sd.value == pytest.approx(np.sqrt((2.0 + 6.0) / 3))
    assert repeatability(scores[1:2]) is None


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_kappa_by_statsmodels(weights: Weights) -> None:
    peer = pytest.importorskip("statsmodels.stats.inter_rater")
    random = np.random.default_rng(1)
    for _ in range(20):
        table = random.integers(0, 9, (4, 4))
        wt = {"none": None, "linear": "linear", "quadratic": "quadratic"}[weights]
        expected = peer.cohens_kappa(table, wt=wt, return_results=False)
        assert cohen_kappa(table, weights) == pytest.approx(float(expected))


def test_weights_go_by_the_numbers_of_answers() -> None:
    table = np.array([[5, 1, 0], [2, 4, 1], [0, 1, 6]])
    assert cohen_kappa(table, "linear", [1.0, 2.0, 3.0]) == cohen_kappa(table, "linear")
    two = cohen_kappa(table, "linear", [0.0, 0.0, 1.0])
    assert two == pytest.approx(cohen_kappa(np.array([[12, 1], [1, 6]])))


def test_kappa_paradox() -> None:
    """Feinstein & Cicchetti (1990), J Clin Epidemiol 43: equal agreement, unequal kappa."""
    even, lopsided = np.array([[40, 9], [6, 45]]), np.array([[80, 10], [5, 5]])
    assert observed_agreement(even) == observed_agreement(lopsided) == 0.85
    assert round(cohen_kappa(even) or 0, 2) == 0.70
    assert round(cohen_kappa(lopsided) or 0, 2) == 0.32
    pairs = np.array([[2, 0]] * 80 + [[1, 1]] * 15 + [[0, 2]] * 5)
    assert round(gwet_ac1(pairs) or 0, 2) == 0.81


def test_gwet_ac1_of_irrcac() -> None:
    """Also as printed by Gwet (2014): AC1 0.775."""
    counts = count_answers(GWET, [1, 2, 3, 4, 5])
    assert gwet_ac1(counts) == pytest.approx(0.77544, abs=1e-5)  # irrCAC 0.4.4
    peer = pytest.importorskip("irrCAC.raw", reason="irrCAC is not installed")
    pandas = pytest.importorskip("pandas")
    table = peer.CAC(pandas.DataFrame(np.array(GWET, float)), categories=[1, 2, 3, 4, 5])
    expected = table.gwet()["est"]["coefficient_value"]
    assert gwet_ac1(counts) == pytest.approx(expected, abs=1e-5)


def test_gwet_ac1_of_repeated_rows() -> None:
    counts = np.array([[3, 0], [1, 2], [2, 1]])
    times = np.array([4, 0, 2])
    assert gwet_ac1(counts, times) == pytest.approx(gwet_ac1(counts.repeat(times, axis=0)))
    assert gwet_ac1(counts[:, :1]) is None
    assert gwet_ac1(np.zeros((0, 2), int)) is None


def test_two_answers_missing() -> None:
    table = answer_table(["a", None, "b", "b"], ["a", "a", None, "a"], ["a", "b"])
    np.testing.assert_array_equal(table, [[1, 0], [1, 0]])
    assert cohen_kappa(np.zeros((2, 2), int)) is None
    assert observed_agreement(np.zeros((2, 2), int)) is None
    assert cohen_kappa(np.array([[5, 0], [0, 0]])) is None, "only one answer was ever given"


def test_dice_of_two_sets() -> None:
    dice = np.array([[0.9, 0.2, 0.8], [0.85, 0.1, 0.3]])
    best = dice_max(dice)
    assert best is not None
    assert best.of_first == pytest.approx((0.9 + 0.85) / 2)
    assert best.of_second == pytest.approx((0.9 + 0.2 + 0.8) / 3)
    assert dice_match(dice) == pytest.approx((0.8 + 0.85) / 2), "not the greedy 0.9 + 0.3"
    assert dice_max(np.zeros((0, 2))) is None
    assert dice_match(np.zeros((2, 0))) is None


@given(st.integers(0, 2**32))
def test_energy_distance_laws(seed: int) -> None:
    """Against loops over single pairs; 0 for a group and itself; never negative when biased."""
    random = np.random.default_rng(seed)
    first, second = (random.random((int(random.integers(2, 5)), 12)) < 0.4 for _ in range(2))
    drawn = np.concatenate([first, second])

    def iou(a: Any, b: Any) -> float:  # noqa: ANN401
        return float((a & b).sum() / (a | b).sum()) if (a | b).any() else 1.0

    table = np.array([[iou(a, b) for b in drawn] for a in drawn])
    between = np.mean([1 - iou(a, b) for a in first for b in second])
    own = [np.mean([1 - iou(a, b) for a in group for b in group]) for group in (first, second)]
    apart = [
        np.mean([1 - iou(a, b) for a, b in itertools.combinations(group, 2)])
        for group in (first, second)
    ]
    biased = ged_squared(table, len(first))
    assert biased == pytest.approx(2 * between - sum(own))
    assert biased is not None
    assert biased >= -1e-9
    assert ged_squared(table, len(first), estimator="without-self") == pytest.approx(
        2 * between - sum(apart)
    )
    n = len(first)
    twice = np.block([[table[:n, :n]] * 2] * 2)
    assert ged_squared(twice, n) == pytest.approx(0.0)


def test_energy_distance_of_too_few() -> None:
    table = np.eye(3)
    assert ged_squared(table, 3) is None
    assert ged_squared(table, 1, estimator="without-self") is None
    assert ged_squared(table, 1) is not None


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(-60, 60))
def test_crps_is_the_area_between_the_steps(values: list[float], predicted: float) -> None:
    """The integral of (F - step)² over a fine partition at all points where anything changes."""
    points = np.sort([*values, predicted])
    middle = (points[1:] + points[:-1]) / 2
    share = (np.array(values)[None, :] <= middle[:, None]).mean(axis=1)
    area = float((np.diff(points) * (share - (middle >= predicted)) ** 2).sum())
    assert crps(np.array(values), predicted) == pytest.approx(area, abs=1e-9)
    assert crps(np.zeros(0), predicted) is None
