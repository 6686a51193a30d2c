"""The ruler: measures what is pointed at, and leaves a line, an angle or an area."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.marks import Mark
from annotator.drawing.gesture import Held, Line, Preview
from annotator.drawing.mark_gesture import MarkGesture
from annotator.drawing.mark_places import QUICK_VOXELS, is_looked_into, mm_between
from annotator.drawing.mark_words import said_area, said_length
from annotator.drawing.measures import angle_degrees, area_mm2, length_mm, measure_intensities
from annotator.drawing.options import ChoiceOption, Option
from annotator.drawing.polygon import outline_stamp

if TYPE_CHECKING:
    from annotator.domain.marks import MarkKind
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

_LEAST = 0.75
"""Voxels that the pointer must be dragged for the line to end where the button goes up."""
_MOST_WHILE_MOVING = 1 << 16
"""Voxels around an area of which values are told at each move of the pointer."""


class Ruler(MarkGesture):
    """A line on a slice, or corners one after the other, with what they measure."""

    name: ClassVar[str] = "ruler"
    title: ClassVar[str] = "Measure"
    advice: ClassVar[str] = (
        "Drag a line to measure it; click on for an angle, an area and the values inside. "
        "Enter keeps it, Backspace takes a corner back, Esc drops it."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="shape",
            title="Keep",
            tooltip="What the corners become when it ends: two a line, three an angle, more an "
            "area; or always a line along all of them, or an area.",
            default="corners",
            choices=(
                ("corners", "line, angle, area"),
                ("line", "a line"),
                ("area", "an area"),
            ),
        ),
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.points: list[Point] = []
        self._at: Point | None = None
        self._told: tuple[tuple[list[Point], Point | None], str] = (([], None), "")

    @property
    def is_setting(self) -> bool:
        """Whether there is a corner."""
        return bool(self.points)

    @property
    def preview(self) -> Preview:
        """The corners so far, and what they measure in words."""
        points = self.points
        if not points:
            return super().preview
        moving = [*points, self._at] if self._at is not None else points
        lines = [Line(points=np.asarray(moving))] if len(moving) > 1 else []
        if len(moving) > 2 and self._shape != "line":
            lines.append(Line(points=np.asarray([moving[-1], moving[0]]), is_dashed=True))
        return Preview(lines=tuple(lines), anchors=tuple(moving), text=self._words(moving))

    def hover(self, at: Point) -> None:
        """Show where the first line would end; before it, what could be taken hold of."""
        super().hover(at)
        self._at = self.inside(at) if len(self.points) == 1 else None

    def set_place(self, at: Point) -> None:
        """Set a corner; a press on the first one closes an area."""
        if self._closes(at):
            self._leave("area")
        elif not self.points or at != self.points[-1]:
            self.points.append(at)
        self._at = None

    def stretch(self, at: Point) -> None:
        """Take the end of the line along."""
        away = np.abs(np.subtract(at, self.points[-1])).max() if self.points else 0.0
        self._at = at if away >= _LEAST else None

    def let_go(self) -> None:
        """Leave the end of the line where it is."""
        if self._at is not None:
            self.points.append(self._at)
            self._at = None

    def step_back(self) -> bool:
        """Take the last corner back; without any the measurement is over."""
        if not self.points:
            return False
        self.points.pop()
        self.is_done = not self.points
        return True

    def confirm(self) -> Box | None:
        """Keep what was measured; a single corner is nothing."""
        if self.grip is None:
            self._leave(self._kind)
        self.is_done = True
        return None

    def cancel(self) -> Box | None:
        """Drop what was measured."""
        self.points.clear()
        return super().cancel()

    @property
    def _shape(self) -> str:
        return str(self.held.chosen["shape"])

    @property
    def _kind(self) -> MarkKind:
        """What the corners become."""
        points = self.points
        if len(points) < 3 or self._shape == "line":
            return "line"
        if len(points) > 3 or self._shape == "area":
            return "area"
        first, vertex, last = points
        angle = angle_degrees(first, vertex, last, self.surface.spacing_mm)
        return "line" if math.isnan(angle) else "angle"

    def _leave(self, kind: MarkKind) -> None:
        if len(self.points) > 1:
            self.mark = Mark(
                mark_id=self.held.markings.next_id, kind=kind, places=tuple(self.points)
            )
        self.is_done = True

    def _closes(self, at: Point) -> bool:
        if len(self.points) < 3 or self._shape == "line":
            return False
        away = mm_between(self.points[0], at, self.surface.spacing_mm, self.plane)
        return away <= self.held.reach_mm

    def _words(self, points: list[Point]) -> str:
        """Say what the corners measure; once for the same corners, however the pointer moves."""
        if (points, self._at) != self._told[0]:
            self._told = (list(points), self._at), self._measured(points)
        return self._told[1]

    def _measured(self, points: list[Point]) -> str:
        spacing, unit = self.surface.spacing_mm, self.surface.unit
        if len(points) < 2:
            return ""
        said = [f"{said_length(length_mm(points, spacing))} {unit}"]
        if len(points) == 3 and self._shape == "corners":
            angle = angle_degrees(points[0], points[1], points[2], spacing)
            if not math.isnan(angle):
                said.append(f"{angle:.0f}°")
        if len(points) > 2 and self._shape != "line":
            said.append(f"{said_area(area_mm2(points, spacing))} {unit}²")
            said += self._values(points)
        return " · ".join(said)

    def _values(self, points: list[Point]) -> list[str]:
        """Say how bright the image is inside the closed line."""
        most = QUICK_VOXELS if self._at is None else _MOST_WHILE_MOVING
        if self.surface.image is None or not is_looked_into(points, most):
            return []
        stamp = outline_stamp(self.surface, points, self.plane)
        if stamp is None or not stamp.inside.any():
            return []
        low = stamp.origin
        z, y, x = (start + n for start, n in zip(low, stamp.inside.shape, strict=True))
        found = measure_intensities(self.surface, (low, (z, y, x)), stamp.inside)
        return [f"{found.mean:.4g} ± {found.sd:.3g}"]
