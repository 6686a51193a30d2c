"""From the grid of a series to the grid that a network reads, and back to exactly that grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry

    Shape = tuple[int, int, int]
    Spacing = tuple[float | None, float, float]

_LPS_OF = {"R": (0, -1), "L": (0, 1), "A": (1, -1), "P": (1, 1), "I": (2, -1), "S": (2, 1)}
"""Letter of an orientation → axis of LPS and which way along it that leads."""
_PLANES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpace:
    """How the grid of a series is turned and resampled for a network.

    Attributes
    ----------
    shape : tuple of int
        The series, ``(z, y, x)``.
    axes : tuple of int
        The axis of the series that becomes the network's z, y and x.
    flipped : tuple of bool
        Whether the network's z, y and x run against it.
    size : tuple of int
        Voxels that the network sees, ``(z, y, x)``.
    """

    shape: Shape
    axes: Shape
    flipped: tuple[bool, bool, bool]
    size: Shape

    @property
    def turned_shape(self) -> Shape:
        """Shape of the series with its axes turned."""
        z, y, x = (self.shape[axis] for axis in self.axes)
        return z, y, x

    @property
    def is_resampled(self) -> bool:
        """Whether the network sees other voxels than the series has."""
        return self.size != self.turned_shape

    def turn(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return a volume ``(z, y, x)`` of the series with the network's axes: a view."""
        return volume.transpose(self.axes)[self._steps]

    def turn_back(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return a volume with the network's axes as ``(z, y, x)`` of the series: a view."""
        return volume[self._steps].transpose(tuple(np.argsort(self.axes).tolist()))

    @property
    def _steps(self) -> tuple[slice, slice, slice]:
        z, y, x = (slice(None, None, -1 if flip else 1) for flip in self.flipped)
        return z, y, x

    def to_network(self, volume: NDArray[Any]) -> NDArray[np.float32]:
        """Return a volume of the series as the network sees it, float32, contiguous."""
        turned = self.turn(volume)
        if not self.is_resampled:
            return np.ascontiguousarray(turned, np.float32)
        found = np.empty(self.size, np.float32)
        for first, planes in resampled_planes(turned, self.size):
            found[first : first + len(planes)] = planes
        return found

    def from_network(self, volume: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield what the network sees, resampled, a few planes at a time, its axes still turned.

        Each comes with its first plane along z of ``turn(volume of the series)``.
        """
        yield from resampled_planes(volume, self.turned_shape)


def network_space(
    geometry: Geometry, *, orientation: str | None, spacing_mm: Spacing | None
) -> NetworkSpace:
    """Return how a series is turned and resampled.

    Axes are turned to the nearest, never in between: the network sees oblique volumes along their
    own axes, as in the data that it was trained on.

    Parameters
    ----------
    geometry : Geometry
        The grid of the series.
    orientation : str or None
        Where the network's x, y and z lead, for example ``RAS``; None to leave them.
    spacing_mm : tuple of float or None
        ``(z, y, x)``, None for axes, or all, that are to be left.
    """
    axes, flipped = (0, 1, 2), (False, False, False)
    if orientation is not None and geometry.is_volume:
        axes, flipped = _nearest_axes(geometry, orientation)
    size = [geometry.shape[axis] for axis in axes]
    if spacing_mm is not None and geometry.is_calibrated:
        for place, (axis, wanted_mm) in enumerate(zip(axes, spacing_mm, strict=True)):
            is_space = axis or not geometry.is_time
            if wanted_mm is not None and is_space and size[place] > 1:
                size[place] = max(1, round(size[place] * geometry.spacing_mm[axis] / wanted_mm))
    return NetworkSpace(
        shape=geometry.shape, axes=axes, flipped=flipped, size=(size[0], size[1], size[2])
    )


def _nearest_axes(geometry: Geometry, orientation: str) -> tuple[Shape, tuple[bool, bool, bool]]:
    """Return for the network's z, y and x the nearest axis of the series, and its sense."""
    # Rows are LPS, columns the array's x, y and z.
    direction = np.array(geometry.direction).reshape(3, 3)
    wanted = [_LPS_OF[letter] for letter in reversed(orientation)]
    cosines = np.array(
        [[sense * direction[row, 2 - axis] for axis in range(3)] for row, sense in wanted]
    )
    best = max(
        permutations(range(3)),
        key=lambda axes: sum(abs(cosines[place, axis]) for place, axis in enumerate(axes)),
    )
    z, y, x = (bool(cosines[place, axis] < 0) for place, axis in enumerate(best))
    return (best[0], best[1], best[2]), (z, y, x)


def resampled_planes(
    volume: NDArray[Any], size: Shape
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield a volume resampled to another size by linear interpolation, a few planes at a time.

    Both sizes fill the same space, edge to edge; beyond the centres of the outer voxels their
    values go on. Each yield comes with its first plane.
    """
    ways = [_way(old, new) for old, new in zip(volume.shape, size, strict=True)]
    for first in range(0, size[0], _PLANES):
        lower, upper, share = ways[0]
        part = slice(first, first + _PLANES)
        planes = _between(volume[lower[part]], volume[upper[part]], share[part, None, None])
        for axis in (1, 2):
            if volume.shape[axis] != size[axis]:
                low, high, between = ways[axis]
                columns = between if axis == 2 else between[:, None]
                planes = _between(planes.take(low, axis), planes.take(high, axis), columns)
        yield first, planes


def _way(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the voxels below and above each new one, and how far it lies between them."""
    place = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    lower = np.floor(place).astype(np.intp)
    return lower, np.minimum(lower + 1, old - 1), (place - lower).astype(np.float32)


def _between(
    lower: NDArray[Any], upper: NDArray[Any], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    found = upper.astype(np.float32)
    found -= lower
    found *= share
    found += lower
    return found
