"""Progress of work in stages, each of which may end before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.api import Progress


class Stages:
    """Reports stages of equal share; a step may raise CancelledError."""

    def __init__(self, progress: Progress, n_stages: int) -> None:
        self._progress = progress
        self._n_stages = n_stages
        self._n_begun = 0

    def begin(self, n_steps: int, message: str) -> Callable[[], None]:
        """Begin the next stage; call what is returned after each of its steps."""
        start = self._n_begun / self._n_stages
        self._n_begun += 1
        n_done = 0

        def step() -> None:
            nonlocal n_done
            n_done += 1
            self._progress(start + min(1.0, n_done / n_steps) / self._n_stages, message)

        self._progress(start, message)
        return step
