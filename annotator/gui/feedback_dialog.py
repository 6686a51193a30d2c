"""What a rater may see of themselves: where they tend to draw too much or too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    from annotator.session.feedback import LabelFeedback, Tendency

_LINES = 1.7
_NAME_WIDTH = 130


class TendencyBars(QWidget):
    """A bar a side, to the left where the outline lies inside, to the right where outside.

    The thin line is the 95 % interval over cases.
    """

    def __init__(self, rows: Sequence[tuple[str, Tendency]], unit: str) -> None:
        super().__init__()
        self._rows = tuple(rows)
        self._unit = unit
        self.setAccessibleName("Where the outline lies outside or inside, side by side")
        self.setToolTip(
            "Bars: mean over your cases. Thin lines: 95 % interval. A bar whose line crosses the "
            "middle may be chance."
        )
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:
        """Return a line of text and a half for each side, and one for the scale."""
        return QSize(420, round((len(self._rows) + 1) * _LINES * self.fontMetrics().height()))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw names, bars, intervals and the scale."""
        tokens, painter = shown_tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        step = _LINES * self.fontMetrics().height()
        middle = _NAME_WIDTH + (self.width() - _NAME_WIDTH) / 2
        reach = (self.width() - _NAME_WIDTH) / 2 - 8
        largest = max((_extent(one) for _, one in self._rows), default=0.0) or 1.0
        for place, (name, tendency) in enumerate(self._rows):
            top = place * step
            painter.setPen(QColor(tokens.text))
            painter.drawText(
                QRectF(0, top, _NAME_WIDTH - 8, step), Qt.AlignmentFlag.AlignVCenter, name
            )
            color = QColor(tokens.accent if tendency.is_sure else tokens.border)
            width = reach * tendency.value / largest
            painter.fillRect(QRectF(middle, top + 0.25 * step, width, 0.5 * step), color)
            if tendency.interval is not None:
                low = middle + reach * tendency.interval.low / largest
                high = middle + reach * tendency.interval.high / largest
                painter.setPen(QPen(QColor(tokens.text), 1.4))
                painter.drawLine(QPointF(low, top + step / 2), QPointF(high, top + step / 2))
        painter.setPen(QPen(QColor(tokens.muted), 1))
        painter.drawLine(QPointF(middle, 0), QPointF(middle, len(self._rows) * step))
        scale = QRectF(_NAME_WIDTH, len(self._rows) * step, self.width() - _NAME_WIDTH, step)
        self._say_scale(painter, scale, largest)

    def _say_scale(self, painter: QPainter, area: QRectF, largest: float) -> None:
        for words, side in (
            (f"{largest:.1f} {self._unit} inside", Qt.AlignmentFlag.AlignLeft),
            ("0", Qt.AlignmentFlag.AlignHCenter),
            (f"{largest:.1f} {self._unit} outside", Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, words)


def _extent(tendency: Tendency) -> float:
    ends = [tendency.value]
    if tendency.interval is not None:
        ends += [tendency.interval.low, tendency.interval.high]
    return max(abs(one) for one in ends)


class FeedbackDialog(QDialog):
    """A part a label: sentences first, then the sides."""

    def __init__(self, found: Sequence[LabelFeedback], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Feedback on your readings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        inner = QWidget()
        parts = QVBoxLayout(inner)
        parts.setContentsMargins(0, 0, 10, 0)
        parts.setSpacing(8)
        if not found:
            parts.addWidget(
                label(
                    "There is nothing to say yet: at least three of your cases must have been "
                    "signed off by somebody, or have a known truth.",
                    wrap=True,
                )
            )
        for one in found:
            _add_part(parts, one)
        parts.addStretch(1)
        area = QScrollArea()
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 14, 14)
        layout.addWidget(label("Where you tend to draw too much or too little", "title"))
        layout.addWidget(
            label(
                "Over your own cases that were signed off or have a known truth; other people's "
                "drawings and cases that you still have to read are not shown.",
                "muted",
                wrap=True,
            )
        )
        layout.addWidget(area, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(Button("Close", "Go back to your cases.", self.accept))
        layout.addLayout(row)
        self.resize(640, 600)


def _add_part(parts: QVBoxLayout, one: LabelFeedback) -> None:
    cases = "1 case" if one.n_cases == 1 else f"{one.n_cases} cases"
    parts.addWidget(label(f"{one.name}, over {cases}", "heading"))
    for sentence in one.sentences or ("Nothing stands out.",):
        parts.addWidget(label(sentence, wrap=True))
    rows = [("Everywhere", one.outline)] if one.outline is not None else []
    rows += [(name[:1].upper() + name[1:], tendency) for name, tendency in one.towards]
    if rows:
        parts.addWidget(TendencyBars(rows, one.unit))
    facts = [f"{one.n_objects - one.n_missed} of {one.n_objects} objects found"]
    if one.n_false:
        facts.append(f"{one.n_false} drawn where there is nothing")
    if one.volume is not None:
        facts.append(f"volume {100 * one.volume.value:+.0f} %")
    parts.addWidget(label("; ".join(facts) + ".", "small", wrap=True))
    parts.addSpacing(10)
