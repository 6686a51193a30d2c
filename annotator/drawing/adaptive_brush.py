"""The adaptive brush: paints what looks like the place under the pointer, up to its edge."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.brush import PRESSURE, SHAPE
from annotator.drawing.connected import touched
from annotator.drawing.edit import common_box, join_boxes
from annotator.drawing.gesture import NOTHING, Held, Preview
from annotator.drawing.likeness import Likeness, Surroundings
from annotator.drawing.options import NumberOption, SwitchOption
from annotator.drawing.watching_brush import WatchingBrush

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.capsule import Swept
    from annotator.drawing.edit import Point
    from annotator.drawing.options import Option
    from annotator.drawing.surface import Surface

TOLERANCE = NumberOption(
    key="tolerance",
    title="Tolerance",
    tooltip="How many times the noise a value may differ from that under the pointer. Less stops "
    "at weaker edges.",
    default=2.0,
    minimum=0.5,
    maximum=10.0,
    unit="× noise",
)
HOLD = SwitchOption(
    key="hold",
    title="Keep to what was pressed on",
    tooltip="On: paint what looks like the place of the press, wherever the pointer goes. Off: "
    "what looks like the place under the pointer.",
)
_SAMPLED_SHARE = 1 / 4
"""Radius of the place under the pointer, as a share of the brush's."""
_MARGIN = 4
"""Voxels around the brush that smoothing and the search for edges look at."""


class AdaptiveBrush(WatchingBrush):
    """A stroke of the brush that keeps to the even region that the pointer is in.

    It is looked at anew every half radius of the way.
    """

    name: ClassVar[str] = "adaptive-brush"
    title: ClassVar[str] = "Adaptive brush"
    options: ClassVar[tuple[Option, ...]] = (TOLERANCE, HOLD, SHAPE, PRESSURE)
    advice: ClassVar[str] = (
        "Draw with the pointer inside what you mean; the brush stops at its edge. Ctrl erases."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._likeness: Likeness | None = None

    def hover(self, at: Point) -> None:
        """Tell what would be painted from here."""
        place = self._place(at)
        if place is None:
            self._preview = NOTHING
        elif not self.has_begun:
            around = self._around(place.box)
            self._tell(around.likeness(place, self._tolerance))

    def _lay(self, swept: Swept) -> Box | None:
        place = self._place(swept.end)
        if place is None:
            return None
        around = self._around(join_boxes(swept.box, place.box) or swept.box)
        if self._likeness is None or not self.held.chosen.get(HOLD.key):
            self._likeness = around.likeness(place, self._tolerance)
        self._tell(self._likeness)
        reached = around.spread(swept.box, swept.inside)
        seeds = around.spread(swept.box, swept.path) | around.spread(place.box, place.inside)
        alike = touched(around.alike(self._likeness) & reached, seeds)
        if not alike.any():
            return None
        alike = around.without_specks(alike, reached)
        return self._recorder.paint(around.box[0], alike, self.held.label)

    @property
    def _tolerance(self) -> float:
        return float(self.held.chosen.get(TOLERANCE.key, TOLERANCE.default))

    def _place(self, at: Point) -> Swept | None:
        """Return the neighbourhood of the pointer; None where the pointer is outside."""
        if self.surface.voxel_at(at) is None:
            return None
        return self._sweep(at, at, self._radius_mm * _SAMPLED_SHARE)

    def _around(self, box: Box) -> Surroundings:
        axes = tuple(axis for axis in range(3) if self.held.is_3d or axis != self.plane)
        low, high = (
            tuple(n + sign * _MARGIN * (axis in axes) for axis, n in enumerate(corner))
            for corner, sign in zip(box, (-1, 1), strict=True)
        )
        outer = common_box(
            ((low[0], low[1], low[2]), (high[0], high[1], high[2])), self.surface.whole
        )
        return Surroundings(self.surface, outer, axes)

    def _tell(self, likeness: Likeness) -> None:
        low, high = likeness.middle - likeness.tolerance, likeness.middle + likeness.tolerance
        self._preview = Preview(text=f"{likeness.middle:.4g}; {self._verb} {low:.4g} to {high:.4g}")

    def _n_parts(self, start: Point, end: Point) -> int:
        spacing = self.surface.spacing_mm
        way = [(b - a) * step for a, b, step in zip(start, end, spacing, strict=True)]
        stride = max(min(spacing), self.held.diameter_mm / 4)
        return max(1, math.ceil(math.hypot(*way) / stride))
