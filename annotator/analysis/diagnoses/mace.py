"""MACE: true answers, and whether a rater knows them or guesses, estimated together.

Hovy, Berg-Kirkpatrick, Vaswani and Hovy, NAACL-HLT 2013, 1120. On each item a rater either knows
the true class and says it, or draws an answer from habits of their own. All classes are as likely.
The loop starts from raters who know half of the items and have no habits: without chance, the
order of raters, items and classes does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.diagnoses.answers import check_answers, normalise, one_hot

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANGE = 1e-8
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mace:
    """What MACE estimates.

    Attributes
    ----------
    posterior : ndarray
        Probability of each class, ``(item, class)``; rows sum to 1.
    knows : ndarray
        Probability that a rater knows the answer instead of guessing, ``(rater,)``.
    guesses : ndarray
        What a rater says who guesses, ``(rater, class)``; rows sum to 1.
    trace : ndarray
        Log-likelihood plus log-prior after each iteration; never decreases.
    has_converged : bool
        False where the iterations ran out first.
    """

    posterior: NDArray[np.float64]
    knows: NDArray[np.float64]
    guesses: NDArray[np.float64]
    trace: NDArray[np.float64]
    has_converged: bool

    @property
    def skill(self) -> NDArray[np.float64]:
        """Probability that a rater's answer is right, known or guessed, ``(rater,)``."""
        n_items, n_classes = self.posterior.shape
        share = self.posterior.mean(axis=0) if n_items else np.full(n_classes, 1.0 / n_classes)
        return np.asarray(self.knows + (1.0 - self.knows) * (self.guesses @ share))


def mace(
    answers: NDArray[np.integer],
    n_classes: int,
    *,
    smoothing: float = 0.5,
    max_iterations: int = 5000,
) -> Mace:
    """Estimate true classes from answers ``(item, rater)``, -1 for none.

    ``smoothing`` is added to each count of a rater: items known, items guessed, each class
    guessed. An item that nobody answered is of any class alike. Never NaN.
    """
    votes = one_hot(check_answers(answers, n_classes), n_classes)
    n_raters = votes.shape[1]
    knows = np.full(n_raters, 0.5)
    guesses = np.full((n_raters, n_classes), 1.0 / n_classes)
    posterior, evidence, known = _expect(votes, knows, guesses)
    n_answers, n_said = votes.sum(axis=(0, 2)), votes.sum(axis=0)
    trace: list[float] = []
    has_converged = False
    while not has_converged and len(trace) < max_iterations:
        knows = _share(known.sum(axis=1) + smoothing, n_answers + 2 * smoothing, knows)
        guessed = n_said - known + smoothing
        guesses = _share(guessed, guessed.sum(axis=1, keepdims=True), guesses)
        last = posterior
        posterior, evidence, known = _expect(votes, knows, guesses)
        terms = np.concatenate([knows, 1.0 - knows, guesses.ravel()])
        trace.append(evidence + smoothing * float(np.log(np.maximum(terms, _SMALLEST)).sum()))
        has_converged = not votes.size or float(np.abs(posterior - last).max()) <= _CHANGE
    return Mace(
        posterior=posterior,
        knows=knows,
        guesses=guesses,
        trace=np.array(trace),
        has_converged=has_converged,
    )


def _expect(
    votes: NDArray[np.float64], knows: NDArray[np.float64], guesses: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Return P(class | answers), the log-likelihood, and answers known, ``(rater, class)``."""
    n_classes = votes.shape[2]
    by_habit = (1.0 - knows)[:, None] * guesses
    said = np.maximum(by_habit + knows[:, None], _SMALLEST)
    log_guessed = np.log(np.maximum(by_habit, _SMALLEST))
    by_answer = np.einsum("irk,rk->i", votes, log_guessed)
    gain = np.einsum("irk,rk->ik", votes, np.log(said) - log_guessed)
    posterior, evidence = normalise(by_answer[:, None] + gain - np.log(n_classes))
    known = np.einsum("irk,ik->rk", votes, posterior) * knows[:, None] / said
    return posterior, evidence, known


def _share(
    part: NDArray[np.float64], whole: NDArray[np.float64], last: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return part of whole; what it was where there is no whole."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), last)
