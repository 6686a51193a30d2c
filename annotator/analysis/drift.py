"""Whether somebody's results change over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST = 8
"""Results below which nothing is said: a slope through fewer tells little."""

ALLOWANCE = 0.5
"""Standard deviations by which a mean may wander unnoticed; Page's k."""

LIMIT = 6.0
"""Standard deviations that may add up before it counts as a change; Page's h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How results changed from first to last.

    Attributes
    ----------
    slope, slope_low, slope_high : float
        Change from one result to the next, with its 95 % interval: Theil and Sen.
    lower_sums, upper_sums : tuple of float
        What has added up below and above the results so far, in standard deviations, after each.
    left_at : int or None
        The first result, from 1, after which either sum was beyond the limit.
    """

    n: int
    slope: float
    slope_low: float
    slope_high: float
    lower_sums: tuple[float, ...]
    upper_sums: tuple[float, ...]
    left_at: int | None

    @property
    def falls(self) -> bool:
        """Whether the slope is surely negative."""
        return self.slope_high < 0

    @property
    def rises(self) -> bool:
        """Whether the slope is surely positive."""
        return self.slope_low > 0

    @property
    def is_there(self) -> bool:
        """Whether the results changed, by the slope or by what has added up."""
        return self.falls or self.rises or self.left_at is not None


def find_drift(values: Sequence[float], *, limit: float = LIMIT) -> Drift | None:
    """Return how results in their order in time changed; None for fewer than 8.

    The slope is Theil's and Sen's, with Sen's interval (1968, Journal of the American Statistical
    Association 63): a few outliers do not move it. The sums are Page's (1954, Biometrika 41) of
    normal scores of sequential ranks (McDonald 1990, Naval Research Logistics 37): no first results
    have to be set apart to learn what is usual. Of 100 results that do not change, the slope calls
    5 % of series a drift and the sums 6 %; of 20, 5 % and less than 1 %.
    """
    if len(values) < FEWEST:
        return None
    results = np.asarray(values, np.float64)
    slope, _, low, high = stats.theilslopes(results, np.arange(len(results)), 0.95)
    score = rank_scores(results)
    lower, upper = [0.0], [0.0]
    for one in score.tolist():
        lower.append(max(0.0, lower[-1] - one - ALLOWANCE))
        upper.append(max(0.0, upper[-1] + one - ALLOWANCE))
    beyond = [max(pair) > limit for pair in zip(lower[1:], upper[1:], strict=True)]
    return Drift(
        n=len(results),
        slope=float(slope),
        slope_low=float(low),
        slope_high=float(high),
        lower_sums=tuple(lower[1:]),
        upper_sums=tuple(upper[1:]),
        left_at=beyond.index(True) + 1 if any(beyond) else None,
    )


def rank_scores(results: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how each result ranks among those up to it, as a standard normal score.

    Ranks in a growing sequence do not depend on each other while nothing changes, whatever the
    results are distributed like; ties take the middle of theirs.
    """
    scores = np.zeros(len(results))
    for place, one in enumerate(results):
        so_far = results[: place + 1]
        rank = (so_far < one).sum() + 0.5 * (so_far == one).sum()
        scores[place] = stats.norm.ppf(rank / len(so_far))
    return scores
