"""How far two measurements of the same size differ, and several: Bland & Altman.

Bland & Altman (1999), "Measuring agreement in method comparison studies", Statistical Methods in
Medical Research 8: limits of agreement with approximate intervals, proportional bias by
regression of the difference on the mean; within-subject SD and repeatability for several raters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDE = 1.96
"""Of normal differences, 95 % lie within so many standard deviations of their mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlandAltman:
    """First minus second, over cases; in the unit of the sizes.

    ``lower`` and ``upper`` are the limits between which 95 % of differences are expected.
    ``slope`` says by how much the difference grows for each unit of the mean of the two:
    proportional bias where its interval leaves out 0. None where all means are the same, or there
    are fewer than three cases.
    """

    n_cases: int
    bias: Estimate
    sd: float
    lower: Estimate
    upper: Estimate
    slope: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How far readings of the same case scatter, over all raters; in the unit of the sizes.

    ``within_sd`` is the standard deviation within a case. Two readings of the same case, by two
    raters of this group, differ by less than ``coefficient`` in 95 % of cases.
    """

    n_cases: int
    n_readings: int
    within_sd: Estimate
    coefficient: Estimate


def bland_altman(
    first: NDArray[np.float64], second: NDArray[np.float64], *, level: float = 0.95
) -> BlandAltman | None:
    """Compare two sizes a case, ``(case,)``; NaN where one is missing. None below two cases."""
    known = np.isfinite(first) & np.isfinite(second)
    difference, mean = (first - second)[known], ((first + second) / 2)[known]
    n = len(difference)
    if n < 2:
        return None
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    reach = float(special.stdtrit(n - 1, 1 - (1 - level) / 2))
    of_bias = reach * sd / np.sqrt(n)
    of_limit = reach * sd * np.sqrt(1 / n + _WIDE**2 / (2 * (n - 1)))
    return BlandAltman(
        n_cases=n,
        bias=_around(bias, of_bias),
        sd=sd,
        lower=_around(bias - _WIDE * sd, of_limit),
        upper=_around(bias + _WIDE * sd, of_limit),
        slope=slope_of(mean, difference, level=level),
    )


def slope_of(
    x: NDArray[np.float64], y: NDArray[np.float64], *, level: float = 0.95
) -> Estimate | None:
    """Return the slope of a least-squares line with its t interval; None below three points.

    None too where all ``x`` are the same.
    """
    n = len(x)
    if n < 3 or float(np.ptp(x)) == 0.0:
        return None
    across = x - x.mean()
    spread = float(across @ across)
    slope = float(across @ y) / spread
    left = y - y.mean() - slope * across
    error = float(np.sqrt(left @ left / (n - 2) / spread))
    return _around(slope, float(special.stdtrit(n - 2, 1 - (1 - level) / 2)) * error)


def repeatability(scores: NDArray[np.float64], *, level: float = 0.95) -> Repeatability | None:
    """Return the scatter within cases of ``(case, rater)`` sizes; NaN where one is missing.

    The variance within cases is pooled over those with two or more raters; intervals are those of
    a variance, by the chi-squared distribution. None where no case has two raters.
    """
    known = np.isfinite(scores)
    counts = known.sum(axis=1)
    several = counts >= 2
    if not several.any():
        return None
    values, counts = np.where(known, scores, 0.0)[several], counts[several]
    mean = values.sum(axis=1) / counts
    squares = float((np.where(known[several], values - mean[:, None], 0.0) ** 2).sum())
    freedom = int((counts - 1).sum())
    tail = (1 - level) / 2
    sd = float(np.sqrt(squares / freedom))
    low, high = (
        float(np.sqrt(squares / special.chdtri(freedom, share))) for share in (tail, 1 - tail)
    )
    reach = _WIDE * float(np.sqrt(2))
    return Repeatability(
        n_cases=int(several.sum()),
        n_readings=int(counts.sum()),
        within_sd=Estimate(value=sd, low=low, high=high),
        coefficient=Estimate(value=reach * sd, low=reach * low, high=reach * high),
    )


def _around(value: float, reach: float) -> Estimate:
    return Estimate(value=value, low=value - float(reach), high=value + float(reach))
