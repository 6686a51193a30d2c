"""The quiet word that the last stroke is on disk, or the loud one that it is not."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.session.draft_keeping import KeptDraft


class SaveIndicator(QWidget):
    """Follows one draft. The writer thread's news crosses into this thread by a queued signal."""

    _news = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing: KeptDraft[Any] | None = None
        self._stop: Callable[[], None] | None = None
        self.words = label("", "small", wrap=True)
        self.words.setAccessibleName("State of saving")
        self.retry = Button(
            "Retry", "Try to write the strokes that are kept in memory again.", self._retry
        )
        self.retry.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.retry)
        self._news.connect(self.refresh, Qt.ConnectionType.QueuedConnection)

    def follow(self, drawing: KeptDraft[Any] | None) -> None:
        """Follow this draft from now on; None follows nothing."""
        if self._stop is not None:
            self._stop()
            self._stop = None
        self._drawing = drawing
        if drawing is not None:
            self._stop = drawing.on_change(self._ring)
        self.refresh()

    def refresh(self) -> None:
        """Say how it stands now."""
        drawing = self._drawing
        failed = drawing is not None and drawing.last_error is not None
        can_retry = drawing is not None and drawing.can_retry
        self.retry.setVisible(failed and can_retry)
        if drawing is None:
            words, tone = "", ""
        elif failed:
            words, tone = f"Could not save: {drawing.last_error}", "bad"
            if can_retry:
                words += " Your strokes are kept in memory; put it right and press Retry."
        elif drawing.is_saved:
            words, tone = f"Saved ✓ {datetime.now():%H:%M:%S}", "good"
        else:
            words, tone = "Saving…", ""
        self.words.setText(words)
        self.words.setToolTip(
            words if failed else "Every stroke is written to disk as soon as it is finished."
        )
        set_look(self.words, "tone", tone)

    def _ring(self) -> None:
        # the writer may ring once more while the window goes away
        with contextlib.suppress(RuntimeError):
            self._news.emit()

    def _retry(self) -> None:
        if self._drawing is not None:
            self._drawing.retry()
