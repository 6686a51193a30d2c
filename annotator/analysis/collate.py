"""COLLATE: what is easy for everybody must not make raters look good where it is hard.

Asman and Landman, IEEE TMI 30 (2011) 1779. Every voxel has, besides its true label, a latent level:
at the level of consensus all raters see the truth, at the level of confusion each errs by an own
confusion matrix. Truth, level and matrices are estimated together by EM, so that the matrices speak
of hard voxels only, and how much of the agreement is mere ease is estimated instead of being cut
off at a region.

Written down here, with ``D`` the votes, ``T`` the truth, ``C`` the level and ``k`` a rater::

    P(D, T=t, C=consensus) = rho(consensus, t) * prod_k [D_k = t]
    P(D, T=t, C=confusion) = rho(confusion, t) * prod_k theta_k(D_k | t)

Choices: two levels; ``rho`` is one table for the whole case and is learned, where the paper's prior
of the level varies over the image; nobody errs at the level of consensus. With such a prior all
voxels of a pattern share their posterior, so patterns suffice. As a model of agreement this is the
finite mixture of Albert and Dodd, Biometrics 60 (2004) 427. Only unanimous voxels can be consensus:
what remains of them for confusion is what independent raters would agree on by their matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SQUARED_CHANGE = 1e-10
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollateResult:
    """What COLLATE estimates.

    Attributes
    ----------
    posterior : ndarray
        Probability of each true label, ``(pattern, label)``; rows sum to 1.
    consensus : ndarray
        Probability that a voxel was easy for everybody, ``(pattern,)``; 0 wherever raters differ.
    confusion : ndarray
        Probability that a rater says a label where another is true and it is hard to see,
        ``(rater, said, true)``.
    trace : ndarray
        Log-likelihood after each iteration (with smoothing: plus its prior); never decreases.
    has_converged : bool
        False where the iterations ran out first.
    """

    posterior: Floats
    consensus: Floats
    confusion: Floats
    trace: Floats
    has_converged: bool


def collate(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    *,
    smoothing: float = 0.0,
    max_iterations: int = 500,
) -> CollateResult:
    """Run COLLATE over patterns ``(pattern, rater)`` with their voxel counts ``(pattern,)``.

    ``labels`` is ascending and names every label in ``patterns``. ``smoothing`` is a number of
    voxels added to the diagonal of each confusion matrix. A pattern that no voxel shows gets the
    share of its votes. Never NaN.
    """
    n_raters, n_labels = patterns.shape[1], len(labels)
    numbers = np.searchsorted(np.asarray(labels), patterns)
    votes = (numbers[:, :, None] == np.arange(n_labels)).astype(np.float64)
    posterior = votes.mean(axis=1)
    agreed = posterior == 1.0
    consensus = agreed.any(axis=1).astype(np.float64)
    shown = counts > 0
    identity = np.tile(np.eye(n_labels), (n_raters, 1))
    easy = 0.5 * agreed[shown]
    state = _State(hard=posterior[shown] - easy, easy=easy, confusion=identity, likelihood=0.0)
    flat, weights = votes[shown].reshape(-1, n_raters * n_labels), counts[shown].astype(np.float64)
    trace: list[float] = []
    has_converged = not shown.any()
    while not has_converged and len(trace) < max_iterations:
        last = state.confusion
        state = _step(state, flat, agreed[shown], weights, smoothing * identity)
        trace.append(state.likelihood)
        moved = ((state.confusion - last) ** 2).max()
        has_converged = len(trace) > 1 and bool(moved <= _SQUARED_CHANGE)
    posterior[shown] = state.hard + state.easy
    consensus[shown] = state.easy.sum(axis=1)
    return CollateResult(
        posterior=posterior,
        consensus=consensus,
        confusion=state.confusion.reshape(n_raters, n_labels, n_labels),
        trace=np.array(trace),
        has_converged=has_converged,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """Probability of each label at either level, ``(pattern, label)``, and the matrices."""

    hard: Floats
    easy: Floats
    confusion: Floats
    likelihood: float


def _step(
    state: _State,
    votes: Floats,
    agreed: NDArray[np.bool_],
    weights: Floats,
    pseudo: Floats,
) -> _State:
    """Run one M and one E step on one-hot votes ``(pattern, rater * label)``."""
    hard = state.hard * weights[:, None]
    mass = hard.sum(axis=0)
    total = mass + pseudo.sum(axis=0) / (len(pseudo) // len(mass))
    # A label without a hard voxel keeps the confusion that it had.
    confusion = np.where(
        total > 0, (votes.T @ hard + pseudo) / np.where(total > 0, total, 1.0), state.confusion
    )
    prior_hard = mass / weights.sum()
    prior_easy = weights @ state.easy / weights.sum()
    log_confusion = np.log(np.maximum(confusion, _SMALLEST))
    joint_hard = votes @ log_confusion + np.log(np.maximum(prior_hard, _SMALLEST))
    joint_easy = np.where(agreed, np.log(np.maximum(prior_easy, _SMALLEST)), -np.inf)
    largest = np.maximum(joint_hard.max(axis=1), joint_easy.max(axis=1))[:, None]
    found_hard, found_easy = np.exp(joint_hard - largest), np.exp(joint_easy - largest)
    scale = (found_hard + found_easy).sum(axis=1, keepdims=True)
    return _State(
        hard=found_hard / scale,
        easy=found_easy / scale,
        confusion=confusion,
        likelihood=float(weights @ (largest + np.log(scale))[:, 0])
        + float((pseudo * log_confusion).sum()),
    )
