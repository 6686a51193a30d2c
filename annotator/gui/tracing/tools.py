"""The tools of a tracing: which is in hand, and the live tree that they work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.gui.tracing.edit_tools import (
    ConnectTool,
    CutTool,
    DeleteTool,
    InsertTool,
    MoveTool,
    RadiusTool,
    RerootTool,
    TypeTool,
)
from annotator.gui.tracing.hand import OWN, TraceTool
from annotator.gui.tracing.path_tool import PathTool
from annotator.gui.tracing.way import find_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.tracing.editable import EditableTree, TraceEdit
    from annotator.domain.tracing import PointUm
    from annotator.gui.background import Background
    from annotator.gui.tracing.canvas import TraceCanvas
    from annotator.gui.tracing.paint import Sketch
    from annotator.gui.tracing.shown import Pointer
    from annotator.session.tracing import OpenTracing

CROSSHAIR = "crosshair"


class _Crosshair(TraceTool):
    name = CROSSHAIR
    words = "Click or drag to bring all views to that place."

    def __init__(self, hand: TraceTools) -> None:
        super().__init__(hand)
        self._go = hand.go

    def press(self, at: Pointer) -> None:
        """Go to what was clicked."""
        self._go(at.point_um if at.hit is None else at.hit.point_um)

    def drag(self, at: Pointer) -> None:
        """Go along."""
        self._go(at.point_um)


class TraceTools(QObject):
    """Ties a canvas, the tool in hand and the draft; is the `Hand` of its tools."""

    changed = Signal(object)
    """The TraceEdit that was done, taken back or done again; None where all is another tree."""
    chosen = Signal(object)
    """Id of the node that is ringed, or None."""
    nothing_to = Signal(str)
    failed = Signal(object)
    told = Signal(str)
    """Words on what the tool in hand does."""

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._canvas: TraceCanvas | None = None
        self._opened: OpenTracing | None = None
        self.node_type = 0
        self.is_straight = False
        self.are_marks_hidden = False
        self.chosen_id: int | None = None
        self.path = PathTool(self)
        tools = (
            self.path,
            *(
                kind(self)
                for kind in (
                    MoveTool,
                    InsertTool,
                    DeleteTool,
                    ConnectTool,
                    CutTool,
                    RerootTool,
                    TypeTool,
                    RadiusTool,
                    _Crosshair,
                )
            ),
        )
        self._tools: dict[str, TraceTool] = {tool.name: tool for tool in tools}
        self.tool = self.path.name

    def connect_canvas(self, canvas: TraceCanvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.pressed.connect(self._press)
        canvas.dragged.connect(lambda at: self._do(lambda: self._in_hand.drag(at)))
        canvas.released.connect(lambda click: self._do(lambda: self._in_hand.release(click)))
        canvas.hovered.connect(lambda at: self._do(lambda: self._in_hand.hover(at)))
        canvas.double_clicked.connect(lambda _: self.finish())
        canvas.right_clicked.connect(lambda _: self.finish())

    def begin(self, canvas: TraceCanvas, opened: OpenTracing) -> None:
        """Trace into this draft from now on."""
        self._canvas, self._opened = canvas, opened
        self.are_marks_hidden = False
        self.chosen_id = None
        self.set_tool(self.tool)

    def close(self) -> None:
        """Let draft and canvas go."""
        if self._canvas is not None:
            self._in_hand.end()
        self._canvas = self._opened = None
        self.chosen_id = None

    # what actions ask for

    @property
    def is_drawing(self) -> bool:
        """Whether there is something to trace on."""
        return self._opened is not None

    @property
    def has_canvas(self) -> bool:
        """Whether a case is on the canvas."""
        return self._canvas is not None

    def set_tool(self, name: str) -> None:
        """Take a tool by its stable name."""
        if name not in self._tools:
            raise UnknownNameError("tool", name, self._tools)
        self._in_hand.end()
        self.tool = name
        if self._canvas is not None:
            self._canvas.set_takes_shift(self._in_hand.takes_shift)
        self.told.emit(self._in_hand.words)

    def set_straight(self, on: bool) -> None:
        """Lay paths straight from click to click, or along what is bright."""
        self.is_straight = on
        self.told.emit(
            "Paths go straight from click to click."
            if on
            else "Paths follow what is bright between the clicks."
        )

    def finish(self) -> None:
        """End what the tool in hand has begun, and keep what was clicked."""
        self._in_hand.finish()

    def end(self) -> bool:
        """Give up what the tool in hand has begun; False where it has not."""
        return self._in_hand.end()

    def hide_marks(self, on: bool) -> None:
        """Hide the tracing, or show it again."""
        self.are_marks_hidden = on
        if self._canvas is not None:
            self._canvas.set_trees_hidden(on)

    def switch_layout(self) -> None:
        """Show three slabs, or one."""
        canvas = self._canvas
        if canvas is not None:
            canvas.set_layout("single" if canvas.layout_name == "three" else "three")

    def step_slice(self, steps: int) -> None:
        """Go on by slices in the view that was worked in last."""
        if self._canvas is not None:
            self._canvas.step_slices(steps)

    def zoom(self, factor: float) -> None:
        """Zoom the view that was worked in last."""
        if self._canvas is not None:
            self._canvas.zoom_by(factor)

    def fit(self) -> None:
        """Show everything."""
        if self._canvas is not None:
            self._canvas.fit()

    def undo(self) -> None:
        """Take the last edit back and go where it was."""
        self._move("undo")

    def redo(self) -> None:
        """Do the edit again that was taken back and go where it is."""
        self._move("redo")

    def go(self, point_um: PointUm) -> None:
        """Bring all views to a place."""
        if self._canvas is not None:
            self._canvas.bring_into_view(point_um)

    # the hand of the tools

    @property
    def tree(self) -> EditableTree:
        """The live tree."""
        if self._opened is None:
            raise AnnotatorError("no traced case is open")
        return self._opened.drawing.tree

    @property
    def pixel_um(self) -> float:
        """Size of a pixel of the image in its plane."""
        return 1.0 if self._opened is None else float(self._opened.image.spacing_um[2])

    def node_id(self, row: int) -> int:
        """Return the id of the node that is shown in a row."""
        return int(self.tree.tree().ids[row])

    def record(self, name: str, edit: TraceEdit) -> None:
        """Do an edit, keep it, show it."""
        if self._opened is not None:
            self._opened.drawing.record(name, edit)
            self.changed.emit(edit)

    def choose(self, node_id: int | None) -> None:
        """Ring a node."""
        self.chosen_id = node_id
        self.show_chosen()
        self.chosen.emit(node_id)

    def show_chosen(self) -> None:
        """Ring the chosen node where it is now, and none where it has gone."""
        canvas, opened = self._canvas, self._opened
        if canvas is None or opened is None:
            return
        if self.chosen_id is not None and self.chosen_id not in opened.drawing.tree:
            self.chosen_id = None
        row = None
        if self.chosen_id is not None:
            row = int(np.searchsorted(opened.drawing.tree.tree().ids, self.chosen_id))
        canvas.select_node(OWN, row)

    def sketch(self, sketch: Sketch | None) -> None:
        """Show what the tool is about to do."""
        if self._canvas is not None:
            self._canvas.show_sketch(sketch)

    def say(self, text: str, *, lasting: bool = False) -> None:
        """Show words on the view."""
        if self._canvas is not None:
            self._canvas.say(text, lasting=lasting)

    def find_path(
        self,
        key: str,
        start_um: PointUm,
        end_um: PointUm,
        done: Callable[[NDArray[np.float64]], None],
        failed: Callable[[Exception], None],
        *,
        max_voxels: int,
    ) -> None:
        """Find the way between two places on a worker thread; a newer call of a key voids it."""
        opened = self._opened
        if opened is None:
            return
        image = opened.image

        self._background.run(
            key,
            lambda: find_way(image, start_um, end_um, max_voxels),
            lambda path: self._do(lambda: done(path)),
            failed,
        )

    def drop_path(self, key: str) -> None:
        """Wait for a way no longer."""
        self._background.drop(key)

    # events

    @property
    def _in_hand(self) -> TraceTool:
        return self._tools[self.tool]

    def _press(self, at: Pointer) -> None:
        if self.are_marks_hidden and self.tool != CROSSHAIR:
            self.say("The tracing is hidden. Press H to show it again.")
            return
        self._do(lambda: self._in_hand.press(at))

    def _do(self, work: Callable[[], None]) -> None:
        """Do what a tool does; what it refuses is said on the view."""
        if self._opened is None:
            return
        try:
            work()
        except AnnotatorError as error:
            words = str(error)
            self.say(words[:1].upper() + words[1:])

    def _move(self, word: str) -> None:
        opened = self._opened
        if opened is None:
            return
        if self.path.is_busy:
            self.end()
            return
        drawing = opened.drawing
        before = drawing.tree
        try:
            edit = drawing.undo() if word == "undo" else drawing.redo()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        if edit is None:
            self.nothing_to.emit(word)
            return
        self.changed.emit(edit if drawing.tree is before else None)
        if self.tool == self.path.name:
            self.path.follow()
        elif self.end():
            self.say("")
        self.show_chosen()
        self._show_place(edit)

    def _show_place(self, edit: TraceEdit) -> None:
        """Go where an edit was, when that is out of sight."""
        nodes = edit.after if len(edit.after) else edit.before
        if self._canvas is None or not len(nodes) or not np.isfinite(nodes.points).all():
            return
        x, y, z = nodes.points[len(nodes) // 2].tolist()
        self._canvas.bring_into_view((x, y, z))
