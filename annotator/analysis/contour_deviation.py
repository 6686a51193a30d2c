"""How far each point of a contour lies from where it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.contour_points import contour_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.contour_points import ContourPoints


def signed_deviation_mm(points: ContourPoints, truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how far outside (+) or inside (-) the true mask each point lies, ``(point,)``, mm.

    It is the distance to the nearest middle of a true face; infinite where ``truth`` ``(z, y, x)``
    has no contour. A point on a true face lies right. Must not write to its input.
    """
    is_outside = ~truth[tuple(points.inner.T)]
    right = contour_points(truth, points.spacing_mm, most=truth.size * 6)
    if not len(right):
        return np.where(is_outside, np.inf, -np.inf)
    distance, _ = cKDTree(right.at_mm).query(points.at_mm)
    return np.where(is_outside, distance, -distance)
