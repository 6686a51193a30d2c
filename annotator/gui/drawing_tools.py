"""What both rooms do with a canvas that is drawn on: tools, sizes, labels, undo and redo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.domain.study import Series
    from annotator.gui.canvas import Canvas
    from annotator.gui.label_palette import LabelPalette
    from annotator.gui.pointing import Pointing
    from annotator.gui.settings import Settings
    from annotator.gui.tool_strip import ToolStrip
    from annotator.session.draft import DraftSession


class DrawingTools(QObject):
    """Connects a tool strip, a label palette, a canvas and the draft that is drawn on it."""

    nothing_to = Signal(str)
    """``undo`` or ``redo`` found nothing."""
    failed = Signal(object)
    moved = Signal()
    """An edit was taken back, or done again."""

    def __init__(self, strip: ToolStrip, settings: Settings) -> None:
        super().__init__(strip)
        self.strip = strip
        self._settings = settings
        self._canvas: Canvas | None = None
        self._drawing: DraftSession | None = None
        self._labels: LabelPalette | None = None
        self.pointing: Pointing | None = None
        self.tool = "brush"
        self.is_3d = False
        self.are_marks_hidden = False
        self.layout = "three"
        strip.brush_changed.connect(self._size_brush)
        strip.window_chosen.connect(self._set_window)

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.edited.connect(self._record)
        canvas.label_picked.connect(self._picked)
        canvas.layout_changed.connect(self._laid_out)
        canvas.window_changed.connect(self.strip.show_window)

    def begin(
        self, canvas: Canvas, drawing: DraftSession, series: Series, labels: LabelPalette
    ) -> None:
        """Draw into this draft from now on, with the tool and sizes used last."""
        self._canvas, self._drawing, self._labels = canvas, drawing, labels
        self.are_marks_hidden = False
        self.layout = "three" if series.geometry.is_volume else "single"
        canvas.set_layout(self.layout)
        self.strip.brush.set_unit("mm" if series.geometry.is_calibrated else "px")
        canvas.set_brush_mm(self._settings.brush_mm)
        canvas.set_brush_3d(self.is_3d)
        canvas.set_mask_opacity(self._settings.mask_opacity)
        canvas.set_tool(self.tool)
        canvas.set_label(labels.current)
        labels.label_chosen.connect(canvas.set_label)
        labels.visibility_changed.connect(canvas.set_label_visible)
        labels.opacity_changed.connect(self._fade)
        labels.label_opacity_changed.connect(canvas.set_label_opacity)

    def look(self, canvas: Canvas, series: Series) -> None:
        """Show a case that is not drawn on."""
        self.end()
        self._canvas = canvas
        self.are_marks_hidden = False
        self.layout = "three" if series.geometry.is_volume else "single"
        canvas.set_layout(self.layout)

    def end(self) -> None:
        """Let draft and canvas go."""
        self._canvas = self._drawing = self._labels = None

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
        self.tool = name
        if self._canvas is not None:
            self._canvas.set_tool(name)
        if self.pointing is not None:
            self.pointing.take_up(name)

    def set_3d(self, on: bool) -> None:
        """Make brush, eraser and fill work in the volume, or in one slice."""
        self.is_3d = on
        if self._canvas is not None:
            self._canvas.set_brush_3d(on)

    def step_brush(self, steps: int) -> None:
        """Make the brush larger or smaller."""
        self.strip.brush.step(steps)

    def choose_nth_label(self, place: int) -> None:
        """Draw with the label at a place of the palette, from 0."""
        if self._labels is not None:
            self._labels.choose_nth(place)

    def hide_marks(self, on: bool) -> None:
        """Hide what is drawn, or show it again."""
        self.are_marks_hidden = on
        if self._canvas is not None:
            self._canvas.set_mask_opacity(0.0 if on else self._settings.mask_opacity)

    def switch_layout(self) -> None:
        """Show three views, or one."""
        self.layout = "single" if self.layout == "three" else "three"
        if self._canvas is not None:
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
        """Give up what was begun: a polygon, a fill."""
        if self._canvas is None or self._canvas.cancel():
            return
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

    def _size_brush(self, diameter_mm: float) -> None:
        self._settings.brush_mm = diameter_mm
        if self._canvas is not None:
            self._canvas.set_brush_mm(diameter_mm)

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
