"""The cheapest ways from one pixel of a slice to all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis import kernels
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Pixel = tuple[int, int]

_STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""Steps as (row, column); those from 4 on go the other way."""
_AT_SEED = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepCost:
    """What a way over a slice costs: the sum over its steps of length times mean cost at both ends.

    Attributes
    ----------
    cost : ndarray
        Per mm at each pixel ``(row, column)``, float32, above 0.
    spacing_mm : tuple of float
        Of rows and columns.
    turns : ndarray or None
        Row of ``across`` that holds at each pixel ``(row, column)``, uint8; None where all
        directions cost the same.
    across : ndarray or None
        What is added to the cost of a pixel for a step along a row, down to the right, along a
        column and down to the left, or back: ``(n, 4)`` float32, not below 0.
    """

    cost: NDArray[np.float32]
    spacing_mm: tuple[float, float] = (1.0, 1.0)
    turns: NDArray[np.uint8] | None = None
    across: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathTree:
    """The cheapest way from each pixel back to the seed.

    Attributes
    ----------
    seed : tuple of int
        Row and column.
    spent : ndarray
        Cost of the way to each pixel ``(row, column)``, float64.
    came_by : ndarray
        Number of the last step of that way, ``(row, column)`` uint8; 8 at the seed.
    """

    seed: Pixel
    spent: NDArray[np.float64]
    came_by: NDArray[np.uint8]

    def way_to(self, pixel: Pixel) -> NDArray[np.int64]:
        """Return the pixels from the seed to ``pixel``, both included, ``(n, 2)``."""
        n_columns = self.came_by.shape[1]
        steps = [row * n_columns + column for row, column in _STEPS]
        came_by = self.came_by.data.cast("B")
        at = pixel[0] * n_columns + pixel[1]
        way = [at]
        step = came_by[at]
        while step != _AT_SEED:
            at -= steps[step]
            way.append(at)
            step = came_by[at]
        places = np.array(way[::-1], np.int64)
        return np.stack(np.divmod(places, n_columns), axis=1)


def grow_tree(costs: StepCost, seed: Pixel) -> PathTree:
    """Return the cheapest ways from ``seed`` (row, column) by Dijkstra's algorithm.

    Eight neighbours. Without ``turns`` costs are those of `skimage.graph.MCP_Geometric` with
    `sampling`. Of two ways of one cost any may be taken.

    Raises AnnotatorError where a cost is not above 0.
    """
    lowest, highest = float(costs.cost.min()), float(costs.cost.max())
    if not (lowest > 0 and np.isfinite(highest)):
        raise AnnotatorError(
            f"costs run from {lowest:g} to {highest:g}; each must be above 0 and finite."
        )
    library = kernels.library()
    if library is None:
        return _grow_by_scipy(costs, seed)
    cost = np.ascontiguousarray(costs.cost, np.float32)
    row_mm, column_mm = costs.spacing_mm
    turns, across = None, np.zeros((1, 4), np.float32)
    if costs.turns is not None and costs.across is not None:
        turns = np.ascontiguousarray(costs.turns)
        across = np.ascontiguousarray(costs.across, np.float32)
    spent = np.empty(cost.shape, np.float64)
    came_by = np.empty(cost.shape, np.uint8)
    done = library.grow_tree(
        kernels.address(cost),
        None if turns is None else kernels.address(turns),
        kernels.address(across),
        *cost.shape,
        row_mm,
        column_mm,
        lowest * min(row_mm, column_mm),
        (highest + float(across.max())) * float(np.hypot(row_mm, column_mm)),
        seed[0] * cost.shape[1] + seed[1],
        kernels.address(spent),
        kernels.address(came_by),
    )
    if done < 0:
        return _grow_by_scipy(costs, seed)
    return PathTree(seed=seed, spent=spent, came_by=came_by)


def _grow_by_scipy(costs: StepCost, seed: Pixel) -> PathTree:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    shape = costs.cost.shape
    n_pixels = costs.cost.size
    number = np.arange(n_pixels, dtype=np.int32).reshape(shape)
    begins, ends, lengths = [], [], []
    for way, cost in _steps(costs):
        begin, end = _both_ends(number, way)
        begins += [begin, end]
        ends += [end, begin]
        lengths += [cost, cost]
    graph = csr_array(
        (np.concatenate(lengths), (np.concatenate(begins), np.concatenate(ends))),
        shape=(n_pixels, n_pixels),
    )
    start = int(number[seed])
    spent, before = (
        found[0] for found in dijkstra(graph, indices=[start], return_predecessors=True)
    )
    back = np.arange(n_pixels) - before
    came_by = np.empty(n_pixels, np.uint8)
    column_step = np.arange(n_pixels) % shape[1] - before % shape[1]
    row_step = (back - column_step) // shape[1]
    for step, (row, column) in enumerate(_STEPS):
        came_by[(row_step == row) & (column_step == column)] = step
    came_by[start] = _AT_SEED
    return PathTree(seed=seed, spent=spent.reshape(shape), came_by=came_by.reshape(shape))


def _steps(costs: StepCost) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the four directions, each with the cost of every step along it."""
    row_mm, column_mm = costs.spacing_mm
    diagonal = float(np.hypot(row_mm, column_mm))
    for way, length in enumerate((column_mm, diagonal, row_mm, diagonal)):
        cost = costs.cost
        if costs.turns is not None and costs.across is not None:
            cost = cost + costs.across[costs.turns, way]
        begin, end = _both_ends(cost, way)
        yield way, 0.5 * length * (begin.astype(np.float64) + end.astype(np.float64))


def _both_ends(values: NDArray[Any], way: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the values where each step of a direction begins and where it ends."""
    row, column = _STEPS[way]
    n_rows, n_columns = values.shape
    begin = values[: n_rows - row, max(0, -column) : n_columns - max(0, column)]
    end = values[row:, max(0, column) : n_columns - max(0, -column)]
    return begin.ravel(), end.ravel()
