"""Between the grid of a case and working voxels: averages on the way in, lines on the way out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_ALIKE = 0.02
"""Spacings that differ by less, as a share, count as the same."""


def working_shape(
    shape: Sequence[int], spacing_mm: Sequence[float], wanted_mm: Sequence[float | None]
) -> tuple[int, ...]:
    """Return how many working voxels a grid has along each axis; as it is where None is wanted."""
    return tuple(
        size
        if wanted is None or abs(step / wanted - 1) < _ALIKE
        else max(1, round(size * step / wanted))
        for size, step, wanted in zip(shape, spacing_mm, wanted_mm, strict=True)
    )


def to_working(values: Floats, shape: Sequence[int]) -> Floats:
    """Return ``(…, z, y, x)`` on as many voxels over the same extent.

    Along an axis that becomes coarser each is the average of what it covers; along one that
    becomes finer, linear between voxel centres.
    """
    return _along_axes(values, shape, averages=True)


def to_grid(values: Floats, shape: Sequence[int]) -> Floats:
    """Return ``(…, z, y, x)`` of working voxels on a grid, linear between voxel centres.

    What sums to 1 still does.
    """
    return _along_axes(values, shape, averages=False)


def nearest(values: NDArray[np.integer], shape: Sequence[int]) -> NDArray[np.integer]:
    """Return ``(z, y, x)`` on as many voxels over the same extent, each the nearest one's."""
    places = [
        ((np.arange(to) + 0.5) * of / to).astype(np.int64)
        for of, to in zip(values.shape, shape, strict=True)
    ]
    return values[np.ix_(*places)]


def _along_axes(values: Floats, shape: Sequence[int], *, averages: bool) -> Floats:
    found = values
    first = values.ndim - len(shape)
    for axis, size in enumerate(shape, start=first):
        of = found.shape[axis]
        if of == size:
            continue
        matrix = _overlaps(of, size) if averages and size < of else _lines(of, size)
        moved = np.moveaxis(found, axis, 0)
        made = matrix @ moved.reshape(of, -1)
        found = np.moveaxis(made.reshape(size, *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(found, np.float32)


def _overlaps(of: int, to: int) -> sparse.csr_array:
    """Return which part of each of ``to`` cells each of ``of`` cells over the same line covers."""
    edges = np.arange(to + 1) * (of / to)
    rows, columns, parts = [], [], []
    for row, (start, stop) in enumerate(pairwise(edges)):
        cells = np.arange(int(start), min(of, int(np.ceil(stop - 1e-9))))
        covered = np.minimum(stop, cells + 1) - np.maximum(start, cells)
        rows.append(np.full(len(cells), row))
        columns.append(cells)
        parts.append(covered / covered.sum())
    entries = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array((np.concatenate(parts).astype(np.float32), entries), shape=(to, of))


def _lines(of: int, to: int) -> sparse.csr_array:
    """Return how much each of ``of`` centres says of each of ``to`` centres on the same line."""
    at = ((np.arange(to) + 0.5) * (of / to) - 0.5).clip(0, of - 1)
    low = np.minimum(at.astype(np.int64), max(0, of - 2))
    part = (at - low).astype(np.float32)
    rows = np.concatenate([np.arange(to), np.arange(to)])
    columns = np.concatenate([low, np.minimum(low + 1, of - 1)])
    return sparse.csr_array((np.concatenate([1 - part, part]), (rows, columns)), shape=(to, of))
