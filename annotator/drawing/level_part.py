"""The part of a slice around a pixel whose values lie in a range, found in a box that grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.outline import outlines
from annotator.drawing.gesture import Line
from annotator.drawing.outline_fill import fill_outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.path_tree import Pixel

Range = tuple[float, float]
"""Lowest and highest value; both count."""
Reader = Callable[[slice, slice], "NDArray[np.float32]"]

_FIRST_REACH = 32
FURTHEST = 1024
"""Reach of the largest box: what goes on beyond it is cut off."""
_FEWEST_POINTS = 13
"""Of the outline of a hole that is shown: in noise there are thousands of a pixel or two."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Connected pixels: ``inside`` ``(row, column)`` bool, its first one at ``origin``."""

    origin: Pixel
    inside: NDArray[np.bool_]

    def moved(self, by: Pixel) -> Part:
        """Return it so many rows and columns further on."""
        return Part(origin=(self.origin[0] + by[0], self.origin[1] + by[1]), inside=self.inside)

    def lines(self, plane: int, index: int) -> tuple[Line, ...]:
        """Return its outlines on a slice across an axis; the least holes are left out."""
        found = outlines(self.inside.view(np.uint8))
        shown = [
            outline.points
            for number, outline in enumerate(found)
            if number == 0 or len(outline.points) >= _FEWEST_POINTS
        ]
        points = np.insert(np.concatenate(shown), plane, index, axis=1)
        points[:, [axis for axis in range(3) if axis != plane]] += self.origin
        ends = np.cumsum([len(outline) for outline in shown])
        return tuple(Line(points=part, is_closed=True) for part in np.split(points, ends[:-1]))

    def without_holes(self) -> Part:
        """Return all that lies within the outer outline."""
        outer = outlines(self.inside.view(np.uint8))[0].points[
            :-1
        ]  # its first pixel lies on the outer one
        rows, columns = self.inside.shape
        return Part(origin=self.origin, inside=fill_outline(outer, (rows, columns)))

    def stamp(self, plane: int, index: int) -> tuple[tuple[int, int, int], NDArray[np.bool_]]:
        """Return it as a recorder paints it: the place of its first voxel, and ``(z, y, x)``."""
        origin = list(self.origin)
        origin.insert(plane, index)
        return (origin[0], origin[1], origin[2]), np.expand_dims(self.inside, plane)


def find_part(read: Reader, shape: Pixel, seed: Pixel, ranges: Sequence[Range]) -> Part:
    """Return what is connected to a pixel by pixels that share an edge, within a range of values.

    Of several ranges the one counts whose part ends first as the box grows; of those that end in
    the same box, the smallest. The cost depends on that part, not on the slice; a part that
    reaches further than ``FURTHEST`` rows or columns from the pixel is cut off there.

    Parameters
    ----------
    read : callable
        Returns the values of some rows and columns of a slice; NaN lies in no range.
    shape : tuple of int
        Rows and columns of the slice.
    seed : tuple of int
        A pixel whose value lies in each range.
    """
    reach = _FIRST_REACH
    while True:
        low = [max(0, at - reach) for at in seed]
        high = [min(size, at + reach + 1) for at, size in zip(seed, shape, strict=True)]
        near = read(slice(low[0], high[0]), slice(low[1], high[1]))
        place = (seed[0] - low[0], seed[1] - low[1])
        is_last = reach >= FURTHEST
        goes_on = (low[0] > 0, high[0] < shape[0], low[1] > 0, high[1] < shape[1])
        found = [_connected((near >= first) & (near <= last), place) for first, last in ranges]
        ended = [inside for inside in found if is_last or not _leaves(inside, goes_on)]
        if ended:
            smallest = min(ended, key=np.count_nonzero)
            return _trimmed((low[0], low[1]), smallest)
        reach *= 2


def _connected(members: NDArray[np.bool_], seed: Pixel) -> NDArray[np.bool_]:
    from scipy import ndimage  # scipy takes a while to import

    parts = np.empty(members.shape, np.int32)
    ndimage.label(members, output=parts)
    inside: NDArray[np.bool_] = parts == parts[seed]
    return inside


def _leaves(inside: NDArray[np.bool_], goes_on: tuple[bool, bool, bool, bool]) -> bool:
    """Whether it reaches a side of the box beyond which the slice goes on."""
    sides = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    return any(more and bool(side.any()) for more, side in zip(goes_on, sides, strict=True))


def _trimmed(origin: Pixel, inside: NDArray[np.bool_]) -> Part:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    row, column = int(rows[0]), int(columns[0])
    kept = inside[row : int(rows[-1]) + 1, column : int(columns[-1]) + 1].copy()
    return Part(origin=(origin[0] + row, origin[1] + column), inside=kept)
