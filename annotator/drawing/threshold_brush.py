"""The threshold brush: paints only where the image has values of a range."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.brush import PRESSURE, SHAPE
from annotator.drawing.capsule import sweep
from annotator.drawing.connected import touched
from annotator.drawing.gesture import NOTHING, Held, Preview
from annotator.drawing.options import ChoiceOption, NumberOption, SwitchOption
from annotator.drawing.watching_brush import WatchingBrush

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.capsule import Swept
    from annotator.drawing.edit import Point
    from annotator.drawing.options import Option
    from annotator.drawing.surface import Surface

    Values = tuple[float, float]

SOURCE = ChoiceOption(
    key="source",
    title="Values",
    tooltip="Which values are painted: those like the ones under the first press, or a set range.",
    default="pointer",
    choices=(("pointer", "Like under the press"), ("set", "Range as set")),
)
SPREAD = NumberOption(
    key="spread",
    title="Likeness",
    tooltip="Like under the press means: so many standard deviations from the mean there.",
    default=2.0,
    minimum=0.5,
    maximum=6.0,
    unit="SD",
    only_with=(SOURCE.key, ("pointer",)),
)
LOW = NumberOption(
    key="low",
    title="Lowest value",
    tooltip="Of the range as set, in the units of the image; it is painted too.",
    default=0.0,
    minimum=-1e6,
    maximum=1e6,
    only_with=(SOURCE.key, ("set",)),
)
HIGH = NumberOption(
    key="high",
    title="Highest value",
    tooltip="Of the range as set, in the units of the image; it is painted too.",
    default=200.0,
    minimum=-1e6,
    maximum=1e6,
    only_with=(SOURCE.key, ("set",)),
)
CONNECTED = SwitchOption(
    key="connected",
    title="Only what hangs together",
    tooltip="Paint only what is connected, inside the brush, with where the pointer is.",
)
_SAMPLED_SHARE = 1 / 3
"""Radius of the disc that the range is taken from, as a share of the brush's."""


class ThresholdBrush(WatchingBrush):
    """A stroke of the brush that leaves out what has other values in the image."""

    name: ClassVar[str] = "threshold-brush"
    title: ClassVar[str] = "Threshold brush"
    options: ClassVar[tuple[Option, ...]] = (SOURCE, SPREAD, LOW, HIGH, CONNECTED, SHAPE, PRESSURE)
    advice: ClassVar[str] = (
        "Press on what you mean and draw: only values like those under the press, or of the range "
        "that is set, are painted; Ctrl erases."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._range: Values | None = None

    def hover(self, at: Point) -> None:
        """Tell the value under the pointer, and what would be painted from here."""
        voxel = self.surface.voxel_at(at)
        painted = self._range or self._range_at(at)
        self._preview = NOTHING
        if voxel is not None and painted is not None:
            z, y, x = voxel
            value = float(self.surface.values((voxel, (z + 1, y + 1, x + 1)))[0, 0, 0])
            low, high = painted
            self._preview = Preview(text=f"{value:.4g}; {self._verb} {low:.4g} to {high:.4g}")

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Paint from the last position to this one; the first one inside says which values.

        Raises AnnotatorError where the range that is set is empty.
        """
        if self._range is None:
            self._range = self._range_at(at)
        if self._range is not None and self._range[0] > self._range[1]:
            low, high = self._range
            raise AnnotatorError(
                f"The lowest value is {low:g} and the highest {high:g}: nothing lies between. "
                "Set the lowest below the highest."
            )
        box = super().drag(at, pressure)
        self.hover(at)
        return box

    def _lay(self, swept: Swept) -> Box | None:
        if self._range is None:
            return None
        low, high = self._range
        values = self.surface.values(swept.box)
        inside = swept.inside & (values >= low) & (values <= high)
        if self.held.chosen.get(CONNECTED.key):
            inside = touched(inside, swept.path)
        if not inside.any():
            return None
        return self._recorder.paint(swept.origin, inside, self.held.label)

    def _range_at(self, at: Point) -> Values | None:
        chosen = self.held.chosen
        if chosen.get(SOURCE.key, SOURCE.default) == "set":
            low, high = chosen.get(LOW.key, LOW.default), chosen.get(HIGH.key, HIGH.default)
            return float(low), float(high)
        spread = float(chosen.get(SPREAD.key, SPREAD.default))
        return like_under(self.surface, at, self._radius_mm * _SAMPLED_SHARE, self.plane, spread)


def like_under(
    surface: Surface, at: Point, radius_mm: float, plane: int, spread: float
) -> tuple[float, float] | None:
    """Return the mean of a disc on a slice, less and more so many standard deviations.

    The disc has a radius of one voxel at least. A deviation is half a step of the stored values
    at least, so that an even place does not stand for one value only. None where its
    centre lies outside.
    """
    widest = max(step for axis, step in enumerate(surface.spacing_mm) if axis != plane)
    swept = sweep(
        at,
        at,
        radius_mm=max(radius_mm, widest),
        spacing_mm=surface.spacing_mm,
        plane=plane,
        shape=surface.shape,
    )
    if swept is None or surface.voxel_at(at) is None:
        return None
    values = surface.values(swept.box)[swept.inside].astype(np.float64)
    deviation = max(float(values.std()), surface.half_a_step)
    middle = float(values.mean())
    return middle - spread * deviation, middle + spread * deviation
