"""Where a random walker from each voxel ends: at a seed of the object, or of what surrounds it.

L. Grady, Random walks for image segmentation, IEEE TPAMI 28(11), 2006; with a prior by intensity
as in L. Grady, Multilabel random walker image segmentation using prior models, CVPR 2005. Steps
across edges are rare: their weight falls with the squared step of intensity as Lorentz's function,
after P. Perona and J. Malik, IEEE TPAMI 12(7), 1990, which tails off less than Grady's Gaussian and
so leaves a walker a way out of noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Field = NDArray[np.float32]

SHARPNESS = 2.0
"""Power of Lorentz's function."""
LEAST_WEIGHT = 1e-3
HOLD = 50.0
"""How strongly a seed keeps its value, against weights of at most 1 to each neighbour."""
TOLERANCE = 3e-3
MOST_STEPS = 80
_MAD_TO_SD = 1.4826
_FEWEST_TO_COARSEN = 4096


class Walk(NamedTuple):
    """A system of linear equations on a grid: a diagonal, and weights to the next voxel by axis."""

    diagonal: Field
    weights: tuple[Field, ...]


def walk(
    values: Field,
    spacing_mm: Sequence[float],
    seeds: NDArray[np.int8],
    prior: Field,
    strength: float,
) -> Field:
    """Return how likely each voxel belongs to the object, ``(z, y, x)`` float32, 0 to 1.

    Parameters
    ----------
    values : ndarray
        Intensity, ``(z, y, x, channel)`` float32; only its steps count, not its unit.
    seeds : ndarray
        1 in the object, 2 outside it, 0 unknown; ``(z, y, x)``.
    prior : ndarray
        How likely each voxel is by itself, 0 to 1.
    strength : float
        Weight of the prior against one neighbour of the same intensity.
    """
    start = None
    if seeds.size >= _FEWEST_TO_COARSEN:
        start = _coarse_start(values, spacing_mm, seeds, prior, strength)
    weights = _weights(values, spacing_mm)
    held = HOLD * (seeds > 0) + strength
    diagonal = (_degree(weights, seeds.shape) + held).astype(np.float32)
    right = (HOLD * (seeds == 1) + strength * prior).astype(np.float32)
    return np.clip(solve(Walk(diagonal, weights), right, start), 0.0, 1.0)


def solve(system: Walk, right: Field, start: Field | None = None) -> Field:
    """Solve by conjugate gradients with Jacobi's preconditioner, to ``TOLERANCE``."""
    diagonal = system.diagonal
    found = np.zeros_like(right) if start is None else start.copy()
    rest = right - _apply(system, found)
    scaled = rest / diagonal
    direction = scaled.copy()
    size = float(np.vdot(rest, scaled))
    enough = TOLERANCE**2 * max(float(np.vdot(right, right / diagonal)), 1e-30)
    for _ in range(MOST_STEPS):
        if size <= enough:
            break
        image = _apply(system, direction)
        step = np.float32(size / float(np.vdot(direction, image)))
        found += step * direction
        rest -= step * image
        np.divide(rest, diagonal, out=scaled)
        before, size = size, float(np.vdot(rest, scaled))
        direction *= np.float32(size / before)
        direction += scaled
    return found


def _coarse_start(
    values: Field,
    spacing_mm: Sequence[float],
    seeds: NDArray[np.int8],
    prior: Field,
    strength: float,
) -> Field:
    """Return the answer at half the resolution, spread over the full grid."""
    steps = tuple(2 if size >= 8 else 1 for size in seeds.shape)
    every = tuple(slice(None, None, step) for step in steps)
    coarse_seeds = np.zeros_like(seeds[every])
    for value in (2, 1):  # a thin seed must not fall between the rows that are kept
        places = np.argwhere(seeds == value) // steps
        coarse_seeds[tuple(places.T)] = value
    coarse_mm = [mm * step for mm, step in zip(spacing_mm, steps, strict=True)]
    # A voxel stands for more of the prior, and each step between voxels for fewer steps.
    found = walk(values[every], coarse_mm, coarse_seeds, prior[every], 4 * strength)
    for axis, step in enumerate(steps):
        if step == 2:
            found = np.repeat(found, 2, axis=axis).take(range(seeds.shape[axis]), axis=axis)
    return found


def _weights(values: Field, spacing_mm: Sequence[float]) -> tuple[Field, ...]:
    """Return the weight from each voxel to the next along each axis, at most 1."""
    squared = [(np.diff(values, axis=axis) ** 2).sum(axis=-1) for axis in range(3)]
    steps = np.sqrt(np.concatenate([part.ravel() for part in squared]))
    noise = _MAD_TO_SD * float(np.median(steps)) if steps.size else 0.0
    spread = float(values.max() - values.min()) if values.size else 0.0
    scale = np.float32(max(noise + 1e-3 * spread, 1e-12) ** 2)
    least_mm = min(spacing_mm)
    return tuple(
        (
            (1 / (1 + part / scale)) ** SHARPNESS * (least_mm / spacing_mm[axis]) ** 2
            + LEAST_WEIGHT
        ).astype(np.float32)
        for axis, part in enumerate(squared)
    )


def _apply(system: Walk, field: Field) -> Field:
    found = system.diagonal * field
    for axis, weight in enumerate(system.weights):
        low, high = _sides(axis)
        found[high] -= weight * field[low]
        found[low] -= weight * field[high]
    return found


def _degree(weights: Sequence[Field], shape: tuple[int, ...]) -> Field:
    found = np.zeros(shape, np.float32)
    for axis, weight in enumerate(weights):
        low, high = _sides(axis)
        found[high] += weight
        found[low] += weight
    return found


def _sides(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return all voxels that have a next one along an axis, and those next ones."""
    before = (slice(None),) * axis
    return (*before, slice(None, -1)), (*before, slice(1, None))
