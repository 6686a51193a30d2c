"""Intraclass correlation: how much of the spread of a size is between cases, not between raters.

The six forms of McGraw & Wong (1996), "Forming inferences about some intraclass correlation
coefficients", Psychological Methods 1: ICC(1), ICC(A,1), ICC(C,1), called ICC(1,1), ICC(2,1),
ICC(3,1) by Shrout & Fleiss (1979), and the same for the mean of k raters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Icc:
    """One intraclass correlation with its interval by the F distribution.

    ``form`` is as McGraw & Wong write it, for example ``A,1``. The ends are None where the value
    is undefined or leaves no room for doubt in the model.
    """

    form: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IccTable:
    """All six forms of one table of scores.

    The one-way forms use every case with two or more raters, ``n_cases_one_way``; the two-way
    forms those that every rater read, ``n_cases``. ``n_raters`` is how many raters there are.
    """

    forms: tuple[Icc, ...]
    n_cases: int
    n_cases_one_way: int
    n_raters: int

    def form(self, name: str) -> Icc:
        """Return one form by its name."""
        return next(entry for entry in self.forms if entry.form == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Squares:
    """Mean squares of a table: rows (cases), columns (raters), what is left; and their sizes."""

    rows: float
    columns: float
    error: float
    n: int
    k: float
    error_freedom: float


def intraclass(scores: NDArray[np.float64], *, level: float = 0.95) -> IccTable:
    """Return all six forms of ``(case, rater)`` scores; NaN where a rater did not read a case.

    Where cases have different numbers of raters the one-way forms take the mean number of raters
    of unbalanced one-way analysis of variance, and their intervals are approximate.
    """
    complete, several = _usable(scores)
    one, two = _one_way(several), _two_way(complete)
    tail = 1.0 - (1.0 - level) / 2.0
    singles = (
        ("1,1", "1,k", one, _absolute_free(one), _free_ends(one, tail)),
        ("A,1", "A,k", two, _absolute(two), _absolute_ends(two, tail)),
        ("C,1", "C,k", two, _absolute_free(two), _free_ends(two, tail)),
    )
    forms: list[Icc] = []
    for name, mean_name, squares, value, ends in singles:
        forms.append(_entry(name, value, ends, lambda single: single))
        k = squares.k if squares is not None else 1.0
        forms.append(_entry(mean_name, value, ends, _stepped_up(k)))
    return IccTable(
        forms=tuple(forms),
        n_cases=len(complete),
        n_cases_one_way=len(several),
        n_raters=scores.shape[1],
    )


def icc_agreement(scores: NDArray[np.float64]) -> float | None:
    """Return ICC(A,1) alone, of the cases that every rater read: what a bootstrap draws."""
    return _absolute(_two_way(_usable(scores)[0]))


def icc_one_way(scores: NDArray[np.float64]) -> float | None:
    """Return ICC(1,1) alone, of the cases with two or more raters."""
    return _absolute_free(_one_way(_usable(scores)[1]))


def _usable(
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cases that everyone read, and those that two or more did."""
    known = np.isfinite(scores)
    return scores[known.all(axis=1)], scores[known.sum(axis=1) >= 2]


def _one_way(scores: NDArray[np.float64]) -> _Squares | None:
    known = np.isfinite(scores)
    counts = known.sum(axis=1)
    n, total = len(scores), int(counts.sum())
    if n < 2:
        return None
    values = np.where(known, scores, 0.0)
    means = values.sum(axis=1) / counts
    grand = values.sum() / total
    between = float((counts * (means - grand) ** 2).sum()) / (n - 1)
    within = float((np.where(known, scores - means[:, None], 0.0) ** 2).sum())
    freedom = total - n
    return _Squares(
        rows=between,
        columns=0.0,
        error=within / freedom,
        n=n,
        k=float((total - (counts**2).sum() / total) / (n - 1)),
        error_freedom=freedom,
    )


def _two_way(scores: NDArray[np.float64]) -> _Squares | None:
    n, k = scores.shape
    if n < 2 or k < 2:
        return None
    rows, columns, grand = scores.mean(axis=1), scores.mean(axis=0), scores.mean()
    left = scores - rows[:, None] - columns[None, :] + grand
    freedom = (n - 1) * (k - 1)
    return _Squares(
        rows=float(k * ((rows - grand) ** 2).sum() / (n - 1)),
        columns=float(n * ((columns - grand) ** 2).sum() / (k - 1)),
        error=float((left**2).sum() / freedom),
        n=n,
        k=float(k),
        error_freedom=freedom,
    )


def _absolute_free(squares: _Squares | None) -> float | None:
    """Return ICC(1) or ICC(C,1): the same formula on other mean squares."""
    if squares is None:
        return None
    whole = squares.rows + (squares.k - 1) * squares.error
    return (squares.rows - squares.error) / whole if whole > 0 else None


def _absolute(squares: _Squares | None) -> float | None:
    if squares is None:
        return None
    whole = (
        squares.rows
        + (squares.k - 1) * squares.error
        + squares.k * (squares.columns - squares.error) / squares.n
    )
    return (squares.rows - squares.error) / whole if whole > 0 else None


def _free_ends(squares: _Squares | None, tail: float) -> tuple[float, float] | None:
    if squares is None or squares.error <= 0 or squares.rows <= 0:
        return None
    ratio, first, second = squares.rows / squares.error, squares.n - 1, squares.error_freedom
    low = ratio / float(special.fdtri(first, second, tail))
    high = ratio * float(special.fdtri(second, first, tail))
    return (low - 1) / (low + squares.k - 1), (high - 1) / (high + squares.k - 1)


def _absolute_ends(squares: _Squares | None, tail: float) -> tuple[float, float] | None:
    """Return the ends of ICC(A,1) by the degrees of freedom of Satterthwaite."""
    value = _absolute(squares)
    if squares is None or value is None or value >= 1.0 or squares.error <= 0:
        return None
    n, k = squares.n, squares.k
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    parts = (a * squares.columns) ** 2 / (k - 1) + (b * squares.error) ** 2 / squares.error_freedom
    freedom = (a * squares.columns + b * squares.error) ** 2 / parts
    up = float(special.fdtri(n - 1, freedom, tail))
    down = float(special.fdtri(freedom, n - 1, tail))
    rest = k * squares.columns + (k * n - k - n) * squares.error
    low = n * (squares.rows - up * squares.error) / (up * rest + n * squares.rows)
    high = n * (down * squares.rows - squares.error) / (rest + n * down * squares.rows)
    return low, high


def _stepped_up(k: float) -> Callable[[float], float | None]:
    """Return the formula of Spearman and Brown: from one rater to the mean of ``k``."""

    def step(single: float) -> float | None:
        whole = 1 + (k - 1) * single
        return k * single / whole if whole > 0 else None

    return step


def _entry(
    name: str,
    value: float | None,
    ends: tuple[float, float] | None,
    step: Callable[[float], float | None],
) -> Icc:
    return Icc(
        form=name,
        value=None if value is None else step(value),
        low=None if ends is None else step(ends[0]),
        high=None if ends is None else step(ends[1]),
    )
