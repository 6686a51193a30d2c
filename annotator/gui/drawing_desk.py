"""What the chosen tool does with presses and moves on the live mask."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.drawing.at_level import gesture_of
from annotator.drawing.gesture import NOTHING, UNMARKED, Held
from annotator.drawing.mark_gesture import MarkGesture
from annotator.drawing.options import Chosen, with_defaults
from annotator.drawing.proposal import Proposal
from annotator.drawing.scissors import Scissors
from annotator.drawing.space_scissors import SpaceScissors
from annotator.drawing.tools import TOOLS
from annotator.gui.hint import Hint
from annotator.gui.large_writer import LargeWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotator.api import PromptKind
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Edit, Point
    from annotator.drawing.gesture import Gesture, Preview, Work
    from annotator.drawing.rules import MaskingRules
    from annotator.drawing.space_scissors import SpaceOutline
    from annotator.drawing.surface import Surface

CROSSHAIR = "crosshair"
PICKER = "pick"
IN_HAND = (CROSSHAIR, *TOOLS, PICKER, Proposal.name)
"""Everything that can be taken up."""
_ELSEWHERE = "What you began is on another slice. Enter finishes it there, Esc drops it."


class DrawingDesk(QObject):
    """The tool in hand, over one surface that it writes to in place.

    Signals
    -------
    touched : Box
        Voxels that have just been written.
    edited : str, Edit
        A finished edit, with the name of its tool.
    previewed
        What is shown of the gesture in progress is another thing now.
    marked : str, MarkEdit
        A mark that was set or moved, with what the history calls that.
    mark_taken : int
        The number of the mark that it was, or that was only clicked.
    label_picked : int
        The label under the picker; 0 for background.
    hinted : Prompt
        What was pointed at.
    told : str
        Something that the person should read.
    refused
        A gesture changed nothing, because the rules forbade it.
    """

    touched = Signal(object)
    edited = Signal(str, object)
    marked = Signal(str, object)
    mark_taken = Signal(int)
    previewed = Signal()
    label_picked = Signal(int)
    hinted = Signal(object)
    told = Signal(str)
    refused = Signal()
    _worked = Signal(int, object)
    _written = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tool = CROSSHAIR
        self.label = 1
        self.brush_mm = 10.0
        self.reach_mm = 0.0
        self.markings = UNMARKED
        self.is_3d = False
        self.drag_kind: PromptKind = "box"
        self.hint: Hint | None = None
        self.gesture: Gesture | None = None
        self._surface: Surface | None = None
        self._chosen: dict[str, dict[str, Chosen]] = {}
        self._cancelled = threading.Event()
        self._number = 0
        self._is_working = False
        self._writer: LargeWriter | None = None
        self._worked.connect(self._on_worked)
        self._written.connect(self._on_written)

    @property
    def is_working(self) -> bool:
        """Whether a gesture is being worked out beside the window."""
        return self._is_working or self._writer is not None

    @property
    def _busy_words(self) -> str:
        return "Still working. Esc cancels it." if self._is_working else "Still writing: a moment."

    @property
    def points(self) -> bool:
        """Whether the tool in hand points for a prompt model."""
        return self.tool == Proposal.name

    @property
    def has_size(self) -> bool:
        """Whether the tool in hand has a size."""
        return self.tool in TOOLS and TOOLS[self.tool].has_size

    @property
    def has_begun(self) -> bool:
        """Whether a gesture is in progress that would be lost."""
        return self.gesture is not None and self.gesture.has_begun

    @property
    def preview(self) -> Preview:
        """What is shown of the gesture in progress."""
        return NOTHING if self.gesture is None else self.gesture.preview

    @property
    def is_square(self) -> bool:
        """Whether the brush in hand is a square."""
        return self.has_size and self._held_options().get("shape") == "square"

    @property
    def plane(self) -> int | None:
        """Axis that the view of the gesture in progress looks along."""
        return None if self.gesture is None else self.gesture.plane

    @property
    def index(self) -> int | None:
        """Slice on which the gesture in progress is."""
        return None if self.gesture is None else self.gesture.index

    def use(self, surface: Surface | None) -> None:
        """Work on another surface; what is in progress on the old one is dropped."""
        self.cancel()
        self._surface = surface

    @property
    def surface(self) -> Surface | None:
        """What is drawn on."""
        return self._surface

    def set_rules(self, rules: MaskingRules) -> None:
        """Hold every tool to other rules; what is in progress goes on under those before."""
        if self._surface is not None and rules != self._surface.rules:
            self._surface = replace(self._surface, rules=rules)
            if not self.has_begun:
                self.gesture = None

    def set_tool(self, name: str) -> None:
        """Take a tool; what is in progress with another is dropped, but what it measured kept."""
        if name not in IN_HAND:
            raise UnknownNameError("drawing tool", name, IN_HAND)
        if name != self.tool:
            self.settle()
            self.cancel()
        self.tool = name

    def set_options(self, tool: str, chosen: Mapping[str, Chosen]) -> None:
        """Set options of a tool, for the gestures that begin from now on."""
        self._chosen[tool] = dict(chosen)
        if self.gesture is not None and not self.gesture.has_begun:
            self.gesture = None

    def press(
        self, plane: int, point: Point, *, pressure: float = 1.0, is_erasing: bool = False
    ) -> None:
        """Begin with the tool at an array position, on the slice across axis ``plane``."""
        if self._surface is None:
            return
        if self._is_open_elsewhere(plane, round(point[plane])):
            self.settle()
        if self.is_working:
            self.told.emit(self._busy_words)
        elif self.tool == PICKER:
            self.pick(point)
        elif self._is_open_elsewhere(plane, round(point[plane])):
            self.told.emit(_ELSEWHERE)
        elif self.tool in TOOLS:
            gesture = self._gesture_on(self._surface, plane, point, is_erasing=is_erasing)
            self._go_on(lambda: gesture.press(point, pressure))

    def cut_in_space(self, drawn: SpaceOutline) -> None:
        """Cut through the volume where was drawn around in the 3D view, with the scissors."""
        if self._surface is None or self.tool != Scissors.name:
            return
        if self.is_working or self.has_begun:
            self.told.emit(self._busy_words if self.is_working else _ELSEWHERE)
            return
        self.gesture = SpaceScissors(self._surface.of(self.label), self._held(), drawn)
        self._go_on(self.gesture.confirm)

    def point(self, plane: int, point: Point, *, is_positive: bool, is_scribble: bool) -> None:
        """Begin to point at what is meant, or at what is not."""
        if self._surface is not None:
            kind: PromptKind = "scribble" if is_scribble else self.drag_kind
            self.hint = Hint(plane, kind, self._surface.shape, is_positive=is_positive)
            self.hint.move(point)

    def hover(self, plane: int, point: Point | None) -> None:
        """Follow the pointer with no button held; None where it left the views."""
        if self._surface is None or self.is_working:
            return
        if point is None:
            if self.gesture is not None and not self.gesture.has_begun:
                self.gesture = None
                self.previewed.emit()
            return
        if self._is_open_elsewhere(plane, round(point[plane])):
            return
        if not self.has_begun and self.tool in TOOLS and TOOLS[self.tool].watches:
            self._gesture_on(self._surface, plane, point, is_erasing=False)
        if self.gesture is not None:
            self.gesture.hover(point)
            self.previewed.emit()

    def drag(self, point: Point, *, pressure: float = 1.0) -> None:
        """Go on with the gesture, or the hint."""
        if self.hint is not None:
            self.hint.move(point)
        gesture = self.gesture
        if gesture is not None and not self.is_working:
            self._go_on(lambda: gesture.drag(point, pressure))

    def release(self, *, is_click: bool = False) -> None:
        """Let the gesture go on or end, as the button went up; or tell the hint."""
        hint, self.hint = self.hint, None
        if hint is not None:
            self.hinted.emit(hint.prompt(is_click=is_click))
        gesture = self.gesture
        if gesture is not None and not self.is_working:
            self._go_on(gesture.release)

    def confirm(self) -> bool:
        """Mean the gesture in progress as it is; False where none is."""
        gesture = self.gesture
        if gesture is None or not gesture.has_begun or self.is_working:
            return False
        self._go_on(gesture.confirm)
        return True

    def settle(self) -> None:
        """Keep what is being measured or written, as it is; nothing else ends."""
        self._finish_writing()
        if isinstance(self.gesture, MarkGesture):
            self.confirm()

    def step_back(self) -> bool:
        """Take the last step inside the gesture back; False where there is none."""
        if self.gesture is None or not self.gesture.step_back():
            return False
        if self.gesture.is_done:
            self.gesture = None
        self.previewed.emit()
        return True

    def cancel(self) -> bool:
        """Drop the gesture in progress; False where there is none that was begun.

        What is being written was drawn to its end: it is waited for, and kept.
        """
        self._finish_writing()
        had = self.has_begun or self.hint is not None or self.is_working
        gesture, self.gesture, self.hint = self.gesture, None, None
        if self.is_working:
            self._cancelled.set()
            self._is_working = False
            self._number += 1
        elif gesture is not None:
            box = gesture.cancel()
            if box is not None:
                self.touched.emit(box)
        self.previewed.emit()
        return had

    def _gesture_on(
        self, surface: Surface, plane: int, point: Point, *, is_erasing: bool
    ) -> Gesture:
        """Return the gesture in progress on this slice, or a new one.

        One that only watches is made anew where label, size or options are others now.
        """
        index = round(point[plane])
        gesture, tool = self.gesture, TOOLS[self.tool]
        is_same = gesture is not None and (gesture.plane, gesture.index) == (plane, index)
        if gesture is not None and is_same and gesture.has_begun:
            return gesture
        held = self._held(is_erasing=is_erasing)
        if gesture is not None and is_same and gesture.held == held:
            return gesture
        made = gesture_of(tool, surface.of(self.label), held, plane=plane, index=index)
        self.gesture = made
        return made

    def _held(self, *, is_erasing: bool = False) -> Held:
        return Held(
            label=0 if is_erasing else self.label,
            diameter_mm=self.brush_mm,
            is_3d=self.is_3d,
            chosen=self._held_options(),
            reach_mm=self.reach_mm,
            markings=self.markings,
        )

    def _held_options(self) -> dict[str, Chosen]:
        return with_defaults(TOOLS[self.tool].options, self._chosen.get(self.tool, {}))

    def _is_open_elsewhere(self, plane: int, index: int) -> bool:
        held = self.gesture
        return held is not None and held.has_begun and (held.plane, held.index) != (plane, index)

    def _go_on(self, step: Any) -> None:  # noqa: ANN401 - a call that returns a box, or None
        """Let the gesture take a step; show, work and end as it then asks."""
        gesture = self.gesture
        if gesture is None:
            return
        try:
            box: Box | None = step()
        except AnnotatorError as error:
            self.told.emit(str(error))
            box, gesture.is_done = gesture.cancel(), True
        if box is not None:
            self.touched.emit(box)
        if gesture.is_done:
            self.gesture = None
            if gesture.is_behind:
                self._write(gesture)
            else:
                self._end(gesture)
        elif gesture.work is not None:
            self._begin_work(gesture.work)
        self.previewed.emit()

    def _write(self, gesture: Gesture) -> None:
        """Write what is too large to be written while the window waits."""
        self.told.emit("Writing this large area at full resolution…")
        self._writer = LargeWriter(gesture, self._written.emit)

    def _finish_writing(self) -> None:
        if self._writer is not None:
            self._writer.wait()
            self._on_written(self._writer)

    def _on_written(self, writer: LargeWriter) -> None:
        if writer is not self._writer:
            return
        self._writer = None
        box = writer.settled()
        if box is not None:
            self.touched.emit(box)
        if writer.failure is None:
            self._end(writer.gesture)
        else:
            self.told.emit(writer.failure)

    def _end(self, gesture: Gesture) -> None:
        """Tell what a gesture that is done has changed."""
        if isinstance(gesture, MarkGesture):
            change = gesture.finish_mark()
            if change is not None:
                self.marked.emit(gesture.deed, change)
            if gesture.marked:
                self.mark_taken.emit(gesture.marked)
            return
        edit = gesture.finish()
        if edit is None and gesture.was_refused:
            self.refused.emit()
        self._emit(gesture.name, edit)

    def _begin_work(self, work: Work) -> None:
        self._number += 1
        self._is_working = True
        self._cancelled = threading.Event()
        threading.Thread(
            target=self._work, args=(self._number, work, self._cancelled), daemon=True
        ).start()

    def _work(self, number: int, work: Work, cancelled: threading.Event) -> None:
        """Work in a thread; the answer carries the number of the question."""
        result: Any
        try:
            result = work(cancelled.is_set)
        except AnnotatorError as error:
            result = error
        if not cancelled.is_set():
            self._worked.emit(number, result)

    def _on_worked(self, number: int, result: Any) -> None:  # noqa: ANN401 - the gesture's own
        gesture = self.gesture
        if number != self._number or gesture is None:
            return
        self._is_working = False
        gesture.work = None
        if isinstance(result, AnnotatorError):
            self.cancel()
            self.told.emit(str(result))
        else:
            self._go_on(lambda: gesture.take(result))

    def pick(self, point: Point) -> None:
        """Tell the label at an array position; where there are several, the one after that in hand.

        Of several, the one of the group in hand is told first.
        """
        if self._surface is None:
            return
        voxel = self._surface.voxel_at(point)
        if voxel is not None:
            found = self._surface.labels_at(voxel)
            if self.label in found:
                picked = found[(found.index(self.label) + 1) % len(found)]
            else:
                own = self._surface.of(self.label)
                picked = min(found, key=lambda label: not own.has_in_group(label), default=0)
            self.label_picked.emit(picked)

    def _emit(self, name: str, edit: Edit | None) -> None:
        if edit is not None:
            self.edited.emit(name, edit)
