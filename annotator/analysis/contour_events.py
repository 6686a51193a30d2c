"""Stretches of a contour that are likely wrong: connected points, all too far out or too far in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.contour_points import ContourPoints

Direction = Literal["out", "in"]
"""Where the drawn contour lies of the right one: too far out, or too far in."""
_BRIDGED = 2.05
"""Points that are this many steps apart are of one stretch."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContourStretch:
    """Connected points of a contour that lie wrong in one direction.

    Attributes
    ----------
    rows : ndarray
        Its points, ascending, ``(n,)`` int64.
    direction : {"out", "in"}
        Whether the contour lies too far out or too far in here.
    size_mm : float
        Its area, mm²; in a picture its length, mm.
    probability : float
        How likely it is wrong: mean over its points, weighted by their size.
    centre : int
        The point nearest its middle.
    """

    rows: NDArray[np.int64]
    direction: Direction
    size_mm: float
    probability: float
    centre: int


def find_stretches(
    points: ContourPoints,
    too_far_out: NDArray[np.floating],
    too_far_in: NDArray[np.floating],
    *,
    least: float,
    least_points: int = 1,
) -> tuple[ContourStretch, ...]:
    """Return the stretches whose points are wrong with probability ``least`` or more.

    The two are how likely each point lies too far out and too far in, ``(point,)``; the first of
    the result has the most at stake, its size times its probability. Stretches of fewer than
    ``least_points`` are left out.
    """
    wrong = np.asarray(too_far_out, np.float64) + np.asarray(too_far_in, np.float64)
    is_out = np.asarray(too_far_out >= too_far_in)
    found = []
    directions: tuple[tuple[Direction, NDArray[np.bool_]], ...] = (("out", is_out), ("in", ~is_out))
    for direction, is_own in directions:
        rows = np.flatnonzero((wrong >= least) & is_own)
        for own in _connected(points, rows):
            if len(own) >= least_points:
                found.append(_stretch(points, own, direction, wrong))
    return tuple(sorted(found, key=lambda one: (-one.probability * one.size_mm, one.rows[0])))


def true_stretches(
    points: ContourPoints, deviation_mm: NDArray[np.floating], tolerance_mm: float
) -> tuple[ContourStretch, ...]:
    """Return the stretches that deviate by more than a tolerance, the largest first."""
    out = np.asarray(deviation_mm > tolerance_mm, np.float64)
    inward = np.asarray(deviation_mm < -tolerance_mm, np.float64)
    return find_stretches(points, out, inward, least=0.5)


def stretch_voxels(
    points: ContourPoints,
    stretch: ContourStretch,
    depth_mm: NDArray[np.floating],
    mask: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the voxels between a stretch and where the contour should be, flattened, ascending.

    ``depth_mm`` is how far that is at each point of the contour, ``(point,)``. Those of the mask
    ``(z, y, x)`` where the stretch lies too far out, those beside it where it lies too far in; one
    layer of voxels at least.
    """
    spacing = np.asarray(points.spacing_mm)
    at_mm = points.at_mm[stretch.rows]
    depth = np.maximum(np.abs(depth_mm[stretch.rows]), 0.51 * spacing.max())
    reach = depth.max() / spacing
    low = np.maximum(0, np.floor(points.at[stretch.rows].min(axis=0) - reach)).astype(np.int64)
    high = np.minimum(
        np.asarray(mask.shape) - 1, np.ceil(points.at[stretch.rows].max(axis=0) + reach)
    ).astype(np.int64)
    box = tuple(slice(start, stop + 1) for start, stop in zip(low, high, strict=True))
    place = np.argwhere(mask[box] == (stretch.direction == "out")) + low
    distance, nearest = cKDTree(at_mm).query(place * spacing)
    index = place[distance <= depth[nearest]]
    return np.sort(np.ravel_multi_index(tuple(index.T), mask.shape)).astype(np.int64)


def _connected(points: ContourPoints, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    if not len(rows):
        return []
    pairs = cKDTree(points.at[rows]).query_pairs(_BRIDGED * points.step, output_type="ndarray")
    ones = np.ones(len(pairs))
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
    n_parts, part = connected_components(graph, directed=False)
    order = np.argsort(part, kind="stable")
    return np.split(rows[order], np.cumsum(np.bincount(part, minlength=n_parts))[:-1])


def _stretch(
    points: ContourPoints,
    rows: NDArray[np.int64],
    direction: Direction,
    wrong: NDArray[np.float64],
) -> ContourStretch:
    size = points.size_mm[rows]
    at_mm = points.at_mm[rows]
    middle = np.average(at_mm, axis=0, weights=size)
    return ContourStretch(
        rows=rows,
        direction=direction,
        size_mm=float(size.sum()),
        probability=float(np.average(wrong[rows], weights=size)),
        centre=int(rows[((at_mm - middle) ** 2).sum(axis=1).argmin()]),
    )
