"""The ruler: measures what is pointed at, and draws nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.gesture import NOTHING, Gesture, Held, Line, Preview
from annotator.drawing.measures import angle_degrees, area_mm2, length_mm, measure_intensities
from annotator.drawing.polygon import outline_stamp

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

_LEAST = 0.75
"""Voxels that the pointer must be dragged for the line to end where the button goes up."""


class Ruler(Gesture):
    """A line on a slice, or corners one after the other, with what they measure."""

    name: ClassVar[str] = "ruler"
    title: ClassVar[str] = "Measure"
    advice: ClassVar[str] = (
        "Drag a line to measure it; click on for an angle, an area and the values inside. "
        "Backspace takes a corner back, Esc ends."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.points: list[Point] = []
        self._at: Point | None = None

    @property
    def preview(self) -> Preview:
        """The corners so far, and what they measure in words."""
        points = self.points
        if not points:
            return NOTHING
        moving = [*points, self._at] if self._at is not None else points
        lines = [Line(points=np.asarray(moving))] if len(moving) > 1 else []
        if len(moving) > 2:
            lines.append(Line(points=np.asarray([moving[-1], moving[0]]), is_dashed=True))
        return Preview(lines=tuple(lines), anchors=tuple(moving), text=self._words(moving))

    def hover(self, at: Point) -> None:
        """Show where the first line would end."""
        self._at = at if len(self.points) == 1 else None

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Set a corner."""
        if not self.points or at != self.points[-1]:
            self.points.append(at)
        self._at = None
        return None

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take the end of the line along."""
        away = np.abs(np.subtract(at, self.points[-1])).max() if self.points else 0.0
        self._at = at if away >= _LEAST else None
        return None

    def release(self) -> Box | None:
        """Leave the end of the line where it is."""
        if self._at is not None:
            self.points.append(self._at)
            self._at = None
        return None

    def step_back(self) -> bool:
        """Take the last corner back; without any the measurement is over."""
        if not self.points:
            return False
        self.points.pop()
        self.is_done = not self.points
        return True

    def confirm(self) -> Box | None:
        """End."""
        self.is_done = True
        return None

    def _words(self, points: list[Point]) -> str:
        spacing, unit = self.surface.spacing_mm, self.surface.unit
        if len(points) < 2:
            return ""
        said = [f"{length_mm(points, spacing):.1f} {unit}"]
        if len(points) == 3:
            angle = angle_degrees(points[0], points[1], points[2], spacing)
            if not math.isnan(angle):
                said.append(f"{angle:.0f}°")
        if len(points) > 2:
            said.append(f"{area_mm2(points, spacing):.0f} {unit}²")
            said += self._values(points)
        return " · ".join(said)

    def _values(self, points: list[Point]) -> list[str]:
        """Say how bright the image is inside the closed line."""
        stamp = outline_stamp(self.surface, points, self.plane)
        if stamp is None or self.surface.image is None or not stamp.inside.any():
            return []
        low = stamp.origin
        z, y, x = (start + n for start, n in zip(low, stamp.inside.shape, strict=True))
        found = measure_intensities(self.surface, (low, (z, y, x)), stamp.inside)
        return [f"{found.mean:.4g} ± {found.sd:.3g}"]
