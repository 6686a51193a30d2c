"""How long something will still take, by how fast it went while it was watched; no Qt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_S = 2.0
LEAST_PART = 0.01
"""Less than this, in time and in work, tells nothing of the pace."""


class Pace:
    """Watches a progress, 0 to 1, that somebody tells it now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[float, float] | None = None
        self._last = 0.0

    def left_s(self, progress: float) -> float | None:
        """Return how many seconds are left, or None where that cannot be told yet."""
        now_s = self._clock()
        if self._start is None or progress < self._last:
            self._start = (now_s, progress)
        self._last = progress
        begun_s, part = self._start
        if now_s - begun_s < LEAST_S or progress - part < LEAST_PART:
            return None
        return (1.0 - progress) * (now_s - begun_s) / (progress - part)

    def words(self, progress: float) -> str:
        """Return how long is left in words; empty where that cannot be told yet."""
        left_s = self.left_s(progress)
        return "" if left_s is None else f"{in_words(left_s)} left"


def in_words(seconds: float) -> str:
    """Return a span of time as a person says it: no more exact than it is known."""
    if seconds < 50:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    minutes = seconds / 60
    if minutes < 50:
        return f"about {max(1, round(minutes))} min"
    hours = minutes / 60
    return f"about {hours:.1f} h" if hours < 10 else f"about {hours:.0f} h"
