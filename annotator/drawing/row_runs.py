"""Connected parts of a region by its runs along rows: cheap where it is solid or sparse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box

_DENSE = 32
"""Voxels a run below which a region is so ragged that its voxels are numbered in less time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowRuns:
    """The runs of a region ``(z, y, x)``, each within one row, in the order of the array.

    Attributes
    ----------
    begin, end : ndarray
        Half-open, int64: ``row * (n_columns + 1) + column``, so that rows never touch.
    shape : tuple of int
        Of the region.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    shape: tuple[int, int, int]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Voxels of each run."""
        return self.end - self.begin

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row ``z * n_rows + y`` of each run."""
        return self.begin // (self.shape[2] + 1)

    def run_at(self, place: tuple[int, int, int]) -> int | None:
        """Return which run holds a voxel of the array; None where it is not in the region."""
        z, y, x = place
        position = (z * self.shape[1] + y) * (self.shape[2] + 1) + x
        run = int(np.searchsorted(self.begin, position, side="right")) - 1
        return run if run >= 0 and position < self.end[run] else None

    def box(self, chosen: NDArray[np.bool_]) -> Box:
        """Return the box around the chosen runs, of which there must be one."""
        begin, end, rows = self.begin[chosen], self.end[chosen], self.rows[chosen]
        start = rows * (self.shape[2] + 1)
        y = rows % self.shape[1]
        low = int(rows[0]) // self.shape[1], int(y.min()), int((begin - start).min())
        high = int(rows[-1]) // self.shape[1] + 1, int(y.max()) + 1, int((end - start).max())
        return low, high

    def voxels(self, chosen: NDArray[np.bool_], box: Box) -> NDArray[np.int64]:
        """Return the flat positions of the chosen runs' voxels in an array over a box of all."""
        rows, length = self.rows[chosen], self.lengths[chosen]
        (z0, y0, x0), (_, y1, x1) = box
        z, y = rows // self.shape[1] - z0, rows % self.shape[1] - y0
        x = self.begin[chosen] - rows * (self.shape[2] + 1) - x0
        first = (z * (y1 - y0) + y) * (x1 - x0) + x
        shift = np.repeat(first - (np.cumsum(length) - length), length)
        return np.asarray(np.arange(len(shift)) + shift)


def runs_of(region: NDArray[np.bool_]) -> RowRuns:
    """Return the runs of a region ``(z, y, x)``."""
    n_planes, n_rows, n_columns = region.shape
    size = n_rows * (n_columns + 1)
    padded = np.zeros(size + 1, np.bool_)
    rows = padded[1:].reshape(n_rows, n_columns + 1)
    changes = []
    for z, plane in enumerate(region):
        rows[:, :-1] = plane
        changes.append(np.flatnonzero(padded[1:] != padded[:-1]) + z * size)
    changed = np.concatenate(changes)
    return RowRuns(begin=changed[::2], end=changed[1::2], shape=(n_planes, n_rows, n_columns))


def number_runs(
    region: NDArray[np.bool_],
    runs: RowRuns,
    *,
    is_diagonal: bool = False,
    are_planes_apart: bool = False,
) -> NDArray[np.integer]:
    """Return the number of the connected part that each run belongs to.

    Voxels that share a face are connected, or also those that share an edge or a corner; only
    within each plane ``z`` where planes are apart. Numbers start at 0 and follow the order of the
    array.
    """
    if len(runs.begin) * _DENSE > region.size:
        return _numbered_by_voxels(region, runs, is_diagonal, are_planes_apart)
    from scipy.sparse import coo_array  # scipy takes a while to import
    from scipy.sparse.csgraph import connected_components

    n_rows, width = runs.shape[1], runs.shape[2] + 1
    more = int(is_diagonal)
    y = runs.rows % n_rows
    lefts, rights = [], []
    beyond = ((1, -1), (1, 0), (1, 1)) if is_diagonal else ((1, 0),)
    for dz, dy in ((0, 1), *(() if are_planes_apart else beyond)):
        source = np.flatnonzero((y + dy >= 0) & (y + dy < n_rows))
        shift = (dz * n_rows + dy) * width
        low = np.searchsorted(runs.end, runs.begin[source] + (shift - more), side="right")
        high = np.searchsorted(runs.begin, runs.end[source] + (shift + more), side="left")
        n_met = np.maximum(high - low, 0)
        left = np.repeat(source, n_met)
        lefts.append(left)
        rights.append(np.arange(len(left)) + np.repeat(low - (np.cumsum(n_met) - n_met), n_met))
    left, right = np.concatenate(lefts), np.concatenate(rights)
    n_runs = len(runs.begin)
    graph = coo_array((np.ones(len(left), np.bool_), (left, right)), shape=(n_runs, n_runs))
    number: NDArray[np.integer] = connected_components(graph, directed=False)[1]
    return number


def _numbered_by_voxels(
    region: NDArray[np.bool_], runs: RowRuns, is_diagonal: bool, are_planes_apart: bool
) -> NDArray[np.integer]:
    from scipy import ndimage

    parts = np.empty(region.shape, np.int32)
    structure = ndimage.generate_binary_structure(3, 3 if is_diagonal else 1)
    if are_planes_apart:
        structure[[0, 2]] = False
    ndimage.label(region, structure, output=parts)
    number: NDArray[np.int32] = parts.reshape(-1)[runs.begin - runs.rows] - np.int32(1)
    return number
