"""Distances between raters' surfaces, all pairs at once.

The definition is named in :data:`DEFINITION` and goes with every number: implementations differ by
tenths of a millimetre on the same masks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.votes import bounding_box, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns

    Spacing = tuple[float, float, float]

DEFINITION = (
    "surfel-weighted surfaces as in surface-distance 0.1: surface elements where 2 x 2 x 2 "
    "(in a picture 2 x 2) voxels are mixed, weighted by their marching-cubes area; HD95 is the "
    "larger of the two directed 95th percentiles, the mean distance is taken over the elements of "
    "both surfaces"
)
_PERCENT = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceDistance:
    """How far two raters' surfaces of a label lie apart, mm; raters by column.

    None where it is undefined because one of them, or both, did not draw the label.
    """

    first: int
    second: int
    hd95_mm: float | None
    mean_mm: float | None


def surface_distances(
    votes: VoteRuns, label: int, spacing_mm: Spacing
) -> tuple[SurfaceDistance, ...]:
    """Return the surface distances of every rater pair for one label, by :data:`DEFINITION`."""
    elements = _surface_elements(votes, votes.patterns == label, spacing_mm)
    n_raters = votes.patterns.shape[1]
    # Each rater's distance is looked up once for every element of anyone's surface.
    distance = [elements.distance_to(rater) for rater in range(n_raters)]
    found = []
    for first, second in itertools.combinations(range(n_raters), 2):
        there = elements.directed(first, distance[second])
        back = elements.directed(second, distance[first])
        if there is None or back is None:
            pair = SurfaceDistance(first=first, second=second, hd95_mm=None, mean_mm=None)
        else:
            pair = SurfaceDistance(
                first=first,
                second=second,
                hd95_mm=max(_percentile(*there), _percentile(*back)),
                mean_mm=float(
                    (there[0] @ there[1] + back[0] @ back[1]) / (there[1].sum() + back[1].sum())
                ),
            )
        found.append(pair)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Elements:
    """Surface elements of all raters.

    ``points_mm`` is ``(element, 3)`` of anyone's; ``own`` says which of them a rater has, and
    ``areas`` how large those are, mm² (mm in a picture): an array a rater each.
    """

    points_mm: NDArray[np.float64]
    own: tuple[NDArray[np.int64], ...]
    areas: tuple[NDArray[np.float64], ...]

    def distance_to(self, rater: int) -> NDArray[np.float64] | None:
        """Return every element's distance to the surface of a rater; None where there is none."""
        own = self.own[rater]
        if not len(own):
            return None
        is_other = np.ones(len(self.points_mm), np.bool_)
        is_other[own] = False
        distance = np.zeros(len(self.points_mm))
        if is_other.any():
            tree = cKDTree(self.points_mm[own], balanced_tree=False, compact_nodes=False)
            distance[is_other] = tree.query(self.points_mm[is_other], workers=-1)[0]
        return distance

    def directed(
        self, rater: int, distance: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return distances and areas of a rater's elements; None where either has no surface."""
        if distance is None or not len(self.own[rater]):
            return None
        return distance[self.own[rater]], self.areas[rater]


def _percentile(distance: NDArray[np.float64], area: NDArray[np.float64]) -> float:
    """Return the distance that 95 % of the surface does not exceed."""
    order = np.argsort(distance)
    share = np.cumsum(area[order]) / area.sum()
    place = min(int(np.searchsorted(share, _PERCENT)), len(order) - 1)
    return float(distance[order[place]])


def _surface_elements(votes: VoteRuns, says: NDArray[np.bool_], spacing_mm: Spacing) -> _Elements:
    """Find where the corners between voxels have a rater's voxels on some sides but not on all."""
    box = bounding_box(votes, np.asarray(says.any(axis=1)))
    is_flat = votes.grid.shape[0] == 1
    if box is None:
        none = [np.zeros(0)] * says.shape[1]
        return _Elements(
            points_mm=np.zeros((0, 3)),
            own=tuple(empty.astype(np.int64) for empty in none),
            areas=tuple(none),
        )
    table = _lengths(spacing_mm[1:]) if is_flat else _areas(spacing_mm)
    places, areas = [], []
    for said in says.T:
        code = _neighbour_codes(to_dense(votes, said, np.uint8, box), is_flat)
        places.append(np.flatnonzero((code != 0) & (code != len(table) - 1)))
        areas.append(table[code.reshape(-1)[places[-1]]])
    is_anyones = np.zeros(code.size, np.bool_)
    for place in places:
        is_anyones[place] = True
    number = np.cumsum(is_anyones, dtype=np.int32) - 1
    index = np.stack(np.unravel_index(np.flatnonzero(is_anyones), code.shape), axis=1)
    return _Elements(
        points_mm=index.astype(np.float64) * spacing_mm,
        own=tuple(number[place].astype(np.int64) for place in places),
        areas=tuple(areas),
    )


def _neighbour_codes(inside: NDArray[np.uint8], is_flat: bool) -> NDArray[np.uint8]:
    """Return which of the voxels around each corner are inside, one bit each, first voxel highest.

    The result is one longer along every axis, except along z in a picture, where four voxels meet.
    """
    padded = np.pad(inside, [(0, 0) if is_flat else (1, 1), (1, 1), (1, 1)])
    size = tuple(length - 1 for length in padded.shape)
    if is_flat:
        size = (1, *size[1:])
    code = np.zeros(size, np.uint8)
    for z, y, x in itertools.product((0,) if is_flat else (0, 1), (0, 1), (0, 1)):
        code <<= 1
        code |= padded[z : z + size[0], y : y + size[1], x : x + size[2]]
    return code


@cache
def _areas(spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the area of the surface through 2 x 2 x 2 voxels, mm², by neighbour code.

    Of a code and its complement the one with fewer voxels inside is triangulated, so that inside
    and outside count alike.
    """
    from skimage.measure import marching_cubes

    areas = np.zeros(256)
    for code in range(1, 255):
        smaller = code if code.bit_count() <= 4 else 255 - code
        cube = np.unpackbits(np.array([smaller], np.uint8)).reshape(2, 2, 2).astype(np.float32)
        corner, face, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
            cube, 0.5, method="lorensen"
        )
        triangle = (corner * np.asarray(spacing_mm, np.float64))[face]
        normal = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
        areas[code] = 0.5 * np.linalg.norm(normal, axis=1).sum()
    return areas


@cache
def _lengths(spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Return the length of the contour through 2 x 2 pixels, mm, by neighbour code."""
    rows, columns = spacing_mm
    diagonal = 0.5 * float(np.hypot(rows, columns))
    lengths = np.full(16, diagonal)
    lengths[[0, 15]] = 0.0
    lengths[[0b0011, 0b1100]] = columns
    lengths[[0b0101, 0b1010]] = rows
    lengths[[0b0110, 0b1001]] = 2 * diagonal
    return lengths
