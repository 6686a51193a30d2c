"""Ways along the edges of one slice, found in windows around the places where they begin."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.edge_cost import Edges, measure_edges, sharpen, snap, step_cost
from annotator.analysis.path_tree import grow_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.path_tree import PathTree, Pixel
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

Window = tuple[int, int, int, int]
"""First row, first column, row and column behind the last."""

REACH = 256
"""Of the window around the beginning of a way, pixels; it grows where a way leads further."""
FURTHEST = 768
"""Reach of the largest window; beyond it a way goes straight on."""
_ROOM = 32
"""Pixels that a window reaches beyond the end of a way."""
AT_ONCE_PIXELS = 1 << 20
"""Slices up to this size are looked at as a whole; of larger ones only what is needed."""
_KEPT = 6
_LEAST_STRENGTH = 0.1
"""Of the strongest edges near: what is clicked far from any edge follows these."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grown:
    window: Window
    edges: Edges
    tree: PathTree


class EdgeMap:
    """The edges of one slice of a surface, looked at where ways lead.

    Parameters
    ----------
    plane, index : int
        Array axis across the slice, and its number.
    sigma_vox : float
        Of the Gaussian before edges are looked for, in voxels of the finer spacing.
    """

    def __init__(self, surface: Surface, *, plane: int, index: int, sigma_vox: float) -> None:
        self._surface = surface
        self._plane = plane
        self._index = index
        self._axes = [axis for axis in range(3) if axis != plane]
        self.shape: Pixel = (surface.shape[self._axes[0]], surface.shape[self._axes[1]])
        self._spacing_mm = (
            surface.spacing_mm[self._axes[0]],
            surface.spacing_mm[self._axes[1]],
        )
        self._sigma_mm = sigma_vox * min(self._spacing_mm)
        self._whole: Edges | None = None
        self._trees: OrderedDict[Pixel, _Grown] = OrderedDict()

    def pixel_at(self, at: Point) -> Pixel:
        """Return the pixel of the slice at an array position, the nearest where it is outside."""
        row, column = (
            min(max(int(np.floor(at[axis] + 0.5)), 0), size - 1)
            for axis, size in zip(self._axes, self.shape, strict=True)
        )
        return row, column

    def point(self, place: tuple[float, float]) -> Point:
        """Return the array position of a place ``(row, column)`` on the slice."""
        z, y, x = self.points(np.array([place], np.float64))[0].tolist()
        return z, y, x

    def points(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the array positions ``(n, 3)`` of places ``(n, 2)`` on the slice."""
        return np.insert(places, self._plane, self._index, axis=1)

    def snap(self, pixel: Pixel, reach: int) -> Pixel:
        """Return the pixel on the strongest edge at most ``reach`` pixels away."""
        if reach == 0:
            return pixel
        window = _around(pixel, reach + 1, self.shape)
        place = (pixel[0] - window[0], pixel[1] - window[1])
        row, column = snap(self._edges_in(window), place, reach)
        return row + window[0], column + window[1]

    def begin_at(self, start: Pixel) -> None:
        """Find all ways from a pixel, so that those asked for afterwards are at hand."""
        self._grown(start, start)

    def way(self, start: Pixel, end: Pixel) -> NDArray[np.float64]:
        """Return the cheapest way along edges, ``(n, 2)`` rows and columns, both ends included."""
        grown = self._grown(start, end)
        corner = (grown.window[0], grown.window[1])
        last = _towards(grown.window, start, end)
        way = grown.tree.way_to((last[0] - corner[0], last[1] - corner[1]))
        sharp = sharpen(grown.edges, way)
        sharp += corner
        return sharp if last == end else np.concatenate([sharp, [end]])

    def _grown(self, start: Pixel, end: Pixel) -> _Grown:
        held = self._trees.get(start)
        reach = REACH
        while reach < FURTHEST and not _holds(_around(start, reach - _ROOM, self.shape), end):
            reach = min(2 * reach, FURTHEST)
        window = _around(start, reach, self.shape)
        if held is None or not (_holds(held.window, end) or _covers(held.window, window)):
            held = self._trees[start] = self._grow(start, window)
            if len(self._trees) > _KEPT:
                self._trees.popitem(last=False)
        self._trees.move_to_end(start)
        return held

    def _grow(self, start: Pixel, window: Window) -> _Grown:
        edges = self._edges_in(window)
        seed = (start[0] - window[0], start[1] - window[1])
        strong = float(np.percentile(edges.strength[::4, ::4], 99))
        reference = max(float(edges.strength[seed]), _LEAST_STRENGTH * strong)
        tree = grow_tree(step_cost(edges, reference), seed)
        return _Grown(window=window, edges=edges, tree=tree)

    def _edges_in(self, window: Window) -> Edges:
        if self.shape[0] * self.shape[1] > AT_ONCE_PIXELS:
            return self._measure(window)
        if self._whole is None:
            self._whole = self._measure((0, 0, *self.shape))
        return self._whole.cut(slice(window[0], window[2]), slice(window[1], window[3]))

    def _measure(self, window: Window) -> Edges:
        """Measure with a margin, so that edges do not depend on where a window ends."""
        margins = [int(np.ceil(4 * self._sigma_mm / step)) + 2 for step in self._spacing_mm]
        low = [max(0, window[axis] - margin) for axis, margin in enumerate(margins)]
        high = [
            min(size, window[axis + 2] + margin)
            for axis, (size, margin) in enumerate(zip(self.shape, margins, strict=True))
        ]
        corner, behind = [self._index] * 3, [self._index + 1] * 3
        for axis, first, stop in zip(self._axes, low, high, strict=True):
            corner[axis], behind[axis] = first, stop
        box = ((corner[0], corner[1], corner[2]), (behind[0], behind[1], behind[2]))
        values = self._surface.values(box).squeeze(self._plane)
        rows, columns = (
            slice(window[axis] - first, window[axis + 2] - first) for axis, first in enumerate(low)
        )
        return measure_edges(values, self._spacing_mm, self._sigma_mm).cut(rows, columns)


def _around(pixel: Pixel, reach: int, shape: Pixel) -> Window:
    row, column = pixel
    return (
        max(0, row - reach),
        max(0, column - reach),
        min(shape[0], row + reach + 1),
        min(shape[1], column + reach + 1),
    )


def _holds(window: Window, pixel: Pixel) -> bool:
    row, column = pixel
    return window[0] <= row < window[2] and window[1] <= column < window[3]


def _towards(window: Window, start: Pixel, end: Pixel) -> Pixel:
    """Return ``end``, or the last pixel of a window on the straight way there."""
    if _holds(window, end):
        return end
    share = 1.0
    for axis in range(2):
        step = end[axis] - start[axis]
        limit = window[axis + 2] - 1 if step > 0 else window[axis]
        if step:
            share = min(share, (limit - start[axis]) / step)
    row, column = (start[axis] + round(share * (end[axis] - start[axis])) for axis in range(2))
    return row, column


def _covers(outer: Window, inner: Window) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and outer[2] >= inner[2]
        and outer[3] >= inner[3]
    )
