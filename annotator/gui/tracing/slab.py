"""Slabs of a traced volume: planes along its own axes, the maximum over a thickness; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.gui.planes import Plane
from annotator.gui.window_level import WindowLevel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import PointUm

_NAMES = ("XY", "XZ", "YZ")
_SIDES = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
"""Array axis looked along, then those that run down and to the right."""
_SLICES, _PIXELS = 5, 9
"""The first slab: so many slices, and so many pixels, whichever is thicker."""
SMALL_VOXELS = 4_000_000
"""Size of the copy for the 3D view."""
_SAMPLES = 400_000


def planes_of_image(image: TracedImage) -> tuple[Plane, ...]:
    """Return the planes XY, XZ and YZ of a volume; XY alone of a projection."""
    shape, spacing = image.voxels.shape, image.spacing_um
    planes = tuple(
        Plane(
            axis=axis,
            name=name,
            row_axis=rows,
            column_axis=columns,
            flip_rows=False,
            flip_columns=False,
            shape=(shape[rows], shape[columns]),
            spacing_mm=(spacing[rows], spacing[columns]),
            letters=("", "", "", ""),
            n_slices=shape[axis],
        )
        for name, (axis, rows, columns) in zip(_NAMES, _SIDES, strict=True)
    )
    return planes if shape[0] > 1 else planes[:1]


def first_slab_um(image: TracedImage) -> float:
    """Return a thickness to begin with: some slices, at least a few pixels."""
    z, y, x = image.spacing_um
    return max(_SLICES * z, _PIXELS * max(y, x))


def slab_range(plane: Plane, index: int, slab_um: float, spacing_um: float) -> tuple[int, int]:
    """Return the first slice of the slab about a slice, and the one after its last."""
    n_slices = min(max(1, round(slab_um / spacing_um)), plane.n_slices)
    low = min(max(0, index - (n_slices - 1) // 2), plane.n_slices - 1)
    return low, min(plane.n_slices, index + n_slices // 2 + 1)


def cut_slab(voxels: NDArray[np.generic], plane: Plane, low: int, high: int) -> NDArray[np.generic]:
    """Return the maximum over some slices, ``(rows, columns)``."""
    piece = voxels[(slice(None),) * plane.axis + (slice(low, high),)]
    flat = piece.max(axis=plane.axis)
    turned: NDArray[np.generic] = flat.T if plane.row_axis > plane.column_axis else flat
    return turned


def brightest_at(
    image: TracedImage, plane: Plane, point: tuple[float, float, float], low: int, high: int
) -> PointUm:
    """Return the place in the slab under a place of the view ``(z, y, x)``, where it is brightest.

    Of places as bright, the one nearest to the middle of the slab.
    """
    voxel = [
        min(max(round(at), 0), size - 1) for at, size in zip(point, image.voxels.shape, strict=True)
    ]
    where: list[int | slice] = list(voxel)
    where[plane.axis] = slice(low, high)
    values = image.voxels[tuple(where)].astype(np.float64)
    best = np.flatnonzero(values == values.max()) if len(values) else np.zeros(1, np.int64)
    middle = point[plane.axis] - low
    depth = low + int(best[np.argmin(np.abs(best - middle))])
    place = list(point)
    place[plane.axis] = float(depth)
    z, y, x = (at * step for at, step in zip(place, image.spacing_um, strict=True))
    return x, y, z


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedImage:
    """A traced image with what its canvas needs of all its voxels, made on a worker thread.

    ``small`` is a copy for the 3D view, ``(z, y, x)`` float32; one of its voxels stands for
    ``small_step`` voxels along ``(z, y, x)``.
    """

    image: TracedImage
    window: WindowLevel
    small: NDArray[np.float32]
    small_step: tuple[int, int, int]


def prepare_image(image: TracedImage) -> PreparedImage:
    """Return an image with its first grey-level window and its copy for the 3D view."""
    small, step = _shrink(image)
    small = np.nan_to_num(small, copy=False)
    flat = image.voxels.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLES)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low = float(np.percentile(sample, 25)) if sample.size else 0.0
    # A neuron takes a thousandth of its volume; of its projection it takes enough to be met.
    high = float(np.percentile(small.max(axis=0), 99.5)) if small.size else 1.0
    if high <= low:  # almost all is background, as where somebody segmented the image
        high = max(float(small.max(initial=low)), low + 1e-6)
    span = max(high - low, 1e-6)
    window = WindowLevel(level=low + span / 2, width=span, range=span)
    return PreparedImage(image=image, window=window, small=small, small_step=step)


def _shrink(image: TracedImage) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
    """Return the maxima of blocks of a volume, of nearly cubic shape where it can be."""
    voxels = image.voxels
    steps = [1, 1, 1]
    size = list(voxels.shape)
    spacing = list(image.spacing_um)
    while np.prod([-(-n // s) for n, s in zip(size, steps, strict=True)]) > SMALL_VOXELS:
        finest = min(
            (spacing[axis] * steps[axis], axis) for axis in range(3) if size[axis] > 2 * steps[axis]
        )[1]
        steps[finest] *= 2
    made = voxels
    for axis, step in enumerate(steps):
        if step > 1:
            made = np.maximum.reduceat(made, np.arange(0, made.shape[axis], step), axis=axis)
    return made.astype(np.float32), (steps[0], steps[1], steps[2])
