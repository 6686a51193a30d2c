"""The part of an image that an answer to prompts is worked out on, no finer than needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box

SMOOTHING = 0.7
"""Standard deviation of what is taken from the image, in rows of the finest axis."""
NOISE_STEPS = 15
"""The range from dark to bright is at least that many times the usual step between neighbours."""
MOST_VOXELS = 130_000
"""Of the grid that is worked on: what a processor core answers for in about 0.1 s."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """A box of an image on a grid of its own.

    Attributes
    ----------
    box : Box
        In the image, half-open.
    steps : tuple of int
        Voxels of the image from one of the grid to the next, by axis.
    values : ndarray
        Intensity ``(z, y, x, channel)`` float32 on the grid, 0 to 1 over most of the region.
    spacing_mm : tuple of float
        Of the grid.
    """

    box: Box
    steps: tuple[int, int, int]
    values: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the grid."""
        depth, height, width = self.values.shape[:3]
        return depth, height, width

    def to_grid(self, voxels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where voxels ``(n, 3)`` of the image lie on the grid; those outside are left out.

        Each once, in order.
        """
        low, high = np.asarray(self.box)
        inside = ((voxels >= low) & (voxels < high)).all(axis=1)
        places = (voxels[inside] - low) // np.asarray(self.steps)
        return np.unique(places, axis=0)

    def mask_to_grid(self, mask: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
        """Return a mask over a box of the image on the grid; False beyond that box."""
        found = np.zeros(self.shape, np.bool_)
        places = np.argwhere(mask) + np.asarray(box[0])
        found[tuple(self.to_grid(places).T)] = True
        return found

    def to_image(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a field on the grid at every voxel of the box, linear between."""
        low, high = np.asarray(self.box)
        for axis, (step, size) in enumerate(zip(self.steps, high - low, strict=True)):
            if step == 1:
                continue
            # A voxel of the grid stands in the middle of those that it was made of.
            places = (np.arange(size) - (step - 1) / 2) / step
            places = np.clip(places, 0, field.shape[axis] - 1)
            before = places.astype(int)
            after = np.minimum(before + 1, field.shape[axis] - 1)
            part = (places - before).astype(np.float32)
            part = part.reshape([-1 if other == axis else 1 for other in range(3)])
            field = field.take(before, axis) * (1 - part) + field.take(after, axis) * part
        return field


def cut_region(
    image: NDArray[np.float32], spacing_mm: Sequence[float], box: Box, coarseness: int = 1
) -> Region:
    """Return a box of an image ``(z, y, x[, channel])``, smoothed a little, as 0 to 1.

    ``coarseness`` is how many rows of the finest axis become one; more where the box would hold
    over ``MOST_VOXELS`` otherwise.
    """
    low, high = np.asarray(box)
    finest = min(spacing_mm)
    while True:
        steps = [max(1, round(coarseness * finest / mm)) for mm in spacing_mm]
        steps = [min(step, int(size)) for step, size in zip(steps, high - low, strict=True)]
        if np.prod(-(-(high - low) // steps)) <= MOST_VOXELS or coarseness >= max(high - low):
            break
        coarseness += 1
    values = image[tuple(slice(*ends) for ends in zip(low, high, strict=True))]
    values = values.reshape(*values.shape[:3], -1)
    if max(steps) > 1:
        values = _thin(values, steps)
    coarse_mm = tuple(mm * step for mm, step in zip(spacing_mm, steps, strict=True))
    blur = [SMOOTHING * min(coarse_mm) / mm for mm in coarse_mm]
    values = np.stack(
        [ndimage.gaussian_filter(values[..., n], blur) for n in range(values.shape[3])], axis=-1
    )
    dark, bright = np.percentile(values, (1, 99))
    finest_axis = int(np.argmin(coarse_mm))
    noise = np.abs(np.diff(values, axis=finest_axis))
    # Where all of a region is one tissue, its noise must not look like contrast.
    least = NOISE_STEPS * float(np.median(noise)) if noise.size else 0.0
    scaled = (values - dark) / max(float(bright - dark), least, 1e-6)
    return Region(
        box=box,
        steps=(steps[0], steps[1], steps[2]),
        values=scaled.astype(np.float32),
        spacing_mm=(coarse_mm[0], coarse_mm[1], coarse_mm[2]),
    )


def _thin(values: NDArray[np.float32], steps: Sequence[int]) -> NDArray[np.float32]:
    """Return the means over blocks of ``steps`` voxels; the last ones may be of fewer."""
    for axis, step in enumerate(steps):
        if step > 1:
            starts = np.arange(0, values.shape[axis], step)
            sums = np.add.reduceat(values, starts, axis=axis)
            counts = np.diff([*starts, values.shape[axis]]).astype(np.float32)
            values = (sums / counts.reshape([-1 if n == axis else 1 for n in range(4)])).astype(
                np.float32
            )
    return values
