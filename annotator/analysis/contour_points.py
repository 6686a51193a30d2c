"""Points along the contour of a mask: where they lie, which way is out, how much each stands for.

A contour is the set of faces between voxels inside and outside; in a picture these are edges of
pixels. In a volume it is the whole surface, slices above and below included, so that a slice that
was drawn short shows as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]
    Floats = NDArray[np.float64]

MOST_POINTS = 20_000
_SMOOTHED_VOX = 1.5
"""Standard deviation over which a staircase of voxels is taken for a slope, finest voxel edges."""
_LEAST_SLOPE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContourPoints:
    """Points of a contour, in the order of their voxels.

    Attributes
    ----------
    at : ndarray
        Middles of faces, ``(point, 3)`` float64, voxels along ``(z, y, x)``; centres of voxels lie
        at whole numbers.
    normal : ndarray
        Which way is out, ``(point, 3)`` float64, of length 1 in mm along ``(z, y, x)``.
    inner : ndarray
        The voxel inside that has the face, ``(point, 3)`` int64.
    size_mm : ndarray
        How much contour each stands for, ``(point,)`` float64: mm² in a volume, mm in a picture.
    step : float
        Points of one contour lie no farther apart than this, voxels.
    spacing_mm : tuple of float
        Edges of a voxel along ``(z, y, x)``.
    is_flat : bool
        Whether they are of a picture, and nothing is known across it.
    """

    at: Floats
    normal: Floats
    inner: NDArray[np.int64]
    size_mm: Floats
    step: float
    spacing_mm: Spacing
    is_flat: bool

    def __len__(self) -> int:
        """Return how many points there are."""
        return len(self.at)

    @property
    def at_mm(self) -> Floats:
        """Where the points lie, mm from the centre of the first voxel, ``(point, 3)``."""
        return self.at * np.asarray(self.spacing_mm, np.float64)


def contour_points(
    mask: NDArray[np.bool_], spacing_mm: Spacing, *, most: int = MOST_POINTS
) -> ContourPoints:
    """Return the contour of a mask ``(z, y, x)``, thinned evenly to ``most`` points.

    Where the mask touches the end of the grid there is no contour: what lies beyond is unknown. A
    grid of one slice is a picture. Must not write to its input.
    """
    is_flat = mask.shape[0] == 1
    inner, axis, way = _faces(mask, is_flat)
    at = inner.astype(np.float64)
    at[np.arange(len(at)), axis] += 0.5 * way
    areas = np.prod(spacing_mm) / np.asarray(spacing_mm)
    size_mm = areas[axis] / spacing_mm[0] if is_flat else areas[axis]
    found = ContourPoints(
        at=at,
        normal=_normals(mask, at, axis, way, spacing_mm),
        inner=inner,
        size_mm=size_mm,
        step=1.0,
        spacing_mm=spacing_mm,
        is_flat=is_flat,
    )
    return _thinned(found, most)


def tangents(points: ContourPoints) -> tuple[Floats, Floats]:
    """Return two directions along the contour at each point, ``(point, 3)``, of length 1 in mm.

    The first lies within the slice, the second is perpendicular to it and to the normal.
    """
    normal = points.normal
    within = np.stack([np.zeros(len(normal)), -normal[:, 2], normal[:, 1]], axis=1)
    length = np.linalg.norm(within, axis=1)
    within[length < _LEAST_SLOPE] = (0.0, 0.0, 1.0)
    within /= np.linalg.norm(within, axis=1, keepdims=True)
    return within, np.cross(normal, within)


def _faces(
    mask: NDArray[np.bool_], is_flat: bool
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.int64]]:
    """Return the voxel inside of each face, the axis that it is across, and the way out along it.

    Sorted by voxel, then axis and way.
    """
    inner, axes, ways = [], [], []
    for axis in range(1 if is_flat else 0, 3):
        along = np.moveaxis(mask, axis, 0)
        for way, inside, outside in ((-1, along[1:], along[:-1]), (1, along[:-1], along[1:])):
            place = np.argwhere(inside & ~outside)
            place[:, 0] += way == -1
            inner.append(np.insert(place[:, 1:], axis, place[:, 0], axis=1))
            axes.append(np.full(len(place), axis))
            ways.append(np.full(len(place), way))
    voxel, axis_of, way_of = np.concatenate(inner), np.concatenate(axes), np.concatenate(ways)
    order = np.lexsort((way_of, axis_of, voxel[:, 2], voxel[:, 1], voxel[:, 0]))
    return voxel[order].astype(np.int64), axis_of[order], way_of[order]


def _normals(
    mask: NDArray[np.bool_],
    at: Floats,
    axis: NDArray[np.intp],
    way: NDArray[np.int64],
    spacing_mm: Spacing,
) -> Floats:
    """Return the way down a smoothed mask, or across the face where that has no slope."""
    own = np.zeros_like(at)
    if not len(at):
        return own
    own[np.arange(len(at)), axis] = way
    finest = min(spacing_mm[1:]) if mask.shape[0] == 1 else min(spacing_mm)
    sigma = [_SMOOTHED_VOX * finest / step for step in spacing_mm]
    if mask.shape[0] == 1:
        sigma[0] = 0.0
    margin = [int(np.ceil(4 * size)) + 2 for size in sigma]
    low = [max(0, int(near) - pad) for near, pad in zip(at.min(axis=0), margin, strict=True)]
    high = [int(far) + pad + 2 for far, pad in zip(at.max(axis=0), margin, strict=True)]
    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    # Beyond the end of the grid a mask goes on as it ends.
    smooth = ndimage.gaussian_filter(mask[box].astype(np.float32), sigma, mode="nearest")
    place = (at - low).T
    slope = np.zeros_like(at)
    for dimension in range(3):
        if smooth.shape[dimension] > 1:
            part = np.gradient(smooth, spacing_mm[dimension], axis=dimension)
            slope[:, dimension] = -ndimage.map_coordinates(part, place, order=1, mode="nearest")
    length = np.linalg.norm(slope, axis=1)
    is_clear = (length > _LEAST_SLOPE) & ((slope * own).sum(axis=1) >= 0)
    own[is_clear] = slope[is_clear] / length[is_clear, None]
    return own


def _thinned(points: ContourPoints, most: int) -> ContourPoints:
    """Return one point for each cell of a grid, as fine as the number of points allows."""
    size = 1
    found = points
    while len(found) > most:
        size *= 2
        cell = np.floor(points.at / size).astype(np.int64)
        _, first, own = np.unique(cell, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        kept = first[order]
        found = ContourPoints(
            at=points.at[kept],
            normal=points.normal[kept],
            inner=points.inner[kept],
            size_mm=np.asarray(np.bincount(own.reshape(-1), points.size_mm)[order], np.float64),
            step=2.0 * size,
            spacing_mm=points.spacing_mm,
            is_flat=points.is_flat,
        )
    return found
