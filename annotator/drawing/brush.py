"""The brush: paints a label with a disc or a ball."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.capsule import sweep
from annotator.drawing.gesture import Gesture, Held

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface


class Brush(Gesture):
    """One stroke, from press to release; the brush is round in millimetres."""

    name: ClassVar[str] = "brush"
    title: ClassVar[str] = "Brush"
    has_size: ClassVar[bool] = True
    advice: ClassVar[str] = "Hold the left button and draw; Ctrl erases."

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._at: Point | None = None

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Paint at the position."""
        return self.drag(at, pressure)

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Paint from the last position to this one."""
        start = self._at or at
        self._at = at
        stamp = sweep(
            start,
            at,
            radius_mm=self.held.diameter_mm / 2,
            spacing_mm=self.surface.spacing_mm,
            plane=None if self.held.is_3d else self.plane,
            shape=self.surface.shape,
        )
        if stamp is None:
            return None
        return self._recorder.paint(stamp.origin, stamp.inside, self.held.label)

    def release(self) -> Box | None:
        """End the stroke."""
        self.is_done = True
        return None
