"""How the slices of a volume lie on the screen; no Qt.

Volumes are shown as radiologists expect: the patient's right on the viewer's left, axial slices
seen from the feet, front up, head up. Pictures and videos keep their top left corner.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Box
    from annotator.domain.study import Series
    from annotator.drawing.edit import Point

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
"""Towards which side LPS x, y, z fall and grow."""
_SCREEN = {"axial": (0, 1, (1, 1)), "coronal": (0, 2, (1, -1)), "sagittal": (1, 2, (1, -1))}
"""Anatomical axis to the right and down, and whether it grows that way."""
_NORMALS = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One direction to look along, and how its slices are turned for the screen.

    Attributes
    ----------
    axis : int
        Array axis ``(z, y, x)`` that the view looks along.
    name : str
        ``axial``, ``coronal``, ``sagittal``; ``picture`` or ``video`` where there is no patient.
    row_axis, column_axis : int
        Array axes that run down and to the right on the screen.
    flip_rows, flip_columns : bool
        Whether they run backwards.
    shape, spacing_mm : tuple
        Of the slice on the screen, ``(rows, columns)``.
    letters : tuple of str
        Where the left, right, top and bottom edge lie in the patient; empty for pictures.
    n_slices : int
        Slices along ``axis``.
    thickness_mm : float
        Their spacing.
    """

    axis: int
    name: str
    row_axis: int
    column_axis: int
    flip_rows: bool
    flip_columns: bool
    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    letters: tuple[str, str, str, str]
    n_slices: int
    thickness_mm: float = 1.0

    def cut(self, volume: NDArray[Any], index: int) -> NDArray[Any]:
        """Return a slice ``(rows, columns[, channel])`` as a view of ``(z, y, x[, channel])``."""
        piece = volume[(slice(None),) * self.axis + (index,)]
        if self.row_axis > self.column_axis:
            piece = piece.swapaxes(0, 1)
        rows = slice(None, None, -1 if self.flip_rows else 1)
        columns = slice(None, None, -1 if self.flip_columns else 1)
        return piece[rows, columns]

    def to_index(self, row: float, column: float, index: float) -> Point:
        """Return the array position ``(z, y, x)`` of a place on a slice."""
        point = [0.0, 0.0, 0.0]
        point[self.axis] = float(index)
        point[self.row_axis] = self.shape[0] - 1 - row if self.flip_rows else row
        point[self.column_axis] = self.shape[1] - 1 - column if self.flip_columns else column
        return point[0], point[1], point[2]

    def to_screen(self, point: Sequence[float]) -> tuple[float, float]:
        """Return ``(row, column)`` on a slice of an array position ``(z, y, x)``."""
        row, column = point[self.row_axis], point[self.column_axis]
        return (
            self.shape[0] - 1 - row if self.flip_rows else row,
            self.shape[1] - 1 - column if self.flip_columns else column,
        )

    def window(self, box: Box) -> tuple[slice, slice]:
        """Return the rows and columns of a slice that a voxel box covers."""
        low, high = box
        rows = (low[self.row_axis], high[self.row_axis])
        columns = (low[self.column_axis], high[self.column_axis])
        if self.flip_rows:
            rows = (self.shape[0] - rows[1], self.shape[0] - rows[0])
        if self.flip_columns:
            columns = (self.shape[1] - columns[1], self.shape[1] - columns[0])
        return slice(*rows), slice(*columns)

    def meets(self, box: Box, index: int) -> bool:
        """Whether a voxel box reaches into the slice."""
        return box[0][self.axis] <= index < box[1][self.axis]


def planes_of(series: Series) -> tuple[Plane, ...]:
    """Return the planes to show: axial, coronal, sagittal, or the one of a picture or video."""
    geometry = series.geometry
    if series.kind != "volume" or geometry.is_time:
        return (_flat_plane(geometry, "video" if geometry.is_time else "picture"),)
    towards = _towards(geometry)
    by_name = {_NORMALS[anatomical]: axis for axis, (anatomical, _) in enumerate(towards)}
    planes = tuple(
        _patient_plane(geometry, name, by_name[name], towards)
        for name in ("axial", "coronal", "sagittal")
    )
    if geometry.shape[0] == 1:
        return tuple(plane for plane in planes if plane.axis == 0)
    return planes


def _towards(geometry: Geometry) -> tuple[tuple[int, int], ...]:
    """Return, per array axis, the anatomical axis (LPS) that it follows best and its sense."""
    cosines = np.asarray(geometry.direction).reshape(3, 3)[:, ::-1]  # columns along z, y, x
    best = max(
        itertools.permutations(range(3)),
        key=lambda order: sum(abs(cosines[order[axis], axis]) for axis in range(3)),
    )
    return tuple(
        (anatomical, 1 if cosines[anatomical, axis] >= 0 else -1)
        for axis, anatomical in enumerate(best)
    )


def _patient_plane(
    geometry: Geometry, name: str, axis: int, towards: tuple[tuple[int, int], ...]
) -> Plane:
    right, down, senses = _SCREEN[name]
    anatomical = [entry[0] for entry in towards]
    column_axis, row_axis = anatomical.index(right), anatomical.index(down)
    across = _LETTERS[right][:: senses[0]]
    upright = _LETTERS[down][:: senses[1]]
    return Plane(
        axis=axis,
        name=name,
        row_axis=row_axis,
        column_axis=column_axis,
        flip_rows=towards[row_axis][1] != senses[1],
        flip_columns=towards[column_axis][1] != senses[0],
        shape=(geometry.shape[row_axis], geometry.shape[column_axis]),
        spacing_mm=(geometry.spacing_mm[row_axis], geometry.spacing_mm[column_axis]),
        letters=(across[0], across[1], upright[0], upright[1]),
        n_slices=geometry.shape[axis],
        thickness_mm=geometry.spacing_mm[axis],
    )


def _flat_plane(geometry: Geometry, name: str) -> Plane:
    return Plane(
        axis=0,
        name=name,
        row_axis=1,
        column_axis=2,
        flip_rows=False,
        flip_columns=False,
        shape=geometry.shape[1:],
        spacing_mm=geometry.spacing_mm[1:],
        letters=("", "", "", ""),
        n_slices=geometry.shape[0],
    )
