"""Discs and cups that six raters drew, as moments alone: no voxel is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING_MM = (1.0, 0.1, 0.1)
RATERS = ("accurate", "careful", "over", "under", "random", "wild")
_BIAS = np.array([0.0, 0.0, 0.15, -0.15, 0.0, 0.0])
_NOISE = np.array([0.03, 0.05, 0.25, 0.25, 0.5, 0.6])
"""Of the logarithm of a cup's diameter over its disc's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiscCup:
    """Moments ``(case, rater, label, 10)`` of rim (1) and cup (2), and who is ill."""

    moments: NDArray[np.float64]
    truth: NDArray[np.float64]
    is_ill: NDArray[np.bool_]


def draw_discs(n_cases: int, seed: int) -> DiscCup:
    """Return cases of which those with a large cup in their disc tend to be ill."""
    random = np.random.default_rng(seed)
    disc_mm = random.uniform(1.4, 2.0, n_cases)
    ratio = random.uniform(0.3, 0.8, n_cases)
    is_ill = random.random(n_cases) < 1 / (1 + np.exp(-16 * (ratio - 0.55)))
    off = _BIAS + _NOISE * random.standard_normal((n_cases, len(RATERS)))
    wide = np.exp(0.05 * random.standard_normal((n_cases, len(RATERS))))
    middle = random.uniform(-3, 3, (n_cases, 2))
    drawn = np.clip(ratio[:, None] * np.exp(off), 0.05, 0.95)
    return DiscCup(
        moments=_moments(disc_mm[:, None] * wide, drawn, middle),
        truth=_moments(disc_mm[:, None], ratio[:, None], middle),
        is_ill=is_ill,
    )


def _moments(
    disc_mm: NDArray[np.float64], ratio: NDArray[np.float64], middle: NDArray[np.float64]
) -> NDArray[np.float64]:
    disc = _circle(disc_mm, middle[:, None])
    cup = _circle(disc_mm * ratio, middle[:, None])
    return np.stack([disc - cup, cup], axis=2)


def _circle(radius_mm: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return moments ``(…, 10)`` of circles in one slice, in voxels."""
    size = np.pi * radius_mm**2 / (SPACING_MM[1] * SPACING_MM[2])
    own = size * radius_mm**2 / 4
    y, x = (np.broadcast_to(middle[..., axis], size.shape) for axis in (0, 1))
    none = np.zeros_like(size)
    return np.stack(
        [size, none, size * y, size * x, none, own + size * y**2, own + size * x**2, none, none,
         size * y * x],
        axis=-1,
    )  # fmt: skip
