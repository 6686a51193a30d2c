"""Painting of a gesture that is not finished: its lines, its anchors and a word at the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen

from annotator.gui.overlay_marks import paint_ring

if TYPE_CHECKING:
    from annotator.drawing.gesture import Line
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

_RIM = QColor(0, 0, 0, 170)
_ANCHOR_PX = 3.5
_TEXT_OFFSET = QPointF(14, 18)


def paint_preview(
    painter: QPainter,
    marks: Marks,
    plane: Plane,
    index: int,
    camera: ViewCamera,
    cursor: QPointF | None,
) -> None:
    """Paint what a gesture shows, in the view and on the slice on which it goes on."""
    if (marks.preview_axis, marks.preview_index) != (plane.axis, index):
        return
    preview, color = marks.preview, QColor(marks.color)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for line in preview.lines:
        _paint_line(painter, line, plane, camera, color)
    painter.setPen(QPen(_RIM, 1.0))
    painter.setBrush(color)
    for anchor in preview.anchors:
        place = QPointF(*camera.to_screen(*plane.to_screen(anchor)))
        painter.drawEllipse(place, _ANCHOR_PX, _ANCHOR_PX)
    if preview.ring is not None:
        paint_ring(painter, QPointF(*camera.to_screen(*plane.to_screen(preview.ring))))
    if preview.text and cursor is not None:
        _paint_text(painter, preview.text, cursor + _TEXT_OFFSET, camera.size)


def _paint_line(
    painter: QPainter, line: Line, plane: Plane, camera: ViewCamera, color: QColor
) -> None:
    places = [QPointF(*camera.to_screen(*plane.to_screen(at))) for at in line.points]
    drawn = QPen(color, 1.5 if line.is_dashed else 2.0)
    if line.is_dashed:
        drawn.setDashPattern([4, 4])
    pens = (drawn,) if line.is_dashed else (QPen(_RIM, 4.0), drawn)
    for pen in pens:
        painter.setPen(pen)
        if line.is_closed:
            painter.drawPolygon(places)
        else:
            painter.drawPolyline(places)


def _paint_text(painter: QPainter, text: str, place: QPointF, size: tuple[int, int]) -> None:
    area = QRectF(painter.fontMetrics().boundingRect(text)).translated(place)
    over = QPointF(max(0.0, area.right() + 8 - size[0]), max(0.0, area.bottom() + 6 - size[1]))
    place, area = place - over, area.translated(-over)
    painter.fillRect(area.adjusted(-4, -2, 4, 2), _RIM)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(place, text)
