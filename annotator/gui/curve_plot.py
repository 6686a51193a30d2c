"""Curves that grow while somebody trains a model: numbers over rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from annotator.gui.plot_frame import line_pen, paint_frame, round_steps, tone
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtGui import QPaintEvent

    from annotator.gui.plot_frame import Frame

    Curve = Sequence[tuple[int, float]]

LEAST_HEIGHT = 190
_LEGEND_LINE = 26


class CurvePlot(QWidget):
    """One pair of axes with a few curves; ``best`` marks the smallest or largest point of each."""

    def __init__(
        self, title: str, best: Literal["smallest", "largest"], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._best = best
        self.curves: dict[str, tuple[tuple[int, float], ...]] = {}
        self.setMinimumSize(260, LEAST_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title)
        self.setToolTip(f"{title}, round by round. The ring marks the {best} value.")

    def sizeHint(self) -> QSize:
        """Return a wide plot."""
        return QSize(380, 220)

    def set_curves(self, curves: Mapping[str, Curve]) -> None:
        """Show these curves, ``(round, value)`` in the order of rounds."""
        taken = {name: tuple(curve) for name, curve in curves.items() if curve}
        if taken == self.curves:
            return
        self.curves = taken
        said = [f"{name}: {curve[-1][1]:.3g} at {curve[-1][0]}" for name, curve in taken.items()]
        self.setAccessibleDescription("; ".join(said))
        self.update()

    def best_point(self, name: str) -> tuple[int, float]:
        """Return the point of a curve that is marked."""
        choose = min if self._best == "smallest" else max
        return choose(self.curves[name], key=lambda point: point[1])

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axes, curves and legend in the colours of the theme."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = shown_tokens()
        if not self.curves:
            painter.setPen(QColor(tokens.muted))
            words = f"{self._title}: the first point comes after the first round."
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect(), flags, words)
            return
        points = [point for curve in self.curves.values() for point in curve]
        frame = paint_frame(
            painter,
            QRectF(self.rect()).adjusted(4, 2, -4, -2),
            title=self._title,
            x_title="Round",
            x_ticks=_whole_steps(max(2, max(x for x, _ in points))),
            y_ticks=round_steps(*_limits([y for _, y in points]), 5),
        )
        for place, name in enumerate(self.curves):
            self._paint_curve(painter, frame, place, name)
        self._paint_legend(painter, frame)

    def _paint_curve(self, painter: QPainter, frame: Frame, place: int, name: str) -> None:
        tokens = shown_tokens()
        path = QPainterPath()
        for number, (x, y) in enumerate(self.curves[name]):
            if number:
                path.lineTo(frame.at(x, y))
            else:
                path.moveTo(frame.at(x, y))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(line_pen(place, tokens))
        painter.drawPath(path)
        painter.setPen(QPen(QColor(tone(place, tokens)), 2))
        painter.drawEllipse(frame.at(*self.best_point(name)), 4.5, 4.5)

    def _paint_legend(self, painter: QPainter, frame: Frame) -> None:
        """Name the curves below the title, each with its best value where there is room."""
        tokens, metrics = shown_tokens(), painter.fontMetrics()
        x, y = frame.area.left(), frame.area.top() - 6 - metrics.descent()
        said = [f"{name} {self.best_point(name)[1]:.3g}" for name in self.curves]
        needed = sum(_LEGEND_LINE + 22 + metrics.horizontalAdvance(words) for words in said)
        if needed > self.width() - x:
            said = list(self.curves)
        for place, words in enumerate(said):
            middle = y - metrics.ascent() / 2 + 1
            painter.setPen(line_pen(place, tokens))
            painter.drawLine(QPointF(x, middle), QPointF(x + _LEGEND_LINE, middle))
            painter.setPen(QColor(tokens.text))
            painter.drawText(QPointF(x + _LEGEND_LINE + 6, y), words)
            x += _LEGEND_LINE + 6 + metrics.horizontalAdvance(words) + 16


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Return what the axis runs over: some room round the values, but not past 0 or 1."""
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return (
        max(0.0, low - room) if low >= 0 else low - room,
        min(1.0, high + room) if high <= 1 else high + room,
    )


def _whole_steps(last: int) -> list[float]:
    """Return whole numbers from 0 to at least ``last``."""
    steps = [value for value in round_steps(0, last, 6) if value == int(value)]
    return steps if steps[-1] >= last else [*steps, float(last)]
