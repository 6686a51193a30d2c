"""The transparent sheet over a slice: takes all mouse events and paints the marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QApplication, QWidget

from annotator.drawing.gesture import NOTHING
from annotator.gui import overlay_paint as paint
from annotator.gui.marks import PLANE_COLORS
from annotator.gui.overlay_hints import paint_hints
from annotator.gui.overlay_marks import paint_kept
from annotator.gui.overlay_preview import paint_preview

if TYPE_CHECKING:
    from qtpy.QtGui import (
        QEnterEvent,
        QMouseEvent,
        QPaintEvent,
        QSinglePointEvent,
        QTabletEvent,
        QWheelEvent,
    )

    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

_ZOOM_STEP = 1.2
_NOTCH = 120
"""Wheel units of one notch."""
_DOUBLE_PX = 12
"""Two taps of a pen as near as this, soon after each other, are a double click."""
_CLICK_PX = 4
"""A button that moved less than this was clicked, not dragged."""


class Overlay(QWidget):
    """Turns mouse events into what they mean; positions are in pixels of the view.

    Left: the tool in hand, or the crosshair with Shift, which the tool that points needs itself.
    Alt picks the label there. Wheel: slices, with Ctrl: zoom. Middle button, or left with space
    held: pan. Right: window and level, with Ctrl: those of the part that is dragged over.
    """

    pressed = Signal(QPointF)
    dragged = Signal(QPointF)
    released = Signal()
    linked = Signal(QPointF)
    hovered = Signal(object)
    stepped = Signal(int)
    zoomed = Signal(float, QPointF)
    panned = Signal(QPointF)
    windowed = Signal(QPointF)
    boxed = Signal(QPointF, QPointF)
    """Corners of the part to see best, dragged with Ctrl and the right button."""
    picked = Signal(QPointF)
    """Clicked with Alt: what is there is meant."""
    right_clicked = Signal(QPointF)
    double_clicked = Signal(QPointF)

    def __init__(self, plane: Plane, marks: Marks, camera: ViewCamera, parent: QWidget) -> None:
        super().__init__(parent)
        self.plane = plane
        self.index = 0
        self.camera = camera
        self.is_panning_with_left = False
        self.wheel_zooms = False
        self.shows_banner = False
        self._marks = marks
        self._cursor: QPointF | None = None
        self._brush_area = QRect()
        self._last: QPointF | None = None
        self._gesture = ""
        self._begun = QPointF()
        self._travel = 0.0
        self.modifiers = Qt.KeyboardModifier.NoModifier
        self.pressure = 1.0
        self.was_panned = False
        self._tapped = (0, QPointF())
        self._wheel = 0
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(f"{plane.name.capitalize()} view")

    @property
    def is_pressed(self) -> bool:
        """Whether a button is held that began a gesture."""
        return bool(self._gesture)

    @property
    def has_moved(self) -> bool:
        """Whether the button that was pressed last was dragged since, and not only clicked."""
        return self._travel >= _CLICK_PX

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Take a pen for a mouse whose strokes have a pressure, 0 to 1."""
        kind = event.type()
        if kind == QEvent.Type.TabletPress:
            place, now = event.position(), event.timestamp()
            since, before = now - self._tapped[0], self._tapped[1]
            is_double = since < QApplication.doubleClickInterval() and (
                (place - before).manhattanLength() < _DOUBLE_PX
            )
            self._tapped = (0 if is_double else now, place)
            self.pressure = event.pressure()
            self._double_click(event) if is_double else self._press(event)
        elif kind == QEvent.Type.TabletMove:
            self.pressure = event.pressure() if event.buttons() else 1.0
            self._move(event)
        else:
            self._release(event)
            self.pressure = 1.0
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a gesture; a second button during one is ignored."""
        self._press(event)

    def _press(self, event: QSinglePointEvent) -> None:
        if self._gesture:
            return
        place, button = event.position(), event.button()
        self._last = place
        self._travel = 0.0
        self.modifiers = event.modifiers()
        self._begun = place
        if button == Qt.MouseButton.RightButton:
            with_control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            self._gesture = "box" if with_control else "window"
        elif button == Qt.MouseButton.MiddleButton or (
            button == Qt.MouseButton.LeftButton and self.is_panning_with_left
        ):
            self._gesture = "pan"
            self.was_panned = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif button == Qt.MouseButton.LeftButton:
            if event.modifiers() & Qt.KeyboardModifier.AltModifier:
                self.picked.emit(place)
            elif self._links(event):
                self._gesture = "link"
                self.linked.emit(place)
            else:
                self._gesture = "tool"
                self.pressed.emit(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the gesture; without one, tell where the cursor is."""
        self._move(event)

    def _move(self, event: QSinglePointEvent) -> None:
        place = event.position()
        moved = place - (self._last or place)
        self._cursor = place
        self._travel += abs(moved.x()) + abs(moved.y())
        if self._gesture == "tool":
            self.dragged.emit(place)
        elif self._gesture == "pan":
            self.panned.emit(moved)
        elif self._gesture == "window":
            if self.has_moved:
                self.windowed.emit(moved)
        elif self._gesture == "link" or (not event.buttons() and self._links(event)):
            self.linked.emit(place)
        self._last = place
        self.hovered.emit(place)
        is_shown = self._marks.preview is not NOTHING or self._marks.hint is not None
        if is_shown or self._gesture == "box":
            self.update()
        else:
            self._move_brush()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture that this button began."""
        self._release(event)

    def _release(self, event: QSinglePointEvent) -> None:
        ends = {
            Qt.MouseButton.LeftButton: ("tool", "link", "pan"),
            Qt.MouseButton.MiddleButton: ("pan",),
            Qt.MouseButton.RightButton: ("window", "box"),
        }.get(event.button(), ())
        if self._gesture not in ends:
            return
        gesture, self._gesture = self._gesture, ""
        if gesture == "tool":
            self.released.emit()
        elif gesture == "window" and not self.has_moved:
            self.right_clicked.emit(event.position())
        elif gesture == "box" and self.has_moved:
            self.boxed.emit(self._begun, event.position())
            self.update()
        elif gesture == "pan":
            self.setCursor(Qt.CursorShape.CrossCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell a double click of the left button; other buttons count as pressed again."""
        self._double_click(event)

    def _double_click(self, event: QSinglePointEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self.is_panning_with_left:
            self._gesture = "tool"
            self._travel = 0.0
            self.modifiers = event.modifiers()
            self.double_clicked.emit(event.position())
        else:
            self._press(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step through slices, or zoom with Ctrl or where there are none.

        Half notches of touch pads are summed up.
        """
        delta = event.angleDelta().y()
        if self.wheel_zooms or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoomed.emit(_ZOOM_STEP ** (delta / _NOTCH), event.position())
        else:
            self._wheel += delta
            steps = int(self._wheel / _NOTCH)
            if steps:
                self._wheel -= steps * _NOTCH
                self.stepped.emit(steps)
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the brush at the cursor."""
        self._cursor = event.position()
        self._move_brush()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the brush."""
        self._cursor = None
        self.hovered.emit(None)
        self.update()

    def show_index(self, index: int) -> None:
        """Paint the marks of another slice; as little as changes, because every pixel costs."""
        marks, plane = self._marks, self.plane
        is_kept = marks.kept.is_on(plane, self.index) or marks.kept.is_on(plane, index)
        self.index = index
        shown = (marks.flash, marks.suggestion, marks.tint, marks.highlight)
        is_marked = any(one is not None for one in shown) or marks.preview is not NOTHING
        if is_marked or is_kept or marks.contours.contours or marks.hints:
            self.update()
        else:
            self.update(paint.SLICE_TEXT)

    def paint_under(self, painter: QPainter) -> None:
        """Paint what a kind of view has of its own, under all other marks."""

    def _links(self, event: QSinglePointEvent) -> bool:
        """Whether Shift moves the crosshair, and does not belong to the tool in hand."""
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        return bool(shift) and not self._marks.tool_takes_shift

    def _move_brush(self) -> None:
        """Paint the brush where it was and where it is."""
        radius = self._marks.brush_radius_px(self.camera.zoom)
        if radius is None or self._cursor is None:
            return
        reach = radius + 4
        area = QRectF(-reach, -reach, 2 * reach, 2 * reach).translated(self._cursor).toAlignedRect()
        self.update(area)
        self.update(self._brush_area)
        self._brush_area = area

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the marks of this slice."""
        marks, plane, index, camera = self._marks, self.plane, self.index, self.camera
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_under(painter)
        paint.paint_tint(painter, marks, plane, index, camera)
        paint.paint_suggestion(painter, marks, plane, index, camera)
        paint.paint_contours(painter, marks, plane, index, camera)
        paint.paint_highlight(painter, marks, plane, index, camera)
        if marks.flash is not None:
            paint.paint_box(painter, marks.flash, plane, index, camera, QColor("#ffd24d"))
        if marks.has_crosshair:
            paint.paint_crosshair(painter, marks, plane, camera)
        paint_kept(painter, marks, plane, index, camera)
        paint_preview(painter, marks, plane, index, camera, self._cursor)
        paint_hints(painter, marks, plane, index, camera)
        if self._cursor is not None and self._gesture in ("", "tool"):
            paint.paint_brush(painter, marks, camera, self._cursor)
        if self._gesture == "box" and self._last is not None:
            paint.paint_rubber_band(painter, QRectF(self._begun, self._last).normalized())
        paint.paint_texts(painter, marks, plane, index, camera)
        if marks.banner and self.shows_banner:
            paint.paint_banner(painter, marks.banner, camera)
        if self.shows_banner:
            paint.paint_color_bar(painter, marks, camera)
        if marks.heat_title and self.shows_banner:
            paint.paint_heat_scale(painter, marks.heat_title, camera)
        frame = QColor(PLANE_COLORS[plane.name])
        frame.setAlpha(110)
        painter.fillRect(0, 0, self.width(), 2, frame)
        painter.end()
