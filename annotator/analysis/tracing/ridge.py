"""How much an image looks like a bright tube, by the curvature of its brightness.

Tubeness of Sato et al. 1998 (Medical Image Analysis 2(2), 143-168): in 3D the geometric mean of the
two curvatures across the tube, in 2D the curvature across the line; 0 where one of them is not
that of something bright. Voxels need not be cubes: scales are µm.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_BLOCK = 48
"""Voxels along a block's side: small enough to follow a thin tree, large beside its rim."""


def measure_ridge(
    voxels: NDArray[np.generic],
    spacing_um: tuple[float, float, float],
    scales_um: Sequence[float],
) -> NDArray[np.float32]:
    """Return the largest tubeness over the scales, ``(z, y, x)`` in units of brightness.

    Parameters
    ----------
    voxels : ndarray
        ``(z, y, x)``; one slice is measured as a 2D image.
    spacing_um : tuple of float
        Along ``(z, y, x)``.
    scales_um : sequence of float
        Standard deviations of the Gaussian: about the radii of the tubes that are looked for.
    """
    spacing = np.asarray(spacing_um)
    if voxels.shape[0] == 1:
        flat = voxels[0].astype(np.float32)
        return _strongest(flat, spacing[1:], scales_um)[None]
    return _strongest(voxels.astype(np.float32), spacing, scales_um)


def _strongest(
    image: NDArray[np.float32], spacing: NDArray[np.float64], scales_um: Sequence[float]
) -> NDArray[np.float32]:
    best = np.zeros_like(image)
    for scale_um in scales_um:
        smooth = ndimage.gaussian_filter(image, scale_um / spacing, truncate=3.0)
        np.maximum(best, _tubeness(smooth, spacing) * np.float32(scale_um**2), out=best)
    return best


def _tubeness(smooth: NDArray[np.float32], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return tubeness per µm² of an image that is smoothed already."""
    padded = np.pad(smooth, 1, mode="edge")
    curvatures = {
        (i, j): _second_difference(padded, i, j) / np.float32(spacing[i] * spacing[j])
        for i in range(smooth.ndim)
        for j in range(i, smooth.ndim)
    }
    if smooth.ndim == 2:
        mean = (curvatures[0, 0] + curvatures[1, 1]) / 2
        root = np.hypot((curvatures[0, 0] - curvatures[1, 1]) / 2, curvatures[0, 1])
        across: NDArray[np.float32] = np.maximum(root - mean, 0.0)
        return across
    found = np.zeros(smooth.shape, np.float32)
    # Two negative roots mostly outweigh the third: where the sum is not negative none is sought.
    hopeful = curvatures[0, 0] + curvatures[1, 1] + curvatures[2, 2] < 0
    chosen = {key: curvature[hopeful] for key, curvature in curvatures.items()}
    low, middle = _two_lowest(chosen)
    found[hopeful] = np.where(middle < 0, np.sqrt(np.maximum(low * middle, 0.0)), 0.0)
    return found


def _two_lowest(
    entries: dict[tuple[int, int], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the two lowest eigenvalues of symmetric 3 by 3 matrices, by the cosine formula."""
    third = np.float32(1 / 3)
    mean = (entries[0, 0] + entries[1, 1] + entries[2, 2]) * third
    a, b, c = (entries[i, i] - mean for i in range(3))
    d, e, f = entries[0, 1], entries[0, 2], entries[1, 2]
    spread = np.sqrt((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / np.float32(6))
    determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    ratio = determinant / np.maximum(2 * spread**3, np.float32(1e-30))
    angle = np.arccos(np.clip(ratio, -1.0, 1.0)) * third
    high = mean + 2 * spread * np.cos(angle)
    low = mean + 2 * spread * np.cos(angle + np.float32(2 * np.pi / 3))
    return low, 3 * mean - high - low


def _second_difference(padded: NDArray[np.float32], i: int, j: int) -> NDArray[np.float32]:
    def shifted(steps: dict[int, int]) -> NDArray[np.float32]:
        return padded[
            tuple(
                slice(1 + steps.get(axis, 0), padded.shape[axis] - 1 + steps.get(axis, 0))
                for axis in range(padded.ndim)
            )
        ]

    if i == j:
        return shifted({i: 1}) - 2 * shifted({}) + shifted({i: -1})
    mixed: NDArray[np.float32] = (
        shifted({i: 1, j: 1})
        - shifted({i: 1, j: -1})
        - shifted({i: -1, j: 1})
        + shifted({i: -1, j: -1})
    ) / np.float32(4)
    return mixed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RidgeBlock:
    """A block of a volume and its ridge: ``corner`` is its first voxel, ``(z, y, x)``."""

    corner: tuple[int, int, int]
    brightness: NDArray[np.float32]
    ridge: NDArray[np.float32]


def ridge_blocks(
    voxels: NDArray[np.generic],
    spacing_um: tuple[float, float, float],
    points_um: NDArray[np.float64],
    *,
    reach_um: float,
    scales_um: Sequence[float],
) -> Iterator[RidgeBlock]:
    """Yield the blocks within ``reach_um`` of the points, each measured with a rim of its own.

    The volume is never filtered whole: what it costs grows with the tree. ``points_um`` is
    ``(point, 3)``: x, y, z in the image frame. ``brightness`` is smoothed at the smallest scale.
    """
    shape = np.array(voxels.shape)
    spacing = np.asarray(spacing_um)
    rim = np.ceil(3 * max(scales_um) / spacing).astype(int) + 2
    for block in _blocks_near(points_um[:, ::-1] / spacing, reach_um / spacing, shape):
        low = block * _BLOCK
        high = np.minimum(low + _BLOCK, shape)
        outer_low = np.maximum(low - rim, 0)
        outer_high = np.minimum(high + rim, shape)
        around = voxels[tuple(slice(a, b) for a, b in zip(outer_low, outer_high, strict=True))]
        inner = tuple(slice(a, b) for a, b in zip(low - outer_low, high - outer_low, strict=True))
        smooth_um = np.where(shape == 1, 0.0, min(scales_um)) / spacing
        smooth = ndimage.gaussian_filter(around.astype(np.float32), smooth_um, truncate=3.0)
        yield RidgeBlock(
            corner=(int(low[0]), int(low[1]), int(low[2])),
            brightness=smooth[inner],
            ridge=measure_ridge(around, spacing_um, scales_um)[inner],
        )


def _blocks_near(
    places: NDArray[np.float64], reach: NDArray[np.float64], shape: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the numbers of the blocks that a box of ``reach`` about a place touches."""
    corners = [places + reach * np.array(side) for side in product((-1, 1), repeat=3)]
    inside = np.clip(np.concatenate([places, *corners]), 0, shape - 1)
    blocks: NDArray[np.int64] = np.unique(inside.astype(np.int64) // _BLOCK, axis=0)
    return blocks
