"""Region growing: from a seed, through values as far apart as the drag is long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from annotator.domain.errors import CancelledError
from annotator.drawing.fill import MAX_VOXELS, LeakError, Region, find_region
from annotator.drawing.gesture import NOTHING, Gesture, Held, NothingToDoError, Preview
from annotator.drawing.level_part import find_part
from annotator.drawing.near import box_around, is_within, number_text
from annotator.drawing.options import NumberOption, Option

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.path_tree import Pixel
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.level_part import Part, Range
    from annotator.drawing.surface import Surface

Voxel = tuple[int, int, int]

_FULL_DRAG = 0.35
"""How far to drag to let in all values near, as a share of the slice's shorter side."""
_NOISE_REACH = 3
_SAMPLE = 20_000
"""Values that are looked at to tell how far they lie apart."""
_SLAB = 8
"""Slices that are looked at before it is asked whether the work is still wanted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seeded:
    """What is known when the button goes down.

    ``values`` ``(row, column)`` begin at ``origin`` of the slice and are NaN beyond the radius;
    ``seed`` is where the seed lies in them.
    """

    voxel: Voxel
    values: NDArray[np.float32]
    origin: Pixel
    seed: Pixel
    value: float
    middle: float
    noise: float
    span: float
    full_drag_mm: float

    def range_at(self, away_mm: float) -> Range:
        """Return the values to let in where the pointer is so far away from the seed."""
        tolerance = self.noise + self.span * (away_mm / self.full_drag_mm) ** 2
        return (
            min(self.middle - tolerance, self.value),
            max(self.middle + tolerance, self.value),
        )


class RegionGrowing(Gesture):
    """Draws what is connected to a seed and differs from it no more than a tolerance.

    The tolerance is that of the noise around the seed, and grows with the square of the distance
    that the pointer is dragged away from it: finely at first. In 3D the slice is previewed, and
    the volume worked out when the button goes up.
    """

    name: ClassVar[str] = "region-growing"
    title: ClassVar[str] = "Region growing"
    needs_image: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        NumberOption(
            key="radius_mm",
            title="Radius",
            tooltip="How far from the seed the region may reach.",
            default=60.0,
            minimum=1.0,
            maximum=500.0,
            unit="mm",
        ),
    )
    advice: ClassVar[str] = (
        "Press inside a region and drag away from it to let in more values, back to let in fewer; "
        "it is drawn when you let go."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._seeded: _Seeded | None = None
        self._range: Range = (0.0, 0.0)
        self._part: Part | None = None
        self._preview = NOTHING

    @property
    def has_begun(self) -> bool:
        """Whether there is a seed."""
        return self._seeded is not None

    @property
    def preview(self) -> Preview:
        """The outline of the region in this slice, and its lowest and highest value."""
        return self._preview

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Grow from the voxel at the position.

        Raises NothingToDoError outside of the image and where it has no value.
        """
        voxel = self.surface.voxel_at(at)
        if voxel is None or not np.isfinite(self._values_at(voxel, 0)).all():
            raise NothingToDoError("There is no value here: press inside the image.")
        self._seeded = self._begin(voxel)
        return self.drag(at)

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Let in more values the further the pointer is from the seed."""
        seeded = self._seeded
        if seeded is None:
            return None
        steps = self.surface.spacing_mm
        mm = [
            (place - first) * step if axis != self.plane else 0.0
            for axis, (place, first, step) in enumerate(zip(at, seeded.voxel, steps, strict=True))
        ]
        self._range = seeded.range_at(math.hypot(*mm))
        rows, columns = seeded.values.shape
        self._part = find_part(
            lambda near_rows, near_columns: seeded.values[near_rows, near_columns],
            (rows, columns),
            seeded.seed,
            [self._range],
        ).moved(seeded.origin)
        low, high = self._range
        self._preview = Preview(
            lines=self._part.lines(self.plane, self.index),
            text=f"{number_text(low)} … {number_text(high)}",
        )
        return None

    def release(self) -> Box | None:
        """Draw the region; in 3D, begin to work it out."""
        seeded, wanted = self._seeded, self._range
        if seeded is None or self._part is None:
            return None
        if self.held.is_3d:
            self.work = lambda is_cancelled: self.find(seeded.voxel, wanted, is_cancelled)
            return None
        self.is_done = True
        origin, stamp = self._part.stamp(self.plane, self.index)
        return self._recorder.paint(origin, stamp, self.held.label)

    def take(self, result: Any) -> Box | None:  # noqa: ANN401 - the region that was found
        """Draw the region of the volume."""
        self.is_done = True
        region: Region = result
        return self._recorder.paint(region.origin, region.inside, self.held.label)

    def find(self, seed: Voxel, wanted: Range, is_cancelled: Callable[[], bool]) -> Region:
        """Return what is connected to the seed by faces, within the range and the radius.

        Only reads. Raises LeakError beyond ``MAX_VOXELS``, CancelledError soon after
        ``is_cancelled`` says so.
        """
        radius_mm = float(self.held.chosen["radius_mm"])
        (z0, y0, x0), (z1, y1, x1) = box_around(self.surface, seed, radius_mm)
        members = np.empty((z1 - z0, y1 - y0, x1 - x0), np.bool_)
        for first in range(z0, z1, _SLAB):
            if is_cancelled():
                raise CancelledError("Growing was cancelled; nothing was changed.")
            slab = (first, y0, x0), (min(z1, first + _SLAB), y1, x1)
            values = self.surface.values(slab)
            part = members[first - z0 : slab[1][0] - z0]
            np.logical_and(values >= wanted[0], values <= wanted[1], out=part)
            part &= is_within(slab, seed, radius_mm, self.surface.spacing_mm)
        try:
            region = find_region(
                members.view(np.uint8),
                (seed[0] - z0, seed[1] - y0, seed[2] - x0),
                is_cancelled=is_cancelled,
                max_voxels=MAX_VOXELS,
            )
        except LeakError as error:
            raise LeakError(
                f"The region was stopped at {MAX_VOXELS / 1e6:.3g} million voxels: choose a "
                "smaller radius, or drag less far."
            ) from error
        z, y, x = region.origin
        return Region(
            origin=(z + z0, y + y0, x + x0), inside=region.inside, n_voxels=region.n_voxels
        )

    def _begin(self, voxel: Voxel) -> _Seeded:
        radius_mm = float(self.held.chosen["radius_mm"])
        box = box_around(self.surface, voxel, radius_mm, plane=self.plane)
        values = self.surface.values(box).squeeze(self.plane)
        near = is_within(box, voxel, radius_mm, self.surface.spacing_mm).squeeze(self.plane)
        values = np.where(near, values, np.float32(np.nan))
        origin, seed = (
            tuple(place for axis, place in enumerate(places) if axis != self.plane)
            for places in (box[0], np.subtract(voxel, box[0]).tolist())
        )
        around = self._values_at(voxel, _NOISE_REACH)
        middle = float(np.nanmedian(self._values_at(voxel, 1)))
        noise = 1.4826 * float(np.nanmedian(np.abs(around - np.nanmedian(around))))
        finite = values[np.isfinite(values)]
        lowest, highest = np.percentile(finite[:: 1 + finite.size // _SAMPLE], [1, 99])
        sides = [
            size * step
            for axis, (size, step) in enumerate(
                zip(self.surface.shape, self.surface.spacing_mm, strict=True)
            )
            if axis != self.plane
        ]
        return _Seeded(
            voxel=voxel,
            values=values,
            origin=(origin[0], origin[1]),
            seed=(seed[0], seed[1]),
            value=float(values[seed]),
            middle=middle,
            noise=noise,
            span=float(highest - lowest),
            full_drag_mm=_FULL_DRAG * min(sides),
        )

    def _values_at(self, voxel: Voxel, reach: int) -> NDArray[np.float32]:
        """Return the values around a voxel in the slice, ``reach`` voxels to each side."""
        spread = [0 if axis == self.plane else reach for axis in range(3)]
        low = [max(0, at - far) for at, far in zip(voxel, spread, strict=True)]
        high = [
            min(size, at + far + 1)
            for at, far, size in zip(voxel, spread, self.surface.shape, strict=True)
        ]
        return self.surface.values(((low[0], low[1], low[2]), (high[0], high[1], high[2])))
