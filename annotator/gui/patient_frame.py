"""Where the voxels of a volume lie in the patient, and a camera that turns around them; no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.gui.planes import Plane

    Ends = tuple[NDArray[np.float32], NDArray[np.float32]]

Place = tuple[float, float, float]
_DEGREES_A_PX = 0.5
_MARGIN = 1.12
"""What is fitted fills the view but for this."""
SIDES = (("R", "L"), ("A", "P"), ("I", "S"))
"""At the low and the high end of the axes towards left, back and head."""
_NAMED = 0.35
"""Part of a direction of length 1 from which on its side is named: within 70 degrees."""
_ZOOMS = (0.05, 200.0)
"""Least and most pixels a mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatientFrame:
    """Axes of a volume as the slice views turn them: towards left, back and head.

    Attributes
    ----------
    turn : ndarray
        ``(3, 3)``: mm along ``(z, y, x)`` to mm towards left, back, head; one ±1 a row.
    spacing_mm : tuple of float
        Along ``(z, y, x)``.
    shape : tuple of int
        ``(z, y, x)``.
    """

    turn: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @classmethod
    def of(
        cls, planes: Sequence[Plane], shape: tuple[int, int, int], spacing_mm: Sequence[float]
    ) -> PatientFrame:
        """Return the frame of a volume that is seen along axial and coronal planes."""
        axial, coronal = (
            next(plane for plane in planes if plane.name == name) for name in ("axial", "coronal")
        )
        turn = np.zeros((3, 3), np.float32)
        turn[0, axial.column_axis] = -1 if axial.flip_columns else 1
        turn[1, axial.row_axis] = -1 if axial.flip_rows else 1
        turn[2, coronal.row_axis] = 1 if coronal.flip_rows else -1
        z, y, x = (float(part) for part in spacing_mm)
        return cls(turn=turn, spacing_mm=(z, y, x), shape=shape)

    @property
    def is_mirrored(self) -> bool:
        """Whether the turn makes a left hand of a right one."""
        return bool(np.linalg.det(self.turn) < 0)

    def from_mm(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return mm towards left, back, head of mm along ``(z, y, x)``, both ``(n, 3)``."""
        turned: NDArray[np.float32] = (points @ self.turn.T).astype(np.float32)
        return turned

    def from_voxel(self, zyx: Sequence[float]) -> NDArray[np.float32]:
        """Return where the centre of a voxel lies, ``(3,)``."""
        return self.from_mm(np.asarray(zyx, float) * np.array(self.spacing_mm))

    def to_voxel(self, place: NDArray[np.floating]) -> tuple[int, int, int]:
        """Return the voxel ``(z, y, x)`` at a place, or the nearest to it."""
        found = np.rint((place @ self.turn) / np.array(self.spacing_mm)).astype(int)
        z, y, x = np.clip(found, 0, np.array(self.shape) - 1)
        return int(z), int(y), int(x)

    @property
    def ends(self) -> Ends:
        """The lowest and highest place of the volume, each ``(3,)``."""
        corners = np.stack(
            [
                self.from_voxel((-0.5, -0.5, -0.5)),
                self.from_voxel([size - 0.5 for size in self.shape]),
            ]
        )
        return corners.min(axis=0), corners.max(axis=0)


def side_letters(direction: Sequence[float]) -> str:
    """Return the sides of the patient that a direction points to, the nearest first: ``"LA"``.

    ``direction`` has length 1, towards left, back and head.
    """
    order = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    return "".join(
        SIDES[axis][direction[axis] > 0] for axis in order if abs(direction[axis]) >= _NAMED
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrbitCamera:
    """Looks at the patient from a side, without perspective; places are mm left, back, head.

    Attributes
    ----------
    azimuth_deg, elevation_deg : float
        Where it stands: 0 and 0 is in front of the patient; 90 is at the left, or above the head.
    centre : tuple of float
        Place in the middle of the view.
    zoom : float
        Pixels a mm.
    size : tuple of int
        Of the view, ``(width, height)`` in pixels.
    """

    azimuth_deg: float = 25.0
    elevation_deg: float = 15.0
    centre: Place = (0.0, 0.0, 0.0)
    zoom: float = 1.0
    size: tuple[int, int] = (1, 1)

    @property
    def axes(self) -> NDArray[np.float64]:
        """Directions to the right, up and towards the viewer, as rows ``(3, 3)``."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        level = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
        head = np.array([0.0, 0.0, 1.0])
        right = np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
        up = math.sin(elevation) * level + math.cos(elevation) * head
        return np.stack([right, up, math.sin(elevation) * head - math.cos(elevation) * level])

    def to_screen(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return ``(n, 3)``: pixels from the left, from the top, and mm towards the viewer."""
        seen = (np.asarray(places, float) - self.centre) @ self.axes.T
        width, height = self.size
        return np.stack(
            [width / 2 + seen[:, 0] * self.zoom, height / 2 - seen[:, 1] * self.zoom, seen[:, 2]],
            axis=1,
        )

    def of_voxels(self, frame: PatientFrame) -> NDArray[np.float64]:
        """Return ``(2, 4)``: from an array position ``(z, y, x, 1)`` to pixels right and down."""
        ends = [frame.from_voxel(voxel) for voxel in np.vstack([np.zeros(3), np.eye(3)])]
        start, *steps = self.to_screen(np.stack(ends))[:, :2]
        return np.column_stack([*(step - start for step in steps), start])

    def from_screen(self, x: float, y: float, depth_mm: float) -> NDArray[np.float64]:
        """Return the place ``(3,)`` seen at a pixel, so far towards the viewer."""
        width, height = self.size
        seen = np.array([(x - width / 2) / self.zoom, (height / 2 - y) / self.zoom, depth_mm])
        place: NDArray[np.float64] = self.centre + seen @ self.axes
        return place

    def clip_matrix(
        self, ends: tuple[NDArray[np.floating], NDArray[np.floating]]
    ) -> NDArray[np.float32]:
        """Return ``(4, 4)`` from places (a row, with 1 behind) to what OpenGL draws."""
        low, high = ends
        reach = float(np.linalg.norm(high - low) + np.linalg.norm((low + high) / 2 - self.centre))
        width, height = self.size
        matrix = np.eye(4, dtype=np.float32)
        scale = np.array([2 * self.zoom / width, 2 * self.zoom / height, -1 / reach])
        matrix[:3, :3] = self.axes.T * scale
        matrix[3, :3] = -np.asarray(self.centre) @ matrix[:3, :3]
        return matrix

    def turned(self, x: float, y: float) -> OrbitCamera:
        """Return it after a drag by so many pixels that turns what is seen."""
        return replace(
            self,
            azimuth_deg=(self.azimuth_deg - x * _DEGREES_A_PX + 180) % 360 - 180,
            elevation_deg=min(max(self.elevation_deg + y * _DEGREES_A_PX, -90.0), 90.0),
        )

    def moved(self, x: float, y: float) -> OrbitCamera:
        """Return it after a drag by so many pixels that moves what is seen."""
        right, up, _ = self.axes
        return self._at(np.asarray(self.centre) - (right * x - up * y) / self.zoom)

    def zoomed(self, factor: float, x: float, y: float) -> OrbitCamera:
        """Return it nearer by a factor; what is at a pixel stays there."""
        zoom = min(max(self.zoom * factor, _ZOOMS[0]), _ZOOMS[1])
        before = self.from_screen(x, y, 0.0)
        after = replace(self, zoom=zoom)
        return after._at(self.centre + before - after.from_screen(x, y, 0.0))

    def fitted(self, places: NDArray[np.floating]) -> OrbitCamera:
        """Return it so that all places are seen, as large as they fit."""
        seen = np.asarray(places, float) @ self.axes.T
        low, high = seen.min(axis=0), seen.max(axis=0)
        wide, tall = np.maximum(high - low, 1e-3)[:2] * _MARGIN
        zoom = min(self.size[0] / wide, self.size[1] / tall)
        near = replace(self, zoom=min(max(zoom, _ZOOMS[0]), _ZOOMS[1]))
        return near._at((low + high) / 2 @ self.axes)

    def _at(self, centre: NDArray[np.floating]) -> OrbitCamera:
        left, back, head = (float(part) for part in centre)
        return replace(self, centre=(left, back, head))


def corners_of(ends: Ends) -> NDArray[np.float32]:
    """Return the eight corners of a box, ``(8, 3)``; the first axis changes slowest."""
    grid = np.stack(np.meshgrid(*zip(*ends, strict=True), indexing="ij"), axis=-1)
    made: NDArray[np.float32] = grid.reshape(-1, 3).astype(np.float32)
    return made


def nearest_in_front(
    screen: NDArray[np.float64], triangles: NDArray[np.uint32], x: float, y: float
) -> float | None:
    """Return how far towards the viewer the surface is at a pixel; None beside it.

    ``screen`` is what :meth:`OrbitCamera.to_screen` gives for the points of the surface.
    """
    is_left = screen[:, 0] < x
    sides = is_left[triangles].sum(axis=1)
    crossed = triangles[(sides > 0) & (sides < 3)]  # the others cannot contain the pixel
    a, b, c = (screen[crossed[:, corner]] for corner in range(3))
    weights = [_area(b, c, x, y), _area(c, a, x, y), _area(a, b, x, y)]
    whole = weights[0] + weights[1] + weights[2]
    with np.errstate(invalid="ignore", divide="ignore"):  # triangles seen from their edge
        parts = np.stack(weights) / whole
    hit = np.flatnonzero((parts >= 0).all(axis=0))
    if not hit.size:
        return None
    depths = (parts[:, hit] * np.stack([a[hit, 2], b[hit, 2], c[hit, 2]])).sum(axis=0)
    return float(depths.max())


def _area(
    one: NDArray[np.float64], other: NDArray[np.float64], x: float, y: float
) -> NDArray[np.float64]:
    """Return twice the signed areas of triangles between two points each and a pixel."""
    made: NDArray[np.float64] = (one[:, 0] - x) * (other[:, 1] - y) - (other[:, 0] - x) * (
        one[:, 1] - y
    )
    return made
