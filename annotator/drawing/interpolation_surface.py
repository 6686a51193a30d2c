"""A surface through contours in any planes: an implicit function that is 0 on them.

Radial basis functions [1]_ with the kernel r, which in space gives the smoothest surface
(biharmonic). They pass by the border of what is drawn, and know on which side of it pixels of the
same slice lie.

References
----------
.. [1] Carr JC, Beatson RK, Cherrie JB, et al. Reconstruction and representation of 3D objects with
   radial basis functions. SIGGRAPH 2001.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.drawing.interpolation_sections import depths_inside
from annotator.drawing.operation import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.drawing.operation import Progress

    Spacing = tuple[float, float, float]

_LEAST_SHARE = 0.3
"""Of the pixels in a slice that was drawn in must lie in the inside of a sheet."""
_MOST_ON = 700
_MOST_BESIDE = 500
_MOST_NODES = 15_000
"""Where the function is worked out; between them it is linear."""
_AT_ONCE = 1000
_SLACK = 0.5
"""How far, in the smallest side of a voxel, the surface may give way to be smoother."""


def depths_through(
    inside: NDArray[np.bool_], spacing_mm: Spacing, progress: Progress = unwatched
) -> NDArray[np.float32] | None:
    """Return how far inside the surface each voxel lies, about mm; only what is above 0 counts.

    Parameters
    ----------
    inside : ndarray
        What is drawn of one label, ``(z, y, x)``: sheets in slices of any planes. In slices that
        were drawn in nothing is added.

    Returns
    -------
    ndarray or None
        None where fewer than two slices were drawn in.
    """
    sheets = list(_sheets(inside))
    if len(sheets) < 2:
        return None
    on, beside, depths = [], [], []
    for axis, at in sheets:
        borders, pixels, depth = _known(inside, axis, at, spacing_mm)
        on.append(borders)
        beside.append(pixels)
        depths.append(depth)
    borders = _thinned(np.concatenate(on), _MOST_ON)
    others = np.concatenate([np.concatenate(beside), np.concatenate(depths)[:, None]], axis=1)
    others = _thinned(others, _MOST_BESIDE)
    centres = np.concatenate([borders, others[:, :3]]) * spacing_mm
    values = np.concatenate([np.zeros(len(borders)), others[:, 3]])
    weights = _weights(centres, values, min(spacing_mm))
    found = _evaluated(centres, weights, inside.shape, spacing_mm, progress)
    for axis, at in sheets:
        np.moveaxis(found, axis, 0)[at] = -1.0
    parts, n_parts = ndimage.label((found > 0) | inside)
    is_drawn = np.zeros(n_parts + 1, bool)
    is_drawn[np.unique(parts[inside])] = True
    found[~is_drawn[parts]] = -1.0
    return found


def _sheets(inside: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Give axis and index of each slice that was drawn in, not only crossed by others."""
    for axis in range(3):
        turned = np.moveaxis(inside, axis, 0)
        full = ndimage.minimum_filter(turned, (1, 3, 3), mode="constant")
        beyond = np.pad(turned, ((1, 1), (0, 0), (0, 0)))
        is_sheet = full & ~(beyond[:-2] & beyond[2:])
        n_sheet, n_drawn = is_sheet.sum(axis=(1, 2)), turned.sum(axis=(1, 2))
        for at in np.flatnonzero((n_sheet > 0) & (n_sheet >= _LEAST_SHARE * n_drawn)).tolist():
            yield axis, at


def _known(
    inside: NDArray[np.bool_], axis: int, at: int, spacing_mm: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return places on the border in one slice, and others with their depths (mm), in voxels."""
    section = np.pad(np.moveaxis(inside, axis, 0)[at], 1)
    down, right = (step for other, step in enumerate(spacing_mm) if other != axis)
    depths = depths_inside(section, (down, right))
    borders = []
    for along in (0, 1):
        crossed = np.argwhere(np.diff(section, axis=along)).astype(float)
        crossed[:, along] += 0.5
        borders.append(crossed)
    # Near the border tells the side; farther away a few are enough.
    near = np.abs(depths) < 3 * max(down, right)
    near &= np.abs(depths) > 1.2 * min(down, right)
    near[::4, ::4] |= np.abs(depths[::4, ::4]) > 1.2 * min(down, right)
    return (
        _in_space(np.concatenate(borders) - 1, axis, at),
        _in_space(np.argwhere(near) - 1.0, axis, at),
        depths[near].astype(float),
    )


def _in_space(places: NDArray[np.floating], axis: int, at: int) -> NDArray[np.float64]:
    return np.insert(places.astype(np.float64), axis, at, axis=1)


def _thinned(rows: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return at most so many, taken evenly out of an order that has no pattern."""
    if len(rows) <= most:
        return rows
    return rows[np.random.default_rng(0).permutation(len(rows))[:most]]


def _weights(
    centres: NDArray[np.float64], values: NDArray[np.float64], finest: float
) -> NDArray[np.float64]:
    """Return the weight of each centre, and the constant last."""
    from scipy.linalg import solve
    from scipy.spatial.distance import cdist

    n = len(centres)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = -cdist(centres, centres)
    system[np.arange(n), np.arange(n)] += _SLACK * finest
    system[n, n] = 0.0
    weights: NDArray[np.float64] = solve(system, np.append(values, 0.0), assume_a="sym")
    return weights


def _evaluated(
    centres: NDArray[np.float64],
    weights: NDArray[np.float64],
    shape: tuple[int, ...],
    spacing_mm: Spacing,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the function in each voxel."""
    from scipy.spatial.distance import cdist

    coarse_mm = (math.prod(shape) * math.prod(spacing_mm) / _MOST_NODES) ** (1 / 3)
    nodes = [
        np.linspace(0, size - 1, min(size, max(2, math.ceil(size * step / coarse_mm))))
        for size, step in zip(shape, spacing_mm, strict=True)
    ]
    places = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, 3) * spacing_mm
    found = np.empty(len(places))
    for low in range(0, len(places), _AT_ONCE):
        progress(low / len(places))
        part = slice(low, low + _AT_ONCE)
        found[part] = weights[-1] - cdist(places[part], centres) @ weights[:-1]
    field = found.reshape([len(some) for some in nodes]).astype(np.float32)
    for axis, (some, size) in enumerate(zip(nodes, shape, strict=True)):
        between = np.zeros((size, len(some)), np.float32)
        for node, unit in enumerate(np.eye(len(some))):
            between[:, node] = np.interp(np.arange(size), some, unit)
        field = np.moveaxis(np.tensordot(between, field, (1, axis)), 0, axis)
    return np.ascontiguousarray(field)
