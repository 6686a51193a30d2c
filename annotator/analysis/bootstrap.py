"""Intervals for a number that comes from several cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number, its percentile interval, and of how many cases it comes."""

    value: float
    low: float
    high: float
    n_cases: int


def bootstrap_interval(
    values: NDArray[Any],
    statistic: Callable[[NDArray[Any]], float | None],
    n: int = 2000,
    seed: int = 0,
    *,
    level: float = 0.95,
) -> Interval | None:
    """Return a statistic of the cases with its percentile interval; the same seed, the same bytes.

    ``values`` holds one case an entry of its first axis: cases are drawn with replacement, never
    voxels, which are not independent. Draws on which the statistic is undefined are left out. None
    where it is undefined on the cases themselves, or there are fewer than two.
    """
    n_cases = len(values)
    value = statistic(values) if n_cases else None
    if value is None or n_cases < 2:
        return None
    random = np.random.default_rng(seed)
    drawn = [statistic(values[random.integers(n_cases, size=n_cases)]) for _ in range(n)]
    known = [one for one in drawn if one is not None and np.isfinite(one)]
    if not known:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Interval(value=float(value), low=low, high=high, n_cases=n_cases)
