"""How long work reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with a fraction from 0 to 1 and what is being done; raises CancelledError to stop."""


def no_progress(fraction: float, message: str) -> None:
    """Ignore progress; for callers that show none."""
