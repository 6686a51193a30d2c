"""The lasso: a freehand outline; clicks add straight sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.gesture import NOTHING, Gesture, Held, Line, Preview
from annotator.drawing.polygon import paint_outline

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

_CLICK_VOXELS = 1.0
"""What moves less than this while the button is down is a click."""


class Lasso(Gesture):
    """An outline in progress.

    Drawn in one go it is closed when the button goes up. When it begins with a click it goes on,
    by clicks and by drawing, until it is confirmed.
    """

    name: ClassVar[str] = "lasso"
    title: ClassVar[str] = "Lasso"
    advice: ClassVar[str] = (
        "Draw around a region with the button held: it is filled when you let go. Or click "
        "corners; Enter, a double click or the right button closes it, Backspace takes the last "
        "part back. Ctrl at the start cuts out."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.outline: list[Point] = []
        self._part_starts: list[int] = []
        self._at: Point | None = None

    @property
    def preview(self) -> Preview:
        """The outline so far, and how it would be closed."""
        if not self.outline:
            return NOTHING
        way = [self.outline[-1], self._at or self.outline[-1], self.outline[0]]
        return Preview(
            lines=(
                Line(points=np.asarray(self.outline)),
                Line(points=np.asarray(way), is_dashed=True),
            )
        )

    def hover(self, at: Point) -> None:
        """Show where the next side would go."""
        self._at = at

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Begin a part of the outline."""
        self._part_starts.append(len(self.outline))
        self.outline.append(at)
        self._at = at
        return None

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Draw on."""
        self._at = at
        if self._part_starts and at != self.outline[-1]:
            self.outline.append(at)
        return None

    def release(self) -> Box | None:
        """Close what was drawn in one go; after a click, go on."""
        if not self._part_starts:
            return None
        start = self._part_starts[-1]
        part = np.asarray(self.outline[start:])
        if np.abs(part - part[0]).max() < _CLICK_VOXELS:
            del self.outline[start + 1 :]
            return None
        return self.confirm() if start == 0 else None

    def step_back(self) -> bool:
        """Take the last corner or the last drawn part back; without any the lasso is over."""
        if not self._part_starts:
            return False
        del self.outline[self._part_starts.pop() :]
        self.is_done = not self.outline
        return True

    def confirm(self) -> Box | None:
        """Fill the outline; nothing is written where it has no area."""
        self.is_done = True
        return paint_outline(self._recorder, self.surface, self.outline, self.held, self.plane)
