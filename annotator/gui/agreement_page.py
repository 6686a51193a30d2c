"""Agreement in pictures: the same that go into the report file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QImage, QPixmap
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label
from annotator.gui.theme import shown_tokens
from annotator.gui.work_progress import WorkProgress

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from annotator.gui.background import Background
    from annotator.session.agreement import AgreementReport, Picture
    from annotator.session.review_room import ReviewRoom

WIDEST = 1100
WIDTH_IN = 7.2
"""Width at which letters of a picture are as large as those of the window, about."""
_SETTLE_MS = 150


class AgreementPage(QWidget):
    """All pictures, one below the other; worked out when the page is first shown.

    Emits ``save_wanted`` for the report file.
    """

    save_wanted = Signal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._room: ReviewRoom | None = None
        self.report: AgreementReport | None = None
        self.words = label("", "muted", wrap=True)
        self.busy = WorkProgress("the comparison")
        self.busy.told.connect(self._tell)
        self.again = Button("Compare", "Compare all readings again.", self._work)
        self.save = Button(
            "Save report…",
            "Write everything, with the methods section, as one HTML file to hand on.",
            self.save_wanted.emit,
            kind="primary",
            icon_name="export",
        )
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._draw)
        self._lay_out()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.words, 1)
        top.addWidget(self.again)
        top.addWidget(self.save)
        self._inner = QWidget()
        self._pictures = QVBoxLayout(self._inner)
        self._pictures.setContentsMargins(0, 0, 12, 0)
        self._pictures.setSpacing(10)
        self._area = QScrollArea()
        self._area.setWidget(self._inner)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 10, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.busy)
        layout.addWidget(self._area, 1)

    def enter(self, room: ReviewRoom) -> None:
        """Forget what was shown; it is worked out anew when the page is looked at."""
        self.leave()
        self._room = room
        self.report = None
        self._clear()
        if self.isVisible():
            self._work()

    def leave(self) -> None:
        """Stop what is being worked out."""
        self.busy.finish()
        self._background.drop("agreement")

    def showEvent(self, event: QEvent) -> None:
        """Work the pictures out where that was not done yet."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self.report is None and not self._background.is_waiting("agreement"):
            self._work()

    def _work(self) -> None:
        room = self._room
        if room is None:
            return
        self.words.setText("All readings are being compared with each other.")
        self.again.hide()
        self.save.setEnabled(False)
        progress = self.busy.begin()

        def work() -> AgreementReport:
            import matplotlib.backends.backend_agg  # noqa: F401 - takes a second

            return room.agreement(progress)

        self._background.run("agreement", work, self._show, self._could_not)

    def _tell(self, words: str) -> None:
        self.words.setText(f"{words[:1].upper()}{words[1:]}")

    def _could_not(self, error: Exception) -> None:
        self.busy.finish()
        words = str(error)
        self.words.setText(f"{words[:1].upper()}{words[1:]}.")
        self.again.show()

    def _show(self, report: AgreementReport) -> None:
        self.report = report
        self.busy.finish()
        self.save.setEnabled(True)
        n_cases = report.about.n_cases
        self.words.setText(
            f"How far readers agree, over {n_cases} {'case' if n_cases == 1 else 'cases'}; "
            "bars and bands are 95 % intervals over cases. The file has the tables too."
        )
        self._draw()

    def _clear(self) -> None:
        while (item := self._pictures.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _draw(self) -> None:
        from annotator.session.agreement import PICTURES

        self._clear()
        if self.report is None:
            return
        for picture in PICTURES:
            if picture.has_content(self.report):
                self._pictures.addWidget(label(picture.title, "heading"))
                self._pictures.addWidget(self._picture(picture, self.report))
        self._pictures.addStretch(1)

    def _picture(self, picture: Picture, report: AgreementReport) -> QLabel:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from annotator.session.agreement import DARK, LIGHT

        width = min(WIDEST, max(480, self._area.viewport().width() - 16))
        ratio = self.devicePixelRatioF()
        is_dark = QColor(shown_tokens().window).lightness() < 128
        figure = Figure(figsize=(WIDTH_IN, picture.height_in(report)), dpi=ratio * width / WIDTH_IN)
        figure.patch.set_alpha(0.0)
        canvas: Any = FigureCanvasAgg(figure)
        picture.draw(figure, report, DARK if is_dark else LIGHT)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())
        rows, columns, _ = pixels.shape
        image = QImage(pixels.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
        shown = QPixmap.fromImage(image)
        shown.setDevicePixelRatio(ratio)
        made = QLabel()
        made.setPixmap(shown)
        made.setAccessibleName(picture.title)
        made.setToolTip(picture.title)
        made.setAlignment(Qt.AlignmentFlag.AlignLeft)
        return made

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw the pictures as wide as they fit."""
        super().resizeEvent(event)
        if self.report is not None:
            self._settle.start()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the pictures in the colours of the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.report is not None:
            self._settle.start()
