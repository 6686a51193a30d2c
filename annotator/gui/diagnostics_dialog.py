"""How fast drawing is on this machine: from the mouse to the screen, and what that consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QDialog, QHBoxLayout, QVBoxLayout

from annotator.gui.bar_plot import BarPlot
from annotator.gui.buttons import Button, label
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from qtpy.QtGui import QHideEvent, QShowEvent
    from qtpy.QtWidgets import QWidget

    from annotator.gui.stroke_clock import Share, StrokeClock

_REFRESH_MS = 500
_SCREEN_MS = 1000 / 60
"""What one picture of an ordinary screen takes."""


class DiagnosticsDialog(QDialog):
    """Stays open while one draws, and counts on."""

    def __init__(self, clock: StrokeClock, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Speed of drawing")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._clock = clock
        self.told = label("", wrap=True)
        self.told.setAccessibleName("How fast drawing is")
        self.plot = BarPlot(
            "Time from mouse to screen, by part",
            "Median, and what 95 of 100 pictures stay below. The tool writes into the mask; the "
            "slice goes to the view; the graphics draw it, with all waiting for other events; "
            "the window is composed and shown.",
        )
        self.copy = Button("Copy", "Copy these numbers as text.", self._copy)
        self.again = Button("Begin anew", "Forget the strokes so far.", self._clear)
        row = QHBoxLayout()
        row.addWidget(self.again)
        row.addStretch(1)
        row.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.addWidget(self.told)
        layout.addWidget(self.plot)
        layout.addStretch(1)
        layout.addLayout(row)
        self.resize(520, 380)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def showEvent(self, event: QShowEvent) -> None:
        """Count on while it is seen."""
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest."""
        super().hideEvent(event)
        self._timer.stop()

    def refresh(self) -> None:
        """Show what was measured by now."""
        frames, shares = self._clock.frames, self._clock.shares()
        self.copy.setEnabled(bool(shares))
        self.plot.setVisible(bool(shares))
        if not shares:
            self.told.setText("Draw a few strokes: each picture that shows one is measured.")
            return
        whole = shares[0]
        n_events = sum(frame.n_events for frame in frames)
        said = f"{len(frames)} pictures with {n_events} movements of the mouse. "
        if whole.p95_ms <= _SCREEN_MS:
            said += "Drawing keeps up with the screen."
        else:
            worst = max(shares[1:], key=lambda share: share.p95_ms)
            part = worst.title.removeprefix("· ")
            said += f"A screen shows a picture every {_SCREEN_MS:.0f} ms. Most of the time: {part}."
        self.told.setText(said)
        color = shown_tokens().accent
        self.plot.set_groups(
            [
                ("Median", color, [_bar(share, share.p50_ms) for share in shares]),
                ("95 of 100 stay below", color, [_bar(share, share.p95_ms) for share in shares]),
            ]
        )

    def text(self) -> str:
        """Return the numbers as lines with tabs."""
        lines = [
            f"{share.title}\t{share.p50_ms:.2f}\t{share.p95_ms:.2f}"
            for share in self._clock.shares()
        ]
        return "\n".join(("part\tp50 ms\tp95 ms", *lines))

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.text())

    def _clear(self) -> None:
        self._clock.clear()
        self.refresh()


def _bar(share: Share, milliseconds: float) -> tuple[str, float, str]:
    return share.title, milliseconds, f"{milliseconds:.1f} ms"
