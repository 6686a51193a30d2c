"""The voxels that a round brush sweeps over between two mouse events.

A disc or ball that moves along a straight line covers a capsule: convex, so every scanline meets
it in one interval, whose ends are computed and not searched for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.drawing.edit import Point

_PARALLEL = 1e-12
_SLACK_MM = 1e-9
"""Voxel centres exactly on the rim belong to the brush whatever the rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stamp:
    """Voxels to paint: ``inside`` ``(z, y, x)``, its first voxel at array index ``origin``."""

    origin: tuple[int, int, int]
    inside: NDArray[np.bool_]


def sweep(
    start: Point,
    end: Point,
    *,
    radius_mm: float,
    spacing_mm: Sequence[float],
    plane: int | None,
    shape: Sequence[int],
) -> Stamp | None:
    """Return the voxels whose centre lies within ``radius_mm`` of the way from start to end.

    Parameters
    ----------
    start, end : tuple of float
        Array positions ``(z, y, x)``.
    spacing_mm : sequence of float
        Voxel spacing along ``(z, y, x)``.
    plane : int or None
        Axis that a disc is perpendicular to; None for a ball.
    shape : sequence of int
        Size of the mask; the stamp never reaches over it. None is returned where all is outside.

    Notes
    -----
    The voxels that the centre of the brush passes through always belong to it, so that a brush
    smaller than a voxel still paints.
    """
    axes = [axis for axis in range(3) if axis != plane]
    low: list[int] = [0, 0, 0]
    high: list[int] = [0, 0, 0]
    for axis in range(3):
        reach = radius_mm / spacing_mm[axis] if axis != plane else 0.0
        first = min(_nearest(start[axis]), _nearest(end[axis]))
        last = max(_nearest(start[axis]), _nearest(end[axis]))
        low[axis] = max(0, min(first, int(np.ceil(min(start[axis], end[axis]) - reach - 1e-6))))
        high[axis] = min(
            shape[axis],
            1 + max(last, int(np.floor(max(start[axis], end[axis]) + reach + 1e-6))),
        )
        if low[axis] >= high[axis]:
            return None
    size = [b - a for a, b in zip(low, high, strict=True)]
    inside = _capsule(
        [(start[axis] - low[axis]) * spacing_mm[axis] for axis in axes],
        [(end[axis] - low[axis]) * spacing_mm[axis] for axis in axes],
        radius_mm + _SLACK_MM,
        [spacing_mm[axis] for axis in axes],
        [size[axis] for axis in axes],
    ).reshape(size)
    _mark_path(inside, start, end, low)
    return Stamp(origin=(low[0], low[1], low[2]), inside=inside)


def _capsule(
    start: Sequence[float],
    end: Sequence[float],
    radius: float,
    spacing: Sequence[float],
    size: Sequence[int],
) -> NDArray[np.bool_]:
    """Return the capsule in a grid whose first voxel is at 0 mm; the last axis is the scanline."""
    rows = np.meshgrid(
        *(np.arange(n) * step for n, step in zip(size[:-1], spacing[:-1], strict=True)),
        indexing="ij",
        sparse=True,
    )
    step = spacing[-1]
    lower, upper = _ball(rows, start, radius)
    if start != end:
        other_lower, other_upper = _ball(rows, end, radius)
        tube_lower, tube_upper = _tube(rows, start, end, radius)
        lower = np.minimum(np.minimum(lower, other_lower), tube_lower)
        upper = np.maximum(np.maximum(upper, other_upper), tube_upper)
    limit = size[-1]
    small = np.min_scalar_type(-1 - limit)  # the comparison below is most of the work
    first = np.ceil(np.clip(lower / step, -1, limit)).astype(small)
    last = np.floor(np.clip(upper / step, -1, limit)).astype(small)
    along = np.arange(limit, dtype=small)
    inside: NDArray[np.bool_] = (along >= first[..., None]) & (along <= last[..., None])
    return inside


def _ball(
    rows: Sequence[NDArray[np.float64]], centre: Sequence[float], radius: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each scanline enters and leaves a ball, mm; (inf, -inf) where it misses."""
    left = radius * radius - sum((row - at) ** 2 for row, at in zip(rows, centre, strict=False))
    hit = left >= 0
    half = np.sqrt(np.where(hit, left, 0.0))
    return np.where(hit, centre[-1] - half, np.inf), np.where(hit, centre[-1] + half, -np.inf)


def _tube(
    rows: Sequence[NDArray[np.float64]],
    start: Sequence[float],
    end: Sequence[float],
    radius: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each scanline enters and leaves the open cylinder between the two balls."""
    way = np.subtract(end, start)
    length = float(np.linalg.norm(way))
    *across, along = way / length
    offsets = [row - at for row, at in zip(rows, start, strict=False)]
    ahead = sum(offset * part for offset, part in zip(offsets, across, strict=True))
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
        np.where(hit, lower + start[-1], np.inf),
        np.where(hit, upper + start[-1], -np.inf),
    )


def _mark_path(inside: NDArray[np.bool_], start: Point, end: Point, low: Sequence[int]) -> None:
    longest = max(abs(b - a) for a, b in zip(start, end, strict=True))
    parts = np.linspace(0.0, 1.0, int(np.ceil(2 * longest)) + 1)[:, None]
    first, last = np.asarray(start), np.asarray(end)
    way = first + (last - first) * parts  # exact along an axis on which the brush stays
    ends = np.floor(np.stack([first, last]) + 0.5)
    voxels = np.clip(np.floor(way + 0.5), ends.min(axis=0), ends.max(axis=0)).astype(np.intp)
    voxels -= np.asarray(low)
    fits = ((voxels >= 0) & (voxels < inside.shape)).all(axis=1)
    inside[tuple(voxels[fits].T)] = True


def _nearest(value: float) -> int:
    return int(np.floor(value + 0.5))
