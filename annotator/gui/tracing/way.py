"""The way between two clicks, in a part of the image that is searched in a time one can wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.api.tracing import TracedImage
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.tracing import PointUm

MAX_VOXELS = 4_000_000
"""Searched for a click; some seconds."""
MAX_AHEAD_VOXELS = 250_000
"""Searched while the pointer rests; some tenths of a second."""
_MARGIN_PX = 12
_MARGIN_SHARES = (0.6, 0.3)
"""A neurite that bends more between two clicks is cut off at the box: the wide one comes first."""


def find_way(
    image: TracedImage, start_um: PointUm, end_um: PointUm, max_voxels: int
) -> NDArray[np.float64]:
    """Return the path of least cost as `find_path` does, within a box about the two places.

    Raises AnnotatorError where even a narrow box has more voxels than that.
    """
    from annotator.analysis.tracing.path_finding import find_path

    spacing = np.array(image.spacing_um)
    ends = np.array([start_um[::-1], end_um[::-1]])
    shape = np.array(image.voxels.shape)
    for share in _MARGIN_SHARES:
        reach_um = max(
            _MARGIN_PX * float(spacing[1:].max()),
            share * float(np.linalg.norm(ends[1] - ends[0])),
        )
        low = np.clip(np.floor((ends.min(axis=0) - reach_um) / spacing).astype(int), 0, shape - 1)
        high = np.clip(np.ceil((ends.max(axis=0) + reach_um) / spacing).astype(int) + 1, 1, shape)
        if int(np.prod(high - low)) <= max_voxels:
            break
    else:
        raise AnnotatorError(
            "the two places are too far apart to find the way between them; click once more on "
            "the way, or hold Shift to go straight"
        )
    voxels = image.voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    corner = (low * spacing)[::-1]
    part = TracedImage(voxels=voxels, spacing_um=image.spacing_um)
    way = find_path(part, np.array(start_um) - corner, np.array(end_um) - corner)
    return np.asarray(way + corner, np.float64)
