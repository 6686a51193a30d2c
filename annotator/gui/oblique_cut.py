"""An oblique slice through a volume and its mask, and how hands turn and move it; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.reslicing import oblique, plane_axes, turned
from annotator.gui.patient_frame import side_letters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask, Point
    from annotator.gui.patient_frame import PatientFrame
    from annotator.gui.planes import Plane

_TURN = 0.008
"""Radians that a pixel of dragging turns the slice by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObliqueCut:
    """Where a slice lies in a volume.

    Attributes
    ----------
    centre : tuple of float
        Array position ``(z, y, x)`` in its middle.
    axes : ndarray
        Unit vectors ``(2, 3)`` in mm along ``(z, y, x)``: down and to the right on the screen.
    spacing_mm : tuple of float
        Of the volume.
    pixel_mm : float
        Of the slice.
    """

    centre: Point
    axes: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    pixel_mm: float

    @classmethod
    def through(
        cls, position: Point, plane: Plane, spacing_mm: tuple[float, float, float], pixel_mm: float
    ) -> ObliqueCut:
        """Return the cut that shows a plane as its view does, through a place."""
        down, right = np.zeros(3), np.zeros(3)
        down[plane.row_axis] = -1.0 if plane.flip_rows else 1.0
        right[plane.column_axis] = -1.0 if plane.flip_columns else 1.0
        return cls(
            centre=position,
            axes=plane_axes(down.tolist(), right.tolist()),
            spacing_mm=spacing_mm,
            pixel_mm=pixel_mm,
        )

    def dragged(self, dx: float, dy: float) -> ObliqueCut:
        """Return the cut after dragging by pixels: sideways turns it about the vertical."""
        axes = turned(self.axes, about_down=dx * _TURN, about_right=-dy * _TURN)
        return replace(self, axes=axes)

    def moved(self, mm: float) -> ObliqueCut:
        """Return the cut moved along the direction that one looks in."""
        normal = np.cross(self.axes[1], self.axes[0])
        z, y, x = np.asarray(self.centre) + normal * mm / np.asarray(self.spacing_mm)
        return replace(self, centre=(float(z), float(y), float(x)))

    def at(self, position: Point) -> ObliqueCut:
        """Return the cut through another place."""
        return replace(self, centre=position)

    def zoomed(self, factor: float) -> ObliqueCut:
        """Return the cut with finer or coarser pixels."""
        return replace(self, pixel_mm=min(max(self.pixel_mm / factor, 0.02), 20.0))

    def letters(self, frame: PatientFrame) -> tuple[str, str, str, str]:
        """Return the sides of the patient at the left, right, top and bottom of the slice."""
        down, right = (frame.from_mm(axis) for axis in self.axes)
        left_to_bottom = (-right, right, -down, down)
        left, right_, top, bottom = (side_letters(way.tolist()) for way in left_to_bottom)
        return left, right_, top, bottom

    def place(self, x: float, y: float, shape: tuple[int, int]) -> Point:
        """Return the array position under a pixel of a picture of ``(rows, columns)``."""
        rows, columns = shape
        offset = (y - (rows - 1) / 2) * self.axes[0] + (x - (columns - 1) / 2) * self.axes[1]
        z, y_, x_ = np.asarray(self.centre) + offset * self.pixel_mm / np.asarray(self.spacing_mm)
        return float(z), float(y_), float(x_)

    def image(self, voxels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """Return the values ``(rows, columns)`` of a volume ``(z, y, x)``."""
        return self._cut(voxels, shape, is_label=False)

    def labels(self, mask: Mask, shape: tuple[int, int]) -> NDArray[Any]:
        """Return the labels ``(rows, columns)`` of a mask ``(z, y, x)``."""
        return self._cut(mask, shape, is_label=True)

    def _cut(self, volume: NDArray[Any], shape: tuple[int, int], *, is_label: bool) -> NDArray[Any]:
        return oblique(
            volume,
            self.spacing_mm,
            centre=self.centre,
            down=self.axes[0].tolist(),
            right=self.axes[1].tolist(),
            shape=shape,
            pixel_mm=self.pixel_mm,
            order=0 if is_label else 1,
        )

    @property
    def tilt_degrees(self) -> float:
        """The angle between the slice and the nearest plane of the volume's own axes."""
        normal = np.abs(np.cross(self.axes[1], self.axes[0]))
        return float(np.degrees(np.arccos(np.clip(normal.max(), 0, 1))))
