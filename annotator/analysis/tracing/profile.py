"""The image across a traced path: brightness, background, thickness and middle at every node.

Samples lie in the plane across the path, on rings about the node; in an image of one slice on the
line across it. Nothing is then known of the depth, and z of the nodes is not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.tracing.course import climb, reach_out, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.volume import ImageLike

_N_ANGLES = 12
_N_RINGS = 15
_CHUNK = 4096
_LEAST_RING_VOXELS = 0.5
_RADII_ACROSS = 3.5
_SHELL = 0.6
"""Outer part of the rings that is background, from this share of the outermost on."""
_BACKGROUND_QUANTILE = 0.25
"""Of the shell: low, since other branches lie in it."""
_NOISE_FLOOR = 0.02
"""Least noise as a share of the brightness of the whole path: images are clipped to 0."""
_BUSY = 2.0
"""A shell that spreads so many times more than is usual holds other branches, not more noise."""
_QUARTILE_TO_SIGMA = 1.4826
_STILL_THERE_VOXELS = 2.0
"""A path so near the middle of a neurite is on it: brightness is read from the middle."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """What the image says at each node; NaN where the node or all around it lies outside.

    Attributes
    ----------
    image : ImageLike
        The image itself.
    brightness, background : ndarray
        Mean on the path, or on the neurite's middle where that is next to it, and low quantile of
        the shell around it, ``(node,)``.
    middle : ndarray
        Brightness of the middle of what is bright near the node, ``(node,)``.
    noise : ndarray
        Spread of the darker half of the shell, ``(node,)``, as a standard deviation; never below a
        small share of the path's brightness.
    offsets : ndarray
        From the node to the middle of what is bright across the path, ``(node, 3)`` µm.
    radii : ndarray
        Distance from that middle at which brightness has fallen half-way, ``(node,)`` µm; NaN
        where it does not fall within the rings.
    """

    image: ImageLike
    brightness: NDArray[np.float64]
    middle: NDArray[np.float64]
    background: NDArray[np.float64]
    noise: NDArray[np.float64]
    offsets: NDArray[np.float64]
    radii: NDArray[np.float64]

    @property
    def is_flat(self) -> bool:
        """Whether the image has one slice, so that nothing is known across it."""
        return bool(self.image.voxels.shape[0] == 1)

    @property
    def signal(self) -> NDArray[np.float64]:
        """Brightness above the background, ``(node,)``."""
        return self.brightness - self.background

    @property
    def contrast(self) -> NDArray[np.float64]:
        """Signal in units of noise, ``(node,)``."""
        return self.signal / self.noise


def voxel_um(image: ImageLike) -> float:
    """Return the size of a voxel within the slices, µm."""
    return float(np.mean(image.spacing_um[1:]))


def sample(image: ImageLike, points_um: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the brightness at points ``(…, 3)`` x, y, z, linear between voxels; NaN outside."""
    places = np.moveaxis(points_um[..., ::-1], -1, 0) / np.reshape(
        image.spacing_um, (3,) + (1,) * (points_um.ndim - 1)
    )
    if image.voxels.shape[0] == 1:
        places[0] = 0.0
    sizes = np.reshape(image.voxels.shape, (3,) + (1,) * (points_um.ndim - 1))
    is_outside = ~((places >= -0.5) & (places <= sizes - 0.5)).all(axis=0)
    values = np.empty(places.shape[1:], np.float32)
    voxels = np.asarray(image.voxels)
    ndimage.map_coordinates(voxels, np.nan_to_num(places), output=values, order=1, mode="nearest")
    values[is_outside] = np.nan
    return values


def measure_profile(course: Course, image: ImageLike, reach_um: float) -> Profile:
    """Return what the image says at every node; ``reach_um`` is that of directions."""
    tree = course.tree
    tangents = (
        tree.points[reach_out(course, reach_um)]
        - tree.points[climb(course, np.arange(len(tree)), reach_um)]
    )
    across, along = _across(tangents, is_flat=image.voxels.shape[0] == 1)
    rings = _rings(tree.radii, voxel_um(image))
    brightness, background, spread, radii, middle = (np.full(len(tree), np.nan) for _ in range(5))
    offsets = np.zeros((len(tree), 3))
    for start in range(0, len(tree), _CHUNK):
        rows = slice(start, start + _CHUNK)
        points = tree.points[rows]
        values = _sample_rings(image, points, across[rows], along[rows], rings)
        core = rings <= voxel_um(image)
        at_node = _mean(values[:, :, core])
        background[rows], spread[rows] = _shell(values, rings)
        for _ in range(2):
            step = _to_middle(values, background[rows], across[rows], along[rows], rings)
            offsets[rows] += step
            values = _sample_rings(image, points + offsets[rows], across[rows], along[rows], rings)
        radii[rows] = _half_width(values, background[rows], rings)
        is_near = np.linalg.norm(offsets[rows], axis=1) <= np.maximum(
            _STILL_THERE_VOXELS * voxel_um(image), tree.radii[rows]
        )
        middle[rows] = _mean(values[:, :, core])
        at_middle = np.where(is_near, middle[rows], -np.inf)
        brightness[rows] = np.where(np.isnan(at_node), np.nan, np.fmax(at_node, at_middle))
    known = np.isfinite(brightness)
    typical = float(np.median(brightness[known])) if known.any() else 0.0
    usual = float(np.median(spread[known])) if known.any() else 0.0
    floor = max(_NOISE_FLOOR * typical, 1e-6)
    return Profile(
        image=image,
        brightness=brightness,
        middle=middle,
        background=background,
        noise=np.clip(spread, floor, max(_BUSY * usual, floor)),
        offsets=offsets,
        radii=radii,
    )


def _rings(radii: NDArray[np.float64], voxel: float) -> NDArray[np.float64]:
    positive = radii[np.isfinite(radii) & (radii > 0)]
    typical = float(np.quantile(positive, 0.75)) if len(positive) else voxel
    outermost = np.clip(_RADII_ACROSS * typical, 7 * voxel, 15 * voxel)
    step = max(outermost / _N_RINGS, _LEAST_RING_VOXELS * voxel)
    return np.arange(0, outermost + step / 2, step)


def _across(
    tangents: NDArray[np.float64], *, is_flat: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two unit vectors across each tangent; the second is 0 in an image of one slice."""
    flat = tangents * [1.0, 1.0, 0.0]
    sideways = unit(np.stack([-flat[:, 1], flat[:, 0], np.zeros(len(flat))], axis=1))
    # Straight through the slices any direction within them is across.
    sideways[~sideways.any(axis=1)] = (1.0, 0.0, 0.0)
    if is_flat:
        return sideways, np.zeros_like(sideways)
    return sideways, unit(np.cross(unit(tangents), sideways))


def _directions(across: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions of the samples about each node, ``(node, angle, 3)``."""
    if not along.any():
        return np.stack([across, -across], axis=1)
    angles = np.arange(_N_ANGLES) * (2 * np.pi / _N_ANGLES)
    cosines, sines = np.cos(angles)[None, :, None], np.sin(angles)[None, :, None]
    found: NDArray[np.float64] = cosines * across[:, None] + sines * along[:, None]
    return found


def _sample_rings(
    image: ImageLike,
    points: NDArray[np.float64],
    across: NDArray[np.float64],
    along: NDArray[np.float64],
    rings: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return samples ``(node, angle, ring)``."""
    directions = _directions(across, along)
    return sample(image, points[:, None, None] + directions[:, :, None] * rings[:, None])


def _mean(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of what is inside, ``(node,)``; NaN where nothing is."""
    is_inside = np.isfinite(values)
    counts = is_inside.sum(axis=(1, 2))
    sums = np.where(is_inside, values, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _shell(
    values: NDArray[np.float32], rings: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a low quantile and the spread of the outer rings of each node."""
    outer = values[:, :, rings >= _SHELL * rings[-1]].reshape(len(values), -1).astype(np.float64)
    background, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    known = np.isfinite(outer).any(axis=1)
    if known.any():
        background[known] = np.nanquantile(outer[known], _BACKGROUND_QUANTILE, axis=1)
        # The lower half only: other branches are in the upper one.
        spread[known] = _QUARTILE_TO_SIGMA * (
            np.nanquantile(outer[known], 0.5, axis=1) - background[known]
        )
    return background, spread


def _to_middle(
    values: NDArray[np.float32],
    background: NDArray[np.float64],
    across: NDArray[np.float64],
    along: NDArray[np.float64],
    rings: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the step to the centre of brightness near the node, ``(node, 3)`` µm.

    Near counts more, so that a brighter neighbour does not draw the middle over.
    """
    reach = rings[-1] * _SHELL
    above = np.nan_to_num(values.astype(np.float64) - background[:, None, None])
    peak = above.max(axis=(1, 2), keepdims=True)
    weights = np.maximum(above - 0.3 * peak, 0.0) * np.exp(-0.5 * (2 * rings / reach) ** 2)
    # A ring stands for an area that grows with it; on a line every sample stands for as much.
    weights = weights * (rings if along.any() else np.where(rings > 0, 1.0, 0.5))
    directions = _directions(across, along)
    moments = (weights * rings).sum(axis=2)
    step: NDArray[np.float64] = (moments[:, :, None] * directions).sum(axis=1)
    total = weights.sum(axis=(1, 2))
    step /= np.where(total > 0, total, 1.0)[:, None]
    return step


def _half_width(
    values: NDArray[np.float32], background: NDArray[np.float64], rings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where the mean over the angles falls half-way to the background, ``(node,)`` µm."""
    is_inside = np.isfinite(values)
    counts = is_inside.sum(axis=1)
    means = np.where(is_inside, values, 0).sum(axis=1, dtype=np.float64) / np.maximum(counts, 1)
    level = (means[:, 0] + background) / 2
    below = (means < level[:, None]) & (counts > 0)
    first = np.argmax(below, axis=1)
    falls = below.any(axis=1) & (first > 0) & (means[:, 0] > background)
    rows = np.arange(len(values))
    inner, outer = means[rows, np.maximum(first - 1, 0)], means[rows, first]
    drop = np.where(inner > outer, inner - outer, 1.0)
    width = rings[np.maximum(first - 1, 0)] + (inner - level) / drop * (rings[1] - rings[0])
    return np.where(falls, width, np.nan)
