"""How much each of several drawings holds of each label: a bar a drawing, a group a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QWidget

from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    Group = tuple[str, str, Sequence[tuple[str, float, str]]]

_GAP = 12
_NAME_PART = 0.34


class BarPlot(QWidget):
    """Groups of bars that lie; each group has its own scale, as labels differ much in size.

    A group is ``(title, colour, bars)``, a bar ``(name, value, value in words)``.
    """

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._groups: tuple[Group, ...] = ()
        self.setAccessibleName(name)
        self.setToolTip(tooltip)

    def set_groups(self, groups: Sequence[Group]) -> None:
        """Show these groups."""
        self._groups = tuple(groups)
        said = [f"{title}: {name} {words}" for title, _, bars in groups for name, _, words in bars]
        self.setAccessibleDescription("; ".join(said))
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for every bar with its name."""
        line = self.fontMetrics().height() + 4
        n_lines = sum(1 + len(bars) for _, _, bars in self._groups)
        return QSize(420, max(line, n_lines * line + _GAP * max(0, len(self._groups) - 1) + 4))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint names left, bars right of them, numbers at their ends."""
        painter, tokens = QPainter(self), shown_tokens()
        metrics = painter.fontMetrics()
        line = metrics.height() + 4
        left = _NAME_PART * self.width()
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        y = 2.0
        for title, color, bars in self._groups:
            painter.setPen(QColor(tokens.text))
            painter.drawText(QRectF(0, y, self.width(), line), flags, title)
            y += line
            most = max((value for _, value, _ in bars), default=0.0) or 1.0
            widest = max((metrics.horizontalAdvance(words) for _, _, words in bars), default=0)
            room = self.width() - left - widest - 14
            for name, value, words in bars:
                painter.setPen(QColor(tokens.muted))
                shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, round(left) - 10)
                painter.drawText(QRectF(0, y, left, line), flags, shown)
                bar = QRectF(left, y + 4, max(1.0, room * value / most), line - 8)
                painter.fillRect(bar, QColor(color))
                painter.setPen(QColor(tokens.field_border))
                painter.drawRect(bar)
                painter.setPen(QColor(tokens.text))
                painter.drawText(QRectF(bar.right() + 8, y, widest + 8, line), flags, words)
                y += line
            y += _GAP
