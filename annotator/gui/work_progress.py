"""How far something is that a page works out by itself: a bar, the time left, and a stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from annotator.domain.errors import CancelledError
from annotator.gui.buttons import Button
from annotator.gui.pace import Pace

if TYPE_CHECKING:
    from annotator.api import Progress


class WorkProgress(QWidget):
    """Shown while something is worked out in another thread; emits ``told(words)``."""

    told = Signal(str)
    _moved = Signal(object, float, str)

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what = what
        self._stop = threading.Event()
        self._pace = Pace()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(f"Progress of {what}")
        self.bar.setToolTip("How many cases have been compared.")
        self.cancel = Button("Cancel", "Stop comparing.", self.stop)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        self._moved.connect(self._show)
        self.hide()

    def begin(self) -> Progress:
        """Show it, and return what the work reports to, which ends the work after a stop.

        Only what the newest work says is shown.
        """
        self._stop.set()
        stop = self._stop = threading.Event()
        self._pace = Pace()
        self.bar.setValue(0)
        self.cancel.setEnabled(True)
        self.show()

        def progress(fraction: float, message: str) -> None:
            if stop.is_set():
                raise CancelledError(f"{self._what} was cancelled")
            self._moved.emit(stop, fraction, message)

        return progress

    def stop(self) -> None:
        """Ask the work to end; it does when it next reports."""
        self._stop.set()
        self.cancel.setEnabled(False)

    def finish(self) -> None:
        """Hide it: the work has ended, or nobody waits for it any more."""
        self._stop.set()
        self.hide()

    def _show(self, stop: object, fraction: float, message: str) -> None:
        if stop is not self._stop or self._stop.is_set():
            return
        self.bar.setValue(round(1000 * fraction))
        left = self._pace.words(fraction)
        self.told.emit(f"{message}, {left}." if left else f"{message}…")
