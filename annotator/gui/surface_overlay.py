"""What lies over the 3D view: letters of the patient's sides, words, and the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from annotator.gui.overlay_paint import PAD, TEXT, paint_text
from annotator.gui.patient_frame import SIDES, OrbitCamera

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QWheelEvent

    from annotator.gui.patient_frame import Ends

_CLICK_PX = 4.0
_NOTCH = 120.0
_ZOOM_STEP = 1.15
_BEYOND = 1.07
"""How far from the middle the letters stand, as a part of the way to the frame."""
_FACING = 0.8
"""Sides that are looked at this straight have no letter: it would stand before what is seen."""
_TITLE = QColor("#7fb7ff")
_QUIET = QColor("#9aa5b1")
_OUTLINE = QColor("#ffd24d")
_CUTS = "Draw around what to cut. Shift + drag turns."


class SurfaceOverlay(QWidget):
    """Paints the letters, and tells what the mouse does in pixels."""

    pressed = Signal()
    turned = Signal(float, float)
    moved = Signal(float, float)
    zoomed = Signal(float, QPointF)
    clicked = Signal(QPointF)
    double_clicked = Signal()
    outlined = Signal(object)
    """Corners ``(n, 2)`` in pixels of what was drawn around, where the left button draws."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.camera = OrbitCamera()
        self.ends: Ends | None = None
        self.words = ""
        self.is_busy = False
        self.draws = False
        """Whether the left button draws an outline; with Shift it turns, then."""
        self._outline: list[QPointF] = []
        self._last: QPointF | None = None
        self._moves = False
        self._travel = 0.0
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setAccessibleName("3D view")
        self.setToolTip(
            "Drag turns, right or Shift + drag moves, the wheel zooms. A click brings all views "
            "to that point; a double click shows what is drawn from near, or all."
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn or to move."""
        if self._last is not None:
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        is_left = event.button() == Qt.MouseButton.LeftButton
        self._moves = not is_left or (shift and not self.draws)
        self._last, self._travel = event.position(), 0.0
        if self.draws and is_left and not shift:
            self._outline = [event.position()]
            self.pressed.emit()
            return
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn or move."""
        if self._last is None:
            return
        way = event.position() - self._last
        self._last = event.position()
        self._travel += abs(way.x()) + abs(way.y())
        if self._outline:
            self._outline.append(event.position())
            self.update()
            return
        (self.moved if self._moves else self.turned).emit(way.x(), way.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End; where the mouse stayed, tell of a click."""
        if self._last is None or event.buttons() != Qt.MouseButton.NoButton:
            return
        self._last = None
        self._show_cursor()
        outline, self._outline = self._outline, []
        if len(outline) > 2:
            self.outlined.emit(np.array([(place.x(), place.y()) for place in outline]))
            self.update()
        elif self._travel < _CLICK_PX and not self._moves:
            self.clicked.emit(event.position())

    def set_drawing(self, on: bool) -> None:
        """Let the left button draw an outline, or turn as it does otherwise."""
        self.draws = on
        self.drop_outline()
        self._show_cursor()

    def drop_outline(self) -> bool:
        """Forget the outline in progress; False where there is none."""
        had, self._outline = bool(self._outline), []
        self._last = None if had else self._last
        self.update()
        return had

    def _show_cursor(self) -> None:
        shape = Qt.CursorShape.CrossCursor if self.draws else Qt.CursorShape.OpenHandCursor
        self.setCursor(shape)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell of a double click of the left button; others count as pressed again."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit()
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        factor = _ZOOM_STEP ** (event.angleDelta().y() / _NOTCH)
        self.zoomed.emit(factor, event.position())
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint letters and words."""
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(13)
        painter.setFont(font)
        if self.ends is not None:
            self._paint_sides(painter, self.ends)
            paint_text(painter, QPointF(PAD, PAD), "3D", _TITLE, bold=True)
            if self.is_busy:
                paint_text(painter, QPointF(PAD + 26, PAD), "…", TEXT)
            words = self.words or (_CUTS if self.draws else "")
            wide = QFontMetricsF(font).horizontalAdvance(words)
            middle = QPointF((self.width() - wide) / 2, self.height() - PAD - 16)
            paint_text(painter, middle, words, _QUIET)
        if self._outline:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(_OUTLINE, 1.5))
            painter.drawPolyline(QPolygonF(self._outline))
            painter.setPen(QPen(_OUTLINE, 1.5, Qt.PenStyle.DashLine))
            painter.drawLine(self._outline[-1], self._outline[0])
        frame = QColor(_TITLE)
        frame.setAlpha(110)
        painter.fillRect(0, 0, self.width(), 2, frame)
        painter.end()

    def _paint_sides(self, painter: QPainter, ends: Ends) -> None:
        low, high = ends
        middle, half = (low + high) / 2, (high - low) / 2
        towards = self.camera.axes[2]
        for axis, letters in enumerate(SIDES):
            if abs(towards[axis]) > _FACING:
                continue
            for letter, sense in zip(letters, (-1, 1), strict=True):
                place = middle.copy()
                place[axis] += sense * half[axis] * _BEYOND
                x, y, depth = self.camera.to_screen(np.asarray([place]))[0]
                is_behind = depth < self.camera.to_screen(middle[None])[0, 2]
                color = _QUIET if is_behind else TEXT
                paint_text(painter, QPointF(x - 5, y - 8), letter, color, bold=True)
