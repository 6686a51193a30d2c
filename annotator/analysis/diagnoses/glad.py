"""GLAD: true answers, every rater's ability and every item's difficulty, estimated together.

Whitehill, Ruvolo, Wu, Bergsma and Movellan, NIPS 22 (2009) 2035. A rater of ability a answers an
item of difficulty 1/b rightly with probability 1 / (1 + exp(-a b)), and otherwise gives any wrong
class alike. Priors as in the paper: a and log b are normal around 1 with variance 1, all classes
are as likely. Some rounds of expectation and maximisation lead to the hill of raters who mean well;
the rest of it is climbed on the marginal posterior itself, which the rounds would near but slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from annotator.analysis.diagnoses.answers import MISSING, check_answers, normalise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_PRIOR_MEAN = 1.0
_LARGEST = 20.0
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glad:
    """What GLAD estimates.

    Attributes
    ----------
    posterior : ndarray
        Probability of each class, ``(item, class)``; rows sum to 1.
    ability : ndarray
        Of each rater, ``(rater,)``: 0 guesses, below 0 is wrong more often than right.
    difficulty : ndarray
        1/b of each item, ``(item,)``, above 0; exp(-1) for an item that nobody answered.
    skill : ndarray
        Mean probability of a right answer over the items that the rater answered, ``(rater,)``;
        over all items for one who answered none.
    error_rate : ndarray
        Probability that a rater of mean ability is wrong on the item, ``(item,)``.
    trace : ndarray
        Log-likelihood plus log-prior at the start and after each step; never decreases.
    has_converged : bool
        False where the iterations ran out first.
    """

    posterior: NDArray[np.float64]
    ability: NDArray[np.float64]
    difficulty: NDArray[np.float64]
    skill: NDArray[np.float64]
    error_rate: NDArray[np.float64]
    trace: NDArray[np.float64]
    has_converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Every answer that was given: its item, its rater, its class."""

    item: NDArray[np.intp]
    rater: NDArray[np.intp]
    said: NDArray[np.int64]
    n_items: int
    n_raters: int
    n_classes: int

    def posterior(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return P(class | answers), ``(item, class)``, and the log-likelihood."""
        logit = self.logit(point)
        # One wrong class takes all the error where there is but one class: it is never seen.
        n_wrong = max(self.n_classes - 1, 1)
        wrong = np.bincount(self.item, log_expit(-logit) - np.log(n_wrong), self.n_items)
        gain = np.bincount(
            self.item * self.n_classes + self.said,
            logit + np.log(n_wrong),
            self.n_items * self.n_classes,
        ).reshape(self.n_items, self.n_classes)
        return normalise(gain + wrong[:, None] - np.log(self.n_classes))

    def logit(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        ability, log_b = point[: self.n_raters], point[self.n_raters :]
        return np.asarray(ability[self.rater] * np.exp(log_b)[self.item])

    def loss(
        self, point: NDArray[np.float64], believed: NDArray[np.float64] | None = None
    ) -> tuple[float, NDArray[np.float64]]:
        """Return minus the log-posterior of abilities and log b, and its gradient.

        With a believed posterior ``(item, class)``, the expectation that a maximisation step
        raises instead, up to a constant.
        """
        posterior, evidence = self.posterior(point)
        logit = self.logit(point)
        if believed is not None:
            posterior = believed
            right = posterior[self.item, self.said]
            evidence = float((right * logit + log_expit(-logit)).sum())
        slope = posterior[self.item, self.said] - expit(logit)
        b = np.exp(point[self.n_raters :])[self.item]
        from_mean = point - _PRIOR_MEAN
        gradient = np.concatenate(
            [
                np.bincount(self.rater, slope * b, self.n_raters),
                np.bincount(self.item, slope * b * point[self.rater], self.n_items),
            ]
        )
        return 0.5 * float(from_mean @ from_mean) - evidence, from_mean - gradient


def glad(answers: NDArray[np.integer], n_classes: int, *, max_iterations: int = 1000) -> Glad:
    """Estimate true classes from answers ``(item, rater)``, -1 for none. Never NaN."""
    table = check_answers(answers, n_classes)
    item, rater = np.nonzero(table != MISSING)
    n_items, n_raters = table.shape
    cells = _Cells(item, rater, table[item, rater], n_items, n_raters, n_classes)
    point = np.full(n_raters + n_items, _PRIOR_MEAN)
    trace = [-cells.loss(point)[0]]
    has_converged = True
    if len(item):
        for _ in range(_ROUNDS):
            expected = partial(cells.loss, believed=cells.posterior(point)[0])
            point, _ = _climb(expected, point, max_iterations, 1e-6, [])
            trace.append(-cells.loss(point)[0])
        point, has_converged = _climb(cells.loss, point, max_iterations, 1e-13, trace)
    ability, b = point[:n_raters], np.exp(point[n_raters:])
    right = expit(ability[None, :] * b[:, None])
    gave = table != MISSING
    counts = np.where(gave.any(axis=0), gave, True)
    skill = (right * counts).sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
    return Glad(
        posterior=cells.posterior(point)[0],
        ability=ability,
        difficulty=1.0 / b,
        skill=skill,
        error_rate=expit(-(ability.mean() if n_raters else _PRIOR_MEAN) * b),
        trace=np.array(trace),
        has_converged=has_converged,
    )


def _climb(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: NDArray[np.float64],
    max_iterations: int,
    tolerance: float,
    trace: list[float],
) -> tuple[NDArray[np.float64], bool]:
    """Go downhill; return where it ends and whether that is the bottom."""
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_LARGEST, _LARGEST)] * len(start),
        callback=lambda intermediate_result: trace.append(-float(intermediate_result.fun)),
        options={"maxiter": max_iterations, "ftol": tolerance, "gtol": 1e-7},
    )
    return np.asarray(found.x, np.float64), bool(found.success)
