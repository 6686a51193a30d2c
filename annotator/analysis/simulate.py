"""Readings drawn by a program from a known truth, for tests, benchmarks and the sample project.

A simulated rater moves the outline of the truth: outwards or inwards everywhere (bias), here and
there by smooth noise (wobble), voxel by voxel (roughness); overlooks objects; sees some that are
not there. Whoever shows such a reading must say that it is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRater:
    """How a simulated rater departs from the truth; the default draws the truth itself.

    Attributes
    ----------
    bias_mm : float
        How far the outline lies outside (+) or inside (-) the true one.
    wobble_mm, wobble_size_mm : float
        Standard deviation of a smooth shift of the outline, and the width (Gaussian sigma) over
        which it changes.
    roughness_mm : float
        Standard deviation of a shift that differs from voxel to voxel: a ragged outline.
    miss_rate : float
        Probability, 0 to 1, with which each connected object is left out altogether.
    n_false, false_radius_mm : int, float
        Balls drawn where there is nothing, and their radius.
    """

    bias_mm: float = 0.0
    wobble_mm: float = 0.0
    wobble_size_mm: float = 5.0
    roughness_mm: float = 0.0
    miss_rate: float = 0.0
    n_false: int = 0
    false_radius_mm: float = 3.0


def simulate_reading(
    truth: NDArray[np.unsignedinteger],
    spacing_mm: Spacing,
    rater: SimulatedRater,
    *,
    seed: int,
) -> NDArray[np.unsignedinteger]:
    """Return the mask ``(z, y, x)`` that the rater draws of a true mask, in its type.

    The same seed gives the same mask. Must not write to its input.
    """
    random = np.random.default_rng(seed)
    drawn = np.zeros_like(truth)
    for value in np.unique(truth[truth != 0]).tolist():
        objects, n_objects = ndimage.label(truth == value, np.ones((3, 3, 3)))
        missed = 1 + np.flatnonzero(random.random(n_objects) < rater.miss_rate)
        _draw_label(
            drawn, (objects != 0) & ~np.isin(objects, missed), value, spacing_mm, rater, random
        )
    for _ in range(rater.n_false):
        value = int(random.choice(np.unique(truth[truth != 0]))) if truth.any() else 1
        _draw_ball(drawn, truth, value, spacing_mm, rater.false_radius_mm, random)
    return drawn


def _draw_label(
    drawn: NDArray[np.unsignedinteger],
    truth: NDArray[np.bool_],
    value: int,
    spacing_mm: Spacing,
    rater: SimulatedRater,
    random: np.random.Generator,
) -> None:
    """Draw one label with its outline moved; later labels go over earlier ones."""
    if not truth.any():
        return
    reach_mm = max(0.0, rater.bias_mm) + 4.0 * (rater.wobble_mm + rater.roughness_mm)
    found = ndimage.find_objects(truth.astype(np.uint8))[0]
    box = tuple(
        slice(max(0, part.start - pad), min(size, part.stop + pad))
        for part, size, pad in zip(
            found, truth.shape, [int(reach_mm / step) + 2 for step in spacing_mm], strict=True
        )
    )
    inside = truth[box]
    shift = np.full(inside.shape, rater.bias_mm, np.float32)
    if rater.wobble_mm:
        shift += rater.wobble_mm * _smooth_noise(
            inside.shape, [rater.wobble_size_mm / step for step in spacing_mm], random
        )
    if rater.roughness_mm:
        shift += rater.roughness_mm * random.standard_normal(inside.shape, np.float32)
    moved = _signed_distance_mm(inside, spacing_mm) + shift > 0
    # Noise also makes specks and pinholes beside the outline; a person who moves one leaves none.
    moved = _reached_from(inside, moved)
    moved = ~_reached_from(~inside, ~moved)
    drawn[box][moved] = value


def _reached_from(start: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected pieces of ``allowed`` that hold a voxel of ``start``."""
    pieces, n_pieces = ndimage.label(allowed, np.ones((3, 3, 3)))
    is_reached = np.zeros(n_pieces + 1, np.bool_)
    is_reached[pieces[start & allowed]] = True
    return is_reached[pieces]


def _signed_distance_mm(inside: NDArray[np.bool_], spacing_mm: Spacing) -> NDArray[np.float32]:
    """Return the distance of voxel centres to the outline in mm, positive inside.

    The outline lies half a voxel (of the finest axis) from the centres on either side of it.
    """
    half = 0.5 * min(spacing_mm)
    within = ndimage.distance_transform_edt(inside, spacing_mm) - half
    if inside.all():
        return np.asarray(np.full(inside.shape, np.inf), np.float32)
    beyond = ndimage.distance_transform_edt(~inside, spacing_mm) - half
    return np.where(inside, within, -beyond).astype(np.float32)


def _smooth_noise(
    shape: tuple[int, ...], sigma_vox: list[float], random: np.random.Generator
) -> NDArray[np.float32]:
    """Return Gaussian-smoothed noise of unit standard deviation.

    Drawn on a grid about as coarse as the smoothing allows, then interpolated: for wide noise that
    is many times faster than smoothing voxel by voxel.
    """
    steps = [max(1, int(sigma // 2)) for sigma in sigma_vox]
    coarse_shape = [-(-size // step) + 1 for size, step in zip(shape, steps, strict=True)]
    noise = random.standard_normal(coarse_shape, np.float32)
    sigmas = [sigma / step for sigma, step in zip(sigma_vox, steps, strict=True)]
    noise = ndimage.gaussian_filter(noise, sigmas, mode="reflect")
    for axis, (size, step) in enumerate(zip(shape, steps, strict=True)):
        at = np.arange(size) / step
        low = at.astype(np.intp)
        rest = (at - low).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(3)])
        upper = np.minimum(low + 1, noise.shape[axis] - 1)
        noise = noise.take(low, axis) * (1 - rest) + noise.take(upper, axis) * rest
    deviation = float(noise.std())
    return noise / np.float32(deviation) if deviation > 0 else noise


def _draw_ball(
    drawn: NDArray[np.unsignedinteger],
    truth: NDArray[np.unsignedinteger],
    value: int,
    spacing_mm: Spacing,
    radius_mm: float,
    random: np.random.Generator,
) -> None:
    """Draw a ball, all of it on true background, if a few tries find room for one."""
    for _ in range(50):
        centre = [int(random.integers(size)) for size in truth.shape]
        box = tuple(
            slice(max(0, at - int(radius_mm / step)), at + int(radius_mm / step) + 1)
            for at, step in zip(centre, spacing_mm, strict=True)
        )
        axes = np.ogrid[
            tuple(
                slice(part.start, min(part.stop, size))
                for part, size in zip(box, truth.shape, strict=True)
            )
        ]
        squared = sum(
            ((axis - at) * step) ** 2
            for axis, at, step in zip(axes, centre, spacing_mm, strict=True)
        )
        ball = squared <= radius_mm**2
        if not truth[box][ball].any():
            drawn[box][ball] = value
            return
