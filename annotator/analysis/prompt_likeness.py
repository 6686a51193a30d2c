"""How alike voxels are to what was pointed at: what each could be told from by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Field = NDArray[np.float32]

NEAR = 2
"""How far from a point its intensity is taken, in voxels of the finest axis."""
REACH = 15.0
"""Distance in voxels of the finest axis at which a point counts half."""
SPREAD = 2.5
"""Factor on the standard deviation near a point."""
LEAST_SD, MOST_SD = 0.03, 0.12
DOUBT = 0.5
"""How much a voxel must be like the object before it counts where nothing else was shown."""
_MAD_TO_SD = 1.4826
_N_BINS = 32


def like_points(
    values: Field,
    spacing_mm: Sequence[float],
    inside: NDArray[np.int64],
    outside: NDArray[np.int64],
) -> Field:
    """Return how likely each voxel belongs to the object by points ``(n, 3)`` in and outside it.

    ``values`` are ``(z, y, x, channel)``, 0 to 1. A point tells of its surroundings, less the
    farther away.
    """
    alike = _alike(values, spacing_mm, inside)
    other = _alike(values, spacing_mm, outside)
    return (alike / (alike + other + DOUBT * (1 - alike) + 1e-6)).astype(np.float32)


def _alike(values: Field, spacing_mm: Sequence[float], points: NDArray[np.int64]) -> Field:
    shape = values.shape[:3]
    finest = min(spacing_mm)
    found = np.zeros(shape, np.float32)
    for point in points:
        reach = [round(NEAR * finest / mm) for mm in spacing_mm]
        window = tuple(
            slice(max(0, at - far), at + far + 1) for at, far in zip(point, reach, strict=True)
        )
        near = values[window].reshape(-1, values.shape[3])
        middle = np.median(near, axis=0)
        sd = np.clip(_MAD_TO_SD * np.median(np.abs(near - middle), axis=0), LEAST_SD, MOST_SD)
        away = (((values - middle) / (SPREAD * sd)) ** 2).sum(axis=-1)
        far_off: Field = np.zeros(shape, np.float32)
        for axis, (size, at, mm) in enumerate(zip(shape, point, spacing_mm, strict=True)):
            steps = (np.arange(size) - at) * (mm / finest) / REACH
            far_off = far_off + np.square(steps, dtype=np.float32).reshape(
                [-1 if other == axis else 1 for other in range(3)]
            )
        np.maximum(found, np.exp(-0.5 * away) / (1 + far_off), out=found)
    return found


def like_areas(values: Field, inside: NDArray[np.bool_], outside: NDArray[np.bool_]) -> Field:
    """Return how likely each voxel belongs to the object by its share in two histograms.

    ``values`` are ``(z, y, x, channel)``, 0 to 1; of several channels the one that tells the two
    areas apart best. Both areas must hold something.
    """
    within, around = values[inside], values[outside]
    contrast = np.abs(within.mean(axis=0) - around.mean(axis=0)) / (
        within.std(axis=0) + around.std(axis=0) + LEAST_SD
    )
    channel = int(contrast.argmax())
    bins = np.clip((values[..., channel] * _N_BINS).astype(int), 0, _N_BINS - 1)
    share = [
        ndimage.gaussian_filter1d(np.bincount(bins[area], minlength=_N_BINS) / area.sum(), 1.0)
        for area in (inside, outside)
    ]
    table = (share[0] + 1e-3) / (share[0] + share[1] + 2e-3)
    return np.asarray(table[bins], np.float32)
