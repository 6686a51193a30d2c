"""Painting of the marks of a case, with their names and measures beside them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from annotator.drawing.mark_places import crossings, grips, is_flat
from annotator.gui.mark_layer import POINTS, strength
from annotator.gui.overlay_paint import paint_text

if TYPE_CHECKING:
    from annotator.gui.mark_layer import ShownMark
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

_RIM = QColor(0, 0, 0, 170)
_PLATE = QColor(0, 0, 0, 120)
_PLACE_PX = 3.0
_POINT_PX = 5.0
_RING_PX = 8.0
_FONT_PX = 13
"""As `paint_text` writes."""
_LINE_HEIGHT = 17
_LEAST_LIGHT = 170
_MOST_LINES = 6
"""Words that would lie on others move down by so many lines at most."""


def paint_kept(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint what a slice shows of the marks, then their words, so that no line crosses these."""
    if not marks.kept.shown and marks.preview.mark is None:
        return
    words: list[tuple[QPointF, ShownMark]] = []
    for one in marks.kept.with_changed(marks.preview.mark):
        clear = strength(one.mark, plane, index)
        if clear <= 0:
            continue
        painter.setOpacity(clear)
        is_selected = one.mark.mark_id == marks.kept.selected
        places = [QPointF(*camera.to_screen(*plane.to_screen(at))) for at in one.mark.places]
        if one.mark.kind in POINTS:
            _paint_point(painter, one, places[0], is_selected=is_selected)
        else:
            if clear == 1 or not is_flat(one.mark):
                _paint_lines(painter, one, places, is_faint=clear < 1, is_selected=is_selected)
            dots = [grip.at for grip in grips(one.mark, plane.axis, index)]
            for at in dots or crossings(one.mark, plane.axis, index):
                place = QPointF(*camera.to_screen(*plane.to_screen(at)))
                _paint_dot(painter, place, QColor(one.color), _PLACE_PX)
        if clear == 1 and one.text:
            place = _beside(one, places)
            if 0 <= place.x() <= camera.size[0] and 0 <= place.y() <= camera.size[1]:
                words.append((place, one))
    painter.setOpacity(1.0)
    _paint_words(painter, words, camera)


def paint_ring(painter: QPainter, place: QPointF) -> None:
    """Paint that a place can be taken hold of."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(_RIM, 4.0), QPen(QColor("#ffffff"), 2.0)):
        painter.setPen(pen)
        painter.drawEllipse(place, _RING_PX, _RING_PX)


def _paint_point(painter: QPainter, one: ShownMark, place: QPointF, *, is_selected: bool) -> None:
    """Paint a ring or, for a landmark, a diamond; what is in the middle stays seen."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in _pens(one, is_selected=is_selected):
        painter.setPen(pen)
        if one.mark.kind == "point":
            painter.drawEllipse(place, _POINT_PX, _POINT_PX)
        else:
            painter.drawPolygon(_diamond(place))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(one.color))
    painter.drawEllipse(place, 1.2, 1.2)


def _paint_lines(
    painter: QPainter,
    one: ShownMark,
    places: list[QPointF],
    *,
    is_faint: bool,
    is_selected: bool,
) -> None:
    """Paint side by side: one polygon of several with a wide pen takes Qt ten times as long."""
    if one.mark.kind == "box":
        frame = QRectF(places[0], places[1]).normalized()
        places = [frame.topLeft(), frame.topRight(), frame.bottomRight(), frame.bottomLeft()]
    is_closed = one.mark.kind in ("area", "box")
    ends = [*places, places[0]] if is_closed else places
    lines = [QLineF(first, last) for first, last in itertools.pairwise(ends)]
    rim, pen = _pens(one, is_selected=is_selected)
    if is_faint:
        pen.setDashPattern([3, 3])
    for stroke, is_smooth in ((rim, False), (pen, True)):
        stroke.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=is_smooth)
        painter.setPen(stroke)
        painter.drawLines(lines)


def _paint_dot(painter: QPainter, place: QPointF, color: QColor, radius: float) -> None:
    painter.setPen(QPen(_RIM, 1.0))
    painter.setBrush(color)
    painter.drawEllipse(place, radius, radius)


def _paint_words(
    painter: QPainter, words: list[tuple[QPointF, ShownMark]], camera: ViewCamera
) -> None:
    """Paint each word where no other lies, and inside the view."""
    font = QFont()
    font.setPixelSize(_FONT_PX)
    metrics = QFontMetricsF(font)
    taken: list[QRectF] = []
    for place, one in words:
        width = metrics.horizontalAdvance(one.text) + 6
        left = max(2.0, min(place.x() + 9, camera.size[0] - width - 2))
        area = QRectF(left, max(2.0, place.y() - 19), width, _LINE_HEIGHT)
        for _ in range(_MOST_LINES):
            if not any(area.intersects(other) for other in taken):
                break
            area.translate(0, _LINE_HEIGHT)
        taken.append(area)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_PLATE)
        painter.drawRoundedRect(area.adjusted(-3, 0, 0, 1), 4, 4)
        paint_text(painter, area.topLeft(), one.text, _ink(one.color))


def _beside(one: ShownMark, places: list[QPointF]) -> QPointF:
    """Return where the words of a mark stand: at an angle's vertex, else at its right end."""
    if one.mark.kind == "angle":
        return places[1]
    if one.mark.kind == "box":
        return QRectF(places[0], places[1]).normalized().topRight()
    return max(places, key=QPointF.x)


def _ink(color: str) -> QColor:
    """Return a colour that is light enough to be read on a dark ground."""
    ink = QColor(color)
    if ink.lightness() < _LEAST_LIGHT:
        ink.setHsl(ink.hslHue(), ink.hslSaturation(), _LEAST_LIGHT)
    return ink


def _diamond(place: QPointF) -> QPolygonF:
    arm = _POINT_PX + 1.5
    around = ((0.0, -arm), (arm, 0.0), (0.0, arm), (-arm, 0.0))
    return QPolygonF([place + QPointF(x, y) for x, y in around])


def _pens(one: ShownMark, *, is_selected: bool) -> tuple[QPen, QPen]:
    wide = 3.0 if is_selected else 1.8
    return QPen(_RIM, wide + 2.0), QPen(QColor(one.color), wide)
