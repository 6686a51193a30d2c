"""Which voxels look like a place: its values, up to the edges around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.drawing.edit import box_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.capsule import Swept
    from annotator.drawing.surface import Surface

_EDGE_REACH = 2
"""Voxels from an edge on which the values of its two sides are reached."""
_NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""
_SPECK_VOXELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Values within ``tolerance`` of ``middle``, modality units."""

    middle: float
    tolerance: float


class Surroundings:
    """The image around a brush, smoothed a little.

    Parameters
    ----------
    box : Box
        What is looked at; lies inside the volume.
    axes : sequence of int
        Axes that it is looked at along: two for a slice, three for a volume.
    """

    def __init__(self, surface: Surface, box: Box, axes: Sequence[int]) -> None:
        from scipy import ndimage  # scipy takes a while to import

        self.box = box
        finest = min(surface.spacing_mm[axis] for axis in axes)
        self._axes = axes
        self._half_a_step = surface.half_a_step
        self._values = surface.values(box)
        scale = [
            finest / step if axis in axes else 0.0 for axis, step in enumerate(surface.spacing_mm)
        ]
        self._edge = [1 + 2 * round(_EDGE_REACH * share) for share in scale]
        self.smooth: NDArray[np.float32] = ndimage.gaussian_filter(
            self._values, scale, mode="nearest", truncate=3.0
        )

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, by differences of voxels that are two apart.

        The median leaves edges out; neighbours would be alike in an image that was smoothed.
        """
        differences = [
            np.abs(part[2:] - part[:-2]).ravel()
            for part in (np.moveaxis(self._values, axis, 0) for axis in self._axes)
            if len(part) > 2
        ]
        if not differences:
            return self._half_a_step
        middle = float(np.median(np.concatenate(differences)))
        return max(middle / (_NORMAL_MEDIAN * 2**0.5), self._half_a_step)

    def likeness(self, place: Swept, n_noise: float) -> Likeness:
        """Return the values like those of a place, which lies in the box."""
        values = self.smooth[self.within(place.box)][place.inside]
        return Likeness(middle=float(np.median(values)), tolerance=n_noise * self.noise)

    def alike(self, likeness: Likeness) -> NDArray[np.bool_]:
        """Return which voxels of the box are alike.

        Along an edge that is stronger than the tolerance all voxels up to the middle between both
        sides are: an edge is where half of the change is behind, however blurred it is.
        """
        from scipy import ndimage

        middle, tolerance = likeness.middle, likeness.tolerance
        highest = ndimage.maximum_filter(self.smooth, self._edge, mode="nearest")
        lowest = ndimage.minimum_filter(self.smooth, self._edge, mode="nearest")
        upper = np.maximum(middle + tolerance, (middle + highest) / 2)
        lower = np.minimum(middle - tolerance, (middle + lowest) / 2)
        found: NDArray[np.bool_] = (self.smooth <= upper) & (self.smooth >= lower)
        return found

    def within(self, box: Box) -> tuple[slice, slice, slice]:
        """Return the slices of a box inside this one."""
        (z0, y0, x0), (z1, y1, x1) = box
        z, y, x = self.box[0]
        return box_slices(((z0 - z, y0 - y, x0 - x), (z1 - z, y1 - y, x1 - x)))

    def spread(self, box: Box, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return voxels of a box inside this one as voxels of this one."""
        whole = np.zeros(self.smooth.shape, np.bool_)
        whole[self.within(box)] = inside
        return whole

    def without_specks(
        self, region: NDArray[np.bool_], reached: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return a region with the gaps of a few voxels filled that noise leaves in the brush.

        What lies at the rim of the brush may go on outside it and is no gap.
        """
        from scipy import ndimage

        gaps, n_gaps = ndimage.label(reached & ~region)
        size = [3 if axis in self._axes else 1 for axis in range(3)]
        deep = ndimage.minimum_filter(reached.view(np.uint8), size, mode="constant", cval=0)
        is_speck = np.bincount(gaps.ravel(), minlength=n_gaps + 1) <= _SPECK_VOXELS
        is_speck[gaps[deep == 0]] = False
        is_speck[0] = False
        filled: NDArray[np.bool_] = region | is_speck[gaps]
        return filled
