"""A hint in progress: what a press and its moves become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import PromptKind
    from annotator.drawing.edit import Point

    Voxel = tuple[int, int, int]

_LEAST_CORNERS = 3


class Hint:
    """A press on one slice, and where the mouse has been since.

    Parameters
    ----------
    plane : int
        Array axis that the slice is perpendicular to.
    kind : str
        What dragging means; a press that does not move is a click.
    shape : tuple of int
        Of the image, ``(z, y, x)``: what goes over its edge is brought back.
    """

    def __init__(
        self, plane: int, kind: PromptKind, shape: tuple[int, ...], *, is_positive: bool
    ) -> None:
        self.plane = plane
        self.kind = kind
        self.is_positive = is_positive
        self.points: list[Point] = []
        self._shape = shape

    def move(self, point: Point) -> None:
        """Go on to an array position ``(z, y, x)``."""
        self.points.append(point)

    def prompt(self, *, is_click: bool) -> Prompt:
        """Return what it means; a lasso without an area is a scribble."""
        voxels = _once([self._voxel(point) for point in self.points])
        kind = "click" if is_click or len(voxels) == 1 else self.kind
        if kind == "click":
            voxels = voxels[:1]
        elif kind == "box":
            first, last = voxels[0], voxels[-1]
            low = tuple(map(min, zip(first, last, strict=True)))
            high = tuple(map(max, zip(first, last, strict=True)))
            voxels = [(low[0], low[1], low[2]), (high[0], high[1], high[2])]
        elif kind == "lasso" and len(voxels) < _LEAST_CORNERS:
            kind = "scribble"
        return Prompt(
            kind=kind, is_positive=self.is_positive, voxels=tuple(voxels), plane=self.plane
        )

    def _voxel(self, point: Sequence[float]) -> Voxel:
        z, y, x = (
            min(max(int(value + 0.5) if value > 0 else 0, 0), size - 1)
            for value, size in zip(point, self._shape, strict=True)
        )
        return z, y, x


def _once(voxels: Sequence[Voxel]) -> list[Voxel]:
    """Return voxels without those that repeat the one before."""
    return [one for n, one in enumerate(voxels) if n == 0 or one != voxels[n - 1]]
