"""Where a series beside a case is cut, so that it shows the same place; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.plane_section import index_to_index, plane_section

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from annotator.domain.study import Series
    from annotator.drawing.edit import Point
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

MOST_PIXELS = 500_000
"""Of one picture; a larger view is cut coarser and enlarged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompanionLink:
    """How places of a case become places of a series beside it.

    Attributes
    ----------
    to_other : ndarray
        4 x 4, from array indices ``(z, y, x)`` of the case to those of the series.
    spacing_mm : tuple of float
        Of the case, ``(z, y, x)``.
    other_mm : float
        Smallest spacing of the series, in mm of the case.
    step_mm : tuple of float
        How far the series' slices lie apart along the axes ``(z, y, x)`` of the case.
    offset : ndarray
        Voxels of the case ``(z, y, x)`` by which the place is moved first: set by hand.
    rigid : ndarray or None
        4 x 4, from places of the case to those of the series, LPS mm, where they were registered.
    """

    to_other: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    other_mm: float
    step_mm: tuple[float, float, float]
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    rigid: NDArray[np.float64] | None = None

    @classmethod
    def between(
        cls, own: Series, other: Series, rigid: NDArray[np.float64] | None = None
    ) -> CompanionLink:
        """Link volumes by patient coordinates, and pictures by their middles and sizes."""
        spacing = own.geometry.spacing_mm
        if own.kind == "volume":
            matrix = index_to_index(own.geometry, other.geometry, rigid)
        else:
            matrix = _fitted(own.geometry.shape, other.geometry.shape)
        per_mm = matrix[:3, :3] / np.array(spacing)
        across = np.linalg.inv(matrix[:3, :3]) * np.array(spacing)[:, None]
        # A step along an axis of the case crosses at most this many slices of the series a mm.
        z, y, x = 1 / np.abs(per_mm).max(axis=0)
        return cls(
            to_other=matrix,
            spacing_mm=spacing,
            other_mm=float(np.linalg.norm(across, axis=0).min()),
            step_mm=(float(z), float(y), float(x)),
            rigid=rigid,
        )

    @property
    def shift_mm(self) -> float:
        """How far the place is moved by hand."""
        return float(np.linalg.norm(self.offset * np.array(self.spacing_mm)))

    def shifted(self, voxels: NDArray[np.float64]) -> CompanionLink:
        """Return it moved by so many voxels of the case more."""
        return replace(self, offset=self.offset + voxels)

    def words(self, own: Series) -> str:
        """Say how the link differs from what the files say; empty where it does not."""
        found = []
        if self.rigid is not None:
            z, y, x = ((size - 1) / 2 for size in own.geometry.shape)
            middle = np.array(own.geometry.to_lps_mm((z, y, x)))
            turn = self.rigid[:3, :3]
            degrees = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
            moved = np.linalg.norm(turn @ middle + self.rigid[:3, 3] - middle)
            found.append(f"Registered: moved by {moved:.0f} mm, turned by {degrees:.0f}°.")
        if self.shift_mm:
            unit = "mm" if own.geometry.is_calibrated else "px"
            found.append(f"Shifted by {self.shift_mm:.0f} {unit}.")
        return " ".join(found)

    def place(self, point: Point) -> NDArray[np.float64]:
        """Return the array position in the series of one in the case."""
        moved = np.asarray(point, float) + self.offset
        found: NDArray[np.float64] = self.to_other[:3, :3] @ moved + self.to_other[:3, 3]
        return found

    def cut(
        self, plane: Plane, index: float, camera: ViewCamera, volume: NDArray[Any]
    ) -> CompanionPicture:
        """Cut what a view of the case sees on a slice out of the series."""
        finest = self.other_mm / 2
        width, height = camera.size
        step = max(1.0, camera.zoom * finest, (width * height / MOST_PIXELS) ** 0.5)
        shape = (max(1, round(height / step)), max(1, round(width / step)))
        steps_mm = height / shape[0] / camera.zoom, width / shape[1] / camera.zoom
        row, column = camera.to_slice(steps_mm[1] * camera.zoom / 2, steps_mm[0] * camera.zoom / 2)
        steps = steps_mm[0] / plane.spacing_mm[0], steps_mm[1] / plane.spacing_mm[1]
        first = self.place(plane.to_index(row, column, index))
        values, inside = plane_section(
            volume,
            first,
            self.place(plane.to_index(row + steps[0], column, index)) - first,
            self.place(plane.to_index(row, column + steps[1], index)) - first,
            shape,
        )
        return CompanionPicture(
            values=values, inside=inside, corner=(row, column), steps=steps, plane=plane
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompanionPicture:
    """What was cut: values ``(row, column[, channel])``, and where they lie on a slice of the case.

    ``corner`` is the place ``(row, column)`` of the first pixel, ``steps`` from one to the next.
    """

    values: NDArray[np.float32]
    inside: NDArray[np.bool_]
    corner: tuple[float, float]
    steps: tuple[float, float]
    plane: Plane

    def area(self, camera: ViewCamera) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the picture in a view."""
        rows, columns = self.inside.shape
        (row, column), (down, right) = self.corner, self.steps
        left, top = camera.to_screen(row - down / 2, column - right / 2)
        last = camera.to_screen(row + (rows - 0.5) * down, column + (columns - 0.5) * right)
        return left, top, *last


def frame_words(own: Series, other: Series) -> str:
    """Say what the link between two series goes by, where that may not be enough; or nothing."""
    if own.kind != "volume":
        return "Pictures: side by side at the same relative size, without a common place."
    one = "" if own.dicom is None else own.dicom.frame_of_reference_uid
    two = "" if other.dicom is None else other.dicom.frame_of_reference_uid
    if one and one == two:
        return ""
    if one and two:
        return "Another frame of reference: linked by coordinates only. Shift or register it."
    return "Linked by coordinates; the files do not say whether they share a frame."


def _fitted(own: tuple[int, int, int], other: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return the map between pictures whose middles meet, so that the larger one fits as whole."""
    scale = max(other[1] / own[1], other[2] / own[2])
    matrix = np.diag([1.0, scale, scale, 1.0])
    for axis in (1, 2):
        matrix[axis, 3] = (other[axis] - 1) / 2 - scale * (own[axis] - 1) / 2
    return matrix
