from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize

from annotator.analysis.diagnosis_criterion import compare_aucs, fit_criterion
from annotator.analysis.diagnosis_features import N_SUMS, MaskFeatures, mask_sums, n_features
from annotator.analysis.diagnosis_first import (
    LearnedWeights,
    MaskStudy,
    draw_mixtures,
    draw_weights,
    fit_weights,
    learn_weights,
    make_folds,
    train_criterion,
)
from annotator.analysis.moments import label_moments
from annotator.analysis.runs import encode
from annotator.analysis.votes import merge_votes
from tests.disc_cup import RATERS, SPACING_MM, DiscCup, draw_discs

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def study_of(discs: DiscCup) -> MaskStudy:
    n_cases, n_raters = discs.moments.shape[:2]
    return MaskStudy(
        sums=mask_sums(discs.moments, SPACING_MM),
        has_read=np.ones((n_cases, n_raters), np.bool_),
        spacing_mm=np.tile(SPACING_MM, (n_cases, 1)),
        is_positive=discs.is_ill,
        mixtures=draw_mixtures(n_cases, n_raters, 2),
    )


def quiet(done: float, what: str) -> None:
    assert 0 <= done <= 1
    assert what


def learn(study: MaskStudy) -> LearnedWeights:
    keys = [f"case {number}" for number in range(len(study.is_positive))]
    folds = make_folds(study.is_positive, keys, 5)
    return learn_weights(study, folds, progress=quiet)


def test_features_of_a_box_are_those_of_geometry() -> None:
    mask = np.zeros((12, 30, 40), np.uint8)
    mask[2:10, 5:25, 5:35] = 1
    spacing = (2.0, 0.5, 0.25)
    votes = merge_votes([encode(mask)], labels=[1, 2])
    sums = mask_sums(label_moments(votes, spacing), spacing)
    (values,) = MaskFeatures.of(sums, np.array([spacing])).values
    assert values.shape == (n_features(2),)
    sides = np.array([16.0, 10.0, 7.5])
    assert values[0] == pytest.approx(np.log(sides.prod() + 0.25))
    np.testing.assert_allclose(np.exp(values[1:4]), sides / np.sqrt(12), rtol=2e-3)
    assert values[4] > 0
    assert values[5] == 1.0
    # Nothing of label 2 was drawn: a thing as small as a voxel, by nobody.
    assert values[6] == pytest.approx(np.log(0.25))
    assert values[11] == 0.0
    assert values[12] == pytest.approx(values[0] - values[6])


def test_a_ball_is_not_elongated_and_turning_does_not_matter() -> None:
    z, y, x = np.ogrid[-15:16, -15:16, -15:16]
    spacing = (1.0, 1.0, 1.0)
    shapes = [z**2 + y**2 + x**2 < 100, *(((y * a - x * b) ** 2 + 4 * (y * b + x * a) ** 2
              + 4 * z**2) < 144 for a, b in ((1.0, 0.0), (0.6, 0.8)))]  # fmt: skip
    votes = merge_votes([encode(shape.astype(np.uint8)) for shape in shapes], labels=[1])
    sums = mask_sums(label_moments(votes, spacing), spacing)
    ball, long, turned = MaskFeatures.of(sums, np.ones((3, 3))).values[:, 4]
    assert ball == pytest.approx(0.0, abs=1e-3)
    assert long > 0.2
    assert turned == pytest.approx(long, rel=0.03)


@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_the_way_back_is_the_derivative(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = random.choice(np.array([0, 1, 2], np.uint8), (2, 3, 5, 6))
    spacing = (1.5, 0.5, 0.8)
    votes = merge_votes([encode(mask) for mask in masks], labels=[1, 2, 3])
    sums = mask_sums(label_moments(votes, spacing), spacing)[:1]
    sums[:, 2] = 0.4 * sums[:, 0] + 0.1 * sums[:, 1]
    grid = np.array([spacing])
    slope = random.standard_normal((1, n_features(3)))

    def loss(flat: NDArray[np.float64]) -> float:
        return float((MaskFeatures.of(flat.reshape(sums.shape), grid).values * slope).sum())

    found = MaskFeatures.of(sums, grid).back(slope, grid).ravel()
    expected = approx_fprime(sums.ravel(), loss, 1e-6)
    np.testing.assert_allclose(found, expected, atol=1e-4 * (1 + np.abs(expected).max()))


def test_equal_weights_are_the_mean_of_raters() -> None:
    study = study_of(draw_discs(30, 1))
    mean = MaskFeatures.of(study.sums.mean(axis=1), study.spacing_mm).values
    np.testing.assert_allclose(study.features(np.ones((6, 2))).values, mean, rtol=1e-12)
    some = replace(study, has_read=study.has_read & (np.arange(6) < 4))
    first = MaskFeatures.of(study.sums[:, :4].mean(axis=1), study.spacing_mm).values
    np.testing.assert_allclose(some.features(np.ones((6, 2))).values, first, rtol=1e-12)


def test_loss_falls_and_weights_sum_to_one() -> None:
    study = study_of(draw_discs(120, 2))
    counts = np.ones(120)
    found = fit_weights(study, train_criterion(study, counts), counts)
    assert found.last_loss < found.first_loss - 0.01
    np.testing.assert_allclose(found.weights.sum(axis=0), 1.0)
    assert (found.weights > 0).all()


def test_order_of_raters_does_not_matter() -> None:
    study = study_of(draw_discs(100, 3))
    order = [3, 5, 0, 1, 4, 2]
    other = replace(study, sums=study.sums[:, order], mixtures=study.mixtures[:, :, order])
    counts = np.ones(100)
    first, second = (fit_weights(one, train_criterion(one, counts), counts).weights
                     for one in (study, other))  # fmt: skip
    np.testing.assert_allclose(second, first[order], atol=1e-4)


def test_identical_raters_make_the_mask_whatever_they_weigh() -> None:
    study = study_of(draw_discs(60, 4))
    same = replace(study, sums=np.repeat(study.sums[:, :1], 6, axis=1))
    mask = MaskFeatures.of(study.sums[:, 0], study.spacing_mm).values
    weights = np.random.default_rng(1).random((6, 2))
    np.testing.assert_allclose(same.features(weights).values, mask, rtol=1e-9)
    counts = np.ones(60)
    found = fit_weights(same, train_criterion(same, counts), counts)
    np.testing.assert_allclose(found.weights, 1 / 6, atol=1e-6)


def test_a_criterion_that_ignores_masks_moves_no_weight() -> None:
    study = study_of(draw_discs(60, 5))
    counts = np.ones(60)
    criterion = train_criterion(study, counts)
    blind = replace(criterion, slopes=np.zeros_like(criterion.slopes))
    found = fit_weights(study, blind, counts)
    np.testing.assert_allclose(found.weights, 1 / 6, rtol=1e-12)
    assert found.last_loss == found.first_loss


def test_accurate_raters_are_believed_and_tell_the_diagnosis_better() -> None:
    gains = []
    for seed in range(3):
        study = study_of(draw_discs(300, seed))
        found = learn(study)
        rank = np.argsort(-found.weights.mean(axis=1))
        assert {RATERS[place] for place in rank[:2]} == {"accurate", "careful"}
        assert {RATERS[place] for place in rank[-2:]} & {"random", "wild"}
        gains.append(found.gain.value)
        # Cases that nobody has seen, judged by a criterion of all that were seen.
        fresh, counts = study_of(draw_discs(600, 100 + seed)), np.ones(300)
        criterion = train_criterion(study, counts)
        scores = [
            criterion.logit(fresh.features(weights).values)
            for weights in (np.ones((6, 2)), found.weights)
        ]
        _, _, gain = compare_aucs(
            scores[0], scores[1], fresh.is_positive, np.zeros(600, np.int64), n=2
        )
        assert gain.value >= 0.01
        if not seed:
            draws = draw_weights(study, found.weights, n_draws=15, progress=quiet)
            np.testing.assert_allclose(draws.sum(axis=1), 1.0)
            low, high = np.quantile(draws, [0.025, 0.975], axis=0)
            assert (low < high).all()
            able, guessing = draws[:, :2].sum(axis=1), draws[:, 4:].sum(axis=1)
            assert (np.quantile(able, 0.025, axis=0) > np.quantile(guessing, 0.975, axis=0)).all()
    assert min(gains) >= 0.01


def test_a_case_has_no_say_in_its_own_mask() -> None:
    study = study_of(draw_discs(60, 6))
    found = learn(study)
    case = 7
    flipped = study.is_positive.copy()
    flipped[case] = not flipped[case]
    again = learn_weights(replace(study, is_positive=flipped), found.folds, progress=quiet)
    own = found.folds[case]
    assert (again.by_fold[own] == found.by_fold[own]).all()
    assert (again.by_fold[own - 1] != found.by_fold[own - 1]).any()


@pytest.mark.parametrize("shuffled", ["diagnoses", "masks"])
def test_nothing_is_gained_where_there_is_nothing_to_learn(shuffled: str) -> None:
    gains, aucs = [], []
    for seed in range(5):
        discs = draw_discs(150, 40 + seed)
        order = np.random.default_rng(seed + 900).permutation(150)
        if shuffled == "masks":
            discs = replace(discs, moments=discs.moments[order])
        else:
            discs = replace(discs, is_ill=discs.is_ill[order])
        found = learn(study_of(discs))
        gains.append(found.gain.value)
        aucs.append(found.mean_auc.value)
    assert abs(np.mean(gains)) < 0.015
    assert abs(np.mean(aucs) - 0.5) < 0.07


def test_the_same_study_gives_the_same_bytes() -> None:
    study = study_of(draw_discs(60, 8))
    first, second = learn(study), learn(study)
    assert first.by_fold.tobytes() == second.by_fold.tobytes()
    one, other = (draw_weights(study, first.weights, n_draws=2, progress=quiet) for _ in "12")
    assert one.tobytes() == other.tobytes()
    assert (one[0] != one[1]).any()
    assert first.gain == second.gain


def test_folds_are_even_and_follow_the_case() -> None:
    is_positive = np.arange(53) % 3 == 0
    keys = [f"c{number}" for number in range(53)]
    folds = make_folds(is_positive, keys, 5)
    for chosen in (is_positive, ~is_positive):
        sizes = np.bincount(folds[chosen], minlength=5)
        assert sizes.max() - sizes.min() <= 1
    order = np.random.default_rng(0).permutation(53)
    other = make_folds(is_positive[order], [keys[place] for place in order], 5)
    assert (other == folds[order]).all()


def regression_rows(seed: int) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    features = random.standard_normal((200, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 5.0, 1.0, 0.0]
    logit = 0.7 * features[:, 0] - 0.1 * (features[:, 1] - 5) + 4 * (features[:, 2] - 1)
    return features, random.random(200) < 1 / (1 + np.exp(-logit)), random.integers(0, 4, 200)


@pytest.mark.parametrize("seed", range(3))
def test_without_ridge_the_criterion_equals_statsmodels(seed: int) -> None:
    oracle: Any = pytest.importorskip("statsmodels.genmod.generalized_linear_model")
    features, is_positive, counts = regression_rows(seed)
    found = fit_criterion(features, is_positive, counts.astype(float), ridge=0.0)
    expected = oracle.GLM(
        is_positive.astype(float),
        np.column_stack([np.ones(200), features]),
        family=oracle.families.Binomial(),
        freq_weights=counts,
    ).fit(tol=1e-12)
    np.testing.assert_allclose([found.intercept, *found.slopes], expected.params, rtol=1e-5)


@pytest.mark.parametrize("ridge", [0.1, 1.0, 50.0])
def test_with_ridge_the_criterion_is_the_minimum_of_its_loss(ridge: float) -> None:
    features, is_positive, counts = regression_rows(5)
    features[:, 3] = 2.0
    found = fit_criterion(features, is_positive, counts.astype(float), ridge=ridge)
    mean = np.average(features, axis=0, weights=counts)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=counts))

    def loss(point: NDArray[np.float64]) -> float:
        logit = point[0] + (features - mean)[:, :3] / scale[:3] @ point[1:]
        entropy = np.logaddexp(0, logit) - is_positive * logit
        return float(counts @ entropy + ridge / 2 * point[1:] @ point[1:])

    expected = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7}).x
    np.testing.assert_allclose(found.slopes[:3] * scale[:3], expected[1:], atol=1e-4)
    assert found.slopes[3] == 0.0


def test_separated_diagnoses_have_a_criterion() -> None:
    features = np.arange(10.0)[:, None]
    found = fit_criterion(features, features[:, 0] > 4.5, np.ones(10))
    assert np.isfinite(found.slopes).all()
    assert (found.logit(features) > 0).tolist() == [False] * 5 + [True] * 5


def test_auc_counts_pairs_within_folds() -> None:
    is_positive = np.array([True, False, True, False])
    folds = np.array([0, 0, 1, 1])
    far = np.array([1.0, 0.0, 101.0, 100.0])
    near = np.array([1.0, 1.0, 5.0, 6.0])
    one, other, gain = compare_aucs(far, near, is_positive, folds)
    assert (one.value, other.value, gain.value) == (1.0, 0.25, -0.75)
    assert other.low <= other.value <= other.high
    random = np.random.default_rng(1)
    many, ill = random.standard_normal(300), random.random(300) < 0.4
    first, _, _ = compare_aucs(many + ill, many, ill, np.zeros(300, np.int64))
    pairs = (many + ill)[ill][:, None] > (many + ill)[~ill]
    assert first.value == pytest.approx(pairs.mean())
    assert first.low < first.value < first.high


def test_empty_masks_have_features() -> None:
    values = MaskFeatures.of(np.zeros((1, 2, N_SUMS)), np.ones((1, 3))).values
    assert np.isfinite(values).all()
    back = MaskFeatures.of(np.zeros((1, 2, N_SUMS)), np.ones((1, 3))).back(
        np.ones((1, n_features(2))), np.ones((1, 3))
    )
    assert np.isfinite(back).all()
