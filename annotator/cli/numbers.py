"""Numbers and their intervals, for people and for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.analysis.bootstrap import Interval


def number(value: float | None) -> str:
    """Return a number in three decimals, or a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def interval_words(interval: Interval | None) -> str:
    """Return an interval in brackets, or an empty text where there is none."""
    return f" (95 % interval {interval.low:.3f} to {interval.high:.3f})" if interval else ""


def ends(interval: Interval | None) -> list[float] | None:
    """Return the ends of an interval for JSON."""
    return [interval.low, interval.high] if interval else None
