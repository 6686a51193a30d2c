"""The voxels that a brush sweeps over between two mouse events.

A disc, ball, square or cube that moves along a straight line covers a convex body, so that every
scanline meets it in one interval, whose ends are computed and not searched for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis import brush_kernels
from annotator.drawing.large_shapes import coarser_box, coarser_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point

    Figures = tuple[float, ...]
    Rows = Sequence[NDArray[np.float64]]
    Ends = tuple[NDArray[np.float64], NDArray[np.float64]]

_PARALLEL = 1e-12
_SLACK_MM = 1e-9
"""Voxel centres exactly on the rim belong to the brush whatever the rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swept:
    """What a brush reaches: voxels of ``box``, which lies inside the mask.

    Attributes
    ----------
    start, end : tuple of float
        Array positions ``(z, y, x)`` that its centre moves between.
    reach_mm : float
        Radius, or half the side of a square; counts along all axes but ``plane``.
    """

    box: Box
    start: Point
    end: Point
    reach_mm: float
    spacing_mm: tuple[float, float, float]
    plane: int | None
    is_square: bool

    @property
    def origin(self) -> tuple[int, int, int]:
        """The first voxel of the box."""
        return self.box[0]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which voxels of the box are reached, ``(z, y, x)``."""
        reached = np.zeros([b - a for a, b in zip(*self.box, strict=True)], np.bool_)
        self.fill(reached, 1)
        return reached

    @property
    def path(self) -> NDArray[np.bool_]:
        """Which voxels of the box the centre of the brush passes through, ``(z, y, x)``."""
        passed = np.zeros([b - a for a, b in zip(*self.box, strict=True)], np.bool_)
        _mark_path(passed, self.start, self.end, self.origin, 1)
        return passed

    def fill(self, live: NDArray[Any], value: int) -> None:
        """Write a value into the reached voxels of an array ``(z, y, x)`` over the box."""
        figures = self._figures()
        if not brush_kernels.sweep(live, value, figures, is_square=self.is_square):
            np.copyto(live, live.dtype.type(value), where=_scanned(figures, live.shape, self))
        # A larger brush reaches every voxel that its centre passes through anyway.
        if self.reach_mm < math.hypot(*self.spacing_mm) / 2:
            _mark_path(live, self.start, self.end, self.origin, value)

    def within(self, box: Box) -> Swept:
        """Return the part of it in a box that lies inside its own."""
        return replace(self, box=box)

    def coarser(self, factor: int) -> Swept:
        """Return it on one slice across axis 0 in pixels that are so many times as large."""
        depth, row, column = self.spacing_mm
        return replace(
            self,
            box=coarser_box(self.box, factor),
            start=coarser_point(self.start, factor),
            end=coarser_point(self.end, factor),
            spacing_mm=(depth, row * factor, column * factor),
        )

    def _figures(self) -> Figures:
        """Return start, end, direction and spacing in mm, then the length of the way and reach."""
        (z, y, x), (step_z, step_y, step_x) = self.origin, self.spacing_mm
        (from_z, from_y, from_x), (to_z, to_y, to_x) = self.start, self.end
        start = [(from_z - z) * step_z, (from_y - y) * step_y, (from_x - x) * step_x]
        end = [(to_z - z) * step_z, (to_y - y) * step_y, (to_x - x) * step_x]
        if self.plane is not None:
            start[self.plane] = end[self.plane] = 0.0
        way = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
        length = math.hypot(*way)
        along = (way[0] / length, way[1] / length, way[2] / length) if length else way
        return (*start, *end, *along, *self.spacing_mm, length, self.reach_mm + _SLACK_MM)


def sweep(
    start: Point,
    end: Point,
    *,
    radius_mm: float,
    spacing_mm: Sequence[float],
    plane: int | None,
    shape: Sequence[int],
    is_square: bool = False,
) -> Swept | None:
    """Return the voxels whose centre the brush covers on its way from start to end.

    Parameters
    ----------
    start, end : tuple of float
        Array positions ``(z, y, x)``.
    radius_mm : float
        Of a round brush; half the side of a square one, whose sides lie along the axes.
    spacing_mm : sequence of float
        Voxel spacing along ``(z, y, x)``.
    plane : int or None
        Axis that a disc or square is perpendicular to; None for a ball or cube.
    shape : sequence of int
        Size of the mask; nothing reaches over it. None is returned where all is outside.

    Notes
    -----
    The voxels that the centre of the brush passes through always belong to it, so that a brush
    smaller than a voxel still paints.
    """
    low: list[int] = [0, 0, 0]
    high: list[int] = [0, 0, 0]
    for axis in range(3):  # once a movement of the mouse: comparisons cost less than min and max
        first, last = start[axis], end[axis]
        if first > last:
            first, last = last, first
        near, far = math.floor(first + 0.5), math.floor(last + 0.5) + 1
        if axis != plane:
            reach = radius_mm / spacing_mm[axis] + 1e-6
            rim, other_rim = math.ceil(first - reach), math.floor(last + reach) + 1
            near = rim if rim < near else near
            far = other_rim if other_rim > far else far
        size = shape[axis]
        low[axis], high[axis] = 0 if near < 0 else near, size if far > size else far
        if low[axis] >= high[axis]:
            return None
    return Swept(
        box=((low[0], low[1], low[2]), (high[0], high[1], high[2])),
        start=start,
        end=end,
        reach_mm=radius_mm,
        spacing_mm=(spacing_mm[0], spacing_mm[1], spacing_mm[2]),
        plane=plane,
        is_square=is_square,
    )


def _scanned(figures: Figures, shape: Sequence[int], swept: Swept) -> NDArray[np.bool_]:
    """Return what is reached in a grid whose first voxel is at 0 mm; x is the scanline."""
    start, end, along = figures[:3], figures[3:6], figures[6:9]
    spacing, length, reach = figures[9:12], figures[12], figures[13]
    rows = np.meshgrid(
        *(np.arange(n) * step for n, step in zip(shape[:2], spacing[:2], strict=True)),
        indexing="ij",
        sparse=True,
    )
    if swept.is_square:
        lower, upper = _square(rows, start, end, reach)
    else:
        lower, upper = _ball(rows, start, reach)
        if length > 0:
            others = _ball(rows, end, reach), _tube(rows, start, along, length, reach)
            for other_lower, other_upper in others:
                lower, upper = np.minimum(lower, other_lower), np.maximum(upper, other_upper)
    limit = shape[2]
    small = np.min_scalar_type(-1 - limit)  # the comparison below is most of the work
    first = np.ceil(np.clip(lower / spacing[2], -1, limit)).astype(small)
    last = np.floor(np.clip(upper / spacing[2], -1, limit)).astype(small)
    places = np.arange(limit, dtype=small)
    inside: NDArray[np.bool_] = (places >= first[..., None]) & (places <= last[..., None])
    return inside


def _square(rows: Rows, start: Figures, end: Figures, reach: float) -> Ends:
    """Return where each scanline enters and leaves a swept square or cube, mm.

    A row is in reach along z and y during a part of the way; the square covers along x what it
    does where that part begins and ends.
    """
    first, last = np.zeros(()), np.ones(())
    for row, a, b in zip(rows, start, end, strict=False):
        offset, way = row - a, b - a
        if abs(way) < _PARALLEL:
            last = np.where(np.abs(offset) > reach, -1.0, last)
            continue
        enters, leaves = (offset - reach) / way, (offset + reach) / way
        first = np.maximum(first, np.minimum(enters, leaves))
        last = np.minimum(last, np.maximum(enters, leaves))
    way = end[2] - start[2]
    hit = first <= last
    left, right = start[2] + way * first, start[2] + way * last
    shape = np.broadcast_shapes(*(row.shape for row in rows))
    return (
        np.broadcast_to(np.where(hit, np.minimum(left, right) - reach, np.inf), shape),
        np.broadcast_to(np.where(hit, np.maximum(left, right) + reach, -np.inf), shape),
    )


def _ball(rows: Rows, centre: Figures, radius: float) -> Ends:
    """Return where each scanline enters and leaves a ball, mm; (inf, -inf) where it misses."""
    left = radius * radius - sum((row - at) ** 2 for row, at in zip(rows, centre, strict=False))
    hit = left >= 0
    half = np.sqrt(np.where(hit, left, 0.0))
    return np.where(hit, centre[2] - half, np.inf), np.where(hit, centre[2] + half, -np.inf)


def _tube(rows: Rows, start: Figures, direction: Figures, length: float, radius: float) -> Ends:
    """Return where each scanline enters and leaves the open cylinder between the two balls."""
    along = direction[2]
    offsets = [row - at for row, at in zip(rows, start, strict=False)]
    ahead = sum(offset * part for offset, part in zip(offsets, direction, strict=False))
    distance2 = sum(offset**2 for offset in offsets)
    slope = 1.0 - along * along
    if slope < _PARALLEL:  # the balls' intervals already span it
        nothing = np.full(np.shape(distance2), np.inf)
        return nothing, -nothing
    # slope t² - 2 ahead·along t + distance² - ahead² - r² <= 0, with t from the start, along x
    root = (ahead * along) ** 2 - slope * (distance2 - ahead**2 - radius * radius)
    hit = root >= 0
    half = np.sqrt(np.where(hit, root, 0.0)) / slope
    middle = ahead * along / slope
    lower, upper = middle - half, middle + half
    if abs(along) > _PARALLEL:  # between the two end planes
        ends = (-ahead / along, (length - ahead) / along)
        lower = np.maximum(lower, np.minimum(*ends))
        upper = np.minimum(upper, np.maximum(*ends))
    else:
        hit = hit & (ahead >= 0) & (ahead <= length)
    hit = hit & (lower <= upper)
    return (
        np.where(hit, lower + start[2], np.inf),
        np.where(hit, upper + start[2], -np.inf),
    )


def _mark_path(
    inside: NDArray[Any], start: Point, end: Point, low: Sequence[int], value: int
) -> None:
    longest = max(abs(b - a) for a, b in zip(start, end, strict=True))
    parts = np.linspace(0.0, 1.0, int(np.ceil(2 * longest)) + 1)[:, None]
    first, last = np.asarray(start), np.asarray(end)
    way = first + (last - first) * parts  # exact along an axis on which the brush stays
    ends = np.floor(np.stack([first, last]) + 0.5)
    voxels = np.clip(np.floor(way + 0.5), ends.min(axis=0), ends.max(axis=0)).astype(np.intp)
    voxels -= np.asarray(low)
    fits = ((voxels >= 0) & (voxels < inside.shape)).all(axis=1)
    inside[tuple(voxels[fits].T)] = value
