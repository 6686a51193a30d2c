"""STAPLE on vote patterns: who is how reliable, and what is there, estimated together.

Warfield, Zou and Wells, IEEE TMI 23 (2004) 903. With two labels the result equals ITK's
``STAPLEImageFilter`` (confidence weight 1): the prior is the mean vote over all counted voxels and
stays fixed, the first estimate is the mean vote, and the loop ends when no rater's number moves by
more than 1e-7. With more labels the same is done with one confusion matrix a rater.

STAPLE departs from the vote where the counted background is large: agreement on empty space drives
every specificity to 1, so that a single vote may decide. Count only what lies around the drawings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SQUARED_CHANGE = 1e-14
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StapleResult:
    """What STAPLE estimates.

    Attributes
    ----------
    posterior : ndarray
        Probability of each true label, ``(pattern, label)``; rows sum to 1.
    confusion : ndarray
        Probability that a rater says a label where another is true, ``(rater, said, true)``.
    mass : ndarray
        Expected voxels of each true label, ``(label,)``; 0 where ``confusion`` is undefined.
    trace : ndarray
        Log-likelihood after each iteration (with smoothing: plus its prior); never decreases.
    has_converged : bool
        False where the iterations ran out first.
    """

    posterior: NDArray[np.float64]
    confusion: NDArray[np.float64]
    mass: NDArray[np.float64]
    trace: NDArray[np.float64]
    has_converged: bool

    def sensitivity(self, label: int) -> NDArray[np.float64] | None:
        """Return P(said so | label is there) of each rater, or None where it never is.

        ``label`` is the place of the label in the list.
        """
        return self.confusion[:, label, label] if self.mass[label] > 0 else None

    def specificity(self, label: int) -> NDArray[np.float64] | None:
        """Return P(not said | label is not there) of each rater; None where it is everywhere."""
        others = np.delete(np.arange(len(self.mass)), label)
        total = float(self.mass[others].sum())
        if total <= 0:
            return None
        false = self.confusion[:, label, others] @ self.mass[others] / total
        return np.asarray(1.0 - false)


def staple(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    *,
    smoothing: float = 0.0,
    max_iterations: int = 1000,
) -> StapleResult:
    """Run STAPLE over patterns ``(pattern, rater)`` with their voxel counts ``(pattern,)``.

    ``labels`` is ascending and names every label in ``patterns``. ``smoothing`` is a number of
    voxels added to the diagonal of each confusion matrix. A pattern that no voxel shows gets the
    share of its votes; a label that no voxel shows has probability 0. Never NaN.
    """
    numbers = np.searchsorted(np.asarray(labels), patterns)
    n_raters, n_labels = patterns.shape[1], len(labels)
    shown = np.flatnonzero(np.asarray(counts) > 0)
    present = np.unique(numbers[shown])
    posterior = (numbers[:, :, None] == np.arange(n_labels)).mean(axis=1)
    confusion = np.repeat(np.eye(n_labels)[None], n_raters, axis=0)
    mass = np.zeros(n_labels)
    if not len(shown):
        return StapleResult(
            posterior=posterior,
            confusion=confusion,
            mass=mass,
            trace=np.zeros(0),
            has_converged=True,
        )
    votes = (numbers[shown][:, :, None] == present).astype(np.float64)
    found = _expect_maximise(votes, np.asarray(counts)[shown], smoothing, max_iterations)
    posterior[np.ix_(shown, present)] = found.posterior
    posterior[np.ix_(shown, np.delete(np.arange(n_labels), present))] = 0.0
    confusion[np.ix_(np.arange(n_raters), present, present)] = found.confusion
    mass[present] = found.mass
    return StapleResult(
        posterior=posterior,
        confusion=confusion,
        mass=mass,
        trace=found.trace,
        has_converged=found.has_converged,
    )


def _expect_maximise(
    votes: NDArray[np.float64], counts: NDArray[np.integer], smoothing: float, max_iterations: int
) -> StapleResult:
    """Run the loop on one-hot votes ``(pattern, rater, label)``, every label shown by a voxel."""
    n_patterns, n_raters, n_labels = votes.shape
    flat = votes.reshape(n_patterns, n_raters * n_labels)
    weights = counts.astype(np.float64)
    posterior = votes.mean(axis=1)
    prior = weights @ posterior / weights.sum()
    identity = np.tile(np.eye(n_labels), (n_raters, 1))
    confusion, mass = identity, prior
    trace: list[float] = []
    has_converged = False
    while not has_converged and len(trace) < max_iterations:
        last = confusion
        weighted = posterior * weights[:, None]
        mass = weighted.sum(axis=0)
        total = mass + smoothing
        said = flat.T @ weighted + smoothing * identity
        # A label that lost all its voxels keeps the confusion that it had.
        confusion = np.where(total > 0, said / np.where(total > 0, total, 1.0), last)
        # Zeros become tiny: an "impossible" vote then loses without a division of 0 by 0.
        log_confusion = np.log(np.maximum(confusion, _SMALLEST))
        joint = flat @ log_confusion + np.log(np.maximum(prior, _SMALLEST))
        largest = joint.max(axis=1, keepdims=True)
        posterior = np.exp(joint - largest)
        scale = posterior.sum(axis=1, keepdims=True)
        posterior /= scale
        trace.append(
            float(weights @ (largest + np.log(scale))[:, 0])
            + smoothing * float((identity * log_confusion).sum())
        )
        has_converged = len(trace) > 1 and bool(((confusion - last) ** 2 <= _SQUARED_CHANGE).all())
    return StapleResult(
        posterior=posterior,
        confusion=confusion.reshape(n_raters, n_labels, n_labels),
        mass=mass,
        trace=np.array(trace),
        has_converged=has_converged,
    )
