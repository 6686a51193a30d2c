"""The outline of a mask, moved: the geometry under simulated readings and phantoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]


def move_outline(
    inside: NDArray[np.bool_], shift_mm: NDArray[np.float32], spacing_mm: Spacing
) -> NDArray[np.bool_]:
    """Return a mask ``(z, y, x)`` with its outline moved outwards by ``shift_mm`` at each voxel.

    Noise also makes specks and pinholes beside the outline; a person who moves one leaves none.
    """
    moved = signed_distance_mm(inside, spacing_mm) + shift_mm > 0
    moved = _reached_from(inside, moved)
    return ~_reached_from(~inside, ~moved)


def _reached_from(start: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected pieces of ``allowed`` that hold a voxel of ``start``."""
    pieces, n_pieces = ndimage.label(allowed, np.ones((3, 3, 3)))
    is_reached = np.zeros(n_pieces + 1, np.bool_)
    is_reached[pieces[start & allowed]] = True
    return is_reached[pieces]


def signed_distance_mm(inside: NDArray[np.bool_], spacing_mm: Spacing) -> NDArray[np.float32]:
    """Return the distance of voxel centres to the outline in mm, positive inside.

    The outline lies half a voxel (of the finest axis) from the centres on either side of it.
    """
    half = 0.5 * min(spacing_mm)
    within = ndimage.distance_transform_edt(inside, spacing_mm) - half
    if inside.all():
        return np.asarray(np.full(inside.shape, np.inf), np.float32)
    beyond = ndimage.distance_transform_edt(~inside, spacing_mm) - half
    return np.where(inside, within, -beyond).astype(np.float32)


def smooth_noise(
    shape: tuple[int, ...], sigma_vox: Sequence[float], random: np.random.Generator
) -> NDArray[np.float32]:
    """Return Gaussian-smoothed noise of unit standard deviation.

    Drawn on a grid about as coarse as the smoothing allows, then interpolated: for wide noise that
    is many times faster than smoothing voxel by voxel.
    """
    steps = [max(1, int(sigma // 2)) for sigma in sigma_vox]
    coarse_shape = [-(-size // step) + 1 for size, step in zip(shape, steps, strict=True)]
    noise = random.standard_normal(coarse_shape, np.float32)
    sigmas = [sigma / step for sigma, step in zip(sigma_vox, steps, strict=True)]
    noise = ndimage.gaussian_filter(noise, sigmas, mode="reflect")
    for axis, (size, step) in enumerate(zip(shape, steps, strict=True)):
        at = np.arange(size) / step
        low = at.astype(np.intp)
        rest = (at - low).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(3)])
        upper = np.minimum(low + 1, noise.shape[axis] - 1)
        noise = noise.take(low, axis) * (1 - rest) + noise.take(upper, axis) * rest
    deviation = float(noise.std())
    return noise / np.float32(deviation) if deviation > 0 else noise
