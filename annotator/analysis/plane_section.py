"""A plane through a volume that lies anywhere in it: what one series shows where another one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry

_STRAIGHT = 0.05
"""Voxels that a plane may drift over its whole extent and still count as straight."""
_REACH = 0.5
"""A voxel reaches half its size beyond its centre."""


def index_to_lps(geometry: Geometry) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from array index ``(z, y, x)`` to LPS mm ``(x, y, z)``."""
    matrix = np.eye(4)
    direction = np.array(geometry.direction).reshape(3, 3)
    # The direction's columns are the array's x, y, z axes; the index comes as z, y, x.
    matrix[:3, :3] = direction[:, ::-1] * np.array(geometry.spacing_mm)
    matrix[:3, 3] = geometry.origin_mm
    return matrix


def index_to_index(
    source: Geometry, target: Geometry, rigid: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from indices ``(z, y, x)`` of one grid to those of another.

    By patient coordinates: the same place in both, or where ``rigid`` (4 x 4, LPS mm) takes it.
    """
    to_mm: NDArray[Any] = index_to_lps(source) if rigid is None else rigid @ index_to_lps(source)
    found: NDArray[np.float64] = np.linalg.solve(index_to_lps(target), to_mm)
    return found


def plane_section(
    volume: NDArray[Any],
    first: NDArray[np.float64],
    down: NDArray[np.float64],
    right: NDArray[np.float64],
    shape: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cut a volume along any plane, trilinearly.

    Parameters
    ----------
    volume : ndarray
        ``(z, y, x)`` or ``(z, y, x, channel)``, of any real type.
    first : ndarray
        Array position ``(z, y, x)`` of the first pixel.
    down, right : ndarray
        Steps ``(z, y, x)`` in voxels from one row, and from one column, to the next.
    shape : tuple of int
        Rows and columns of what is returned.

    Returns
    -------
    values : ndarray
        ``(row, column[, channel])``; 0 outside the volume.
    inside : ndarray
        ``(row, column)``: whether the pixel lies in the volume, up to the outer edges of its
        voxels.
    """
    inside = _inside(volume.shape[:3], first, down, right, shape)
    channels = volume.shape[3:]
    if not inside.any():
        return np.zeros((*shape, *channels), np.float32), inside
    axes = _straight_axes(down, right, shape)
    if axes is not None:
        values = _straight_section(volume, first, down, right, shape, axes)
    elif channels:
        each = [
            _turned_section(volume[..., n], first, down, right, shape) for n in range(*channels)
        ]
        values = np.stack(each, axis=-1)
    else:
        values = _turned_section(volume, first, down, right, shape)
    values[~inside] = 0
    return values, inside


def _inside(
    sizes: tuple[int, ...],
    first: NDArray[np.float64],
    down: NDArray[np.float64],
    right: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.bool_]:
    found = np.ones(shape, np.bool_)
    rows, columns = (np.arange(size) for size in shape)
    for axis, size in enumerate(sizes):
        place = (first[axis] + rows * down[axis])[:, None] + (columns * right[axis])[None]
        found &= (place >= -_REACH) & (place <= size - 1 + _REACH)
    return found


def _straight_axes(
    down: NDArray[np.float64], right: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[int, int] | None:
    """Return the array axes that rows and columns run along; None where they run across several."""
    row_axis, column_axis = int(np.abs(down).argmax()), int(np.abs(right).argmax())
    drift = np.abs(down) * shape[0], np.abs(right) * shape[1]
    drift[0][row_axis] = drift[1][column_axis] = 0.0
    is_straight = row_axis != column_axis and max(drift[0].max(), drift[1].max()) <= _STRAIGHT
    return (row_axis, column_axis) if is_straight else None


def _straight_section(
    volume: NDArray[Any],
    first: NDArray[np.float64],
    down: NDArray[np.float64],
    right: NDArray[np.float64],
    shape: tuple[int, int],
    axes: tuple[int, int],
) -> NDArray[np.float32]:
    """Interpolate along one axis after the other: a plane along the axes needs no more."""
    row_axis, column_axis = axes
    (normal,) = {0, 1, 2} - {row_axis, column_axis}
    rows = first[row_axis] + right[row_axis] * (shape[1] - 1) / 2
    columns = first[column_axis] + down[column_axis] * (shape[0] - 1) / 2
    depth = first[normal] + (down[normal] * (shape[0] - 1) + right[normal] * (shape[1] - 1)) / 2
    low, high, part = _neighbours(np.array([depth]), volume.shape[normal])
    slices = np.moveaxis(volume, normal, 0)
    piece = np.asarray(slices[low[0]], np.float32)
    if part[0] > 0:
        piece = piece + part[0] * (slices[high[0]] - piece)
    if row_axis > column_axis:
        piece = piece.swapaxes(0, 1)
    piece = _along(piece, 0, rows + np.arange(shape[0]) * down[row_axis])
    return _along(piece, 1, columns + np.arange(shape[1]) * right[column_axis])


def _along(
    values: NDArray[np.float32], axis: int, places: NDArray[np.float64]
) -> NDArray[np.float32]:
    low, high, part = _neighbours(places, values.shape[axis])
    below = values.take(low, axis=axis)
    shape = [1] * values.ndim
    shape[axis] = -1
    below += part.reshape(shape) * (values.take(high, axis=axis) - below)
    return below


def _neighbours(
    places: NDArray[np.float64], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the voxels on both sides of places, and how far these are from the lower ones."""
    kept = np.clip(places, 0, size - 1)
    low = kept.astype(np.intp)
    return low, np.minimum(low + 1, size - 1), (kept - low).astype(np.float32)


def _turned_section(
    volume: NDArray[Any],
    first: NDArray[np.float64],
    down: NDArray[np.float64],
    right: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    from scipy import ndimage  # a plane along the axes needs none of it

    cut = ndimage.affine_transform(
        volume,
        np.stack([np.zeros(3), down, right], axis=1),
        offset=first,
        output_shape=(1, *shape),
        output=np.float32,
        order=1,
        mode="nearest",
        prefilter=False,
    )
    found: NDArray[np.float32] = cut[0]
    return found
