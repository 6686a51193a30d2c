"""What the tools share that leave marks: setting one, and taking hold of those that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.domain.marks import Mark, MarkEdit
from annotator.drawing.gesture import NOTHING, Gesture, Held, Preview
from annotator.drawing.mark_places import Grip, grip_at, mm_between

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

MOVED = "move-mark"
"""What the history calls a step in which a place of a mark was moved."""
_STILL = 0.4
"""Share of the reach that the pointer may move before a place follows it: a click moves none."""


class MarkGesture(Gesture):
    """One use of a tool that draws nothing and leaves a mark, or moves a place of one.

    A press on a place of any mark takes hold of that; elsewhere the tool sets a new one. What it
    leaves is told by ``finish_mark``.
    """

    watches: ClassVar[bool] = True

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.mark: Mark | None = None
        """The mark as it would be left now."""
        self.grip: Grip | None = None
        """What was taken hold of."""
        self._near: Grip | None = None
        self._pressed: Point = (0.0, 0.0, 0.0)
        self._is_moved = False

    @property
    def has_begun(self) -> bool:
        """Whether a mark is being set or moved."""
        return self.grip is not None or self.is_setting

    @property
    def is_setting(self) -> bool:
        """Whether a new mark is being set."""
        return self.mark is not None

    @property
    def preview(self) -> Preview:
        """The mark as it would be, or what the pointer could take hold of."""
        if self.has_begun:
            return Preview(mark=self.mark)
        return NOTHING if self._near is None else Preview(ring=self._near.at)

    def hover(self, at: Point) -> None:
        """Show what could be taken hold of."""
        self._near = None if self.has_begun else self._grip_at(at)

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take hold of a place of a mark; where none is, set a new one."""
        self._pressed = at
        self.grip = None if self.is_setting else self._grip_at(at)
        if self.grip is None:
            self.set_place(self.inside(at))
        else:
            self.mark = self.grip.mark
        return None

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take the place along that is held, or what the tool sets."""
        if self.grip is None:
            self.stretch(self.inside(at))
            return None
        away = mm_between(at, self._pressed, self.surface.spacing_mm, self.plane)
        self._is_moved = self._is_moved or away > _STILL * self.held.reach_mm
        if self._is_moved:
            z, y, x = (
                place + now - then
                for place, now, then in zip(self.grip.at, at, self._pressed, strict=True)
            )
            self.mark = self.grip.moved(self.inside((z, y, x)))
        return None

    def release(self) -> Box | None:
        """Leave the place where it is, or what the tool sets."""
        if self.grip is None:
            self.let_go()
        else:
            self.is_done = True
        return None

    def confirm(self) -> Box | None:
        """Leave the mark as it is."""
        self.is_done = True
        return None

    def finish(self) -> None:
        """Nothing is drawn."""

    def finish_mark(self) -> MarkEdit | None:
        """Return what became of the marks, or None where that is nothing."""
        before = None if self.grip is None else self.grip.mark
        after = self.mark
        return None if after is None or after == before else MarkEdit(before=before, after=after)

    @property
    def deed(self) -> str:
        """What the history calls it."""
        return self.name if self.grip is None else MOVED

    @property
    def marked(self) -> int:
        """The number of the mark that it was about; 0 for none."""
        return 0 if self.mark is None else self.mark.mark_id

    def cancel(self) -> Box | None:
        """Leave all marks as they were."""
        self.mark = self.grip = None
        return super().cancel()

    def set_place(self, at: Point) -> None:
        """Begin a new mark, or go on with it."""
        raise NotImplementedError

    def stretch(self, at: Point) -> None:
        """Follow the pointer with the button held."""

    def let_go(self) -> None:
        """End what the button was held for."""
        self.is_done = True

    def inside(self, at: Point) -> Point:
        """Return the nearest place that lies between the centres of voxels."""
        z, y, x = (
            min(max(value, 0.0), size - 1.0)
            for value, size in zip(at, self.surface.shape, strict=True)
        )
        return z, y, x

    def _grip_at(self, at: Point) -> Grip | None:
        return grip_at(
            self.held.markings.marks,
            at,
            self.plane,
            self.index,
            spacing_mm=self.surface.spacing_mm,
            reach_mm=self.held.reach_mm,
        )
