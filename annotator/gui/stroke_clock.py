"""How long it takes from a mouse event to the picture that shows what it drew; no Qt."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = 2000
"""Frames that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture after drawing: from the first mouse event that it shows, in seconds.

    ``tool_s`` is what the tool took to write, ``copy_s`` what it took to hand the slice to the
    view, ``compose_s`` from there being drawn to it being on the screen; the rest of ``total_s``
    is waiting for the loop of events and drawing by the graphics card.
    """

    total_s: float
    tool_s: float
    copy_s: float
    compose_s: float
    n_events: int

    @property
    def wait_s(self) -> float:
        """What is none of the others."""
        return max(0.0, self.total_s - self.tool_s - self.copy_s - self.compose_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What the frames of late took: median and 95th percentile, in milliseconds."""

    title: str
    p50_ms: float
    p95_ms: float


class StrokeClock:
    """Told what happens, keeps the last frames. All calls come from the window's thread."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._frames: deque[Frame] = deque(maxlen=KEPT)
        self._begun: float | None = None
        self._tool_s = self._copy_s = 0.0
        self._composed: float | None = None
        self._is_touched = self._is_copied = False
        self._n_events = 0

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Around what a tool does with a mouse event."""
        begun = self._now()
        if self._begun is None:
            self._begun = begun
        yield
        self._tool_s += self._now() - begun
        self._n_events += 1
        if not self._is_touched:
            self.drop()

    def touch(self) -> None:
        """Note that something was written that will be seen."""
        self._is_touched = True

    @contextmanager
    def copying(self) -> Iterator[None]:
        """Around handing what was drawn to the view."""
        begun = self._now()
        yield
        self._copy_s += self._now() - begun
        self._is_copied = self._begun is not None

    def compose(self) -> None:
        """Note that the view is drawn, and the window puts its picture together."""
        self._composed = self._now()

    def show(self) -> None:
        """Count the picture that is on the screen now, where something that was drawn is in it."""
        if self._begun is None or not self._is_copied:
            return
        now = self._now()
        self._frames.append(
            Frame(
                total_s=now - self._begun,
                tool_s=self._tool_s,
                copy_s=self._copy_s,
                compose_s=0.0 if self._composed is None else now - self._composed,
                n_events=self._n_events,
            )
        )
        self.drop()

    def drop(self) -> None:
        """Forget what was begun: it drew nothing that will be seen."""
        self._begun = self._composed = None
        self._tool_s = self._copy_s = 0.0
        self._n_events = 0
        self._is_touched = self._is_copied = False

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The last frames, oldest first."""
        return tuple(self._frames)

    def clear(self) -> None:
        """Begin anew."""
        self._frames.clear()
        self.drop()

    def shares(self) -> tuple[Share, ...]:
        """Return what the frames took, whole and by part; empty where there is none yet."""
        if not self._frames:
            return ()
        parts = {
            "Mouse to screen": [frame.total_s for frame in self._frames],
            "· tool": [frame.tool_s for frame in self._frames],
            "· slice to view": [frame.copy_s for frame in self._frames],
            "· draw and wait": [frame.wait_s for frame in self._frames],
            "· compose window": [frame.compose_s for frame in self._frames],
        }
        return tuple(
            Share(title=title, p50_ms=1e3 * float(low), p95_ms=1e3 * float(high))
            for title, times in parts.items()
            for low, high in [np.percentile(times, [50, 95])]
        )
