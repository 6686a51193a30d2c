"""Counts and exact distances in mm, by windows that move along one axis after the other.

Each pass works through blocks that stay in the processor's cache, so that a step costs a fraction
of a nanosecond a voxel, and only one copy of the volume is held.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from annotator.drawing.operation import Progress

_BLOCK = 1 << 17
"""Values a block: with what is worked out of them, they stay in the cache of a core."""
_EPSILON = 1e-5


def is_near(
    inside: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    mm: float,
    progress: Progress,
) -> NDArray[np.bool_]:
    """Return which voxels lie at most so far from one of ``inside``, centre to centre.

    The Euclidean distance is exact: its square is the least sum of one parabola an axis
    (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012), of which only what reaches as
    far as ``mm`` is looked at. Outside the array nothing is counted.

    Parameters
    ----------
    inside : ndarray of bool
        ``(z, y, x)``.
    spacing_mm : sequence of float
        Along each axis.
    """
    square = np.empty(inside.shape, np.float32)
    for block in _blocks(inside.shape, 2):
        square[block] = _square_along_rows(inside[block], spacing_mm[2])
    for axis in (1, 0):
        step = spacing_mm[axis]
        reach = min(int(mm / step * (1 + _EPSILON)), inside.shape[axis] - 1)
        if reach:
            costs = [(number * step) ** 2 for number in range(1, reach + 1)]
            _sweep(square, axis, partial(_least, costs=costs), progress, axis)
    return np.asarray(square <= np.float32(mm * mm * (1 + 2 * _EPSILON)))


def box_counts(
    inside: NDArray[np.bool_], reach: Sequence[int], progress: Progress
) -> NDArray[np.unsignedinteger]:
    """Return how many voxels of ``inside`` a box around each voxel holds.

    The box reaches ``reach`` voxels to each side; beyond the array its edge is repeated.
    """
    size = math.prod(2 * part + 1 for part in reach)
    counts: NDArray[Any] = inside.astype(np.min_scalar_type(size))
    for axis in (2, 1, 0):
        if reach[axis]:
            _sweep(counts, axis, partial(_total, reach=reach[axis]), progress, axis)
    return counts


def _square_along_rows(inside: NDArray[np.bool_], step: float) -> NDArray[np.float32]:
    """Return the squared distance to the nearest voxel of ``inside`` in the same row.

    Far beyond any image where there is none.
    """
    n_columns = inside.shape[2]
    place, far = np.arange(n_columns, dtype=np.int32), np.int32(1 << 28)
    before = np.where(inside, place, -far)
    np.maximum.accumulate(before, axis=2, out=before)
    after = np.where(inside, place, far)
    np.minimum.accumulate(after[..., ::-1], axis=2, out=after[..., ::-1])
    distance = np.minimum(place - before, after - place).astype(np.float32)
    distance *= np.float32(step)
    return np.square(distance, out=distance)


def _least(block: NDArray[np.float32], costs: Sequence[float]) -> NDArray[np.float32]:
    """Return the least of the values around each, and of the way to them, along the first axis."""
    least = block.copy(order="K")
    moved = np.empty_like(block)
    for number, cost in enumerate(costs, 1):
        np.add(block, np.float32(cost), out=moved)
        np.minimum(least[number:], moved[:-number], out=least[number:])
        np.minimum(least[:-number], moved[number:], out=least[:-number])
    return least


def _total(block: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return the sum of the values around each, along the first axis; the ends are repeated."""
    size = len(block)
    total = block.copy(order="K")
    for number in range(1, reach + 1):
        near = min(number, size)
        total[near:] += block[: size - near]
        total[: size - near] += block[near:]
        total[:near] += block[:1]
        total[size - near :] += block[-1:]
    return total


def _sweep(
    values: NDArray[Any],
    axis: int,
    work: Callable[[NDArray[Any]], NDArray[Any]],
    progress: Progress,
    n_left: int,
) -> None:
    """Replace values by what is worked out along one axis, block by block; three axes are all."""
    blocks = list(_blocks(values.shape, axis))
    for number, block in enumerate(blocks):
        along = np.moveaxis(values[block], axis, 0)
        along[...] = work(along)
        progress((2 - n_left + (number + 1) / len(blocks)) / 3)


def _blocks(shape: tuple[int, ...], axis: int) -> Iterator[tuple[slice, ...]]:
    """Cut a volume into small blocks that are whole along one axis."""
    steps = list(shape)
    for other in range(3):
        if other != axis:
            rest = math.prod(steps) // steps[other]
            steps[other] = min(shape[other], max(1 if other < 2 else 16, _BLOCK // rest))
    counts = [range(0, size, step) for size, step in zip(shape, steps, strict=True)]
    for z in counts[0]:
        for y in counts[1]:
            for x in counts[2]:
                yield (
                    slice(z, z + steps[0]),
                    slice(y, y + steps[1]),
                    slice(x, x + steps[2]),
                )
