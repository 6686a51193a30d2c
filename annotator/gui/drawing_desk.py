"""What the chosen tool does with presses and moves on the live mask."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.drawing.brush import Brush
from annotator.drawing.eraser import Eraser
from annotator.drawing.fill import Fill
from annotator.drawing.polygon import Polygon
from annotator.drawing.proposal import Proposal
from annotator.gui.hint import Hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import PromptKind
    from annotator.drawing.edit import Edit, Mask, Point
    from annotator.drawing.fill import Region

CROSSHAIR = "crosshair"
PICKER = "pick"
TOOLS = (CROSSHAIR, Brush.name, Eraser.name, Polygon.name, Fill.name, PICKER, Proposal.name)
AT_ONCE_VOXELS = 1 << 20
"""Slices up to this size are filled while the mouse waits; larger ones beside it."""


class DrawingDesk(QObject):
    """The tool in hand, over one live mask ``(z, y, x)`` that it writes to in place.

    Signals
    -------
    touched : Box
        Voxels that have just been written.
    edited : str, Edit
        A finished edit, with the name of its tool.
    label_picked : int
        The label under the picker; 0 for background.
    hinted : Prompt
        What was pointed at.
    told : str
        Something that the person should read.
    """

    touched = Signal(object)
    edited = Signal(str, object)
    label_picked = Signal(int)
    hinted = Signal(object)
    told = Signal(str)
    _found = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tool = CROSSHAIR
        self.label = 1
        self.brush_mm = 10.0
        self.brush_is_3d = False
        self.polygon: Polygon | None = None
        self.drag_kind: PromptKind = "box"
        self.hint: Hint | None = None
        self._mask: Mask | None = None
        self._spacing_mm: tuple[float, ...] = (1.0, 1.0, 1.0)
        self._stroke: Brush | None = None
        self._filling: tuple[Fill, threading.Event] | None = None
        self._number = 0
        self._found.connect(self._on_found)

    @property
    def is_filling(self) -> bool:
        """Whether a fill is being worked out."""
        return self._filling is not None

    @property
    def points(self) -> bool:
        """Whether the tool in hand points for a prompt model."""
        return self.tool == Proposal.name

    @property
    def draws_with_brush(self) -> bool:
        """Whether the tool in hand has a size."""
        return self.tool in (Brush.name, Eraser.name)

    def use(self, mask: Mask | None, spacing_mm: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        """Work on another mask; what is in progress on the old one is dropped."""
        self.cancel()
        self._mask = mask
        self._spacing_mm = tuple(spacing_mm)

    def set_tool(self, name: str) -> None:
        """Take a tool; a polygon or fill in progress is dropped."""
        if name not in TOOLS:
            raise UnknownNameError("drawing tool", name, TOOLS)
        if name != self.tool:
            self.cancel()
        self.tool = name

    def press(self, plane: int, point: Point) -> None:
        """Begin with the tool at an array position, on the slice across axis ``plane``."""
        if self._mask is None:
            return
        if self.is_filling:
            self.told.emit("Still filling. Esc cancels it.")
        elif self.tool == PICKER:
            self._pick(point)
        elif self.tool == Fill.name:
            self._fill(plane, point)
        elif self.tool == Polygon.name:
            if self.polygon is None or self.polygon.plane != plane:
                self.polygon = Polygon(self._mask, plane=plane, value=self.label)
            self.polygon.add(point)
        elif self.draws_with_brush:
            self._stroke = self._new_stroke(self._mask, plane)
            self.drag(point)

    def point(self, plane: int, point: Point, *, is_positive: bool, is_scribble: bool) -> None:
        """Begin to point at what is meant, or at what is not."""
        if self._mask is not None:
            kind: PromptKind = "scribble" if is_scribble else self.drag_kind
            self.hint = Hint(plane, kind, self._mask.shape, is_positive=is_positive)
            self.hint.move(point)

    def drag(self, point: Point) -> None:
        """Go on with the stroke, or the hint."""
        if self.hint is not None:
            self.hint.move(point)
        if self._stroke is not None:
            box = self._stroke.move(point)
            if box is not None:
                self.touched.emit(box)

    def release(self, *, is_click: bool = False) -> None:
        """End the stroke; the edit is emitted where it changed anything. Or the hint."""
        hint, self.hint = self.hint, None
        if hint is not None:
            self.hinted.emit(hint.prompt(is_click=is_click))
        stroke, self._stroke = self._stroke, None
        if stroke is not None:
            self._emit(stroke.name, stroke.finish())

    def confirm(self) -> None:
        """Close the polygon in progress."""
        polygon, self.polygon = self.polygon, None
        if polygon is not None:
            edit = polygon.close()
            if edit is not None:
                self.touched.emit(edit.box)
            self._emit(polygon.name, edit)

    def step_back(self) -> bool:
        """Take the last corner of the polygon back; False where no polygon is in progress."""
        if self.polygon is None:
            return False
        self.polygon.remove_last()
        if not self.polygon.vertices:
            self.polygon = None
        return True

    def cancel(self) -> bool:
        """Drop the stroke, polygon or fill in progress; False where there is none."""
        begun = (self._stroke, self.polygon, self.hint)
        had = self.is_filling or any(one is not None for one in begun)
        stroke, self._stroke = self._stroke, None
        if stroke is not None:
            box = stroke.cancel()
            if box is not None:
                self.touched.emit(box)
        self.polygon = self.hint = None
        if self._filling is not None:
            self._filling[1].set()
            self._filling = None
            self._number += 1
        return had

    def _new_stroke(self, mask: Mask, plane: int) -> Brush:
        if self.tool == Eraser.name:
            return Eraser(
                mask,
                spacing_mm=self._spacing_mm,
                diameter_mm=self.brush_mm,
                plane=plane,
                is_3d=self.brush_is_3d,
            )
        return Brush(
            mask,
            spacing_mm=self._spacing_mm,
            value=self.label,
            diameter_mm=self.brush_mm,
            plane=plane,
            is_3d=self.brush_is_3d,
        )

    def _pick(self, point: Point) -> None:
        seed = self._voxel(point)
        if seed is not None and self._mask is not None:
            self.label_picked.emit(int(self._mask[seed]))

    def _fill(self, plane: int, point: Point) -> None:
        seed = self._voxel(point)
        if seed is None or self._mask is None:
            return
        fill = Fill(self._mask, value=self.label, plane=None if self.brush_is_3d else plane)
        n_voxels = self._mask.size // self._mask.shape[plane]
        if not self.brush_is_3d and n_voxels <= AT_ONCE_VOXELS:
            self._apply(fill, fill.find(seed))
            return
        self._number += 1
        cancelled = threading.Event()
        self._filling = (fill, cancelled)
        threading.Thread(
            target=self._find, args=(self._number, fill, seed, cancelled), daemon=True
        ).start()

    def _find(
        self, number: int, fill: Fill, seed: tuple[int, int, int], cancelled: threading.Event
    ) -> None:
        """Work in a thread; the answer carries the number of the question."""
        found: Region | AnnotatorError | None
        try:
            found = fill.find(seed, is_cancelled=cancelled.is_set)
        except AnnotatorError as error:
            found = error
        if not cancelled.is_set():
            self._found.emit(number, found)

    def _on_found(self, number: int, found: Region | AnnotatorError | None) -> None:
        if number != self._number or self._filling is None:
            return
        fill, _ = self._filling
        self._filling = None
        if isinstance(found, AnnotatorError):
            self.told.emit(str(found))
        else:
            self._apply(fill, found)

    def _apply(self, fill: Fill, region: Region | None) -> None:
        if region is None:
            self.told.emit("This region already has the chosen label.")
            return
        edit = fill.apply(region)
        if edit is not None:
            self.touched.emit(edit.box)
        self._emit(fill.name, edit)

    def _voxel(self, point: Point) -> tuple[int, int, int] | None:
        """Return the voxel at a position, or None outside the mask."""
        if self._mask is None:
            return None
        z, y, x = (int(value + 0.5) if value >= -0.5 else -1 for value in point)
        inside = all(0 <= at < size for at, size in zip((z, y, x), self._mask.shape, strict=True))
        return (z, y, x) if inside else None

    def _emit(self, name: str, edit: Edit | None) -> None:
        if edit is not None:
            self.edited.emit(name, edit)
