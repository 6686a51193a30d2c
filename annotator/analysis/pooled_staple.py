"""STAPLE with one confusion matrix a rater for all cases of a project.

The model of Warfield, Zou and Wells, IEEE TMI 23 (2004) 903, as it is for one case, and that of
Dawid and Skene, Applied Statistics 28 (1979) 20, with a prior of its own for each case: a rater's
matrix is the same in all cases that this rater has read, every case has its own prior (its mean
vote), and each M step sums the expected voxels over cases. Where the truth of a case is known its
voxels count as they are, as in STAPLER (Landman et al., IEEE TMI 31 (2012) 512).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SQUARED_CHANGE = 1e-12
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledCase:
    """The votes of one case.

    Attributes
    ----------
    raters : ndarray
        Which raters of the project the columns are, ``(column,)``.
    said : ndarray
        Place in the list of labels of what each said, ``(pattern, column)``.
    counts : ndarray
        Voxels of each pattern that count, ``(pattern,)``.
    known : ndarray or None
        Voxels of each pattern by true label, ``(pattern, label)``, where the truth is known.
    """

    raters: NDArray[np.intp]
    said: NDArray[np.integer]
    counts: Floats
    known: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledResult:
    """What is learned from all cases.

    Attributes
    ----------
    expected : ndarray
        Expected voxels by what was said and what is true, ``(case, rater, said, true)``; zeros
        where a rater has not read a case.
    confusion : ndarray
        Probability that a rater says a label where another is true, ``(rater, said, true)``.
    trace : ndarray
        Log-likelihood after each iteration (with smoothing: plus its prior); never decreases.
    has_converged : bool
        False where the iterations ran out first.
    """

    expected: Floats
    confusion: Floats
    trace: Floats
    has_converged: bool


def learn_confusion(
    cases: Sequence[PooledCase],
    n_raters: int,
    n_labels: int,
    *,
    smoothing: float = 0.0,
    max_iterations: int = 500,
    report: Callable[[int], None] = lambda iteration: None,
) -> PooledResult:
    """Learn one confusion matrix a rater from all cases; ``report`` is told of each iteration.

    ``smoothing`` is a number of voxels added to the diagonal of each matrix. A rater of whom
    nothing is known of a label counts as perfect about it. Never NaN.
    """
    votes = [one_hot(case.said, n_labels) for case in cases]
    priors = [mean_vote(case.said, case.counts, n_labels) for case in cases]
    posteriors = [own.reshape(len(own), -1, n_labels).mean(axis=1) for own in votes]
    expected = np.zeros((len(cases), n_raters, n_labels, n_labels))
    confusion = np.repeat(np.eye(n_labels)[None], n_raters, axis=0)
    trace: list[float] = []
    has_converged = not cases
    while not has_converged and len(trace) < max_iterations:
        report(len(trace))
        for number, case in enumerate(cases):
            known = case.known
            weighted = posteriors[number] * case.counts[:, None] if known is None else known
            found = votes[number].T @ weighted
            expected[number, case.raters] = found.reshape(-1, n_labels, n_labels)
        last, confusion = confusion, to_confusion(expected.sum(axis=0), smoothing)
        likelihood = smoothing * float(np.einsum("rll->", _logs(confusion)))
        for number, case in enumerate(cases):
            joint = votes[number] @ _logs(confusion[case.raters]).reshape(-1, n_labels)
            posteriors[number], evidence = _normalise(joint + _logs(priors[number]))
            known = case.known
            likelihood += float(case.counts @ evidence if known is None else (known * joint).sum())
        trace.append(likelihood)
        moved = ((confusion - last) ** 2).max(initial=0.0)
        has_converged = len(trace) > 1 and bool(moved <= _SQUARED_CHANGE)
    return PooledResult(
        expected=expected,
        confusion=confusion,
        trace=np.array(trace),
        has_converged=has_converged,
    )


def expect(said: NDArray[np.integer], confusion: Floats, prior: Floats) -> Floats:
    """Return the probability of each label, ``(pattern, label)``; rows sum to 1.

    ``confusion`` ``(column, said, true)`` is that of the raters of this case.
    """
    votes = one_hot(said, len(prior))
    return _normalise(votes @ _logs(confusion).reshape(-1, len(prior)) + _logs(prior))[0]


def one_hot(said: NDArray[np.integer], n_labels: int) -> Floats:
    """Return 1 where a column said a label, ``(pattern, column * label)``."""
    votes = said[:, :, None] == np.arange(n_labels)
    return np.asarray(votes.reshape(len(said), -1), np.float64)


def mean_vote(said: NDArray[np.integer], counts: Floats, n_labels: int) -> Floats:
    """Return the share of each label in all votes that count, ``(label,)``; never NaN."""
    votes = counts @ one_hot(said, n_labels).reshape(len(said), -1, n_labels).mean(axis=1)
    total = votes.sum()
    return np.asarray(votes / total if total > 0 else np.eye(n_labels)[0])


def to_confusion(expected: Floats, smoothing: float) -> Floats:
    """Return the confusion matrices ``(rater, said, true)`` of expected voxels of that shape."""
    said = expected + smoothing * np.eye(expected.shape[-1])
    true = said.sum(axis=1, keepdims=True)
    return np.where(true > 0, said / np.where(true > 0, true, 1.0), np.eye(expected.shape[-1]))


def _normalise(joint: Floats) -> tuple[Floats, Floats]:
    """Return probabilities of logarithms, ``(pattern, label)``, and the log of each row's sum."""
    largest = joint.max(axis=1, keepdims=True)
    posterior = np.exp(joint - largest)
    scale = posterior.sum(axis=1, keepdims=True)
    return posterior / scale, (largest + np.log(scale))[:, 0]


def _logs(probability: Floats) -> Floats:
    return np.log(np.maximum(probability, _SMALLEST))
