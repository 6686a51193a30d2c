"""Which voxels an operation is about: boxes around labels, in a slice or in the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box


def box_of(inside: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around what is True in ``(z, y, x)``; None where nothing is."""
    flat = inside.any(axis=2)
    rows = np.flatnonzero(flat.any(axis=0))
    planes = np.flatnonzero(flat.any(axis=1))
    if not len(planes):
        return None
    low, high = (int(planes[0]), int(rows[0])), (int(planes[-1]) + 1, int(rows[-1]) + 1)
    columns = np.flatnonzero(inside[low[0] : high[0], low[1] : high[1]].any(axis=(0, 1)))
    return (*low, int(columns[0])), (*high, int(columns[-1]) + 1)


def moved(box: Box, by: tuple[int, int, int]) -> Box:
    """Return a box whose corners are told from another origin."""
    (z0, y0, x0), (z1, y1, x1) = box
    z, y, x = by
    return (z0 + z, y0 + y, x0 + x), (z1 + z, y1 + y, x1 + x)
