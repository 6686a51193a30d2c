"""How well a diagnosis can be told from features: ridge logistic regression and its AUC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 100
_STEP = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Criterion:
    """A fitted logistic regression: ``logit = intercept + features @ slopes``."""

    intercept: float
    slopes: NDArray[np.float64]

    def logit(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log odds of the diagnosis, ``(case,)``, from features ``(case, feature)``."""
        return np.asarray(self.intercept + features @ self.slopes)


def fit_criterion(
    features: NDArray[np.float64],
    is_positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    *,
    ridge: float = 1.0,
) -> Criterion:
    """Fit by Newton's method to rows ``(row, feature)`` that count ``weights`` each.

    Half of ``ridge`` times the squared slopes, on features of variance 1, is added to the summed
    cross-entropy; the intercept is free. A feature that never changes gets no slope.
    """
    total = weights.sum()
    mean = weights @ features / total
    centred = features - mean
    scale = np.sqrt(weights @ centred**2 / total)
    is_used = scale > 1e-9 * (1.0 + np.abs(mean))
    rows = np.ones((len(features), 1 + int(is_used.sum())))
    rows[:, 1:] = centred[:, is_used] / scale[is_used]
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = 0.0
    target = is_positive.astype(np.float64)
    share = float(np.clip(weights @ target / total, 1e-6, 1 - 1e-6))
    point = np.zeros(rows.shape[1])
    point[0] = np.log(share / (1 - share))
    loss = _loss(rows, target, weights, penalty, point)
    for _ in range(_ROUNDS):
        p = expit(rows @ point)
        gradient = rows.T @ (weights * (p - target)) + penalty * point
        curvature = (rows * (weights * p * (1 - p))[:, None]).T @ rows
        curvature[np.diag_indices_from(curvature)] += penalty + 1e-12
        step = np.linalg.solve(curvature, gradient)
        length = 1.0
        while length > _STEP:
            new = _loss(rows, target, weights, penalty, point - length * step)
            if new <= loss:
                break
            length /= 2
        else:
            break
        point, gain, loss = point - length * step, loss - new, new
        if gain <= _STEP * (1.0 + abs(loss)):
            break
    slopes = np.zeros(features.shape[1])
    slopes[is_used] = point[1:] / scale[is_used]
    return Criterion(intercept=float(point[0] - slopes @ mean), slopes=slopes)


def _loss(
    rows: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    penalty: NDArray[np.float64],
    point: NDArray[np.float64],
) -> float:
    logit = rows @ point
    entropy = weights @ (np.logaddexp(0.0, logit) - target * logit)
    return float(entropy + 0.5 * penalty @ point**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class AucInterval:
    """An AUC, or a difference of two, with its 95 % bootstrap interval over cases."""

    value: float
    low: float
    high: float


def compare_aucs(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    is_positive: NDArray[np.bool_],
    folds: NDArray[np.int64],
    *,
    n: int = 2000,
    seed: int = 0,
) -> tuple[AucInterval, AucInterval, AucInterval]:
    """Return the AUC of two scores ``(case,)``, and by how much the second is larger.

    Only cases of one fold are compared with each other: scores of different folds come from
    different criteria. Ties count half.
    """
    positive, negative = np.flatnonzero(is_positive), np.flatnonzero(~is_positive)
    same = folds[positive][:, None] == folds[negative]
    wins = [
        same * (0.5 + 0.5 * np.sign(score[positive][:, None] - score[negative]))
        for score in (first, second)
    ]
    n_cases = len(is_positive)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(n_cases, np.full(n_cases, 1.0 / n_cases), size=n)
    counts = np.vstack([np.ones(n_cases), drawn])
    by_positive, by_negative = counts[:, positive], counts[:, negative]
    whole = ((by_positive @ same) * by_negative).sum(axis=1)
    one, other = (
        ((by_positive @ win) * by_negative).sum(axis=1) / np.maximum(whole, 1.0) for win in wins
    )
    is_known = whole > 0
    return tuple(_interval(values, is_known) for values in (one, other, other - one))  # type: ignore[return-value]


def _interval(values: NDArray[np.float64], is_known: NDArray[np.bool_]) -> AucInterval:
    low, high = np.quantile(values[1:][is_known[1:]], [0.025, 0.975]).tolist()
    return AucInterval(value=float(values[0]), low=low, high=high)
