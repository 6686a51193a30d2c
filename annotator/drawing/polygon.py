"""The polygon: a closed outline in one slice, filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.gesture import NOTHING, Gesture, Held, Line, Preview
from annotator.drawing.large_shapes import OutlineShape
from annotator.drawing.mark_places import mm_between
from annotator.drawing.outline_fill import Stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.reading import Box
    from annotator.drawing.edit import EditRecorder, Point
    from annotator.drawing.surface import Surface


_FEWEST = 3
"""Corners of an outline."""


class Polygon(Gesture):
    """An outline in progress, corner by corner."""

    name: ClassVar[str] = "polygon"
    title: ClassVar[str] = "Polygon"
    advice: ClassVar[str] = (
        "Click the corners; drag one to move it. A click on the first, Enter, a double click or "
        "the right button closes it, Backspace takes a corner back."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.vertices: list[Point] = []
        self._at: Point | None = None
        self._in_hand: int | None = None
        self._is_set = self._is_moved = False

    @property
    def preview(self) -> Preview:
        """The outline so far, how the pointer would go on with it, and the corner it would move."""
        if not self.vertices:
            return NOTHING
        lines = [Line(points=np.asarray(self.vertices))]
        near = None if self._at is None else self._corner_at(self._at)
        if self._at is not None and self._in_hand is None and near is None:
            way = np.asarray([self.vertices[-1], self._at, self.vertices[0]])
            lines.append(Line(points=way, is_dashed=True))
        return Preview(
            lines=tuple(lines),
            anchors=tuple(self.vertices),
            ring=None if near is None else self.vertices[near],
        )

    def hover(self, at: Point) -> None:
        """Show where the next side would go, or which corner could be moved."""
        self._at, self._in_hand = at, None

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take hold of the corner here; where none is, set one."""
        self._at, self._is_moved = at, False
        self._in_hand = self._corner_at(at)
        self._is_set = self._in_hand is None
        if self._in_hand is None:
            self.vertices.append(at)
            self._in_hand = len(self.vertices) - 1
        return None

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Move the corner in hand; one that was there before stays until it is drawn away."""
        self._at = at
        held = self._in_hand
        if held is not None and (self._is_moved or self._is_set or self._corner_at(at) != held):
            self._is_moved = True
            self.vertices[held] = at
        return None

    def release(self) -> Box | None:
        """Let the corner go; a click on the first one closes the outline."""
        held, self._in_hand = self._in_hand, None
        is_click = not self._is_moved and not self._is_set
        if held == 0 and is_click and len(self.vertices) >= _FEWEST:
            return self.confirm()
        return None

    def step_back(self) -> bool:
        """Take the last corner back; without any the polygon is over."""
        if not self.vertices:
            return False
        self.vertices.pop()
        self._in_hand = None
        self.is_done = not self.vertices
        return True

    def confirm(self) -> Box | None:
        """Fill the outline; nothing is written where it has no area."""
        self.is_done = True
        return paint_outline(self._recorder, self.surface, self.vertices, self.held, self.plane)

    def _corner_at(self, at: Point) -> int | None:
        """Return the number of the nearest corner within reach; the first wins a tie."""
        spacing, plane = self.surface.spacing_mm, self.plane
        away = [mm_between(corner, at, spacing, plane) for corner in self.vertices]
        nearest = min(range(len(away)), key=away.__getitem__, default=None)
        return None if nearest is None or away[nearest] > self.held.reach_mm else nearest


def paint_outline(
    recorder: EditRecorder, surface: Surface, outline: Sequence[Point], held: Held, plane: int
) -> Box | None:
    """Write the label inside a closed outline on the slice of its first corner.

    Returns the box written to, or None where the outline has no area inside the mask.
    """
    box = outline_box(surface, outline, plane)
    if box is None:
        return None
    corners = np.asarray(outline, np.float64)[:, [axis for axis in range(3) if axis != plane]]
    return recorder.paint_shape(OutlineShape(box=box, corners=corners, plane=plane), held.label)


def outline_stamp(surface: Surface, outline: Sequence[Point], plane: int) -> Stamp | None:
    """Return the voxels inside a closed outline on the slice of its first corner; None for none."""
    box = outline_box(surface, outline, plane)
    if box is None:
        return None
    corners = np.asarray(outline, np.float64)[:, [axis for axis in range(3) if axis != plane]]
    shape = OutlineShape(box=box, corners=corners, plane=plane)
    return Stamp(origin=box[0], inside=shape.inside)


def outline_box(surface: Surface, outline: Sequence[Point], plane: int) -> Box | None:
    """Return the box of a closed outline on the slice of its first corner; None outside."""
    if len(outline) < _FEWEST:
        return None
    places = np.asarray(outline)
    low = np.clip(np.floor(places.min(axis=0)).astype(int), 0, surface.shape)
    high = np.clip(np.ceil(places.max(axis=0)).astype(int) + 1, 0, surface.shape)
    low[plane] = round(outline[0][plane])
    high[plane] = low[plane] + 1
    if (low >= high).any():
        return None
    (z0, y0, x0), (z1, y1, x1) = low.tolist(), high.tolist()
    return (z0, y0, x0), (z1, y1, x1)
