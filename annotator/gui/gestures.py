"""From presses in the views to the tool in hand, and from the tool to what is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from annotator.drawing.eraser import Eraser
from annotator.drawing.gesture import NOTHING
from annotator.gui.drawing_desk import CROSSHAIR, DrawingDesk

if TYPE_CHECKING:
    from annotator.api import Prompt, PromptKind
    from annotator.drawing.edit import Edit, Point
    from annotator.drawing.surface import Surface
    from annotator.gui.label_colors import LabelColors
    from annotator.gui.linked_views import LinkedViews
    from annotator.gui.marks import Marks

_BANNER_MS = 5000


class Gestures(QObject):
    """Ties the views of a canvas to the drawing desk; while reading only, to the crosshair."""

    edited = Signal(str, object)
    label_picked = Signal(int)
    cursor_moved = Signal(object)
    prompted = Signal(object)
    object_ended = Signal()
    """Enter, with the tool that points."""
    object_dropped = Signal()
    told = Signal(str)
    pressed = Signal()
    enlarged = Signal(int)
    """Axis of a view that was double-clicked to fill the canvas, or to stop doing so."""

    def __init__(
        self, views: LinkedViews, marks: Marks, colors: LabelColors, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._views = views
        self._marks = marks
        self._colors = colors
        self._desk = DrawingDesk(self)
        self._shape: tuple[int, ...] = (0, 0, 0)
        self._is_read_only = False
        self._banner_end = QTimer(self)
        self._banner_end.setSingleShot(True)
        self._banner_end.setInterval(_BANNER_MS)
        self._banner_end.timeout.connect(lambda: self._say(""))
        self._connect()

    def use(self, surface: Surface | None) -> None:
        """Draw on another live mask."""
        self._desk.use(surface)
        self._shape = (0, 0, 0) if surface is None else surface.shape
        self._say("")
        self._show_pen()

    def set_tool(self, name: str) -> None:
        """Take a tool by its stable name."""
        self._desk.set_tool(name)
        self._show_pen()

    def set_label(self, value: int) -> None:
        """Draw with this label."""
        self._desk.label = value
        self._show_pen()

    def set_brush_mm(self, diameter: float) -> None:
        """Set the diameter of brush and eraser, mm."""
        self._desk.brush_mm = diameter
        self._show_pen()

    def set_brush_3d(self, on: bool) -> None:
        """Make tools work in the volume, where they can, and not in one slice."""
        self._desk.is_3d = on

    def set_drag_kind(self, kind: PromptKind) -> None:
        """Set what dragging draws with the tool that points."""
        self._desk.drag_kind = kind

    def set_hints(self, prompts: tuple[Prompt, ...]) -> None:
        """Show what was pointed at."""
        self._marks.hints = prompts
        self._views.repaint_marks()

    def show_edit(self, tool: str, edit: Edit) -> None:
        """Show an edit that was made on the live mask elsewhere, and tell of it."""
        self._views.show_touched(edit.box)
        self._end_edit(tool, edit)

    @property
    def label(self) -> int:
        """The label that is drawn with."""
        return self._desk.label

    def say(self, text: str, *, lasting: bool = False) -> None:
        """Show words on the view, for a moment or until others come; empty takes them away."""
        self._say(text, lasting=lasting)

    def set_read_only(self, on: bool) -> None:
        """Let the left button only move the crosshair."""
        self._desk.cancel()
        self._is_read_only = on
        self._show_pen()

    def confirm(self) -> None:
        """Mean what is in progress as it is: close the polygon."""
        self._desk.confirm()
        self._show_pen()

    def cancel(self) -> bool:
        """Drop what is in progress; False where nothing is."""
        had = self._desk.cancel()
        self._say("")
        self._show_pen()
        return had

    def press_key(self, key: int, *, is_repeat: bool) -> bool:
        """Handle a key that belongs to a gesture; False where it does not."""
        if key == Qt.Key.Key_Space:
            if not is_repeat:
                self._views.hold_to_pan(True)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._desk.has_begun:
            self.confirm()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._marks.hints:
            self.object_ended.emit()
        elif key == Qt.Key.Key_Escape and self._marks.hints:
            if not self.cancel():
                self.object_dropped.emit()
        elif key == Qt.Key.Key_Backspace and self._desk.step_back():
            self._show_pen()
        else:
            return key == Qt.Key.Key_Escape and self.cancel()
        return True

    def _connect(self) -> None:
        views, desk = self._views, self._desk
        views.pressed.connect(self._press)
        views.dragged.connect(self._drag)
        views.released.connect(self._release)
        views.linked.connect(self._link)
        views.hovered.connect(self._hover)
        views.right_clicked.connect(self._right_click)
        views.double_clicked.connect(self._double_click)
        desk.touched.connect(views.show_touched)
        desk.edited.connect(self._end_edit)
        desk.label_picked.connect(self.label_picked)
        desk.hinted.connect(self.prompted)
        desk.told.connect(self._tell)
        desk.previewed.connect(self._show_preview)

    @property
    def _is_looking(self) -> bool:
        return self._is_read_only or self._desk.tool == CROSSHAIR

    def _press(self, axis: int, point: Point) -> None:
        self.pressed.emit()
        if self._is_looking:
            self._link(point)
            return
        if self._desk.points:
            held = self._views.modifiers
            self._desk.point(
                axis,
                point,
                is_positive=not held & Qt.KeyboardModifier.ControlModifier,
                is_scribble=bool(held & Qt.KeyboardModifier.ShiftModifier),
            )
        else:
            held = self._views.modifiers
            self._desk.press(
                axis, point, is_erasing=bool(held & Qt.KeyboardModifier.ControlModifier)
            )
        if self._desk.is_working:
            self._say("Working it out… Esc cancels.", lasting=True)
        self._show_pen()

    def _drag(self, point: Point) -> None:
        if self._is_looking:
            self._link(point)
        else:
            self._desk.drag(point)

    def _release(self) -> None:
        self._desk.release(is_click=not self._views.has_moved)
        self._show_pen()

    def _right_click(self, axis: int, point: Point) -> None:
        if self._desk.points and not self._is_looking:
            self.pressed.emit()
            self._desk.point(axis, point, is_positive=False, is_scribble=False)
            self._desk.release(is_click=True)
        else:
            self.confirm()

    def _double_click(self, axis: int, point: Point) -> None:
        if self._is_looking:
            self.enlarged.emit(axis)
        elif self._desk.confirm():
            self._show_pen()
        else:
            self._press(axis, point)

    def _link(self, point: Point) -> None:
        self._views.set_position([round(value) for value in point])

    def _hover(self, point: Point | None) -> None:
        axis = self._views.hovering_axis
        if not self._is_looking and not self._views.is_pressed:
            self._desk.hover(0 if axis is None else axis, point)
        if point is None:
            self.cursor_moved.emit(None)
            return
        z, y, x = (round(value) for value in point)
        inside = all(0 <= at < size for at, size in zip((z, y, x), self._shape, strict=True))
        self.cursor_moved.emit((z, y, x) if inside else None)

    def _end_edit(self, tool: str, edit: Edit) -> None:
        self._say("")
        self._show_pen()
        self.edited.emit(tool, edit)

    def _show_pen(self) -> None:
        """Let the overlays show tool, size and colour as they are now."""
        desk, marks = self._desk, self._marks
        has_size = desk.has_size and not self._is_read_only
        marks.brush_mm = desk.brush_mm if has_size else None
        marks.preview = desk.preview
        marks.preview_axis = desk.plane
        marks.hint = desk.hint
        marks.tool_takes_shift = desk.points and not self._is_read_only
        marks.color = "#ffffff" if desk.tool == Eraser.name else self._colors.pen(desk.label)
        self._views.repaint_marks()

    def _show_preview(self) -> None:
        """Let the overlays show what is in progress."""
        marks, desk = self._marks, self._desk
        if marks.preview is not NOTHING or desk.preview is not NOTHING:
            marks.preview, marks.preview_axis = desk.preview, desk.plane
            self._views.repaint_marks()

    def _tell(self, text: str) -> None:
        self._say(text)
        self.told.emit(text)

    def _say(self, text: str, *, lasting: bool = False) -> None:
        self._banner_end.stop()
        if text and not lasting:
            self._banner_end.start()
        if text != self._marks.banner:
            self._marks.banner = text
            self._views.repaint_marks()
