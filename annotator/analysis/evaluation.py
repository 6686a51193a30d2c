"""How well a score finds the cases that matter: hard ones, wrong ones, diseased ones.

A score is larger where it expects more trouble. Cases with the same score are in no order: every
measure is what a random order among them gives on average, so that a score of one value throughout
is worth what chance is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def auroc(score: ArrayLike, is_positive: ArrayLike) -> float | None:
    """Return the probability that a positive case scores above a negative one, 0 to 1.

    Equal scores count half (Mann-Whitney). None where all cases are of one kind.
    """
    values, positive = _checked(score, is_positive)
    positive = positive.astype(np.bool_)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return None
    ranks = np.asarray(stats.rankdata(values), np.float64)
    above = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return above / (n_positive * n_negative)


def aurc(score: ArrayLike, risk: ArrayLike) -> float | None:
    """Return the area under the risk-coverage curve (Geifman and El-Yaniv, NeurIPS 2017).

    The mean, over every number of cases kept, of the mean risk of those with the lowest scores:
    what is still wrong in what nobody looks at. Smaller is better. None without cases.
    """
    values, risks = _checked(score, risk)
    if not len(values):
        return None
    _, group, n_in_group = np.unique(values, return_inverse=True, return_counts=True)
    expected = np.bincount(group, risks) / n_in_group
    kept = np.cumsum(np.repeat(expected, n_in_group))
    return float((kept / np.arange(1, len(values) + 1)).mean())


def excess_aurc(score: ArrayLike, risk: ArrayLike) -> float | None:
    """Return by how much `aurc` exceeds that of the best order, by risk itself (E-AURC).

    After Geifman, Uziel and El-Yaniv (ICLR 2019), with the best order's own area instead of its
    approximation. 0 is the best there is. None without cases.
    """
    area, best = aurc(score, risk), aurc(risk, risk)
    return None if area is None or best is None else max(0.0, area - best)


def effort_saved(score: ArrayLike, is_positive: ArrayLike, *, found: float = 0.95) -> float | None:
    """Return the share of cases that need no look when the highest scores are looked at first.

    Looking ends when the share ``found``, above 0 to 1, of the positive cases is found. None
    without a positive case.
    """
    if not 0.0 < found <= 1.0:
        raise AnnotatorError(f"the share to be found lies above 0 and up to 1, not at {found:g}")
    values, positive = _checked(score, is_positive)
    n_positive = int(positive.sum())
    if not n_positive:
        return None
    wanted = int(np.ceil(found * n_positive - 1e-9))
    _, group = np.unique(-values, return_inverse=True)
    n_in_group = np.bincount(group)
    positive_in_group = np.bincount(group, positive).astype(np.int64)
    until = np.cumsum(positive_in_group)
    last = int(np.searchsorted(until, wanted))
    before = int(n_in_group[:last].sum())
    still = wanted - int(until[last] - positive_in_group[last])
    # Where the m-th of p positives lies, on average, among g cases in a random order.
    looked_at = before + still * (n_in_group[last] + 1) / (positive_in_group[last] + 1)
    return float(1.0 - looked_at / len(values))


def _checked(score: ArrayLike, other: ArrayLike) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return both as ``(case,)``; raises AnnotatorError where they do not belong together."""
    values, others = np.asarray(score, np.float64), np.asarray(other, np.float64)
    if values.ndim != 1 or values.shape != others.shape:
        raise AnnotatorError(
            f"one number a case is needed of both, not {values.shape} and {others.shape}"
        )
    if not (np.isfinite(values).all() and np.isfinite(others).all()):
        raise AnnotatorError("scores and risks are finite numbers; leave undefined cases out")
    return values, others
