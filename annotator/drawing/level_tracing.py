"""Level tracing: the line of one value around the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.gesture import NOTHING, Gesture, Held, NothingToDoError, Preview
from annotator.drawing.level_part import find_part
from annotator.drawing.near import number_text
from annotator.drawing.options import ChoiceOption, NumberOption, Option
from annotator.drawing.scope import slice_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.level_part import Part
    from annotator.drawing.surface import Surface

_INFINITY = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    index: int
    values: NDArray[np.float32]


class LevelTracing(Gesture):
    """Outlines what is connected to the pointer and at least as bright, or as dark, as there.

    What is drawn is all within the outer line, as by the effect of that name in 3D Slicer.
    """

    name: ClassVar[str] = "level-tracing"
    title: ClassVar[str] = "Level tracing"
    watches: ClassVar[bool] = True
    needs_image: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="side",
            title="Side",
            tooltip="Whether the line is around what is brighter or what is darker than the value "
            "under the pointer.",
            default="smaller",
            choices=(
                ("smaller", "Smaller of both"),
                ("brighter", "Brighter"),
                ("darker", "Darker"),
            ),
        ),
        NumberOption(
            key="smoothing",
            title="Smoothing",
            tooltip="How much noise is smoothed away before; 0 takes the values as they are.",
            default=0.0,
            minimum=0.0,
            maximum=6.0,
            unit="voxels",
        ),
    )
    advice: ClassVar[str] = (
        "Move the pointer over an edge until the line fits, then click to draw what is inside."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._seen: _Seen | None = None
        self._part: Part | None = None
        self._preview = NOTHING

    @property
    def has_begun(self) -> bool:
        """Whether something was drawn."""
        return self.is_done

    @property
    def preview(self) -> Preview:
        """The line around what a click would draw, and its value."""
        return self._preview

    def hover(self, at: Point) -> None:
        """Outline what is under the pointer."""
        voxel = self.surface.voxel_at(at)
        self._part, self._preview = None, NOTHING
        if voxel is None:
            return
        values = self._values(voxel[self.plane])
        row, column = (place for axis, place in enumerate(voxel) if axis != self.plane)
        level = float(values[row, column])
        if not np.isfinite(level):
            return
        ranges = {"brighter": (level, _INFINITY), "darker": (-_INFINITY, level)}
        side = str(self.held.chosen["side"])
        wanted = [ranges[side]] if side in ranges else list(ranges.values())
        self._part = find_part(values, (row, column), wanted).without_holes()
        self._preview = Preview(
            lines=self._part.lines(self.plane, voxel[self.plane]), text=number_text(level)
        )

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Draw what is outlined.

        Raises NothingToDoError outside of the image and where it has no value.
        """
        self.hover(at)
        if self._part is None:
            raise NothingToDoError("There is no value here: click inside the image.")
        self.is_done = True
        origin, stamp = self._part.stamp(self.plane, round(at[self.plane]))
        return self._recorder.paint(origin, stamp, self.held.label)

    def _values(self, index: int) -> NDArray[np.float32]:
        if self._seen is None or self._seen.index != index:
            box = slice_box(self.surface, self.plane, index)
            values = self.surface.values(box).squeeze(self.plane)
            sigma = float(self.held.chosen["smoothing"])
            if sigma > 0:
                from scipy import ndimage  # scipy takes a while to import

                steps = [
                    step for axis, step in enumerate(self.surface.spacing_mm) if axis != self.plane
                ]
                values = ndimage.gaussian_filter(
                    values, [sigma * min(steps) / step for step in steps]
                )
            self._seen = _Seen(index=index, values=values)
        return self._seen.values
