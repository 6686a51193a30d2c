"""Level tracing: the line of one value around the pointer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edge_map import AT_ONCE_PIXELS
from annotator.drawing.gesture import NOTHING, Gesture, Held, NothingToDoError, Preview
from annotator.drawing.level_part import find_part
from annotator.drawing.near import number_text
from annotator.drawing.options import ChoiceOption, NumberOption, Option

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
        rows, columns = (size for axis, size in enumerate(surface.shape) if axis != plane)
        self._shape = (rows, columns)
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
        index = voxel[self.plane]
        row, column = (place for axis, place in enumerate(voxel) if axis != self.plane)
        level = float(self._read(index, slice(row, row + 1), slice(column, column + 1))[0, 0])
        if not np.isfinite(level):
            return
        ranges = {"brighter": (level, _INFINITY), "darker": (-_INFINITY, level)}
        side = str(self.held.chosen["side"])
        wanted = [ranges[side]] if side in ranges else list(ranges.values())
        found = find_part(partial(self._read, index), self._shape, (row, column), wanted)
        self._part = found.without_holes()
        self._preview = Preview(lines=self._part.lines(self.plane, index), text=number_text(level))

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

    def _read(self, index: int, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return values of a slice; small slices are kept, of large ones only these are read."""
        if math.prod(self._shape) > AT_ONCE_PIXELS:
            return self._smoothed(index, rows, columns)
        if self._seen is None or self._seen.index != index:
            whole = self._smoothed(index, slice(0, self._shape[0]), slice(0, self._shape[1]))
            self._seen = _Seen(index=index, values=whole)
        return self._seen.values[rows, columns]

    def _smoothed(self, index: int, rows: slice, columns: slice) -> NDArray[np.float32]:
        steps = [step for axis, step in enumerate(self.surface.spacing_mm) if axis != self.plane]
        sigma = [float(self.held.chosen["smoothing"]) * min(steps) / step for step in steps]
        margin = [math.ceil(4 * part) for part in sigma]
        low = [max(0, part.start - far) for part, far in zip((rows, columns), margin, strict=True)]
        high = [
            min(size, part.stop + far)
            for part, far, size in zip((rows, columns), margin, self._shape, strict=True)
        ]
        low.insert(self.plane, index)
        high.insert(self.plane, index + 1)
        values = self.surface.values(((low[0], low[1], low[2]), (high[0], high[1], high[2])))
        values = values.squeeze(self.plane)
        if not any(margin):
            return values
        from scipy import ndimage  # scipy takes a while to import

        del low[self.plane]
        smooth: NDArray[np.float32] = ndimage.gaussian_filter(values, sigma)
        return smooth[
            rows.start - low[0] : rows.stop - low[0], columns.start - low[1] : columns.stop - low[1]
        ]
