"""Plays through the frames of a video, or the slices of a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from annotator.gui.canvas import Canvas

RATES = (2, 5, 10, 15, 25, 50)
"""Frames a second."""
_FIRST = 10


class Cine(QObject):
    """Steps the view that was worked in last; at the end it begins again."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas: Canvas | None = None
        self.rate = _FIRST
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._step)

    @property
    def is_playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._timer.isActive()

    def play(self, canvas: Canvas) -> None:
        """Begin."""
        self._canvas = canvas
        self._timer.start(1000 // self.rate)

    def stop(self) -> None:
        """Stay where it is."""
        self._timer.stop()
        self._canvas = None

    def change_rate(self, steps: int) -> None:
        """Play faster or slower."""
        place = RATES.index(self.rate) + steps
        self.rate = RATES[min(max(place, 0), len(RATES) - 1)]
        if self.is_playing:
            self._timer.setInterval(1000 // self.rate)

    def _step(self) -> None:
        if self._canvas is not None:
            self._canvas.step_slices(1, around=True)
