"""Surface elements of raters, and how far each lies from the other raters' surfaces, in numpy.

The reference of the compiled search, and what takes its place where nothing was compiled.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.edges import find_edges
from annotator.analysis.sparse_array import is_large
from annotator.analysis.vote_bands import bands
from annotator.analysis.votes import bounding_box, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns

    Spacing = tuple[float, float, float]
    Spectra = list[list["Spectrum | None"]]


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """How much of a surface (``weight``) lies how far (``distance``, mm, ascending) from another.

    The weight is an area, mm² (a length, mm, in a picture), or a number of voxels.
    """

    distance: NDArray[np.float64]
    weight: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Elements:
    """Surface elements of all raters.

    ``index`` is ``(element, 3)`` of anyone's, in voxels; ``own`` says which of them a rater has,
    and ``weights`` how much each counts: an array a rater each.
    """

    index: NDArray[np.int64]
    own: tuple[NDArray[np.int64], ...]
    weights: tuple[NDArray[np.float64], ...]

    def distance_to(self, rater: int, spacing_mm: Spacing) -> NDArray[np.float64] | None:
        """Return every element's distance to the surface of a rater; None where there is none."""
        own = self.own[rater]
        if not len(own):
            return None
        is_other = np.ones(len(self.index), np.bool_)
        is_other[own] = False
        distance = np.zeros(len(self.index))
        distance[is_other] = nearest(self.index[own], self.index[is_other], spacing_mm)
        return distance


def nearest(
    surface: NDArray[np.int64], index: NDArray[np.int64], spacing_mm: Spacing
) -> NDArray[np.float64]:
    """Return the distance, mm, of voxels ``(n, 3)`` to the nearest of a surface ``(m, 3)``."""
    if not len(index):
        return np.zeros(0)
    tree = cKDTree(surface * np.array(spacing_mm), balanced_tree=False, compact_nodes=False)
    _, found = tree.query(index * np.array(spacing_mm), workers=-1)
    # From whole voxels, so that a distance does not depend on where in the grid it is measured.
    return np.asarray(np.sqrt((((surface[found] - index) * spacing_mm) ** 2).sum(axis=1)))


def spectra_in_numpy(
    votes: VoteRuns, says: NDArray[np.bool_], spacing_mm: Spacing, *, has_areas: bool
) -> Spectra:
    """Return the spectrum of each rater's surface (rows) to each other's (columns).

    None where either has no surface. Surfaces are elements between voxels, which count by their
    area, or, without ``has_areas``, the edge voxels, which count 1.
    """
    elements = (
        _elements_between(votes, says, spacing_mm) if has_areas else _edge_elements(votes, says)
    )
    n_raters = says.shape[1]
    distance = [elements.distance_to(rater, spacing_mm) for rater in range(n_raters)]
    found: Spectra = [[None] * n_raters for _ in range(n_raters)]
    for first, second in itertools.permutations(range(n_raters), 2):
        own, far = elements.own[first], distance[second]
        if far is None or not len(own):
            continue
        order = np.argsort(far[own])
        found[first][second] = Spectrum(far[own][order], elements.weights[first][order])
    return found


def _edge_elements(votes: VoteRuns, says: NDArray[np.bool_]) -> _Elements:
    edges = find_edges(votes, says).raters
    sizes = [len(own) for own in edges]
    index, number = np.unique(np.concatenate(edges), axis=0, return_inverse=True)
    bounds = np.cumsum([0, *sizes]).tolist()
    return _Elements(
        index=index,
        own=tuple(number.reshape(-1)[low:high] for low, high in itertools.pairwise(bounds)),
        weights=tuple(np.ones(size) for size in sizes),
    )


def _elements_between(votes: VoteRuns, says: NDArray[np.bool_], spacing_mm: Spacing) -> _Elements:
    """Find where the corners between voxels have a rater's voxels on some sides but not on all."""
    box = bounding_box(votes, np.asarray(says.any(axis=1)))
    is_flat = votes.grid.shape[0] == 1
    if box is None:
        none = [np.zeros(0)] * says.shape[1]
        return _Elements(
            index=np.zeros((0, 3), np.int64),
            own=tuple(empty.astype(np.int64) for empty in none),
            weights=tuple(none),
        )
    table = lengths(spacing_mm[1:]) if is_flat else areas(spacing_mm)
    if is_large(votes.grid.shape):
        return _large_elements(votes, says, table)
    places, weights = [], []
    for said in says.T:
        code = _neighbour_codes(to_dense(votes, said, np.uint8, box), is_flat)
        places.append(np.flatnonzero((code != 0) & (code != len(table) - 1)))
        weights.append(table[code.reshape(-1)[places[-1]]])
    is_anyones = np.zeros(code.size, np.bool_)
    for place in places:
        is_anyones[place] = True
    number = np.cumsum(is_anyones, dtype=np.int32) - 1
    return _Elements(
        index=np.stack(np.unravel_index(np.flatnonzero(is_anyones), code.shape), axis=1),
        own=tuple(number[place].astype(np.int64) for place in places),
        weights=tuple(weights),
    )


def _large_elements(
    votes: VoteRuns, says: NDArray[np.bool_], table: NDArray[np.float64]
) -> _Elements:
    """Return the elements between the voxels of a slide, band by band."""
    n_raters, (_, rows, columns) = says.shape[1], votes.grid.shape
    shape = (rows + 1, columns + 1)
    places: list[list[NDArray[np.int64]]] = [[np.zeros(0, np.int64)] for _ in range(n_raters)]
    weights: list[list[NDArray[np.float64]]] = [[np.zeros(0)] for _ in range(n_raters)]
    for (first, stop), top, band in bands(votes, says, above=1, below=1):
        # The corners above a band's rows are its own; only the last has those below them.
        last = stop + 1 if stop == rows else stop
        for number, said in enumerate(says.T):
            box = bounding_box(band, said)
            if box is None:
                continue
            code = _neighbour_codes(to_dense(band, said, np.uint8, box), True)[0]
            row, column = np.nonzero((code != 0) & (code != len(table) - 1))
            is_own = (row + box[0][1] + top >= first) & (row + box[0][1] + top < last)
            row, column = row[is_own], column[is_own]
            weights[number].append(table[code[row, column]])
            places[number].append((row + box[0][1] + top) * shape[1] + column + box[0][2])
    whole = [np.concatenate(place) for place in places]
    union = np.unique(np.concatenate(whole))
    row, column = np.divmod(union, shape[1])
    return _Elements(
        index=np.stack([np.zeros_like(row), row, column], axis=1),
        own=tuple(np.searchsorted(union, place) for place in whole),
        weights=tuple(np.concatenate(weight) for weight in weights),
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
def areas(spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the area of the surface through 2 x 2 x 2 voxels, mm², by neighbour code.

    Of a code and its complement the one with fewer voxels inside is triangulated, so that inside
    and outside count alike.
    """
    from skimage.measure import marching_cubes

    found = np.zeros(256)
    for code in range(1, 255):
        smaller = code if code.bit_count() <= 4 else 255 - code
        cube = np.unpackbits(np.array([smaller], np.uint8)).reshape(2, 2, 2).astype(np.float32)
        corner, face, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
            cube, 0.5, method="lorensen"
        )
        triangle = (corner * np.asarray(spacing_mm, np.float64))[face]
        normal = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
        found[code] = 0.5 * np.linalg.norm(normal, axis=1).sum()
    return found


@cache
def lengths(spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Return the length of the contour through 2 x 2 pixels, mm, by neighbour code."""
    rows, columns = spacing_mm
    diagonal = 0.5 * float(np.hypot(rows, columns))
    found = np.full(16, diagonal)
    found[[0, 15]] = 0.0
    found[[0b0011, 0b1100]] = columns
    found[[0b0101, 0b1010]] = rows
    found[[0b0110, 0b1001]] = 2 * diagonal
    return found
