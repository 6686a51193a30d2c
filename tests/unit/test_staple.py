from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.analysis.simulate import SimulatedRater, simulate_panel, simulate_reading
from annotator.analysis.staple import staple
from annotator.analysis.votes import VoteRuns, merge_votes, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def ball(shape: tuple[int, int, int], radius: float) -> NDArray[np.uint8]:
    axes = np.ogrid[tuple(slice(-(size - 1) / 2, size / 2) for size in shape)]
    squared = axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2
    return np.asarray(squared < radius**2, np.uint8)


def simulated(
    n_raters: int, seed: int, *, roughness_mm: float, spacing_mm: tuple[float, float, float]
) -> list[NDArray[np.unsignedinteger[Any]]]:
    random = np.random.default_rng(seed)
    truth = ball((20, 40, 40), 9)
    return [
        simulate_reading(
            truth,
            spacing_mm,
            SimulatedRater(
                bias_mm=float(random.normal(0, 1)),
                wobble_mm=1.0,
                wobble_size_mm=4.0,
                roughness_mm=roughness_mm,
                n_false=int(random.integers(2)),
            ),
            seed=100 * seed + rater,
        )
        for rater in range(n_raters)
    ]


def merged(masks: list[NDArray[np.unsignedinteger[Any]]], labels: list[int]) -> VoteRuns:
    return merge_votes([encode(mask) for mask in masks], labels=labels)


@pytest.mark.parametrize("roughness_mm", [0.0, 1.5])
@pytest.mark.parametrize("n_raters", [2, 3, 4, 6, 10])
@pytest.mark.parametrize("seed", [1, 2])
def test_binary_equals_simpleitk(n_raters: int, seed: int, roughness_mm: float) -> None:
    sitk = pytest.importorskip("SimpleITK")
    spacing = [(1.0, 1.0, 1.0), (3.0, 0.7, 0.9)][seed % 2]
    masks = simulated(n_raters, seed, roughness_mm=roughness_mm, spacing_mm=spacing)
    votes = merged(masks, [1])
    found = staple(votes.patterns, votes.counts, votes.labels)

    oracle = sitk.STAPLEImageFilter()
    oracle.SetForegroundValue(1)
    oracle.SetMaximumIterations(1000)
    images = [sitk.GetImageFromArray(mask) for mask in masks]
    posterior = sitk.GetArrayFromImage(oracle.Execute(images))
    ours = to_dense(votes, found.posterior[:, 1], np.float64)
    sensitivity, specificity = found.sensitivity(1), found.specificity(1)
    assert sensitivity is not None
    assert specificity is not None
    np.testing.assert_allclose(ours, posterior, atol=1e-6, rtol=0)
    np.testing.assert_allclose(sensitivity, oracle.GetSensitivity(), atol=1e-6, rtol=0)
    np.testing.assert_allclose(specificity, oracle.GetSpecificity(), atol=1e-6, rtol=0)
    assert len(found.trace) == oracle.GetElapsedIterations() + 1 or found.has_converged


def dense_reference(
    masks: list[NDArray[np.unsignedinteger[Any]]], n_labels: int, n_iterations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multi-label EM voxel by voxel, written down directly from the equations."""
    said = np.stack([mask.reshape(-1) for mask in masks])
    weight = (said[:, :, None] == np.arange(n_labels)).mean(axis=0)
    prior = weight.mean(axis=0)
    theta = np.zeros((len(masks), n_labels, n_labels))
    for _ in range(n_iterations):
        for rater in range(len(masks)):
            for label in range(n_labels):
                theta[rater, label] = weight[said[rater] == label].sum(axis=0) / weight.sum(axis=0)
        weight = np.tile(prior, (said.shape[1], 1))
        for rater in range(len(masks)):
            weight *= theta[rater, said[rater]]
        weight /= weight.sum(axis=1, keepdims=True)
    return weight, theta


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_several_labels_equal_the_dense_equations(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, (4, 12, 12))
    masks = []
    for _ in range(4):
        flips = random.random(truth.shape) < 0.25
        masks.append(np.where(flips, random.integers(0, 3, truth.shape), truth).astype(np.uint8))
    votes = merged(masks, [1, 2])
    found = staple(votes.patterns, votes.counts, votes.labels, max_iterations=25)
    weight, theta = dense_reference(masks, 3, len(found.trace))
    for label in range(3):
        ours = to_dense(votes, found.posterior[:, label], np.float64).reshape(-1)
        np.testing.assert_allclose(ours, weight[:, label], atol=1e-9)
    np.testing.assert_allclose(found.confusion, theta, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_likelihood_never_falls(seed: int, smoothing: float) -> None:
    random = np.random.default_rng(seed)
    n_labels, n_raters = int(random.integers(2, 5)), int(random.integers(2, 7))
    patterns = np.unique(random.integers(0, n_labels, (60, n_raters)), axis=0)
    counts = random.integers(0, 500, len(patterns))
    found = staple(patterns, counts, range(n_labels), smoothing=smoothing)
    drops = np.diff(found.trace)
    assert (drops >= -1e-9 * np.abs(found.trace[1:])).all()
    assert np.isfinite(found.posterior).all()
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("n_labels", [2, 4])
def test_planted_confusion_is_recovered(n_labels: int) -> None:
    random = np.random.default_rng(7)
    n_voxels, n_raters = 100_000, 5
    truth = random.choice(n_labels, n_voxels, p=np.full(n_labels, 1 / n_labels))
    planted = np.empty((n_raters, n_labels, n_labels))
    said = np.empty((n_voxels, n_raters), np.int64)
    for rater in range(n_raters):
        skill = random.uniform(0.6, 0.95)
        planted[rater] = (1 - skill) / (n_labels - 1)
        np.fill_diagonal(planted[rater], skill)
        for label in range(n_labels):
            own = truth == label
            said[own, rater] = random.choice(n_labels, own.sum(), p=planted[rater][:, label])
    patterns, counts = np.unique(said, axis=0, return_counts=True)
    found = staple(patterns, counts, range(n_labels))
    assert np.abs(found.confusion - planted).max() < 0.02


def test_degenerate_votes_are_defined() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for patterns, counts in (
            ([[0, 0]], [10]),
            ([[0, 0], [1, 1]], [0, 10]),
            ([[0, 0], [1, 1]], [5, 5]),
            ([[0, 0], [1, 0]], [5, 5]),
            ([[0], [1]], [5, 5]),
            ([[0, 0]], [0]),
            ([[0, 0], [0, 1], [1, 0]], [0, 5, 5]),
        ):
            found = staple(np.array(patterns), np.array(counts), (0, 1))
            assert np.isfinite(found.posterior).all()
            assert np.isfinite(found.confusion).all()
            np.testing.assert_allclose(found.posterior.sum(axis=1), 1.0)
    assert staple(np.array([[0, 0]]), np.array([10]), (0, 1)).sensitivity(1) is None
    assert staple(np.array([[0, 0], [1, 1]]), np.array([0, 9]), (0, 1)).specificity(1) is None


def test_running_out_of_iterations_is_told() -> None:
    patterns = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    found = staple(patterns, np.array([100, 20, 30, 40]), (0, 1), max_iterations=1)
    assert not found.has_converged
    assert len(found.trace) == 1


@pytest.mark.parametrize("seed", range(4))
def test_several_labels_equal_simpleitk(seed: int) -> None:
    """Small grids only: its priors are counted in float32 and fail above 16.8 million votes."""
    sitk = pytest.importorskip("SimpleITK")
    truth = ball((16, 40, 40), 12)
    truth[ball((16, 40, 40), 7) != 0] = 2
    raters = [
        SimulatedRater(wobble_mm=wobble, wobble_size_mm=4.0, roughness_mm=0.5)
        for wobble in (0.5, 0.8, 1.2, 1.5, 1.0)
    ]
    masks = list(simulate_panel(truth, (1.0, 1.0, 1.0), raters, seed, nested=True))
    oracle = sitk.MultiLabelSTAPLEImageFilter()
    oracle.SetMaximumNumberOfIterations(1000)
    oracle.SetTerminationUpdateThreshold(1e-9)
    peer = sitk.GetArrayFromImage(oracle.Execute([sitk.GetImageFromArray(mask) for mask in masks]))
    votes = merged(masks, [1, 2])
    found = staple(votes.patterns, votes.counts, votes.labels)
    for rater in range(5):
        # Its last row is for "undecided", which nobody says.
        theirs = np.array(oracle.GetConfusionMatrix(rater)).reshape(-1, 3)[:3]
        np.testing.assert_allclose(found.confusion[rater], theirs, atol=1e-3)
    ours = to_dense(votes, found.posterior.argmax(axis=1), np.uint8)
    is_decided = peer <= 2
    assert np.array_equal(ours[is_decided], peer[is_decided])
    assert is_decided.mean() > 0.999
