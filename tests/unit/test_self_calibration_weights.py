from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import spearmanr

from annotator.analysis.self_calibration import agreement, expertness, fuse
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit
Case = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]


@st.composite
def cases(draw: st.DrawFn, n_labels: int | None = None) -> Case:
    """An estimate, what each rater would draw and what each drew, on a few voxels."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_raters, labels = draw(st.integers(2, 5)), n_labels or draw(st.integers(2, 4))
    estimate = random.dirichlet(np.ones(labels), (1, 6, 7))
    drawn = random.dirichlet(np.ones(labels), (n_raters, 1, 6, 7))
    readings = np.eye(labels)[random.integers(0, labels, (n_raters, 1, 6, 7))]
    return (
        np.moveaxis(estimate, -1, 0),
        np.moveaxis(drawn, -1, 1),
        np.moveaxis(readings, -1, 1),
    )


def everyone(drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.ones(len(drawn), np.bool_)


@given(cases(n_labels=2), st.floats(0, 20), st.sampled_from([0.0, 1.5]))
def test_exchanging_object_and_background_exchanges_the_result(
    case: Case, beta: float, sigma: float
) -> None:
    estimate, drawn, readings = case
    present = everyone(drawn)
    fused, _ = fuse(estimate, drawn, readings, beta=beta, sigma=sigma, present=present)
    swapped, _ = fuse(
        estimate[::-1], drawn[:, ::-1], readings[:, ::-1], beta=beta, sigma=sigma, present=present
    )
    np.testing.assert_allclose(swapped[1], 1.0 - fused[1], atol=1e-12)


@given(cases(), st.floats(0, 20), st.sampled_from([0.0, 1.5]))
def test_raters_who_agree_are_the_result(case: Case, beta: float, sigma: float) -> None:
    estimate, drawn, readings = case
    same = np.repeat(readings[:1], len(readings), axis=0)
    fused, _ = fuse(estimate, drawn, same, beta=beta, sigma=sigma, present=everyone(drawn))
    np.testing.assert_allclose(fused, readings[0], atol=1e-12)


@given(cases(), st.floats(0, 20), st.sampled_from([0.0, 1.5]), st.randoms(use_true_random=False))
def test_order_of_raters_moves_weights_alone(
    case: Case, beta: float, sigma: float, random: Random
) -> None:
    estimate, drawn, readings = case
    order = list(range(len(drawn)))
    random.shuffle(order)
    present = everyone(drawn)
    fused, weight = fuse(estimate, drawn, readings, beta=beta, sigma=sigma, present=present)
    other, moved = fuse(
        estimate, drawn[order], readings[order], beta=beta, sigma=sigma, present=present
    )
    np.testing.assert_allclose(other, fused, atol=1e-12)
    np.testing.assert_allclose(moved, weight[order], atol=1e-12)


@given(cases(), st.floats(0, 20), st.sampled_from([0.0, 1.5]), st.data())
def test_weights_sum_to_one_and_leave_out_who_did_not_read(
    case: Case, beta: float, sigma: float, data: st.DataObject
) -> None:
    estimate, drawn, readings = case
    absent = data.draw(st.integers(0, len(drawn) - 1))
    present = everyone(drawn)
    present[absent] = False
    fused, weight = fuse(estimate, drawn, readings, beta=beta, sigma=sigma, present=present)
    np.testing.assert_allclose(weight.sum(axis=0), 1.0, atol=1e-12)
    assert (weight[absent] == 0).all()
    np.testing.assert_allclose(fused.sum(axis=0), 1.0, atol=1e-12)
    without, _ = fuse(
        estimate,
        np.delete(drawn, absent, axis=0),
        np.delete(readings, absent, axis=0),
        beta=beta,
        sigma=sigma,
        present=np.ones(len(drawn) - 1, np.bool_),
    )
    np.testing.assert_allclose(without, fused, atol=1e-12)


@given(cases())
@settings(max_examples=20)
def test_no_beta_is_the_mean(case: Case) -> None:
    estimate, drawn, readings = case
    fused, _ = fuse(estimate, drawn, readings, beta=0.0, sigma=2.0, present=everyone(drawn))
    np.testing.assert_allclose(fused, readings.mean(axis=0), atol=1e-12)


def test_two_labels_agree_as_the_formula_says() -> None:
    y, p = 0.8, np.array([0.9, 0.3])
    got = agreement(
        np.array([1 - y, y]).reshape(2, 1, 1, 1),
        np.stack([1 - p, p], axis=1).reshape(2, 2, 1, 1, 1),
    )
    np.testing.assert_allclose(got.ravel(), y * p + (1 - y) * (1 - p))


def test_nobody_to_believe_is_refused() -> None:
    with pytest.raises(AnnotatorError, match="nobody read"):
        expertness(
            np.ones((2, 1, 3, 3)) / 2,
            np.ones((2, 2, 1, 3, 3)) / 2,
            beta=1.0,
            sigma=0.0,
            present=np.zeros(2, np.bool_),
        )


def sector_readings(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Truth, readings of four raters, each right in a quadrant of their own, and the quadrants."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64] - 31.5
    depth = 18.0 - np.hypot(y, x)
    quadrant = 2 * (y > 0).astype(np.int64) + (x > 0)
    readings = []
    for rater in range(4):
        wobble = ndimage.gaussian_filter(random.normal(size=(64, 64)), 5.0)
        wobble *= 6.0 / wobble.std()
        readings.append(depth + np.where(quadrant == rater, 0.0, wobble) > 0)
    return depth > 0, np.stack(readings), quadrant


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_a_network_that_knows_its_raters_does_not_give_their_union() -> None:
    """The one-sided weight P / sum P is sum s² / sum s where P is s: one wherever anyone drew."""
    truth, drawn, _ = sector_readings(seed=3)
    s = drawn.astype(np.float64)
    one_sided = (s * s).sum(axis=0) / np.maximum(s.sum(axis=0), 1e-12) > 0.5
    union = np.asarray(drawn.any(axis=0))
    both = np.stack([1 - s, s], axis=1)[:, :, None]
    fused, _ = fuse(
        both.mean(axis=0), both, both, beta=4.0, sigma=4.0, present=np.ones(4, np.bool_)
    )
    found = {
        "vote": dice(s.mean(axis=0) > 0.5, truth),
        "one-sided": dice(one_sided, truth),
        "two-sided": dice(fused[1, 0] > 0.5, truth),
    }
    assert dice(one_sided, union) == 1.0, found
    assert found["one-sided"] < found["vote"] - 0.05, found
    assert found["two-sided"] >= found["vote"], found
    assert dice(fused[1, 0] > 0.5, union) < 0.95, found


def test_weights_point_at_the_quadrant_that_each_rater_knows() -> None:
    """One case is chance: a wobbling outline is right somewhere. Twelve are not."""
    weights = []
    for seed in range(12):
        truth, drawn, quadrant = sector_readings(seed)
        s = np.stack([~drawn, drawn], axis=1).astype(np.float64)[:, :, None]
        found = expertness(s.mean(axis=0), s, beta=4.0, sigma=2.0, present=np.ones(4, np.bool_))
        weights.append(found[:, 0])
    edge = ndimage.binary_dilation(truth, iterations=5)
    edge &= ~ndimage.binary_erosion(truth, iterations=5)
    planted = np.stack([quadrant == rater for rater in range(4)])[:, edge].ravel()
    rho = spearmanr(np.mean(weights, axis=0)[:, edge].ravel(), planted).statistic
    assert rho > 0.5
