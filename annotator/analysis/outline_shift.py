"""Where a drawn outline lies outside or inside of the true one, by direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry

IN_PATIENT = ("left", "posterior", "superior", "right", "anterior", "inferior")
"""Directions in a volume: along the LPS axes, then against them."""

IN_PICTURE = ("right of the picture", "bottom", "left of the picture", "top")
"""Directions in a picture or a frame: along its x and y axes, then against them."""

_SAMPLE = 20_000
"""Voxels of an object's outline that are looked at, evenly spread, where there are more."""

_EVERY_NEIGHBOUR = np.ones((3, 3, 3), np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineShift:
    """How far one drawn outline lies outside (+) or inside (-) of the true one, mm.

    ``mean_mm`` is the mean over the outline; ``towards`` holds the median at each side of the
    objects where there is any outline, which the edges to the neighbouring sides do not pull down.
    """

    mean_mm: float
    towards: tuple[tuple[str, float], ...]

    def at(self, direction: str) -> float | None:
        """Return the median at one side, or None."""
        return dict(self.towards).get(direction)


def outline_shift(
    drawn: NDArray[np.bool_], truth: NDArray[np.bool_], geometry: Geometry
) -> OutlineShift | None:
    """Compare a drawn mask ``(z, y, x)`` with the true one, over the true objects that it touches.

    The shift is the difference of the two signed distances at the voxels on both sides of the true
    outline. The side of an object is the axis along which a voxel lies farthest from its centre: of
    the patient in a volume, of the picture elsewhere. None where no true object was touched, and in
    videos, whose frames lie apart in time. Must not write to its input.
    """
    if geometry.is_time:
        return None
    objects, n_objects = ndimage.label(truth, _EVERY_NEIGHBOUR)
    touched = np.unique(objects[drawn & truth])
    if not len(touched) or drawn.all() or truth.all():
        return None
    names = IN_PATIENT if geometry.is_volume else IN_PICTURE
    places, sides = [], []
    boxes = ndimage.find_objects(objects, max_label=n_objects)
    for number in touched.tolist():
        box = tuple(
            slice(max(0, part.start - 1), part.stop + 1) for part in boxes[number - 1] or ()
        )
        own = objects[box] == number
        index = np.argwhere(_edge(own))
        index = index[:: -(-len(index) // _SAMPLE)]
        sides.append(_side(index, np.argwhere(own).mean(axis=0), geometry))
        places.append(index + [part.start for part in box])
    place, side = np.concatenate(places), np.concatenate(sides)
    shift = _signed_mm(drawn, place, geometry) - _signed_mm(truth, place, geometry)
    return OutlineShift(
        mean_mm=float(shift.mean()),
        towards=tuple(
            (name, float(np.median(shift[side == number])))
            for number, name in enumerate(names)
            if (side == number).any()
        ),
    )


def _signed_mm(
    inside: NDArray[np.bool_], place: NDArray[np.intp], geometry: Geometry
) -> NDArray[np.float64]:
    """Return how far inside a mask voxels lie, mm; negative outside.

    The nearest voxel on the other side of an outline always borders on it, so that only the edge
    has to be searched. The outline lies half a voxel (of the finest axis) before that one.
    """
    spacing_mm = np.asarray(geometry.spacing_mm)
    edge = _edge(inside)
    is_inside = inside[tuple(place.T)]
    distance = np.empty(len(place))
    for which in (True, False):
        chosen = is_inside == which
        if chosen.any():
            others = np.argwhere(edge & (inside != which)) * spacing_mm
            tree = cKDTree(others, balanced_tree=False, compact_nodes=False)
            distance[chosen] = tree.query(place[chosen] * spacing_mm)[0]
    distance -= 0.5 * spacing_mm.min()
    return np.where(is_inside, distance, -distance)


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the voxels that share a face with one on the other side of the outline."""
    edge = np.zeros_like(inside)
    for axis in range(3):
        along, mark = np.moveaxis(inside, axis, 0), np.moveaxis(edge, axis, 0)
        crosses = along[1:] != along[:-1]
        mark[1:] |= crosses
        mark[:-1] |= crosses
    return edge


def _side(
    index: NDArray[np.intp], centre: NDArray[np.float64], geometry: Geometry
) -> NDArray[np.intp]:
    """Return the number of the direction in which each voxel lies from the centre."""
    # The direction's columns are the array's x, y, z axes; the index comes as z, y, x.
    along_mm = ((index - centre) * geometry.spacing_mm)[:, ::-1]
    if geometry.is_volume:
        along_mm = along_mm @ np.array(geometry.direction).reshape(3, 3).T
    else:
        along_mm = along_mm[:, :2]
    axis = np.abs(along_mm).argmax(axis=1)
    is_against = along_mm[np.arange(len(axis)), axis] < 0
    return np.asarray(axis + is_against * along_mm.shape[1], np.intp)
