"""From what a network says of points to probabilities that mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.spatial import cKDTree
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.contour_points import ContourPoints

    Floats = NDArray[np.float64]

_NEAR = 2.05
_ROUNDS = 50
_RIDGE = 1e-3
"""Keeps the fit finite where right and wrong are told apart without an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Log-odds that a point is wrong are ``slope`` times what the network says plus ``shift``."""

    slope: float
    shift: float

    def probability(self, said: Floats) -> Floats:
        """Return how likely points are wrong, ``(point,)``."""
        return np.asarray(expit(self.slope * said + self.shift))


def fit_scale(said: Floats, is_wrong: NDArray[np.bool_], weight: Floats) -> Scale:
    """Fit a logistic curve to held-out points (Platt 1999), each counting ``weight``."""
    design = np.stack([said, np.ones_like(said)], axis=1)
    share = weight / weight.sum()
    found = np.array([1.0, 0.0])
    for _ in range(_ROUNDS):
        chance = expit(design @ found)
        slope = design.T @ (share * (chance - is_wrong)) + _RIDGE * (found - (1.0, 0.0))
        curve = (design * (share * chance * (1.0 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve + _RIDGE * np.eye(2), slope)
        found = found - np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return Scale(slope=float(found[0]), shift=float(found[1]))


def smooth_along(points: ContourPoints, values: Floats) -> Floats:
    """Return the mean of values ``(point, …)`` over each point and those within two steps."""
    n_points = len(points)
    pairs = cKDTree(points.at).query_pairs(_NEAR * points.step, output_type="ndarray")
    own = np.arange(n_points)
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], own])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], own])
    near = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n_points, n_points)).tocsr()
    count = np.asarray(near @ np.ones(n_points))
    return np.asarray((near @ values) / count.reshape(-1, *[1] * (values.ndim - 1)))
