"""Painting of what a person points at: points, boxes, lines, on the slices where they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import Prompt
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

POSITIVE, NEGATIVE = QColor("#6ee787"), QColor("#ff7b72")
"""Told apart by their signs as well: a plus and a minus."""
_RIM = QColor(0, 0, 0, 190)
_RADIUS = 7.0


def paint_hints(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint the prompts of the object in progress, and the one that is being made."""
    for prompt in marks.hints:
        _paint_prompt(painter, prompt, plane, index, camera)
    hint = marks.hint
    if hint is not None and hint.plane == plane.axis and len(hint.points) > 1:
        places = [QPointF(*camera.to_screen(*plane.to_screen(at))) for at in hint.points]
        color = POSITIVE if hint.is_positive else NEGATIVE
        if hint.kind == "box":
            _outline(painter, _corners(places[0], places[-1]), color, is_closed=True)
        else:
            _outline(painter, places, color, is_closed=hint.kind == "lasso")


def _paint_prompt(
    painter: QPainter, prompt: Prompt, plane: Plane, index: int, camera: ViewCamera
) -> None:
    color = POSITIVE if prompt.is_positive else NEGATIVE
    if prompt.kind == "click":
        if prompt.voxels[0][plane.axis] == index:
            place = QPointF(*camera.to_screen(*plane.to_screen(prompt.voxels[0])))
            _sign(painter, place, color, is_plus=prompt.is_positive)
        return
    if prompt.plane != plane.axis or prompt.voxels[0][plane.axis] != index:
        return
    places = [QPointF(*camera.to_screen(*plane.to_screen(at))) for at in prompt.voxels]
    if prompt.kind == "box":
        half = 0.5 * camera.zoom
        rows, columns = (mm * half for mm in camera.spacing_mm)
        frame = QRectF(places[0], places[1]).normalized()
        frame.adjust(-columns, -rows, columns, rows)
        places = _corners(frame.topLeft(), frame.bottomRight())
    _outline(painter, places, color, is_closed=prompt.kind != "scribble")
    _sign(painter, places[0], color, is_plus=prompt.is_positive)


def _outline(
    painter: QPainter, places: Sequence[QPointF], color: QColor, *, is_closed: bool
) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    line = QPolygonF(places)
    for pen in (_pen(_RIM, 4.0), _pen(color, 2.0)):
        painter.setPen(pen)
        if is_closed:
            painter.drawPolygon(line)
        else:
            painter.drawPolyline(line)


def _sign(painter: QPainter, place: QPointF, color: QColor, *, is_plus: bool) -> None:
    """Paint a disc with a plus or a minus."""
    painter.setPen(_pen(_RIM, 1.5))
    painter.setBrush(color)
    painter.drawEllipse(place, _RADIUS, _RADIUS)
    arm = _RADIUS * 0.55
    painter.setPen(_pen(QColor("#000000"), 2.0))
    painter.drawLine(place - QPointF(arm, 0), place + QPointF(arm, 0))
    if is_plus:
        painter.drawLine(place - QPointF(0, arm), place + QPointF(0, arm))


def _corners(first: QPointF, last: QPointF) -> list[QPointF]:
    return [first, QPointF(last.x(), first.y()), last, QPointF(first.x(), last.y())]


def _pen(color: QColor, width: float) -> QPen:
    pen = QPen(color, width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen
