"""Who is who in the reviewer's room: letter, colour and line pattern of each reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import ElidedLabel, IconSwitch
from annotator.gui.theme import contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    class Shown(Protocol):
        """A reading as the legend names it."""

        @property
        def letter(self) -> str: ...  # noqa: D102 - what it is called says it
        @property
        def rater_id(self) -> str: ...  # noqa: D102
        @property
        def name(self) -> str: ...  # noqa: D102
        @property
        def color(self) -> str: ...  # noqa: D102
        @property
        def dash(self) -> str: ...  # noqa: D102


class LetterBadge(QWidget):
    """A rater's letter on their colour, beside a piece of their line."""

    def __init__(self, letter: str, color: str, dash: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._letter = letter
        self._color = color
        self._dash = dash
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        """Return room for the letter and a piece of line."""
        height = self.fontMetrics().height() + 6
        return QSize(height + 34, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the badge and the line."""
        from annotator.gui.contours import DASHES  # what it imports is not needed at the start

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = self.height() - 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._color))
        painter.drawRoundedRect(QRectF(1, 1, side, side), 4, 4)
        ink = max("#000000", "#ffffff", key=lambda front: contrast(front, self._color))
        painter.setPen(QColor(ink))
        painter.drawText(QRectF(1, 1, side, side), Qt.AlignmentFlag.AlignCenter, self._letter)
        pen = QPen(QColor(self._color), 2)
        pattern = DASHES.get(self._dash, ())
        if pattern:
            pen.setDashPattern(list(pattern))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        middle = self.height() / 2
        painter.drawLine(QPointF(side + 7, middle), QPointF(self.width() - 1, middle))


class RatersLegend(QWidget):
    """One row a reading, with an eye that shows or hides what they drew.

    Emits ``visibility_changed(rater_id, on)``.
    """

    visibility_changed = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._eyes: dict[str, IconSwitch] = {}

    def set_readings(self, readings: Sequence[Shown], noun: str = "contours") -> None:
        """Show these readings, all visible; ``noun`` says what of each is shown and hidden."""
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._eyes.clear()
        for reading in readings:
            self._layout.addWidget(self._row(reading, noun))

    def visible(self) -> frozenset[str]:
        """Return the rater ids whose readings are shown."""
        return frozenset(rater for rater, eye in self._eyes.items() if eye.isChecked())

    def _row(self, reading: Shown, noun: str) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(LetterBadge(reading.letter, reading.color, reading.dash))
        name = ElidedLabel(reading.name)
        name.setToolTip(f"Reading {reading.letter} is by {reading.name}.")
        layout.addWidget(name, 1)
        eye = IconSwitch(
            "eye",
            "eye-off",
            f"Show the {noun} of {reading.letter}, {reading.name}",
            f"Show or hide the {noun} of {reading.letter}.",
            row,
        )
        eye.toggled.connect(lambda on: self.visibility_changed.emit(reading.rater_id, on))
        layout.addWidget(eye)
        self._eyes[reading.rater_id] = eye
        return row
