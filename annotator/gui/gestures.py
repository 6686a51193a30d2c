"""From presses in the views to the tool in hand, and from the tool to what is painted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from annotator.drawing.eraser import Eraser
from annotator.drawing.gesture import NOTHING
from annotator.drawing.mark_gesture import MarkGesture
from annotator.drawing.scissors import Scissors
from annotator.drawing.tools import TOOLS
from annotator.gui.drawing_desk import CROSSHAIR, DrawingDesk
from annotator.gui.mark_layer import MARK_COLOR
from annotator.gui.tint import Tint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.api import Prompt, PromptKind
    from annotator.drawing.edit import Edit, Point
    from annotator.drawing.gesture import Markings
    from annotator.drawing.options import Chosen
    from annotator.drawing.rules import MaskingRules
    from annotator.drawing.space_scissors import SpaceOutline
    from annotator.drawing.surface import Surface
    from annotator.gui.label_colors import LabelColors
    from annotator.gui.linked_views import LinkedViews
    from annotator.gui.mark_layer import MarkLayer
    from annotator.gui.marks import Marks
    from annotator.gui.suggestion import Suggestion

_BANNER_MS = 5000
_WORKING = "Working it out… Esc cancels."
_PEEK_S = 0.35
"""Who holds H longer wants to look and come back."""
_REACH_PX = 8.0
"""So near to a place it is taken hold of."""
_TAP_S = 0.25
"""Space that is let go sooner, without moving the image, was tapped."""


class Gestures(QObject):
    """Ties the views of a canvas to the drawing desk; while reading only, to the crosshair."""

    edited = Signal(str, object)
    marked = Signal(str, object)
    mark_taken = Signal(int)
    label_picked = Signal(int)
    cursor_moved = Signal(object)
    prompted = Signal(object)
    object_ended = Signal()
    """Enter, with the tool that points."""
    object_dropped = Signal()
    told = Signal(str)
    peeked = Signal()
    """H was held and let go: what it hid is to be seen again."""
    pressed = Signal()
    enlarged = Signal(int)
    """Axis of a view that was double-clicked to fill the canvas, or to stop doing so."""
    suggestion_answered = Signal(str)
    """``all`` or ``slice`` accepts, ``drop`` does not."""
    tool_let_go = Signal(bool)
    """The tool before is wanted again: after a tap of space; else after the key that was held."""
    refused = Signal()

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
        self._brush_px: float | None = None
        self._standing = ""
        self._space_at = self._held_at = 0.0
        self._held_key = self._taken_with = 0
        self._has_used = False
        self._is_tinted = False
        self._banner_end = QTimer(self)
        self._banner_end.setSingleShot(True)
        self._banner_end.setInterval(_BANNER_MS)
        self._banner_end.timeout.connect(lambda: self._say(""))
        self._connect()

    def use(self, surface: Surface | None) -> None:
        """Draw on another live mask."""
        self._desk.use(surface)
        self._shape = (0, 0, 0) if surface is None else surface.shape
        self.show_suggestion(None, "")
        self.set_tinted(False)
        self._show_pen()

    @property
    def surface(self) -> Surface | None:
        """What is drawn on."""
        return self._desk.surface

    def set_rules(self, rules: MaskingRules) -> None:
        """Hold every tool to other rules."""
        self._desk.set_rules(rules)
        self._show_tint()

    def set_tinted(self, on: bool) -> None:
        """Show on the image where the rules let tools draw."""
        self._is_tinted = on
        self._show_tint()

    def show_suggestion(self, suggestion: Suggestion | None, words: str) -> None:
        """Show what an operation would change, and words as long as it is shown."""
        self._standing = words
        if suggestion is not self._marks.suggestion:
            self._marks.suggestion = suggestion
            self._views.refresh_mask()
        self._say("")
        self._views.repaint_marks()

    def set_tool(self, name: str) -> None:
        """Take a tool by its stable name."""
        self._desk.set_tool(name)
        self._taken_with, self._has_used = self._held_key, False
        self._show_pen()

    def set_options(self, tool: str, chosen: Mapping[str, Chosen]) -> None:
        """Set options of a tool."""
        self._desk.set_options(tool, chosen)
        self._show_pen()

    def set_label(self, value: int) -> None:
        """Draw with this label."""
        self._desk.label = value
        self._show_pen()
        self._show_tint()

    def set_brush_mm(self, diameter: float) -> None:
        """Set the diameter of brush and eraser, mm."""
        self._desk.brush_mm = diameter
        self._brush_px = None
        self._show_pen()

    def set_brush_px(self, diameter: float) -> None:
        """Keep brush and eraser this large on the screen, whatever the zoom."""
        self._brush_px = diameter
        self._fit_brush()
        self._show_pen()

    def set_brush_3d(self, on: bool) -> None:
        """Make tools work in the volume, where they can, and not in one slice."""
        self._desk.is_3d = on

    def set_drag_kind(self, kind: PromptKind) -> None:
        """Set what dragging draws with the tool that points."""
        self._desk.drag_kind = kind

    def set_kept(self, layer: MarkLayer, markings: Markings) -> None:
        """Show the marks of the case, and let tools take hold of these."""
        self._desk.markings = markings
        self._marks.kept = layer
        self._views.repaint_marks()

    def settle(self) -> None:
        """Keep what is being measured."""
        self._desk.settle()
        self._show_pen()

    def set_hints(self, prompts: tuple[Prompt, ...]) -> None:
        """Show what was pointed at."""
        self._marks.hints = prompts
        self._views.repaint_marks()

    def show_edit(self, tool: str, edit: Edit) -> None:
        """Show an edit that was made on the live mask elsewhere, and tell of it."""
        self._views.show_touched(edit.box)
        self._end_edit(tool, edit)

    @property
    def cuts(self) -> bool:
        """Whether the scissors are in hand, and may be used."""
        return self._desk.tool == Scissors.name and not self._is_read_only

    def cut_in_space(self, drawn: SpaceOutline) -> None:
        """Cut through the volume where was drawn around in the 3D view."""
        self._desk.cut_in_space(drawn)
        if self._desk.is_working:
            self._say(_WORKING, lasting=True)
        self._show_pen()

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

    def hold_key(self, key: int) -> None:
        """Remember a key that went down, whoever handles it."""
        self._held_key, self._held_at = key, time.monotonic()

    def press_key(self, key: int, *, is_repeat: bool, with_shift: bool = False) -> bool:
        """Handle a key that belongs to a gesture; False where it does not."""
        if key == Qt.Key.Key_Space:
            if not is_repeat:
                self._space_at = time.monotonic()
                self._views.hold_to_pan(True)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self._enter(only_slice=with_shift)
        elif key == Qt.Key.Key_Backspace and self._desk.step_back():
            self._show_pen()
        else:
            return key == Qt.Key.Key_Escape and self._escape()
        return True

    def _enter(self, *, only_slice: bool) -> bool:
        if self._desk.has_begun:
            self.confirm()
        elif self._marks.suggestion is not None:
            self.suggestion_answered.emit("slice" if only_slice else "all")
        elif self._marks.hints:
            self.object_ended.emit()
        else:
            return False
        return True

    def _escape(self) -> bool:
        if self.cancel():
            return True
        if self._marks.suggestion is not None:
            self.suggestion_answered.emit("drop")
        elif self._marks.hints:
            self.object_dropped.emit()
        else:
            return False
        return True

    def release_key(self, key: int) -> bool:
        """Handle a key that is let go; False where that means nothing."""
        if key == Qt.Key.Key_Space:
            has_panned = self._views.hold_to_pan(False)
            if not has_panned and time.monotonic() - self._space_at < _TAP_S:
                self.tool_let_go.emit(True)
            return True
        if key != self._held_key:
            return False
        if key == Qt.Key.Key_H and time.monotonic() - self._held_at > _PEEK_S:
            self.peeked.emit()
        self._held_key = 0
        if key != self._taken_with:
            return False
        self._taken_with = 0
        if not self._has_used or self._desk.has_begun:
            return False
        self.tool_let_go.emit(False)
        return True

    def forget_keys(self) -> None:
        """End what keys are held for: their release will not be heard."""
        self._held_key = self._taken_with = 0
        self._views.hold_to_pan(False)

    def _connect(self) -> None:
        views, desk = self._views, self._desk
        views.pressed.connect(self._press)
        views.dragged.connect(self._drag)
        views.released.connect(self._release)
        views.picked.connect(self._pick)
        views.linked.connect(self._link)
        views.hovered.connect(self._hover)
        views.right_clicked.connect(self._right_click)
        views.double_clicked.connect(self._double_click)
        views.position_changed.connect(self._end_stroke)
        desk.touched.connect(views.show_touched)
        desk.edited.connect(self._end_edit)
        desk.marked.connect(self.marked)
        desk.mark_taken.connect(self.mark_taken)
        desk.label_picked.connect(self.label_picked)
        desk.hinted.connect(self.prompted)
        desk.told.connect(self._tell)
        desk.refused.connect(self.refused)
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
            self._fit_brush()
            self._has_used = True
            with self._views.clock.drawing():
                self._desk.press(
                    axis,
                    point,
                    pressure=self._views.pressure,
                    is_erasing=bool(held & Qt.KeyboardModifier.ControlModifier),
                )
        if self._desk.is_working:
            self._say(_WORKING, lasting=True)
        self._show_pen()

    def _drag(self, point: Point) -> None:
        if self._is_looking:
            self._link(point)
        else:
            with self._views.clock.drawing():
                self._desk.drag(point, pressure=self._views.pressure)

    def _end_stroke(self, position: Sequence[int]) -> None:
        """End a stroke whose slice is not shown any more."""
        plane, index = self._desk.plane, self._desk.index
        if plane is not None and position[plane] != index and self._views.is_pressed:
            self._desk.release()

    def _fit_brush(self) -> None:
        """Give brush and reach their size in mm where they are told on the screen."""
        if self._views.views:
            self._desk.reach_mm = _REACH_PX / self._views.zoom
            if self._brush_px is not None:
                self._desk.brush_mm = self._brush_px / self._views.zoom

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

    def _pick(self, point: Point) -> None:
        """Draw with the label under the pointer from now on."""
        self.pressed.emit()
        if not self._is_read_only and not self._desk.has_begun:
            self._desk.pick(point)

    def _link(self, point: Point) -> None:
        self._views.set_position([round(value) for value in point])

    def _hover(self, point: Point | None) -> None:
        axis = self._views.hovering_axis
        if not self._is_looking and not self._views.is_pressed:
            self._fit_brush()
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
        self._show_tint()
        self.edited.emit(tool, edit)

    def _show_tint(self) -> None:
        """Tint where may be drawn, as it is now."""
        surface, marks = self._desk.surface, self._marks
        rules = None if surface is None or not self._is_tinted else surface.rules
        if rules is None or surface is None or not rules.limits_places:
            if marks.tint is None:
                return
            marks.tint = None
        else:
            marks.tint = Tint(surface.of(self._desk.label), self._desk.label)
        self._views.repaint_marks()

    def _show_pen(self) -> None:
        """Let the overlays show tool, size and colour as they are now."""
        desk, marks = self._desk, self._marks
        has_size = desk.has_size and not self._is_read_only
        marks.brush_mm = desk.brush_mm if has_size else None
        marks.brush_px = self._brush_px
        marks.brush_is_square = desk.is_square
        marks.preview = desk.preview
        marks.preview_axis, marks.preview_index = desk.plane, desk.index
        marks.hint = desk.hint
        marks.tool_takes_shift = desk.points and not self._is_read_only
        marks.color = self._pen_color()
        self._views.repaint_marks()

    def _pen_color(self) -> str:
        """Return the colour of what the tool in hand leaves."""
        tool = TOOLS.get(self._desk.tool)
        if tool is not None and issubclass(tool, MarkGesture):
            return MARK_COLOR
        return "#ffffff" if tool is Eraser else self._colors.pen(self._desk.label)

    def _show_preview(self) -> None:
        """Let the overlays show what is in progress."""
        marks, desk = self._marks, self._desk
        if marks.preview is not NOTHING or desk.preview is not NOTHING:
            marks.preview = desk.preview
            marks.preview_axis, marks.preview_index = desk.plane, desk.index
            self._views.repaint_marks()

    def _tell(self, text: str) -> None:
        self._say(text)
        self.told.emit(text)

    def _say(self, text: str, *, lasting: bool = False) -> None:
        self._banner_end.stop()
        text = text or self._standing
        if text != self._standing and not lasting:
            self._banner_end.start()
        if text != self._marks.banner:
            self._marks.banner = text
            self._views.repaint_marks()
