"""The surface of a label as triangles, for showing it in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_VOXELS = 4_000_000
"""What a surface is made of at most; larger labels are made coarser first."""
_SMOOTH = 0.7
"""Standard deviation, in voxels of what is shown, by which the steps of voxels are rounded off."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelSurface:
    """Triangles of one label.

    ``points`` ``(n, 3)`` are mm along ``(z, y, x)`` from the centre of the first voxel, float32;
    ``triangles`` ``(m, 3)`` are rows of it, uint32; ``step`` tells how many voxels along each axis
    were joined to one.
    """

    points: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    step: tuple[int, int, int]


def label_surface(
    mask: NDArray[np.integer],
    label: int,
    spacing_mm: Sequence[float],
    *,
    max_voxels: int = MAX_VOXELS,
) -> LabelSurface | None:
    """Return the surface of a label of a mask ``(z, y, x)``; None where it is not drawn.

    Marching cubes (Lorensen and Cline 1987, in the variant of Lewiner et al. 2003 that has no
    ambiguous cases) at half of the share of the label, of which the steps of single voxels are
    smoothed away. Closed also where the label reaches the edge of the volume.
    """
    from scipy import ndimage  # both take a while to import
    from skimage.measure import marching_cubes

    box = label_box(mask, label)
    if box is None:
        return None
    inside = mask[box] == label
    step = _step(inside.shape, spacing_mm, max_voxels)
    share = np.pad(_joined(inside, step), 2)
    share = ndimage.gaussian_filter(share, [_SMOOTH if size > 5 else 0.0 for size in share.shape])
    if share.max() <= 0.5:  # a label of single voxels vanishes when it is smoothed
        share = np.pad(_joined(inside, step), 2)
    level = min(0.5, 0.5 * float(share.max()))
    points, triangles, _, _ = marching_cubes(share, level)  # type: ignore[no-untyped-call]
    first = np.array([part.start for part in box])
    voxels = first + (points - 2) * step + (np.array(step) - 1) / 2
    return LabelSurface(
        points=(voxels * np.asarray(spacing_mm)).astype(np.float32),
        triangles=triangles.astype(np.uint32),
        step=step,
    )


def label_box(mask: NDArray[np.integer], label: int) -> tuple[slice, slice, slice] | None:
    """Return the smallest box around a label of a mask ``(z, y, x)``; None without any."""
    found: list[slice] = []
    piece = mask
    for axis in range(3):  # each axis looks only at what the ones before have left
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero((piece == label).any(axis=others))
        if not places.size:
            return None
        found.append(slice(int(places[0]), int(places[-1]) + 1))
        piece = piece[(slice(None),) * axis + (found[-1],)]
    return found[0], found[1], found[2]


def _step(
    shape: tuple[int, ...], spacing_mm: Sequence[float], max_voxels: int
) -> tuple[int, int, int]:
    """Return how many voxels to join: the finest axes first, until few enough are left."""
    step = [1, 1, 1]
    while np.prod([-(-size // by) for size, by in zip(shape, step, strict=True)]) > max_voxels:
        coarse = [spacing * by for spacing, by in zip(spacing_mm, step, strict=True)]
        step[int(np.argmin(coarse))] += 1
    return step[0], step[1], step[2]


def _joined(inside: NDArray[np.bool_], step: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the share of the label in blocks of voxels."""
    if step == (1, 1, 1):
        return inside.astype(np.float32)
    padded = np.pad(inside, [(0, -size % by) for size, by in zip(inside.shape, step, strict=True)])
    z, y, x = (size // by for size, by in zip(padded.shape, step, strict=True))
    blocks = padded.reshape(z, step[0], y, step[1], x, step[2])
    share: NDArray[np.float32] = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return share
