"""Which voxels an operation is about: boxes around labels, in a slice or in the volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.edit import box_slices, common_box, join_boxes
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.options import ChoiceOption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.operation import Asked
    from annotator.drawing.surface import Surface

WHERE = ChoiceOption(
    key="where",
    title="Where",
    tooltip="In the slice that is worked in, or in three dimensions.",
    default="volume",
    choices=(("slice", "This slice"), ("volume", "Whole volume")),
)
_PLANES_AT_ONCE = 16
_EPSILON = 1e-5
"""Share of a length that rounding may cost; spacings are not known better."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scope:
    """The part of a surface that an operation works in: a slice across ``plane``, or all.

    Nothing outside the box is read, written or counted as a neighbour.
    """

    surface: Surface
    box: Box
    plane: int | None

    @property
    def voxel_size(self) -> float:
        """Volume of one voxel, mm³; in a slice its area, mm²."""
        return voxel_size(self.surface, self.plane)

    def region(self, label: int, box: Box) -> NDArray[np.bool_]:
        """Return where a label, of whatever group, is drawn, ``(z, y, x)`` over a box."""
        return self.surface.region(box, label)

    def find(self, label: int | None) -> Box | None:
        """Return the box around a label, of whatever group, or around all that are in hand.

        None where nothing is drawn.
        """
        (first, y0, x0), (last, y1, x1) = self.box
        found: Box | None = None
        for z in range(first, last, _PLANES_AT_ONCE):
            some = ((z, y0, x0), (min(z + _PLANES_AT_ONCE, last), y1, x1))
            inner = box_of(
                np.asarray(self.surface.labels(some) != 0)
                if label is None
                else self.region(label, some)
            )
            if inner is not None:
                found = join_boxes(found, moved(inner, some[0]))
        return found

    def box_around(self, label: int) -> Box:
        """Return the box around a label that must be there.

        Raises NothingToDoError, in words for the person, for the background and where the label
        is not drawn.
        """
        refuse_background(label)
        found = self.find(label)
        if found is None:
            raise NothingToDoError(f"Label {label} is not drawn{self.place}.")
        return found

    def box_around_all(self) -> Box:
        """Return the box around all labels; raises NothingToDoError where there are none."""
        found = self.find(None)
        if found is None:
            raise NothingToDoError(f"Nothing is drawn{self.place}.")
        return found

    @property
    def place(self) -> str:
        """Words to add to what is said of it."""
        return " in this slice" if self.plane is not None else ""

    def reach(self, mm: float) -> tuple[int, int, int]:
        """Return how many voxels a length spans along each axis, rounded down; 0 across a slice."""
        z, y, x = (
            0 if b - a == 1 else int(mm / step * (1 + _EPSILON))
            for a, b, step in zip(*self.box, self.surface.spacing_mm, strict=True)
        )
        return z, y, x

    def reach_of_one(self, mm: float, what: str) -> tuple[int, int, int]:
        """Return the reach of a length of at least a voxel; raises AnnotatorError for a shorter."""
        reach = self.reach(mm)
        if not any(reach):
            z, y, x = self.surface.spacing_mm
            raise AnnotatorError(
                f"{what} of {mm:g} mm is less than one voxel, which is {z:g} × {y:g} × {x:g} mm "
                "(slice, row, column) here: nothing would change. Give more."
            )
        return reach

    def grown(self, box: Box, by: tuple[int, int, int]) -> Box:
        """Return a box with so many more voxels at each side, as far as the scope goes."""
        (z0, y0, x0), (z1, y1, x1) = box
        z, y, x = by
        return common_box(self.box, ((z0 - z, y0 - y, x0 - x), (z1 + z, y1 + y, x1 + x)))


def scope_of(surface: Surface, asked: Asked) -> Scope:
    """Return the slice or the volume that is asked for by the option ``where``."""
    if asked.chosen.get(WHERE.key) != "slice":
        return Scope(surface=surface, box=surface.whole, plane=None)
    box = slice_box(surface, asked.plane, asked.index)
    return Scope(surface=surface, box=box, plane=asked.plane)


def slice_box(surface: Surface, plane: int, index: int) -> Box:
    """Return the box of one slice, across the axis ``plane``."""
    low, high = [0, 0, 0], list(surface.shape)
    low[plane], high[plane] = index, index + 1
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def voxel_size(surface: Surface, plane: int | None) -> float:
    """Return the volume of a voxel, mm³, or its area across the axis ``plane``, mm²."""
    return math.prod(step for axis, step in enumerate(surface.spacing_mm) if axis != plane)


def refuse_background(label: int) -> None:
    """Raise NothingToDoError for label 0."""
    if label == 0:
        raise NothingToDoError("Choose a label first: this is not done to the background.")


def refuse_other_group(surface: Surface, label: int) -> None:
    """Raise AnnotatorError for a label, 0 for none, of another group than the one in hand."""
    if label and not surface.has_in_group(label):
        raise AnnotatorError(
            f"Label {label} is of another group than the label in hand: choose one of the same "
            "group. To take a shape over from another group, use Combine labels."
        )


def relabelled(
    scope: Scope, label: int, box: Box, region: NDArray[np.bool_]
) -> NDArray[np.unsignedinteger]:
    """Return the labels over a box where one label has another shape; what it leaves is free."""
    before = scope.surface.labels(box)
    kept = np.where(before == label, before.dtype.type(0), before)
    return np.where(region, before.dtype.type(label), kept)


def box_of(inside: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around what is True in ``(z, y, x)``; None where nothing is."""
    flat: NDArray[np.bool_] = np.asarray(inside.any(axis=2))
    rows = np.flatnonzero(flat.any(axis=0))
    planes = np.flatnonzero(flat.any(axis=1))
    if not len(planes):
        return None
    low, high = (int(planes[0]), int(rows[0])), (int(planes[-1]) + 1, int(rows[-1]) + 1)
    columns = np.flatnonzero(inside[low[0] : high[0], low[1] : high[1]].any(axis=(0, 1)))
    return (*low, int(columns[0])), (*high, int(columns[-1]) + 1)


def moved(box: Box, by: tuple[int, int, int]) -> Box:
    """Return a box whose corners are told from another origin."""
    (z0, y0, x0), (z1, y1, x1) = box
    z, y, x = by
    return (z0 + z, y0 + y, x0 + x), (z1 + z, y1 + y, x1 + x)


def placed(region: NDArray[np.bool_], box: Box, outer: Box) -> NDArray[np.bool_]:
    """Return a region, known over a box, over another one: False beyond the first."""
    found = np.zeros([b - a for a, b in zip(*outer, strict=True)], np.bool_)
    low, high = common_box(box, outer)
    if all(a < b for a, b in zip(low, high, strict=True)):
        found[within((low, high), outer)] = region[within((low, high), box)]
    return found


def within(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    """Return the slices of a box in an array over another one around it."""
    z, y, x = outer[0]
    return box_slices(moved(box, (-z, -y, -x)))
