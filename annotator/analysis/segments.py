"""Runs cut into rows: connected objects and voxel lists without a dense array."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from annotator.analysis.votes import VoteRuns, cut_into_slabs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns, SlabGrid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Stretches of voxels within one row of ``(z, y)``: columns ``first .. stop``, half-open.

    ``row`` counts rows over the whole grid; ``pattern`` is the vote pattern of the stretch. All
    int64, in the order of the flattened grid.
    """

    row: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    pattern: NDArray[np.int64]

    @property
    def size(self) -> NDArray[np.int64]:
        """Voxels of each segment."""
        return self.stop - self.first

    def take(self, chosen: NDArray[np.bool_]) -> Segments:
        """Return the chosen segments, ``(segment,)`` bool."""
        return Segments(
            row=self.row[chosen],
            first=self.first[chosen],
            stop=self.stop[chosen],
            pattern=self.pattern[chosen],
        )

    def voxels(self, n_columns: int) -> NDArray[np.int64]:
        """Return the position of every voxel in the flattened grid, ascending."""
        size = self.size
        begin = self.row * n_columns + self.first
        shift = np.repeat(begin - (np.cumsum(size) - size), size)
        return np.asarray(np.arange(len(shift)) + shift)


def cut_into_rows(votes: VoteRuns, chosen: NDArray[np.bool_]) -> Segments:
    """Return the voxels of the chosen patterns, ``(pattern,)`` bool, row by row."""
    columns = votes.grid.shape[2]
    is_chosen = chosen[votes.index]
    begin = np.append(0, votes.ends[:-1])[is_chosen]
    end = votes.ends[is_chosen]
    first_row = begin // columns
    n_rows = (end - 1) // columns - first_row + 1
    source = np.repeat(np.arange(len(begin)), n_rows)
    row = np.arange(len(source)) - (np.cumsum(n_rows) - n_rows - first_row)[source]
    return Segments(
        row=row,
        first=np.maximum(begin[source] - row * columns, 0),
        stop=np.minimum(end[source] - row * columns, columns),
        pattern=votes.index[is_chosen][source].astype(np.int64),
    )


def connect(segments: Segments, grid: SlabGrid) -> NDArray[np.int64]:
    """Return the number of the connected object that each segment belongs to.

    Voxels that share a face, an edge or a corner are connected (26 neighbours). Numbers start at 0
    and follow the flattened grid.
    """
    if not len(segments.row):
        return np.zeros(0, np.int64)
    row, first, stop = segments.row, segments.first, segments.stop
    opens = np.append(True, (row[1:] != row[:-1]) | (first[1:] != stop[:-1]))
    piece = np.cumsum(opens) - 1
    last = np.append(np.flatnonzero(opens)[1:], len(row)) - 1
    row, first, stop = row[opens], first[opens], stop[last]
    _, n_rows, n_columns = grid.shape
    width = n_columns + 2  # room between rows, so that columns of two rows never touch
    begins, ends = row * width + first, row * width + stop
    pairs = []
    for dz, dy in ((0, 1), (1, -1), (1, 0), (1, 1)):
        y = row % n_rows + dy
        target = np.where((y >= 0) & (y < n_rows), (row + dz * n_rows + dy) * width, -width)
        low = np.searchsorted(ends, target + first, side="left")
        high = np.searchsorted(begins, target + stop, side="right")
        n_met = np.maximum(high - low, 0)
        left = np.repeat(np.arange(len(row)), n_met)
        right = np.arange(len(left)) - np.repeat(np.cumsum(n_met) - n_met - low, n_met)
        pairs.append((left, right))
    left = np.concatenate([pair[0] for pair in pairs])
    right = np.concatenate([pair[1] for pair in pairs])
    graph = coo_array((np.ones(len(left), np.bool_), (left, right)), shape=(len(row), len(row)))
    _, number = connected_components(graph, directed=False)
    return np.asarray(in_order(number)[piece])


def in_order(numbers: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the numbers replaced by the order in which each first appears, from 0."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def mask_of_voxels(
    grid: SlabGrid, position: NDArray[np.int64], value: NDArray[np.integer]
) -> MaskRuns:
    """Return a mask with these values (1 to 65535) at these positions, ascending and distinct."""
    n_voxels = math.prod(grid.shape)
    if not len(position):
        return cut_into_slabs(grid, np.array([n_voxels]), np.zeros(1, np.uint16))
    breaks = (position[1:] != position[:-1] + 1) | (value[1:] != value[:-1])
    begin = position[np.append(True, breaks)]
    is_last = np.append(breaks, True)
    ends = np.stack([begin, position[is_last] + 1], axis=1).reshape(-1)
    labels = np.stack([np.zeros_like(value[is_last]), value[is_last]], axis=1).reshape(-1)
    ends, labels = np.append(ends, n_voxels), np.append(labels, 0)
    holds = np.diff(ends, prepend=0) > 0
    return cut_into_slabs(grid, ends[holds], labels[holds].astype(np.uint16))
