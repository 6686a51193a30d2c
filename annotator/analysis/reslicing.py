"""Slices of a volume that are not stored as such: slabs of several, and oblique ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Projection = Literal["maximum", "minimum", "mean"]

_PROJECT: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "mean": np.mean}


def slab(
    volume: NDArray[Any], axis: int, index: int, n_slices: int, projection: Projection
) -> NDArray[Any]:
    """Return slices around one, projected along their axis; where there are fewer, those.

    Parameters
    ----------
    volume : ndarray
        ``(z, y, x[, channel])``.
    n_slices : int
        How many, the one at ``index`` in the middle (of an even number: after the middle).

    Returns
    -------
    ndarray
        The other two axes (and the channels), of the volume's own type.
    """
    first = max(0, index - n_slices // 2)
    last = min(volume.shape[axis], index - n_slices // 2 + n_slices)
    piece = volume[(slice(None),) * axis + (slice(first, max(last, first + 1)),)]
    projected: NDArray[Any] = _PROJECT[projection](piece, axis=axis)
    return projected.astype(volume.dtype, copy=False)


def slices_within(thickness_mm: float, spacing_mm: float) -> int:
    """Return how many slices a slab of that thickness has, at least one."""
    return max(1, round(thickness_mm / spacing_mm))


def oblique(
    volume: NDArray[Any],
    spacing_mm: Sequence[float],
    *,
    centre: Sequence[float],
    down: Sequence[float],
    right: Sequence[float],
    shape: tuple[int, int],
    pixel_mm: float,
    order: Literal[0, 1] = 1,
    outside: float = 0.0,
) -> NDArray[Any]:
    """Cut a volume along any plane.

    Parameters
    ----------
    volume : ndarray
        ``(z, y, x)``.
    spacing_mm : sequence of float
        Voxel spacing along ``(z, y, x)``.
    centre : sequence of float
        Array position ``(z, y, x)`` in the middle of the slice.
    down, right : sequence of float
        Directions ``(z, y, x)`` in mm that run down and to the right; of any length, not parallel.
        ``right`` is turned in their plane until it is perpendicular to ``down``.
    shape : tuple of int
        Rows and columns of the slice.
    pixel_mm : float
        Its spacing.
    order : int
        1 for values, 0 for labels.

    Returns
    -------
    ndarray
        ``(row, column)`` of the volume's type; ``outside`` where there is nothing.
    """
    from scipy import ndimage  # a slice along an axis needs none of it

    axes = plane_axes(down, right)
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in shape)
    offsets = rows[:, None, None] * pixel_mm * axes[0] + columns[None, :, None] * pixel_mm * axes[1]
    places = np.asarray(centre, float) + offsets / np.asarray(spacing_mm, float)
    cut: NDArray[Any] = ndimage.map_coordinates(
        volume, np.moveaxis(places, -1, 0), order=order, mode="constant", cval=outside
    )
    return cut


def plane_axes(down: Sequence[float], right: Sequence[float]) -> NDArray[np.float64]:
    """Return two perpendicular unit vectors in a plane, ``(2, 3)``: down, then right.

    Raises ValueError where the two directions are parallel or nothing.
    """
    first, second = np.asarray(down, float), np.asarray(right, float)
    length = float(np.linalg.norm(first))
    if length > 0:
        first = first / length
        second = second - (second @ first) * first
    rest = float(np.linalg.norm(second))
    if length == 0 or rest < 1e-9:
        raise ValueError(f"directions {tuple(down)} and {tuple(right)} do not span a plane")
    return np.stack([first, second / rest])


def turned(
    axes: NDArray[np.float64], *, about_down: float = 0.0, about_right: float = 0.0
) -> NDArray[np.float64]:
    """Return the axes ``(2, 3)`` of a plane that was turned about its own ones, in radians."""
    down, right = axes
    if about_down:
        right = _rotated(right, down, about_down)
    if about_right:
        down = _rotated(down, right, about_right)
    return plane_axes(down, right)


def _rotated(
    vector: NDArray[np.float64], about: NDArray[np.float64], angle: float
) -> NDArray[np.float64]:
    """Rodrigues' formula; ``about`` is a unit vector."""
    turned_part = vector * np.cos(angle) + np.cross(about, vector) * np.sin(angle)
    along: NDArray[np.float64] = about * (about @ vector) * (1 - np.cos(angle))
    return np.asarray(turned_part + along)
