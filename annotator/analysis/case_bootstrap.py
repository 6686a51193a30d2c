"""Bootstrap intervals of many means at once: cases are drawn once, every mean uses the draws."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_DRAWS = 2000
SEED = 0
_ENDS = (0.025, 0.975)


@lru_cache(maxsize=64)
def case_draws(n_cases: int) -> NDArray[np.float64]:
    """Return how often each draw holds each case, ``(draw, case)``; the same for every call.

    Cases are drawn with replacement, as many as there are. Must not be written to.
    """
    random = np.random.default_rng(SEED)
    draws = random.multinomial(n_cases, np.full(n_cases, 1 / n_cases), N_DRAWS).astype(np.float64)
    draws.setflags(write=False)
    return draws


def mean_ends(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of the mean of ``(case,)``; None below two cases."""
    if len(values) < 2:
        return None
    low, high = np.quantile(case_draws(len(values)) @ values / len(values), _ENDS).tolist()
    return low, high


def sum_ends(
    sums: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a number that depends on sums over cases.

    ``sums`` is ``(case, part)``; ``statistic`` takes ``(draw, part)`` to ``(draw,)``, NaN where it
    is undefined: those draws are left out. None below two cases.
    """
    if len(sums) < 2:
        return None
    drawn = statistic(case_draws(len(sums)) @ sums)
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    low, high = np.quantile(known, _ENDS).tolist()
    return low, high
