"""Dawid-Skene: true answers and every rater's confusion matrix, estimated together.

Dawid and Skene, Applied Statistics 28 (1979) 20. The loop starts from the share of votes. Each true
class of each rater has pseudo-answers (a Dirichlet prior): with few items a rater is then neither
perfect nor useless for certain, and no division by 0 is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.diagnoses.answers import (
    MISSING,
    check_answers,
    normalise,
    one_hot,
    vote_share,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANGE = 1e-8
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DawidSkene:
    """What Dawid-Skene estimates.

    Attributes
    ----------
    posterior : ndarray
        Probability of each class, ``(item, class)``; rows sum to 1.
    confusion : ndarray
        Probability that a rater says a class where another is true, ``(rater, said, true)``.
    class_share : ndarray
        How frequent each true class is, ``(class,)``.
    trace : ndarray
        Log-likelihood plus log-prior after each iteration; never decreases.
    has_converged : bool
        False where the iterations ran out first.
    """

    posterior: NDArray[np.float64]
    confusion: NDArray[np.float64]
    class_share: NDArray[np.float64]
    trace: NDArray[np.float64]
    has_converged: bool

    @property
    def skill(self) -> NDArray[np.float64]:
        """Probability that a rater's answer is right, ``(rater,)``."""
        return np.asarray(np.einsum("rkk,k->r", self.confusion, self.class_share))


def dawid_skene(
    answers: NDArray[np.integer],
    n_classes: int,
    *,
    smoothing: float = 1.0,
    max_iterations: int = 1000,
) -> DawidSkene:
    """Estimate true classes from answers ``(item, rater)``, -1 for none.

    ``smoothing`` pseudo-answers of each true class are right, as many are spread evenly over all
    classes. An item that nobody answered has the share of the classes. Never NaN.
    """
    table = check_answers(answers, n_classes)
    is_answered = (table != MISSING).any(axis=1)
    votes = one_hot(table[is_answered], n_classes)
    n_items, n_raters, _ = votes.shape
    flat = votes.reshape(n_items, n_raters * n_classes)
    prior = smoothing * np.tile(np.eye(n_classes) + 1.0 / n_classes, (n_raters, 1))
    posterior = vote_share(table[is_answered], n_classes)
    confusion = np.tile(np.eye(n_classes), (n_raters, 1))
    share = np.full(n_classes, 1.0 / n_classes)
    trace: list[float] = []
    has_converged = False
    while not has_converged and len(trace) < max_iterations:
        said = flat.T @ posterior + prior
        total = said.reshape(n_raters, n_classes, n_classes).sum(axis=1).repeat(n_classes, axis=0)
        # A class that nobody was asked about keeps the confusion that it had.
        confusion = np.where(total > 0, said / np.where(total > 0, total, 1.0), confusion)
        if n_items + smoothing > 0:
            share = (posterior.sum(axis=0) + smoothing / n_classes) / (n_items + smoothing)
        log_confusion = np.log(np.maximum(confusion, _SMALLEST))
        log_share = np.log(np.maximum(share, _SMALLEST))
        last = posterior
        posterior, evidence = normalise(flat @ log_confusion + log_share)
        log_prior = (prior * log_confusion).sum() + smoothing * log_share.mean()
        trace.append(evidence + float(log_prior))
        has_converged = not n_items or float(np.abs(posterior - last).max()) <= _CHANGE
    full = np.tile(share, (len(table), 1))
    full[is_answered] = posterior
    return DawidSkene(
        posterior=full,
        confusion=confusion.reshape(n_raters, n_classes, n_classes),
        class_share=share,
        trace=np.array(trace),
        has_converged=has_converged,
    )
