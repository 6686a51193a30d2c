"""What all estimators of a consensus share: the table of answers, its votes, its resampling.

Answers are ``(item, rater)`` whole numbers, the place of the answer in the list of classes; -1
where the rater gave none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ends = tuple[float, float]

MISSING = -1


class Consensus(Protocol):
    """What every estimator returns."""

    @property
    def posterior(self) -> NDArray[np.float64]:
        """Probability of each class, ``(item, class)``; rows sum to 1."""
        ...

    @property
    def skill(self) -> NDArray[np.float64]:
        """Probability that a rater's answer is right, ``(rater,)``."""
        ...

    @property
    def trace(self) -> NDArray[np.float64]:
        """What was maximised, after each iteration; never decreases."""
        ...

    @property
    def has_converged(self) -> bool:
        """False where the iterations ran out first."""
        ...


def check_answers(answers: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """Return answers ``(item, rater)`` as int64; raises ValueError where they cannot be."""
    table = np.asarray(answers)
    if table.ndim != 2 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(
            f"answers are whole numbers (item, rater), not {table.dtype} {table.shape}"
        )
    if n_classes < 1:
        raise ValueError(f"there is at least one class, not {n_classes}")
    if table.size and not MISSING <= table.min() <= table.max() < n_classes:
        raise ValueError(
            f"answers run from {table.min()} to {table.max()}; allowed are 0 to {n_classes - 1}, "
            f"and {MISSING} for none"
        )
    return table.astype(np.int64)


def one_hot(answers: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """Return votes ``(item, rater, class)``; all 0 where a rater gave no answer."""
    is_said = answers[:, :, None] == np.arange(n_classes)
    return np.asarray(is_said, np.float64)


def vote_share(answers: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """Return the share of raters for each class, ``(item, class)``; even where nobody answered."""
    counts = one_hot(answers, n_classes).sum(axis=1)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1.0), 1.0 / n_classes)


def normalise(joint: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return P(class | answers) of log P(class, answers), ``(item, class)``, and its evidence.

    The evidence is the sum over items of log P(answers).
    """
    largest = joint.max(axis=1, keepdims=True)
    posterior = np.exp(joint - largest)
    scale = posterior.sum(axis=1, keepdims=True)
    return posterior / scale, float((largest + np.log(scale)).sum())


def skill_intervals(
    estimate: Callable[[NDArray[np.int64], int], Consensus],
    answers: NDArray[np.integer],
    n_classes: int,
    *,
    n: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Ends | None, ...]:
    """Return a percentile bootstrap interval of each rater's skill; the same seed, the same bytes.

    Items are drawn with replacement and the consensus is estimated anew from each draw, so that
    the doubt about the right answers counts too. None for a rater with fewer than two answers.
    """
    table = check_answers(answers, n_classes)
    gave = table != MISSING
    n_items, n_raters = table.shape
    drawn = np.full((n, n_raters), np.nan)
    if (gave.sum(axis=0) >= 2).any():
        random = np.random.default_rng(seed)
        for row in drawn:
            items = random.integers(n_items, size=n_items)
            row[:] = np.where(
                gave[items].any(axis=0), estimate(table[items], n_classes).skill, np.nan
            )
    ends: list[Ends | None] = []
    for rater in range(n_raters):
        known = drawn[~np.isnan(drawn[:, rater]), rater]
        if gave[:, rater].sum() < 2 or not len(known):
            ends.append(None)
            continue
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]).tolist()
        ends.append((low, high))
    return tuple(ends)
