"""Where the windows of a network lie on an image, and how much each voxel of one counts.

Both as MONAI's ``sliding_window_inference`` has them (Cardoso et al., MONAI, 2022), so that a
network reads here as it was validated there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Place = tuple[int, int, int]
"""First voxel of a window, ``(z, y, x)`` in the padded image."""
SIGMA = 0.125
"""Standard deviation of a window's weight, as a share of its side."""
LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowGrid:
    """Windows that cover an image.

    Attributes
    ----------
    shape : tuple of int
        The image, ``(z, y, x)``.
    patch : tuple of int
        A window.
    starts : tuple of tuple of int
        Where windows begin along each axis of the padded image, ascending; the last one ends with
        it.
    before : tuple of int
        Voxels of padding before the image along each axis, where it is smaller than a window.
    """

    shape: tuple[int, int, int]
    patch: tuple[int, int, int]
    starts: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    before: tuple[int, int, int]

    @property
    def padded(self) -> tuple[int, int, int]:
        """Shape of the padded image."""
        z, y, x = (max(size, side) for size, side in zip(self.shape, self.patch, strict=True))
        return z, y, x

    @property
    def n_windows(self) -> int:
        """How many windows there are."""
        return len(self.starts[0]) * len(self.starts[1]) * len(self.starts[2])

    def places(self, order: tuple[int, int, int] = (0, 1, 2)) -> Iterator[Place]:
        """Yield where windows begin, the axis that ``order`` names last changing fastest."""
        for found in product(*(self.starts[axis] for axis in order)):
            place = dict(zip(order, found, strict=True))
            yield place[0], place[1], place[2]

    def cut(self, image: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
        """Return the window of an image ``(channel, z, y, x)``; what lies outside it is 0."""
        low = [start - pad for start, pad in zip(place, self.before, strict=True)]
        inside = tuple(
            slice(max(0, begin), min(size, begin + side))
            for begin, side, size in zip(low, self.patch, self.shape, strict=True)
        )
        found = image[(slice(None), *inside)]
        if found.shape[1:] == self.patch:
            return found
        window = np.zeros((len(image), *self.patch), np.float32)
        target = tuple(
            slice(part.start - begin, part.stop - begin)
            for part, begin in zip(inside, low, strict=True)
        )
        window[(slice(None), *target)] = found
        return window

    def reaches(self, is_wanted: NDArray[np.bool_], place: Place) -> bool:
        """Whether any voxel ``(z, y, x)`` of the image that is wanted lies in a window."""
        part = tuple(
            slice(max(0, start - pad), start - pad + side)
            for start, pad, side in zip(place, self.before, self.patch, strict=True)
        )
        return bool(is_wanted[part].any())


def window_grid(
    shape: tuple[int, int, int], patch: tuple[int, int, int], overlap: float
) -> WindowGrid:
    """Return the windows that cover an image.

    Parameters
    ----------
    shape, patch : tuple of int
        Of the image and of a window, ``(z, y, x)``.
    overlap : float
        Share of a window that the next one covers again, from 0 to below 1.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"windows overlap by 0 to below 1 of their side, not {overlap}")
    z, y, x = (
        _starts(max(size, side), side, overlap) for size, side in zip(shape, patch, strict=True)
    )
    before = tuple(max(0, side - size) // 2 for size, side in zip(shape, patch, strict=True))
    return WindowGrid(
        shape=shape, patch=patch, starts=(z, y, x), before=(before[0], before[1], before[2])
    )


def axis_weights(side: int) -> NDArray[np.float32]:
    """Return the Gaussian weight of each voxel along one side of a window."""
    away = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    found: NDArray[np.float32] = np.exp(away**2 / np.float32(-2 * (side * SIGMA) ** 2))
    return found


def least_weight(patch: tuple[int, int, int]) -> float:
    """Return the weight that the corners of a window are raised to."""
    corner = 1.0
    for side in patch:
        corner *= float(axis_weights(side)[0])
    return max(corner, LEAST_WEIGHT)


def _starts(size: int, side: int, overlap: float) -> tuple[int, ...]:
    step = max(1, int(side * (1 - overlap))) if side != size else side
    n_windows = -(-max(0, size - side) // step) + 1
    return tuple(min(number * step, size - side) for number in range(n_windows))
