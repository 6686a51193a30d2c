"""What part of a slice a view shows, and how large; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.gui.planes import Plane

MARGIN = 0.96
"""Part of the view that a fitted slice takes."""
MAX_ZOOM_VOXEL = 96.0
"""Screen pixels a voxel may grow to."""
LEAST_ZOOM_VOXEL = 0.02
"""Screen pixels a voxel may shrink to, where the whole slice does not need it to be less."""
_LOST, _FRAMED, _FILLED = 1 / 6, 1 / 3, 0.8
"""Part of a view that a region must at least take to be seen well, takes when framed, or filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewCamera:
    """Maps a slice to a view.

    ``centre_mm`` is the place (row, column), in mm from the centre of the first voxel, in the
    middle of the view; ``zoom`` is screen pixels a mm; ``size`` the view's (width, height);
    ``spacing_mm`` that of the slice (row, column). It zooms no further out than ``least_zoom``.
    """

    centre_mm: tuple[float, float]
    zoom: float
    size: tuple[int, int]
    spacing_mm: tuple[float, float]
    least_zoom: float = 0.0

    def to_screen(self, row: float, column: float) -> tuple[float, float]:
        """Return the screen place ``(x, y)`` of a place on the slice ``(row, column)``."""
        return (
            self.size[0] / 2 + (column * self.spacing_mm[1] - self.centre_mm[1]) * self.zoom,
            self.size[1] / 2 + (row * self.spacing_mm[0] - self.centre_mm[0]) * self.zoom,
        )

    def to_slice(self, x: float, y: float) -> tuple[float, float]:
        """Return the place on the slice ``(row, column)`` of a screen place."""
        return (
            (self.centre_mm[0] + (y - self.size[1] / 2) / self.zoom) / self.spacing_mm[0],
            (self.centre_mm[1] + (x - self.size[0] / 2) / self.zoom) / self.spacing_mm[1],
        )

    def moved(self, dx: float, dy: float) -> ViewCamera:
        """Return the camera after dragging the slice by screen pixels."""
        row, column = self.centre_mm
        return replace(self, centre_mm=(row - dy / self.zoom, column - dx / self.zoom))

    def zoomed(self, factor: float, x: float, y: float) -> ViewCamera:
        """Return the camera after zooming about a screen place, which stays where it is."""
        finest = min(self.spacing_mm)
        zoom = min(max(self.zoom * factor, self.least_zoom), MAX_ZOOM_VOXEL / finest)
        shift = 1 / self.zoom - 1 / zoom
        row, column = self.centre_mm
        return replace(
            self,
            zoom=zoom,
            centre_mm=(
                row + (y - self.size[1] / 2) * shift,
                column + (x - self.size[0] / 2) * shift,
            ),
        )

    def resized(self, size: tuple[int, int]) -> ViewCamera:
        """Return the camera of a view of another size, with the same place in the middle."""
        return replace(self, size=size)

    def framing(self, rows: tuple[float, float], columns: tuple[float, float]) -> ViewCamera:
        """Return a camera that shows a part of the slice well, given by its first and last places.

        The zoom stays as it is where the part is neither lost in the view nor larger than it.
        """
        if _LOST <= self._taken(rows, columns) <= 1.0:
            return self.showing((rows[0] + rows[1]) / 2, (columns[0] + columns[1]) / 2)
        return self.filled(rows, columns, _FRAMED)

    def filled(
        self, rows: tuple[float, float], columns: tuple[float, float], part: float = _FILLED
    ) -> ViewCamera:
        """Return a camera in which a part of the slice takes that much of the view."""
        row, column = (rows[0] + rows[1]) / 2, (columns[0] + columns[1]) / 2
        centred = replace(self, centre_mm=(row * self.spacing_mm[0], column * self.spacing_mm[1]))
        factor = part / self._taken(rows, columns)
        return centred.zoomed(factor, self.size[0] / 2, self.size[1] / 2)

    def _taken(self, rows: tuple[float, float], columns: tuple[float, float]) -> float:
        height = (rows[1] - rows[0]) * self.spacing_mm[0] * self.zoom / max(self.size[1], 1)
        width = (columns[1] - columns[0]) * self.spacing_mm[1] * self.zoom / max(self.size[0], 1)
        return max(height, width)

    def showing(self, row: float, column: float) -> ViewCamera:
        """Return a camera that has a place in view: the same, or one centred on the place."""
        x, y = self.to_screen(row, column)
        if 0 <= x < self.size[0] and 0 <= y < self.size[1]:
            return self
        return replace(self, centre_mm=(row * self.spacing_mm[0], column * self.spacing_mm[1]))


def fitted(plane: Plane, size: tuple[int, int]) -> ViewCamera:
    """Return the camera that shows a whole slice."""
    height = plane.shape[0] * plane.spacing_mm[0]
    width = plane.shape[1] * plane.spacing_mm[1]
    zoom = MARGIN * min(max(size[0], 1) / width, max(size[1], 1) / height)
    return ViewCamera(
        centre_mm=((height - plane.spacing_mm[0]) / 2, (width - plane.spacing_mm[1]) / 2),
        zoom=zoom,
        size=size,
        spacing_mm=plane.spacing_mm,
        least_zoom=min(LEAST_ZOOM_VOXEL / min(plane.spacing_mm), zoom / 2),
    )
