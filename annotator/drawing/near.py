"""What lies near a seed, and values as words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.surface import Surface


def box_around(
    surface: Surface, voxel: Sequence[int], radius_mm: float, *, plane: int | None = None
) -> Box:
    """Return the box of all voxels that may lie so near to one; in its slice across ``plane``."""
    low, high = [], []
    for axis, (at, step, size) in enumerate(
        zip(voxel, surface.spacing_mm, surface.shape, strict=True)
    ):
        reach = 0 if axis == plane else math.floor(radius_mm / step)
        low.append(max(0, at - reach))
        high.append(min(size, at + reach + 1))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def is_within(
    box: Box, voxel: Sequence[int], radius_mm: float, spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    """Return which voxels of a box ``(z, y, x)`` lie at most so far away from one."""
    z, y, x = (
        ((np.arange(first, stop) - at) * step) ** 2
        for first, stop, at, step in zip(*box, voxel, spacing_mm, strict=True)
    )
    limit = radius_mm * radius_mm * (1 + 1e-12)
    if z.max() + y.max() + x.max() <= limit:
        return np.broadcast_to(np.True_, (z.size, y.size, x.size))
    inside: NDArray[np.bool_] = z[:, None, None] + y[:, None] + x <= limit
    return inside


def number_text(value: float) -> str:
    """Return a value with as many digits as say something."""
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
