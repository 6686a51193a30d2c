"""How large the thing under one click is, and what of its surroundings belongs to it.

The size is chosen as in T. Lindeberg, Feature detection with automatic scale selection, IJCV 30(2),
1998: where the difference of two Gaussians, which a ball answers most at its own size, stands out
most. It stands out against what the same difference does elsewhere around the click, so that noise
is judged at each size by itself, however coarse it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from annotator.analysis.prompt_region import cut_region
from annotator.analysis.random_walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.prompt_region import Region
    from annotator.domain.reading import Box

    Field = NDArray[np.float32]
    Spacing = tuple[float, float, float]
    Voxel = tuple[int, int, int]

CLEAR = 2.0
"""How many deviations a thing must stand out by before its size is believed."""
RATIO = 2.0**0.5
"""From one size to the next."""
LEVELS = 5
"""How often the surroundings are doubled and thinned: sizes of 1 to about 60 voxels are tried."""
PREFERS_SMALL = 0.4
"""Deviations by which a thing e times as large must stand out more."""
DEFAULT_RADIUS = 5.0
"""In voxels of the finest axis: the least that an unclear thing is taken for."""
_AROUND = 20
_SMOOTHING = 0.3
_INNER, _CORE, _SHELL, _OUTER = 0.5, 0.3, (1.3, 2.2), 2.0
_SURE = 4.0
_ROUNDNESS = 3.0
_STRENGTH = 0.2
_ROUND_UP = 1.1
_MAD_TO_SD = 1.4826


class Size(NamedTuple):
    """Radius of a ball in mm, and by how many deviations it stands out, 0 or more."""

    radius_mm: float
    clearness: float


def size_at(image: Field, spacing_mm: Spacing, voxel: Voxel, limits: Box) -> Size:
    """Return how large the thing at a voxel is, brighter or darker than what surrounds it.

    ``image`` is ``(z, y, x[, channel])``; nothing outside ``limits`` is looked at.
    """
    radii, responses = _responses(image, spacing_mm, voxel, limits)
    finest = min(spacing_mm)
    clearness = np.abs(responses)
    best = int(np.argmax(clearness - PREFERS_SMALL * np.log(radii / finest)))
    shift = 0.0
    if 0 < best < len(radii) - 1:
        alike = np.where(np.sign(responses) == np.sign(responses[best]), clearness, 0.0)
        before, here, after = alike[best - 1 : best + 2]
        bend = before - 2 * here + after
        if bend < 0:
            shift = float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
    radius_mm = float(radii[best]) * RATIO**shift * _ROUND_UP
    if clearness[best] < CLEAR:
        radius_mm = max(radius_mm, DEFAULT_RADIUS * finest)
    return Size(radius_mm, float(clearness[best]))


def _responses(
    image: Field, spacing_mm: Spacing, voxel: Voxel, limits: Box
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return radii in mm and how far a ball of each stands out at the voxel, with its sign."""
    n_dims = sum(high - low > 1 for low, high in zip(*limits, strict=True))
    found: list[tuple[float, float]] = []
    for level in range(LEVELS):
        region = _around(image, spacing_mm, voxel, limits, _AROUND * 2**level, 2**level)
        at = tuple(region.to_grid(np.array([voxel]))[0])
        first, n_sizes = (1.0, 4) if level == 0 else (2.0, 2)
        widths_mm = min(spacing_mm) * 2**level * first * RATIO ** np.arange(n_sizes + 1)
        blurred = [_blurred(region, width_mm) for width_mm in widths_mm]
        for width_mm, fine, coarse in zip(widths_mm, blurred, blurred[1:], strict=False):
            difference = fine - coarse
            away = np.abs(difference - np.median(difference, axis=(0, 1, 2)))
            usual = _MAD_TO_SD * np.median(away, axis=(0, 1, 2))
            out = difference[at] / np.maximum(usual, 1e-9)
            # A ball of n dimensions answers most to a Gaussian of its radius over the root of n.
            radius_mm = width_mm * (RATIO * max(n_dims, 1)) ** 0.5
            found.append((float(radius_mm), float(out[int(np.abs(out).argmax())])))
    radii, responses = np.array(found[:-2]).T  # the last ones know too little of their surroundings
    return radii, responses


def thing_at(
    image: Field, spacing_mm: Spacing, voxel: Voxel, limits: Box, radius_mm: float
) -> tuple[Region, Field]:
    """Return a region and how likely each voxel on its grid belongs to the thing at a voxel.

    By intensity as far as that tells it from its surroundings, and by the distance from the click
    where it does not: a faint thing is drawn round, a clear one as it is.
    """
    finest = min(spacing_mm)
    reach = _SHELL[1] * radius_mm / finest
    coarseness = max(1, int(radius_mm / finest / 10))
    region = _around(image, spacing_mm, voxel, limits, reach, coarseness)
    away = _distance(region, voxel, spacing_mm) / radius_mm
    smooth = _blurred(region, _SMOOTHING * radius_mm)
    least = 1.01 * min(region.spacing_mm) / radius_mm
    inside = away <= max(_INNER, least, float(away.min()))
    around = (away > _SHELL[0]) & (away < _SHELL[1])
    told = np.zeros(region.shape, np.float32)
    if around.any():
        told = _told(smooth, inside, around)
    prior = (1 / (1 + np.exp(-(told + _ROUNDNESS * (1 - away))))).astype(np.float32)
    seeds = np.zeros(region.shape, np.int8)
    seeds[away > _OUTER] = 2
    seeds[away <= max(_CORE, least, float(away.min()))] = 1
    return region, walk(region.values, region.spacing_mm, seeds, prior, _STRENGTH)


def _told(smooth: Field, inside: NDArray[np.bool_], around: NDArray[np.bool_]) -> Field:
    """Return the logarithm of how many times likelier each voxel is within than around."""
    within = smooth[inside].mean(axis=0)
    without = np.median(smooth[around], axis=0)
    step = within - without
    usual = _MAD_TO_SD * np.median(np.abs(smooth[around] - without), axis=0)
    spread = np.maximum(np.maximum(usual, 0.1 * np.abs(step)), 1e-6)
    channel = int(np.argmax(np.abs(step) / spread))
    middle = (within + without)[channel] / 2
    told = step[channel] * (smooth[..., channel] - middle) / spread[channel] ** 2
    return np.asarray(np.clip(told, -_SURE, _SURE), np.float32)


def _around(
    image: Field,
    spacing_mm: Spacing,
    voxel: Voxel,
    limits: Box,
    reach: float,
    coarseness: int,
) -> Region:
    """Return the region that reaches so far from a voxel, in voxels of the finest axis."""
    far = np.maximum(np.ceil(reach * min(spacing_mm) / np.asarray(spacing_mm)), 2).astype(int)
    z0, y0, x0 = np.maximum(np.asarray(voxel) - far, limits[0]).tolist()
    z1, y1, x1 = np.minimum(np.asarray(voxel) + far + 1, limits[1]).tolist()
    return cut_region(image, spacing_mm, ((z0, y0, x0), (z1, y1, x1)), coarseness)


def _blurred(region: Region, width_mm: float) -> Field:
    sigma = [width_mm / mm for mm in region.spacing_mm]
    return np.asarray(
        ndimage.gaussian_filter(region.values, [*sigma, 0.0], mode="nearest"), np.float32
    )


def _distance(region: Region, voxel: Voxel, spacing_mm: Sequence[float]) -> Field:
    """Return how far each voxel of the grid is from one of the image, in mm."""
    squared: Field = np.zeros(region.shape, np.float32)
    for axis, (size, step, mm) in enumerate(
        zip(region.shape, region.steps, spacing_mm, strict=True)
    ):
        places = region.box[0][axis] + (np.arange(size) + 0.5) * step - 0.5
        part = np.square((places - voxel[axis]) * mm).astype(np.float32)
        squared = squared + part.reshape([-1 if other == axis else 1 for other in range(3)])
    return np.sqrt(squared)
