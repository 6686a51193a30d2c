"""Shapes that may be larger than what can be held: known part by part, and roughly from afar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from annotator.drawing.edit import common_box
from annotator.drawing.outline_fill import fill_outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point


class LargeShape(Protocol):
    """A shape on the one slice of a picture, in pixels of its finest level."""

    @property
    def box(self) -> Box:
        """The box ``(z, y, x)``, inside the mask."""
        ...

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of the box, ``(z, y, x)``."""
        ...

    def fill(self, live: NDArray[Any], value: int) -> None:
        """Write a value into these pixels of an array ``(z, y, x)`` over the box."""
        ...

    def within(self, box: Box) -> Self:
        """Return the part of it in a box that lies inside its own."""
        ...

    def coarser(self, factor: int) -> Self:
        """Return it in pixels that are so many times as large: those whose centre lies inside."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutlineShape:
    """What lies in or on a closed outline: corners ``(n, 2)`` (row, column) on one slice.

    ``plane`` is the axis across it.
    """

    box: Box
    corners: NDArray[np.float64]
    plane: int = 0

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of the box, ``(z, y, x)``."""
        rows, columns = (axis for axis in range(3) if axis != self.plane)
        low, high = self.box
        found = fill_outline(
            self.corners - (low[rows], low[columns]),
            (high[rows] - low[rows], high[columns] - low[columns]),
        )
        return np.expand_dims(found, self.plane)

    def fill(self, live: NDArray[Any], value: int) -> None:
        """Write a value into these pixels of an array ``(z, y, x)`` over the box."""
        np.copyto(live, live.dtype.type(value), where=self.inside)

    def within(self, box: Box) -> OutlineShape:
        """Return the part of it in a box that lies inside its own."""
        return replace(self, box=box)

    def coarser(self, factor: int) -> OutlineShape:
        """Return it in pixels that are so many times as large."""
        return replace(
            self,
            box=coarser_box(self.box, factor),
            corners=(self.corners + 0.5) / factor - 0.5,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StampShape:
    """Pixels ``(row, column)`` of a coarser level: each covers ``factor`` finest ones a side.

    The first of ``pixels`` begins at ``origin`` (row, column) of the finest.
    """

    box: Box
    origin: tuple[float, float]
    pixels: NDArray[np.bool_]
    factor: float

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of the box, ``(z, y, x)``."""
        (_, top, left), (_, bottom, right) = self.box
        rows, columns = (
            np.clip(
                ((np.arange(first, stop) + 0.5 - start) / self.factor).astype(np.intp), 0, size - 1
            )
            for first, stop, start, size in zip(
                (top, left), (bottom, right), self.origin, self.pixels.shape, strict=True
            )
        )
        found: NDArray[np.bool_] = self.pixels[rows[:, None], columns][None]
        return found

    def fill(self, live: NDArray[Any], value: int) -> None:
        """Write a value into these pixels of an array ``(z, y, x)`` over the box."""
        np.copyto(live, live.dtype.type(value), where=self.inside)

    def within(self, box: Box) -> StampShape:
        """Return the part of it in a box that lies inside its own."""
        return replace(self, box=box)

    def coarser(self, factor: int) -> StampShape:
        """Return it in pixels that are so many times as large."""
        return replace(
            self,
            box=coarser_box(self.box, factor),
            origin=(self.origin[0] / factor, self.origin[1] / factor),
            factor=self.factor / factor,
        )


def stamp_shape(
    origin: tuple[int, int], pixels: NDArray[np.bool_], factor: int, shape: Sequence[int]
) -> StampShape | None:
    """Return a stamp of a level as a shape; None where nothing of it lies inside the mask."""
    top, left = origin
    rows, columns = pixels.shape
    wanted: Box = ((0, top, left), (1, top + rows * factor, left + columns * factor))
    box = common_box(wanted, ((0, 0, 0), (shape[0], shape[1], shape[2])))
    if any(a >= b for a, b in zip(*box, strict=True)):
        return None
    return StampShape(box=box, origin=origin, pixels=pixels, factor=factor)


def coarser_box(box: Box, factor: int) -> Box:
    """Return the pixels of a coarser level that a box of one slice reaches into."""
    (z0, y0, x0), (z1, y1, x1) = box
    return (z0, y0 // factor, x0 // factor), (z1, -(-y1 // factor), -(-x1 // factor))


def coarser_point(at: Point, factor: int) -> Point:
    """Return an array position in pixels of a coarser level."""
    z, y, x = at
    return z, (y + 0.5) / factor - 0.5, (x + 0.5) / factor - 0.5
