"""The brush: paints a label with a disc or a ball, a square or a cube."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.capsule import Swept, sweep
from annotator.drawing.edit import join_boxes
from annotator.drawing.gesture import Gesture, Held
from annotator.drawing.options import ChoiceOption, SwitchOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.options import Option
    from annotator.drawing.surface import Surface

SHAPE = ChoiceOption(
    key="shape",
    title="Shape",
    tooltip="Round: a disc, in 3D a ball. Square: with sides along the voxels, in 3D a cube.",
    default="round",
    choices=(("round", "Round"), ("square", "Square")),
)
PRESSURE = SwitchOption(
    key="pressure",
    title="Pen pressure",
    tooltip="With a pen tablet it sets the size: a light touch draws thinner, down to a tenth.",
)
_THINNEST = 0.1


class Brush(Gesture):
    """One stroke, from press to release; the size of the brush is in millimetres."""

    name: ClassVar[str] = "brush"
    title: ClassVar[str] = "Brush"
    has_size: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (SHAPE, PRESSURE)
    advice: ClassVar[str] = "Hold the left button and draw; Ctrl erases."

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._at: Point | None = None
        self._radius_mm = held.diameter_mm / 2

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Paint at the position."""
        return self.drag(at, pressure)

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Paint from the last position to this one."""
        box: Box | None = None
        for swept in self._sweeps(at, pressure):
            box = join_boxes(box, self._lay(swept))
        return box

    def release(self) -> Box | None:
        """End the stroke."""
        self.is_done = True
        return None

    @property
    def _verb(self) -> str:
        return "erases" if self.held.label == 0 else "paints"

    def _lay(self, swept: Swept) -> Box | None:
        """Paint what the brush reaches."""
        return self._recorder.paint_shape(swept, self.held.label)

    def _sweeps(self, at: Point, pressure: float) -> Iterator[Swept]:
        """Yield what the brush covers on its way to a position, in parts of one size each.

        The size changes by a voxel at most from part to part, as does the outline then.
        """
        radius_mm = self.held.diameter_mm / 2
        if self.held.chosen.get(PRESSURE.key):
            radius_mm *= min(1.0, max(_THINNEST, pressure))
        start, before = (at, radius_mm) if self._at is None else (self._at, self._radius_mm)
        self._at, self._radius_mm = at, radius_mm
        n_parts = self._n_parts(start, at)
        if radius_mm != before:
            steps = math.ceil(abs(radius_mm - before) / min(self.surface.spacing_mm))
            n_parts = max(n_parts, steps)
        if n_parts == 1:  # nearly always
            swept = self._sweep(start, at, radius_mm)
            if swept is not None:
                yield swept
            return
        for part in range(n_parts):
            share = (part + 1) / n_parts
            swept = self._sweep(
                _between(start, at, part / n_parts),
                _between(start, at, share),
                before + (radius_mm - before) * share,
            )
            if swept is not None:
                yield swept

    def _n_parts(self, start: Point, end: Point) -> int:
        """Return into how many parts a way must be cut at least."""
        return 1

    def _sweep(self, start: Point, end: Point, radius_mm: float) -> Swept | None:
        return sweep(
            start,
            end,
            radius_mm=radius_mm,
            spacing_mm=self.surface.spacing_mm,
            plane=None if self.held.is_3d else self.plane,
            shape=self.surface.shape,
            is_square=self.held.chosen.get(SHAPE.key) == "square",
        )


def _between(start: Point, end: Point, share: float) -> Point:
    if share in (0.0, 1.0):  # exact, so that a brush that stays on a slice stays there
        return end if share else start
    z, y, x = (a + (b - a) * share for a, b in zip(start, end, strict=True))
    return z, y, x
