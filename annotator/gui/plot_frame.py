"""The frame of a plot that is painted by hand: round numbers along the axes, grid, legend.

Painted, because a plot that follows a training must not hold up the window: matplotlib takes a
tenth of a second for each picture, a painter a thousandth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPen

from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPainter

    from annotator.gui.theme import Tokens

DASHES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
)


def tone(place: int, tokens: Tokens) -> str:
    """Return the colour of a line by its place; lines differ in their dashes as well."""
    tones = (tokens.link, tokens.caution, tokens.good, tokens.bad)
    return tones[place % len(tones)]


def line_pen(place: int, tokens: Tokens, width: float = 2.0) -> QPen:
    """Return the pen of a line by its place."""
    return QPen(QColor(tone(place, tokens)), width, DASHES[(place // 4 + place) % len(DASHES)])


def round_steps(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from at or below ``low`` to at or above ``high``, about ``most``."""
    span = max(high - low, 1e-9)
    rough = span / max(1, most - 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * part for part in (1, 2, 2.5, 5, 10) if unit * part >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(step * place, 10) for place in range(first, max(last, first + 1) + 1)]


def in_figures(value: float) -> str:
    """Return a number along an axis as short as it can be."""
    return f"{value:.4g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where the axes of a plot lie, in pixels, and what they run over."""

    area: QRectF
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> QPointF:
        """Return where a point lies."""
        across = (x - self.x[0]) / max(self.x[1] - self.x[0], 1e-12)
        up = (y - self.y[0]) / max(self.y[1] - self.y[0], 1e-12)
        return QPointF(
            self.area.left() + across * self.area.width(),
            self.area.bottom() - up * self.area.height(),
        )


def paint_frame(
    painter: QPainter,
    whole: QRectF,
    *,
    title: str,
    x_title: str,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
) -> Frame:
    """Paint title, axes, numbers and grid into ``whole``; return where the curves go.

    A line below the title is left free for the legend.
    """
    tokens, metrics = shown_tokens(), painter.fontMetrics()
    line = metrics.height()
    left = max(metrics.horizontalAdvance(in_figures(value)) for value in y_ticks) + 12
    area = whole.adjusted(left, 2 * line + 12, -14, -2 * line - 10)
    frame = Frame(area=area, x=(x_ticks[0], x_ticks[-1]), y=(y_ticks[0], y_ticks[-1]))
    painter.fillRect(area, QColor(tokens.field))
    painter.setPen(QColor(tokens.text))
    painter.drawText(QPointF(area.left(), whole.top() + metrics.ascent() + 1), title)
    for value in y_ticks:
        place = frame.at(frame.x[0], value)
        painter.setPen(QColor(tokens.border))
        painter.drawLine(place, QPointF(area.right(), place.y()))
        painter.setPen(QColor(tokens.muted))
        box = QRectF(whole.left(), place.y() - line / 2, left - 6, line)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, in_figures(value))
    for value in x_ticks:
        place = frame.at(value, frame.y[0])
        painter.setPen(QColor(tokens.border))
        painter.drawLine(QPointF(place.x(), area.top()), place)
        painter.setPen(QColor(tokens.muted))
        box = QRectF(place.x() - 40, area.bottom() + 3, 80, line)
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, in_figures(value))
    below = QRectF(area.left(), area.bottom() + 4 + line, area.width(), line)
    painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, x_title)
    painter.setPen(QPen(QColor(tokens.field_border), 1))
    painter.drawLine(area.topLeft(), area.bottomLeft())
    painter.drawLine(area.bottomLeft(), area.bottomRight())
    return frame
