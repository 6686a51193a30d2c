"""What both rooms do with a canvas that is drawn on: tools, sizes, labels, undo and redo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from annotator.domain.errors import AnnotatorError
from annotator.drawing.tools import TOOLS
from annotator.gui.rules_panel import value_range
from annotator.gui.tool_table import ADVICE
from annotator.gui.view_tools import ViewTools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.domain.reading import Box
    from annotator.domain.study import Series
    from annotator.drawing.options import Chosen
    from annotator.drawing.rules import MaskingRules
    from annotator.gui.beside_desk import BesideDesk
    from annotator.gui.canvas import Canvas
    from annotator.gui.drawing_side import DrawingSide
    from annotator.gui.label_palette import LabelPalette
    from annotator.gui.operation_desk import OperationDesk
    from annotator.gui.pointing import Pointing
    from annotator.gui.settings import Settings
    from annotator.gui.tool_options import ToolOptions
    from annotator.gui.tool_strip import ToolStrip
    from annotator.session.draft import DraftSession


class DrawingTools(QObject):
    """Connects a tool strip, a label palette, a canvas and the draft that is drawn on it."""

    nothing_to = Signal(str)
    """``undo`` or ``redo`` found nothing."""
    failed = Signal(object)
    moved = Signal()
    """An edit was taken back, or done again."""
    marks_hidden = Signal()
    """What is drawn was hidden, or is shown again."""
    cancelled = Signal()
    """Esc, with nothing in progress that is the tools' own."""
    advised = Signal(str)
    """What to do with the tool that was taken up."""
    tool_changed = Signal()
    """Another tool is in hand than an action has set."""

    def __init__(
        self, strip: ToolStrip, settings: Settings, options: ToolOptions | None = None
    ) -> None:
        super().__init__(strip)
        self.strip = strip
        self._settings = settings
        self._options = options
        self._side: DrawingSide | None = None
        self._locks: dict[str, frozenset[int]] = {}
        self._canvas: Canvas | None = None
        self._drawing: DraftSession | None = None
        self._labels: LabelPalette | None = None
        self.pointing: Pointing | None = None
        self.operations: OperationDesk | None = None
        self.beside: BesideDesk | None = None
        self.view = ViewTools(self)
        self.view.told.connect(self.advised)
        self.tool = "brush"
        self._tool_before = "eraser"
        self.is_3d = False
        self.are_marks_hidden = False
        self.layout = "three"
        strip.window_chosen.connect(self._set_window)
        if options is not None:
            options.brush.changed.connect(self._size_brush)
            options.brush.follow_changed.connect(self._follow_zoom)
            options.options_changed.connect(self._set_options)
            options.chip.freed.connect(self._free)

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.edited.connect(self._record)
        canvas.label_picked.connect(self._picked)
        canvas.layout_changed.connect(self._laid_out)
        canvas.window_changed.connect(self.strip.show_window)
        canvas.tool_let_go.connect(self._take_before)
        canvas.peeked.connect(self._end_peek)
        canvas.refused.connect(self._say_rules)

    def begin(
        self,
        canvas: Canvas,
        drawing: DraftSession,
        series: Series,
        side: DrawingSide,
        regions: tuple[Box, ...] = (),
    ) -> None:
        """Draw into this draft from now on, with the tool and sizes used last.

        No rule binds at first but the locks that were set on the same schema before. ``regions``
        are what was asked for, which tools may be held to.
        """
        labels = side.labels
        self._canvas, self._drawing, self._side, self._labels = canvas, drawing, side, labels
        self.view.use(canvas)
        self.are_marks_hidden = False
        self.layout = "three" if series.geometry.is_volume else "single"
        canvas.set_layout(self.layout)
        if self._options is not None:
            self._options.brush.set_unit("mm" if series.geometry.is_calibrated else "px")
            self._options.use(side.schema)
            self._options.brush.use(
                mm=self._settings.brush_mm,
                pixels=self._settings.brush_px,
                follows_zoom=self._follows_zoom,
            )
            self._options.brush.follow.setEnabled(canvas.slide.picture is None)
            self._options.show_tool(self.tool)
            for name in TOOLS:
                canvas.set_options(name, self._options.chosen(name))
        self._give_size()
        canvas.set_brush_3d(self.is_3d)
        canvas.set_mask_opacity(self._settings.mask_opacity)
        canvas.set_tool(self.tool)
        canvas.set_label(labels.current)
        self._begin_rules(canvas, series, side, regions)
        if self.operations is not None:
            self.operations.begin(canvas, side.operations, side.schema)

    def _wires(
        self, canvas: Canvas, side: DrawingSide
    ) -> tuple[tuple[Any, Callable[..., object]], ...]:
        """Return what of the right side is listened to, and by whom."""
        labels = side.labels
        return (
            (labels.label_chosen, canvas.set_label),
            (labels.visibility_changed, canvas.set_label_visible),
            (labels.opacity_changed, self._fade),
            (labels.label_opacity_changed, canvas.set_label_opacity),
            (side.rules_changed, self._set_rules),
            (side.rules_panel.tint_changed, canvas.set_tinted),
            (side.measure_wanted, self.measure),
        )

    def _begin_rules(
        self, canvas: Canvas, series: Series, side: DrawingSide, regions: tuple[Box, ...]
    ) -> None:
        side.unit = "HU" if series.modality == "CT" else ""
        side.rules_panel.set_regions(regions)
        if canvas.surface is not None:
            side.rules_panel.set_range(*value_range(canvas.surface), side.unit)
        side.labels.set_locked(self._locks.get(side.schema.name, frozenset()))
        canvas.set_tinted(True)
        self._set_rules(side.rules)
        for signal, slot in self._wires(canvas, side):
            signal.connect(slot)

    def look(self, canvas: Canvas, series: Series) -> None:
        """Show a case that is not drawn on."""
        self.end()
        self._canvas = canvas
        self.view.use(canvas)
        self.are_marks_hidden = False
        self.layout = "three" if series.geometry.is_volume else "single"
        canvas.set_layout(self.layout)

    def end(self) -> None:
        """Let draft and canvas go."""
        if self.operations is not None:
            self.operations.end()
        if self._canvas is not None and self._side is not None:
            self._canvas.set_tinted(False)
            for signal, slot in self._wires(self._canvas, self._side):
                signal.disconnect(slot)
        self.view.use(None)
        self._canvas = self._drawing = self._labels = self._side = None

    @property
    def is_drawing(self) -> bool:
        """Whether there is something to draw on."""
        return self._drawing is not None

    @property
    def has_canvas(self) -> bool:
        """Whether a case is on the canvas."""
        return self._canvas is not None

    def set_tool(self, name: str) -> None:
        """Take a tool by its stable name."""
        if name != self.tool:
            self._tool_before = self.tool
        self.tool = name
        if self._canvas is not None:
            self._canvas.set_tool(name)
        if self._options is not None:
            self._options.show_tool(name)
        self.advised.emit(ADVICE[name])
        if self.pointing is not None:
            self.pointing.take_up(name)

    def set_3d(self, on: bool) -> None:
        """Make brush, eraser and fill work in the volume, or in one slice."""
        self.is_3d = on
        if self._canvas is not None:
            self._canvas.set_brush_3d(on)

    def step_brush(self, steps: int) -> None:
        """Make the brush larger or smaller."""
        if self._options is not None:
            self._options.brush.step(steps)

    def choose_nth_label(self, place: int) -> None:
        """Draw with the label at a place of the palette, from 0."""
        if self._labels is not None:
            self._labels.choose_nth(place)

    def hide_marks(self, on: bool) -> None:
        """Hide what is drawn, or show it again."""
        self.are_marks_hidden = on
        if self._canvas is not None:
            self._canvas.set_mask_opacity(0.0 if on else self._settings.mask_opacity)
        self.marks_hidden.emit()

    def _end_peek(self) -> None:
        self.hide_marks(not self.are_marks_hidden)
        self.tool_changed.emit()

    def switch_layout(self) -> None:
        """Show three views, four with the surfaces in 3D, or one."""
        if self._canvas is not None:
            self.layout = self._canvas.next_layout
            self._canvas.set_layout(self.layout)

    def step_slice(self, steps: int) -> None:
        """Go on by slices in the view that was worked in last."""
        if self._canvas is not None:
            self._canvas.step_slices(steps)

    def zoom(self, factor: float) -> None:
        """Zoom the view that was worked in last."""
        if self._canvas is not None:
            self._canvas.zoom_by(factor)

    def fit(self) -> None:
        """Show whole slices."""
        if self._canvas is not None:
            self._canvas.fit()

    def choose_window(self, place: int) -> None:
        """Show the image with the preset at a place of the list, from 0."""
        self.strip.choose_window(place)

    def cancel(self) -> None:
        """Give up what was begun: a polygon, a fill; then what is suggested."""
        if self._canvas is None or self._canvas.cancel():
            return
        if self.operations is not None and self.operations.drop():
            return
        self.cancelled.emit()
        if self.pointing is not None:
            self.pointing.drop()

    def undo(self) -> None:
        """Take the last edit back and go where it was."""
        self._move("undo")

    def redo(self) -> None:
        """Do the edit again that was taken back and go where it is."""
        self._move("redo")

    def _move(self, word: str) -> None:
        drawing, canvas = self._drawing, self._canvas
        if drawing is None or canvas is None:
            return
        canvas.cancel()
        if self.operations is not None and word == "undo" and self.operations.take_back():
            return
        if self.pointing is not None and word == "undo" and self.pointing.take_back():
            return
        try:
            box = drawing.undo() if word == "undo" else drawing.redo()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        if box is None:
            self.nothing_to.emit(word)
            return
        if self.pointing is not None:
            self.pointing.moved(word)
        canvas.refresh_mask(box)
        if self.operations is not None:
            self.operations.mask_changed()
        self.moved.emit()
        if not _is_shown(canvas.position, box):
            (z0, y0, x0), (z1, y1, x1) = box
            canvas.set_position(((z0 + z1 - 1) // 2, (y0 + y1 - 1) // 2, (x0 + x1 - 1) // 2))

    def _picked(self, value: int) -> None:
        if self._labels is not None and self._canvas is not None and value:
            self._labels.choose(value)
            self._canvas.set_label(value)

    def _laid_out(self, name: str) -> None:
        if self._canvas is not None:
            self.layout = name

    def _record(self, tool: str, edit: Any) -> None:  # noqa: ANN401 - an Edit, through a Qt signal
        if self._drawing is not None:
            self._drawing.record(tool, edit)

    def _size_brush(self, diameter: float) -> None:
        if self._follows_zoom:
            self._settings.brush_px = diameter
        else:
            self._settings.brush_mm = diameter
        self._give_size()

    def _follow_zoom(self, on: bool) -> None:
        self._settings.brush_follows_zoom = on
        self._give_size()

    @property
    def _follows_zoom(self) -> bool:
        """Whether the size is in pixels of the screen; on a slide, where mm are huge, always."""
        is_slide = self._canvas is not None and self._canvas.slide.picture is not None
        return is_slide or self._settings.brush_follows_zoom

    def _give_size(self) -> None:
        if self._canvas is None:
            return
        if self._follows_zoom:
            self._canvas.set_brush_px(self._settings.brush_px)
        else:
            self._canvas.set_brush_mm(self._settings.brush_mm)

    def _set_options(self, tool: str, chosen: Mapping[str, Chosen]) -> None:
        if self._canvas is not None:
            self._canvas.set_options(tool, chosen)

    def _take_before(self) -> None:
        if self._drawing is not None:
            self.set_tool(self._tool_before)
            self.tool_changed.emit()

    def _set_rules(self, rules: MaskingRules) -> None:
        if self._canvas is None or self._side is None:
            return
        self._canvas.set_rules(rules)
        self._locks[self._side.schema.name] = rules.locked
        if self._options is not None:
            self._options.chip.say(self._side.rule_words)

    def _free(self) -> None:
        if self._side is not None:
            self._side.free()

    def _say_rules(self) -> None:
        """Say why a stroke changed nothing."""
        if self._side is not None and self._canvas is not None:
            self._canvas.say(f"Nothing was changed. {self._side.rule_words}.")

    def start_operation(self, name: str) -> None:
        """Open the panel with an operation and show what it suggests."""
        if self.operations is not None:
            self.operations.start(name)

    def turn_operations(self) -> None:
        """Open the panel of operations, or close it."""
        if self.operations is not None:
            self.operations.turn()

    @property
    def are_operations_open(self) -> bool:
        """Whether the panel of operations is open."""
        return self.operations is not None and self.operations.is_open

    def measure(self) -> None:
        """Show the volume of each label and the values of the image inside it."""
        side = self._side
        surface = None if self._canvas is None else self._canvas.surface
        if side is not None and surface is not None:
            from annotator.gui.statistics_dialog import StatisticsDialog

            StatisticsDialog(surface, side.schema, side.unit, self.strip.window()).open()

    def show_speed(self) -> None:
        """Show how fast drawing is, and what the time is spent on."""
        canvas = self._canvas
        if canvas is not None:
            from annotator.gui.diagnostics_dialog import DiagnosticsDialog

            DiagnosticsDialog(canvas.clock, self.strip.window()).show()

    def _fade(self, opacity: float) -> None:
        self._settings.mask_opacity = opacity
        if self._canvas is not None and not self.are_marks_hidden:
            self._canvas.set_mask_opacity(opacity)

    def _set_window(self, level: float, width: float) -> None:
        if self._canvas is not None:
            self._canvas.set_window(level, width)


def _is_shown(position: tuple[int, int, int], box: Box) -> bool:
    (z0, _, _), (z1, _, _) = box
    return z0 <= position[0] < z1
