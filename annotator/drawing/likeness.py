"""Which voxels look like a place: its values, up to the edges around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from annotator.drawing.scope import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.capsule import Swept
    from annotator.drawing.surface import Surface

_Any = TypeVar("_Any", bound=np.generic)

_EDGE_REACH = 2
"""Voxels from an edge on which the values of its two sides are reached."""
_NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""
_SPECK_VOXELS = 4
_LEAST_SMOOTHING = 0.1
"""Voxels; less would change nothing."""
_ENOUGH = 20_000
"""Differences along one axis that the noise is estimated from."""


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
        self.box = box
        finest = min(surface.spacing_mm[axis] for axis in axes)
        self._axes = axes
        self._half_a_step = surface.half_a_step
        self._values = surface.values(box)
        scale = [
            finest / step if axis in axes else 0.0 for axis, step in enumerate(surface.spacing_mm)
        ]
        self._n_edge = [round(_EDGE_REACH * share) for share in scale]
        self.smooth = self._values
        for axis, share in enumerate(scale):
            # Two narrow averages: a binomial one of the variance of a Gaussian.
            for _ in range(2 if share > _LEAST_SMOOTHING else 0):
                self.smooth = _averaged(self.smooth, axis, share * share / 4)

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, by differences of voxels that are two apart.

        The median leaves edges out; neighbours would be alike in an image that was smoothed.
        """
        every = 1 + self._values.size // _ENOUGH
        differences = [
            np.abs(part[2::every] - part[:-2:every]).ravel()
            for part in (np.moveaxis(self._values, axis, 0) for axis in self._axes)
            if len(part) > 2
        ]
        if not differences:
            return self._half_a_step
        middle = float(np.median(np.concatenate(differences)))
        return max(middle / (_NORMAL_MEDIAN * 2**0.5), self._half_a_step)

    def likeness(self, place: Swept, n_noise: float) -> Likeness:
        """Return the values like those of a place, which lies in the box."""
        values = self.smooth[within(place.box, self.box)][place.inside]
        return Likeness(middle=float(np.median(values)), tolerance=n_noise * self.noise)

    def alike(self, likeness: Likeness) -> NDArray[np.bool_]:
        """Return which voxels of the box are alike.

        Along an edge that is stronger than the tolerance all voxels up to the middle between both
        sides are: an edge is where half of the change is behind, however blurred it is.
        """
        middle, tolerance = likeness.middle, likeness.tolerance
        highest = lowest = self.smooth
        for axis, n_steps in enumerate(self._n_edge):
            for _ in range(n_steps):
                highest = _with_neighbours(highest, axis, np.maximum)
                lowest = _with_neighbours(lowest, axis, np.minimum)
        upper = np.maximum(middle + tolerance, (middle + highest) / 2)
        lower = np.minimum(middle - tolerance, (middle + lowest) / 2)
        found: NDArray[np.bool_] = (self.smooth <= upper) & (self.smooth >= lower)
        return found

    def spread(self, box: Box, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return voxels of a box inside this one as voxels of this one."""
        whole = np.zeros(self.smooth.shape, np.bool_)
        whole[within(box, self.box)] = inside
        return whole

    def without_specks(
        self, region: NDArray[np.bool_], reached: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return a region with the gaps of a few voxels filled that noise leaves in the brush.

        What lies at the rim of the brush may go on outside it and is no gap.
        """
        from scipy import ndimage  # scipy takes a while to import

        gaps, n_gaps = ndimage.label(reached & ~region)
        deep = reached
        for axis in self._axes:
            deep = _with_neighbours(deep, axis, np.logical_and)
        is_speck = np.bincount(gaps.ravel(), minlength=n_gaps + 1) <= _SPECK_VOXELS
        is_speck[gaps[reached & ~deep]] = False
        is_speck[0] = False
        filled: NDArray[np.bool_] = region | is_speck[gaps]
        return filled


def _averaged(values: NDArray[np.float32], axis: int, weight: float) -> NDArray[np.float32]:
    """Return averages with both neighbours along an axis; the ends are repeated."""
    mean = values * np.float32(1 - 2 * weight)
    part, to = np.moveaxis(values, axis, 0), np.moveaxis(mean, axis, 0)
    share = part * np.float32(weight)
    to[1:] += share[:-1]
    to[:-1] += share[1:]
    to[0] += share[0]
    to[-1] += share[-1]
    return mean


def _with_neighbours(values: NDArray[_Any], axis: int, join: np.ufunc) -> NDArray[_Any]:
    """Return each value joined with both its neighbours along an axis."""
    joined = values.copy()
    part, to = np.moveaxis(values, axis, 0), np.moveaxis(joined, axis, 0)
    join(to[1:], part[:-1], out=to[1:])
    join(to[:-1], part[1:], out=to[:-1])
    return joined
