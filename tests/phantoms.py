"""Made images with known truth, for tests of models and writers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.geometry import Geometry
from annotator.domain.study import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ct_series(geometry: Geometry, *, slope: float = 1.0, intercept: float = 0.0) -> Series:
    """Return the facts of a CT on a grid."""
    return Series(
        series_id="phantom",
        kind="volume",
        modality="CT",
        description="phantom",
        geometry=geometry,
        dtype="int16",
        slope=slope,
        intercept=intercept,
    )


def fundus_series(shape: tuple[int, int]) -> Series:
    """Return the facts of a colour fundus photograph."""
    return Series(
        series_id="fundus",
        kind="picture",
        modality="OP",
        description="fundus",
        geometry=Geometry(shape=(1, *shape), is_calibrated=False),
        dtype="uint8",
        n_channels=3,
    )


def chest(
    shape: tuple[int, int, int] = (24, 128, 128), *, spacing_mm: float = 3.0
) -> tuple[NDArray[np.int16], Geometry, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a chest in HU ``(z, y, x)`` with its grid, the true lungs and the true body.

    An elliptic body on a table, two ellipsoid lungs with vessels, a bubble in the bowel, noise.
    """
    rng = np.random.default_rng(7)
    geometry = Geometry(shape=shape, spacing_mm=(5.0, spacing_mm, spacing_mm))
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij")
    body = (x / 0.8) ** 2 + (y / 0.6) ** 2 < 1
    lungs = np.zeros(shape, np.bool_)
    for side in (-1, 1):
        lungs |= ((x - 0.38 * side) / 0.26) ** 2 + (y / 0.4) ** 2 + ((z + 0.2) / 0.9) ** 2 < 1
    volume = np.where(body, 40.0, -1000.0)
    volume[lungs] = -850
    for row in (-0.15, 0.0, 0.2):
        volume[lungs & (np.hypot(y - row, z - row) < 0.04)] = 40
    volume[(np.hypot(x - 0.1, y - 0.3) < 0.07) & (z > 0.7) & body] = -900
    volume[np.broadcast_to(np.abs(y - 0.72) < 0.02, shape)] = 100
    noisy = volume + rng.normal(0, 30, shape)
    return np.round(noisy).astype(np.int16), geometry, lungs, body


def fundus(size: int = 420) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a fundus photograph ``(y, x, 3)`` and its true vessels ``(y, x)``.

    Dark wavy vessels of several widths, uneven light, a bright disc, a dark fovea, noise.
    """
    rng = np.random.default_rng(11)
    y, x = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    vessels = np.zeros((size, size), np.bool_)
    for height, wave, width in (
        (-0.6, 5, 0.02),
        (-0.25, 7, 0.012),
        (0.3, 6, 0.015),
        (0.6, 4, 0.02),
    ):
        vessels |= np.abs(y - height - 0.08 * np.sin(wave * x)) < width
    for place in (-0.4, 0.1, 0.5):
        vessels |= (np.abs(x - place - 0.05 * np.sin(9 * y)) < 0.01) & (y > -0.6)
    light = 0.75 + 0.35 * x - 0.2 * y**2
    green = 110 * light * (1 - 0.25 * np.exp(-((x - 0.1) ** 2 + y**2) / 0.05))
    green = green + 60 * (np.hypot(x + 0.65, y) < 0.12)
    green = np.where(vessels, 0.72 * green, green) + rng.normal(0, 1.5, (size, size))
    picture = np.stack([1.5 * green + 20, green, 0.4 * green], axis=-1)
    field = np.hypot(x, y) < 0.95
    picture[~field] = rng.normal(2, 1, (int((~field).sum()), 3))
    return np.clip(picture, 0, 255).astype(np.uint8), vessels & field


def dice(left: NDArray[np.generic], right: NDArray[np.generic]) -> float:
    """Return the overlap of two masks, 0 to 1."""
    a, b = left.astype(bool), right.astype(bool)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def blob(
    shape: tuple[int, int, int],
    centre: tuple[int, int, int],
    radius_mm: float,
    *,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return an image ``(z, y, x)`` with noise and one bright ball, and where that is."""
    places = np.indices(shape).reshape(3, -1).T
    away = ((places - centre) * spacing_mm) ** 2
    truth = (away.sum(axis=1) <= radius_mm**2).reshape(shape)
    noise = np.random.default_rng(seed).normal(0, 12, shape)
    return (np.where(truth, 140.0, 60.0) + noise).astype(np.float32), truth
