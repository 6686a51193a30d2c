"""The polygon: a closed outline in one slice, filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edit import EditRecorder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Edit, Mask, Point


class Polygon:
    """An outline in progress on one slice of a mask ``(z, y, x)``.

    Parameters
    ----------
    plane : int
        Array axis that the slice is perpendicular to; taken from all vertices as the first has it.
    value : int
        Label to fill the outline with.
    """

    name: ClassVar[str] = "polygon"

    def __init__(self, mask: Mask, *, plane: int, value: int) -> None:
        self._mask = mask
        self._value = value
        self.plane = plane
        self.vertices: list[Point] = []

    def add(self, vertex: Point) -> None:
        """Add a vertex, ``(z, y, x)``; one at the place of the last is ignored."""
        if not self.vertices or vertex != self.vertices[-1]:
            self.vertices.append(vertex)

    def remove_last(self) -> None:
        """Take the last vertex back; does nothing where there is none."""
        if self.vertices:
            self.vertices.pop()

    def close(self) -> Edit | None:
        """Fill the outline; None where it has no area or changes nothing."""
        vertices, self.vertices = self.vertices, []
        if len(vertices) < 3:
            return None
        rows, columns = (axis for axis in range(3) if axis != self.plane)
        outline = np.asarray(vertices)[:, [rows, columns]]
        size = np.asarray(self._mask.shape)[[rows, columns]]
        low = np.clip(np.floor(outline.min(axis=0)).astype(int), 0, size)
        high = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 1, 0, size)
        if (low >= high).any():
            return None
        inside = fill_outline(outline - low, (int(high[0] - low[0]), int(high[1] - low[1])))
        origin = [0, 0, 0]
        origin[self.plane] = round(vertices[0][self.plane])
        origin[rows], origin[columns] = int(low[0]), int(low[1])
        recorder = EditRecorder(self._mask)
        recorder.paint(
            (origin[0], origin[1], origin[2]), np.expand_dims(inside, self.plane), self._value
        )
        return recorder.finish()


def fill_outline(outline: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels ``(row, column)`` whose centre lies in a closed outline (even-odd rule).

    ``outline`` holds vertices ``(n, 2)`` in pixels, centres at whole numbers.
    """
    from skimage.draw import polygon2mask  # skimage takes a while to import

    inside: NDArray[np.bool_] = polygon2mask(shape, outline)  # type: ignore[no-untyped-call]
    return inside
