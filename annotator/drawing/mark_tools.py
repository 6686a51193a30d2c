"""The tools that leave marks by one click or drag: point, landmark and box."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.domain.marks import Mark
from annotator.drawing.gesture import NothingToDoError, Preview
from annotator.drawing.mark_gesture import MarkGesture

if TYPE_CHECKING:
    from annotator.drawing.edit import Point
    from annotator.drawing.gesture import Held
    from annotator.drawing.surface import Surface

_LEAST = 0.75
"""Voxels that a box must be dragged open."""


class PointMark(MarkGesture):
    """A place, set by a click."""

    name: ClassVar[str] = "point"
    title: ClassVar[str] = "Point"
    advice: ClassVar[str] = "Click to leave a point; drag a place of any mark to move it."

    def set_place(self, at: Point) -> None:
        """Set the point here."""
        self.mark = Mark(mark_id=self.held.markings.next_id, kind="point", places=(at,))

    def stretch(self, at: Point) -> None:
        """Take the point along until the button goes up."""
        self.set_place(at)


class LandmarkMark(MarkGesture):
    """A place that the schema asks for by name, set by a click."""

    name: ClassVar[str] = "landmark"
    title: ClassVar[str] = "Landmark"
    advice: ClassVar[str] = (
        "Click where the landmark is that the pointer names; then the next one is in hand. A click "
        "on a name in the list takes that one."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._is_here = False

    @property
    def preview(self) -> Preview:
        """The landmark, or what the pointer would set."""
        shown, wanted = super().preview, self.held.markings.landmark
        if self.has_begun or shown.ring is not None or wanted is None or not self._is_here:
            return shown
        return Preview(text=wanted.title)

    def hover(self, at: Point) -> None:
        """Name what a click would set."""
        super().hover(at)
        self._is_here = True

    def set_place(self, at: Point) -> None:
        """Set the landmark here that is in hand."""
        wanted, markings = self.held.markings.landmark, self.held.markings
        if wanted is None:
            raise NothingToDoError(
                "Every landmark is set: drag one to move it, or delete it in the list to set it "
                "again."
            )
        self.mark = Mark(mark_id=markings.next_id, kind="landmark", places=(at,), name=wanted.key)

    def stretch(self, at: Point) -> None:
        """Take the landmark along until the button goes up."""
        self.set_place(at)


class BoxMark(MarkGesture):
    """A box, dragged open on a slice.

    In the volume it reaches as deep as its shorter side; corners can be dragged in every view.
    """

    name: ClassVar[str] = "box"
    title: ClassVar[str] = "Box"
    advice: ClassVar[str] = (
        "Drag a box open; with 3D tools (S) it has a depth, too. Drag its corners in any view to "
        "change it."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._corner: Point = (0.0, 0.0, 0.0)

    def set_place(self, at: Point) -> None:
        """Begin at a corner."""
        self._corner = at
        self.mark = Mark(mark_id=self.held.markings.next_id, kind="box", places=(at, at))

    def stretch(self, at: Point) -> None:
        """Take the opposite corner along."""
        first, last = list(self._corner), list(at)
        if self.held.is_3d:
            spacing = self.surface.spacing_mm
            flat = [axis for axis in range(3) if axis != self.plane]
            deep = min(abs(at[axis] - self._corner[axis]) * spacing[axis] for axis in flat)
            half = deep / spacing[self.plane] / 2
            first[self.plane] -= half
            last[self.plane] += half
        near = (first[0], first[1], first[2])
        far = (last[0], last[1], last[2])
        self.mark = Mark(
            mark_id=self.held.markings.next_id,
            kind="box",
            places=(self.inside(near), self.inside(far)),
        )

    def let_go(self) -> None:
        """Leave the box; one that was hardly dragged open is none."""
        if self.mark is not None:
            first, last = self.mark.places
            sides = [abs(last[axis] - first[axis]) for axis in range(3) if axis != self.plane]
            if min(sides) < _LEAST:
                self.mark = None
        self.is_done = True
