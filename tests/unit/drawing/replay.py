"""What tools do, said in plain numpy over the whole array: slow, and nothing of the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.draw import polygon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask, Point

Inside = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def swept(
    shape: tuple[int, ...],
    spacing_mm: Sequence[float],
    places: Sequence[Point],
    *,
    radius_mm: float,
    plane: int | None,
) -> Inside:
    """Return the voxels whose centre a disc (in a plane) or ball meets on its way over places."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).astype(float)
    scale = np.asarray(spacing_mm, float)
    keep = np.array([axis != plane for axis in range(3)])
    inside = np.zeros(shape, bool)
    for start, end in zip(places, [*places[1:], places[-1]], strict=True):
        a, b = np.asarray(start), np.asarray(end)
        way = ((b - a) * scale)[keep]
        points = ((grid - a) * scale)[..., keep]
        length2 = float(way @ way)
        part = np.clip(points @ way / length2, 0, 1) if length2 > 0 else np.zeros(shape)
        near = np.linalg.norm(points - part[..., None] * way, axis=-1) <= radius_mm + 1e-9
        if plane is not None:
            near &= grid[..., plane] == np.floor(a[plane] + 0.5)
        ends = np.sort(np.floor(np.stack([a, b]) + 0.5).astype(int), axis=0)
        for t in np.linspace(0, 1, int(np.ceil(2 * np.abs(b - a).max())) + 1):
            voxel = np.clip(np.floor(a + (b - a) * t + 0.5).astype(int), *ends)
            if ((voxel >= 0) & (voxel < shape)).all():
                near[tuple(voxel)] = True
        inside |= near
    return inside


def outlined(shape: tuple[int, ...], corners: Sequence[Point], plane: int) -> Inside:
    """Return the voxels inside an outline on one slice."""
    inside = np.zeros(shape, bool)
    rows, columns = (axis for axis in range(3) if axis != plane)
    corner = np.asarray(corners)
    flat = np.zeros((shape[rows], shape[columns]), bool)
    flat[polygon(corner[:, rows], corner[:, columns], flat.shape)] = True  # type: ignore[no-untyped-call]
    section = [slice(None)] * 3
    section[plane] = slice(round(corners[0][plane]), round(corners[0][plane]) + 1)
    inside[tuple(section)] = np.expand_dims(flat, plane)
    return inside


def connected(mask: Mask, seed: tuple[int, int, int], plane: int | None) -> Inside:
    """Return what hangs together with a voxel, in its slice or in the volume."""
    same: NDArray[np.bool_] = mask == mask[seed]
    if plane is not None:
        same &= np.indices(mask.shape)[plane] == seed[plane]
    parts, _ = ndimage.label(same)
    found: Inside = parts == parts[seed]
    return found
