"""Nudge: a disc that pushes the border of a label, outwards from inside or inwards from outside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.capsule import sweep
from annotator.drawing.connected import touched
from annotator.drawing.edit import box_slices, common_box, join_boxes
from annotator.drawing.gesture import Gesture, Held, NothingToDoError
from annotator.drawing.options import SwitchOption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.options import Option
    from annotator.drawing.surface import Surface

SMOOTH = SwitchOption(
    key="smooth",
    title="Round the corners",
    tooltip="Where the pushed border meets the rest of the outline, make it smooth on release.",
    default=True,
)


class Nudge(Gesture):
    """One push on one slice.

    What lies under the press pushes: a label grows by what the disc sweeps over; background grows
    at the cost of the label nearest the press. Ctrl lets background push from anywhere. Only
    voxels that hang together with the part that pushes are taken, so that no island comes up.
    """

    name: ClassVar[str] = "nudge"
    title: ClassVar[str] = "Nudge"
    has_size: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (SMOOTH,)
    advice: ClassVar[str] = (
        "Press inside a region and push its border outwards, or beside it and push inwards."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._at: Point | None = None
        self._pushing = 0
        self._giving: int | None = None
        self._region: NDArray[np.bool_] = np.zeros((0, 0, 0), np.bool_)
        self._given: NDArray[np.bool_] = self._region
        self._taken: Box | None = None
        self._is_new = self._region

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take hold of the border; raises NothingToDoError where the slice holds no label."""
        voxel = self.surface.voxel_at(at)
        if voxel is None:
            self.is_done = True
            return None
        labels = self.surface.labels(self._slice())
        here = int(self.surface.labels(self.surface.whole)[voxel])
        place = tuple(0 if axis == self.plane else number for axis, number in enumerate(voxel))
        self._pushing = 0 if self.held.label == 0 else here
        if self._pushing == 0:
            nearest = self._nearest(labels != 0, place)
            if nearest is None:
                raise NothingToDoError("Nothing is drawn on this slice that could be pushed.")
            self._giving = int(labels[nearest])
            self._given = np.asarray(labels == self._giving)
        seed = self._nearest(labels == self._pushing, place)
        self._region = np.zeros(labels.shape, np.bool_)
        self._is_new = np.zeros(labels.shape, np.bool_)
        if seed is not None:
            self._region[seed] = True
            self._region = touched(np.asarray(labels == self._pushing), self._region)
        return self.drag(at, pressure)

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Push from the last position to this one."""
        start, self._at = self._at or at, at
        swept = sweep(
            start,
            at,
            radius_mm=self.held.diameter_mm / 2,
            spacing_mm=self.surface.spacing_mm,
            plane=self.plane,
            shape=self.surface.shape,
        )
        if swept is None:
            return None
        box = common_box(_grown(swept.box, 1), self._slice())
        reached = np.zeros([b - a for a, b in zip(*box, strict=True)], np.bool_)
        reached[_within(swept.box, box)] = swept.inside
        return self._take(box, reached)

    def release(self) -> Box | None:
        """Round the corners, drop what was cut off, and end the push."""
        self.is_done = True
        if self._taken is None:
            return None
        box = self._taken
        if self.held.chosen.get(SMOOTH.key, SMOOTH.default):
            box = join_boxes(box, self._round(box)) or box
        if self._giving is not None:
            box = join_boxes(box, self._drop_slivers()) or box
        return box

    def _slice(self) -> Box:
        low, high = [0, 0, 0], list(self.surface.shape)
        low[self.plane], high[self.plane] = self.index, self.index + 1
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def _nearest(self, wanted: NDArray[np.bool_], to: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the place on the slice that is nearest in mm; None where nothing is wanted."""
        if wanted[to]:
            return to
        places = np.argwhere(wanted)
        if not len(places):
            return None
        away = ((places - to) * np.asarray(self.surface.spacing_mm)) ** 2
        return tuple(places[away.sum(axis=1).argmin()].tolist())

    def _take(self, box: Box, wanted: NDArray[np.bool_]) -> Box | None:
        """Give the part that pushes what is wanted, as far as it hangs together with it."""
        region = self._region[_within(box, self._slice())]
        before = self.surface.labels(box)
        free = before != self._pushing if self._giving is None else before == self._giving
        taken = wanted & free & self.surface.editable(box, self._pushing)
        taken &= touched(taken | region, region)
        if not taken.any():
            return None
        region |= taken
        self._is_new[_within(box, self._slice())] |= taken
        written = self._recorder.paint(box[0], taken, self._pushing)
        self._taken = join_boxes(self._taken, written)
        return written

    def _round(self, taken: Box) -> Box | None:
        """Close the part that pushes by a disc, near what it took and at no label's cost."""
        from scipy import ndimage  # scipy takes a while to import

        reach_mm = self.held.diameter_mm / 2
        steps = self.surface.spacing_mm
        margin = [2 + math.ceil(2 * reach_mm / step) for step in steps]
        low, high = (
            tuple(at + sign * far for at, far in zip(corner, margin, strict=True))
            for corner, sign in zip(taken, (-1, 1), strict=True)
        )
        box = common_box(((low[0], low[1], low[2]), (high[0], high[1], high[2])), self._slice())
        region = self._region[_within(box, self._slice())]
        if region.all():
            return None
        grown = ndimage.distance_transform_edt(~region, steps) <= reach_mm
        # Nothing is known outside the volume: what lies there does not close anything.
        rim = [(0, 0) if axis == self.plane else (1, 1) for axis in range(3)]
        inner = tuple(slice(before, -after or None) for before, after in rim)
        closed = ndimage.distance_transform_edt(np.pad(grown, rim), steps)[inner] > reach_mm
        if self._giving is None:
            closed &= self.surface.labels(box) == 0
        is_new = self._is_new[_within(box, self._slice())]
        near = ndimage.distance_transform_edt(~is_new, steps) <= reach_mm
        return self._take(box, closed & near)

    def _drop_slivers(self) -> Box | None:
        """Take what the push cut off from its label away, where that is smaller than the disc."""
        from scipy import ndimage  # scipy takes a while to import

        parts, n_parts = ndimage.label(self.surface.labels(self._slice()) == self._giving)
        whole, _ = ndimage.label(self._given)
        sizes = np.bincount(parts.ravel(), minlength=n_parts + 1)
        origin = np.zeros(n_parts + 1, np.intp)
        origin[parts] = whole
        largest = np.zeros(whole.max() + 1, np.intp)
        np.maximum.at(largest, origin[1:], sizes[1:])
        rows, columns = (
            step for axis, step in enumerate(self.surface.spacing_mm) if axis != self.plane
        )
        disc = math.pi * (self.held.diameter_mm / 2) ** 2 / (rows * columns)
        is_sliver = sizes < np.minimum(disc, largest[origin])
        is_sliver[0] = False
        cut_off = is_sliver[parts]
        if not cut_off.any():
            return None
        return self._recorder.paint(self._slice()[0], cut_off, 0)


def _grown(box: Box, by: int) -> Box:
    (z0, y0, x0), (z1, y1, x1) = box
    return (z0 - by, y0 - by, x0 - by), (z1 + by, y1 + by, x1 + by)


def _within(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    """Return the slices of a box in an array over another one around it."""
    (z0, y0, x0), (z1, y1, x1) = box
    z, y, x = outer[0]
    return box_slices(((z0 - z, y0 - y, x0 - x), (z1 - z, y1 - y, x1 - x)))
