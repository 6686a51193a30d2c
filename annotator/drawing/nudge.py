"""Nudge: a disc that pushes the border of a label, outwards from inside or inwards from outside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.capsule import sweep
from annotator.drawing.connected import touched
from annotator.drawing.edit import common_box, join_boxes
from annotator.drawing.gesture import Gesture, Held, NothingToDoError
from annotator.drawing.operation import unwatched
from annotator.drawing.options import SwitchOption
from annotator.drawing.scope import slice_box, within
from annotator.drawing.windows import is_near

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask, Point
    from annotator.drawing.options import Option
    from annotator.drawing.surface import Surface

    Voxel = tuple[int, int, int]

SMOOTH = SwitchOption(
    key="smooth",
    title="Round the corners",
    tooltip="Where the pushed border meets the rest of the outline, make it smooth on release.",
    default=True,
)

_ROUNDING = 12
"""Largest radius of a rounded corner, in voxels."""
_WINDOW = 256
"""Voxels around the disc that are looked at together."""


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
        self._is_new = self._region
        self._looked_at: Box | None = None
        self._taken: Box | None = None

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take hold of the border; raises NothingToDoError where the slice holds no label."""
        voxel = self.surface.voxel_at(at)
        if voxel is None:
            self.is_done = True
            return None
        here = int(self.surface.labels(_around(voxel))[0, 0, 0])
        self._pushing = 0 if self.held.label == 0 else here
        if self._pushing == 0:
            nearest = self._nearest(voxel, lambda labels: labels != 0)
            if nearest is None:
                raise NothingToDoError("Nothing is drawn on this slice that could be pushed.")
            self._giving = int(self.surface.labels(_around(nearest))[0, 0, 0])
        shape = [b - a for a, b in zip(*self._slice(), strict=True)]
        self._region, self._is_new = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        seed = self._nearest(voxel, lambda labels: labels == self._pushing)
        if seed is not None:
            self._region[within(_around(seed), self._slice())] = True
            self._look_at(join_boxes(_around(seed), _around(voxel)) or _around(voxel))
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
        reached[within(swept.box, box)] = swept.inside
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
            box = join_boxes(box, self._drop_slivers(self._taken)) or box
        return box

    def _slice(self) -> Box:
        return slice_box(self.surface, self.plane, self.index)

    def _nearest(self, to: Voxel, is_wanted: Callable[[Mask], NDArray[np.bool_]]) -> Voxel | None:
        """Return the voxel of the slice that is nearest in mm; None where none is wanted."""
        steps = self.surface.spacing_mm
        reach = _WINDOW
        while True:
            box = common_box(_grown(_around(to), reach), self._slice())
            places = np.argwhere(is_wanted(self.surface.labels(box))) + box[0]
            away2 = (((places - to) * np.asarray(steps)) ** 2).sum(axis=1)
            # What is farther than the sides may be farther than something beyond them.
            is_sure = len(places) > 0 and away2.min() <= (reach * min(steps)) ** 2
            if is_sure or box == self._slice():
                if not len(places):
                    return None
                z, y, x = places[away2.argmin()].tolist()
                return z, y, x
            reach *= 4

    def _look_at(self, box: Box) -> None:
        """Find out what hangs together with the part that pushes, as far as a box and around it.

        A slice may be large: it is looked at in a window that grows with the way.
        """
        if self._looked_at is not None and common_box(self._looked_at, box) == box:
            return
        wider = join_boxes(self._looked_at, common_box(_grown(box, _WINDOW), self._slice()))
        self._looked_at = wider = wider or box
        region = self._region[within(wider, self._slice())]
        region[...] = touched(self.surface.labels(wider) == self._pushing, region)

    def _take(self, box: Box, wanted: NDArray[np.bool_]) -> Box | None:
        """Give the part that pushes what is wanted, as far as it hangs together with it."""
        self._look_at(box)
        region = self._region[within(box, self._slice())]
        before = self.surface.labels(box)
        free = before != self._pushing if self._giving is None else before == self._giving
        taken = wanted & free & self.surface.editable(box, self._pushing)
        taken &= touched(taken | region, region)
        if not taken.any():
            return None
        region |= taken
        self._is_new[within(box, self._slice())] |= taken
        written = self._recorder.paint(box[0], taken, self._pushing)
        self._taken = join_boxes(self._taken, written)
        return written

    def _round(self, taken: Box) -> Box | None:
        """Close the part that pushes by a disc, near what it took and at no label's cost."""
        steps = self.surface.spacing_mm
        finest = min(step for axis, step in enumerate(steps) if axis != self.plane)
        reach_mm = min(self.held.diameter_mm / 2, _ROUNDING * finest)
        box = self._near(taken, 2 * reach_mm)
        self._look_at(box)
        region = self._region[within(box, self._slice())]
        grown = is_near(region, steps, reach_mm, unwatched)
        # Nothing is known outside the volume: what lies there does not close anything.
        rim = [(0, 0) if axis == self.plane else (1, 1) for axis in range(3)]
        inner = tuple(slice(before, -after or None) for before, after in rim)
        closed = ~is_near(np.pad(~grown, rim, constant_values=True), steps, reach_mm, unwatched)
        closed = closed[inner]
        if self._giving is None:
            closed &= self.surface.labels(box) == 0
        is_new = self._is_new[within(box, self._slice())]
        return self._take(box, closed & is_near(is_new, steps, reach_mm, unwatched))

    def _drop_slivers(self, taken: Box) -> Box | None:
        """Take what the push cut off from its label away, where that is smaller than the disc."""
        from scipy import ndimage  # scipy takes a while to import

        box = self._near(taken, self.held.diameter_mm)
        left = self.surface.labels(box) == self._giving
        parts, n_parts = ndimage.label(left)
        whole, _ = ndimage.label(left | self._is_new[within(box, self._slice())])
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
        is_sliver[parts[~self._is_inner(box)]] = False  # it goes on outside
        is_sliver[0] = False
        cut_off = is_sliver[parts]
        if not cut_off.any():
            return None
        return self._recorder.paint(box[0], cut_off, 0)

    def _near(self, box: Box, mm: float) -> Box:
        """Return the part of the slice within a distance of a box, and a little more."""
        margin = [2 + math.ceil(mm / step) for step in self.surface.spacing_mm]
        (z0, y0, x0), (z1, y1, x1) = box
        z, y, x = margin
        return common_box(((z0 - z, y0 - y, x0 - x), (z1 + z, y1 + y, x1 + x)), self._slice())

    def _is_inner(self, box: Box) -> NDArray[np.bool_]:
        """Return which voxels of a box have no neighbour on the slice outside the box."""
        shape = [b - a for a, b in zip(*box, strict=True)]
        inner = np.zeros(shape, np.bool_)
        whole = self._slice()
        inner[
            tuple(
                slice(int(a > first), n - int(b < last))
                for a, b, first, last, n in zip(*box, *whole, shape, strict=True)
            )
        ] = True
        return inner


def _around(voxel: Voxel) -> Box:
    """Return the box of one voxel."""
    z, y, x = voxel
    return voxel, (z + 1, y + 1, x + 1)


def _grown(box: Box, by: int) -> Box:
    (z0, y0, x0), (z1, y1, x1) = box
    return (z0 - by, y0 - by, x0 - by), (z1 + by, y1 + by, x1 + by)
