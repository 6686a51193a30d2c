"""What a network sees of a point of a contour: the image and the drawing, turned to its normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.contour_points import contour_points, tangents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.contour_points import ContourPoints
    from annotator.api import DrawnContour

    Floats = NDArray[np.float32]

N_ACROSS, N_ALONG = 23, 15
"""Samples of a patch across the contour and along it."""
N_CHANNELS = 6
N_SHADES = 4
"""The first of the channels of a plane, which are of the image."""
_LEAST_SCALE = 1e-6
_TYPICAL = 400
"""Points that tell what a contour usually looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchPlan:
    """How patches are cut, the same for all contours that a network sees.

    Attributes
    ----------
    reach_mm : float
        How far they reach to both sides of the contour, and along it.
    finest_mm : float
        The distance of samples in the middle; they lie wider apart towards the ends.
    is_volume : bool
        Whether there is a second patch, perpendicular to the slice.
    labels : tuple of int
        Labels that were learned from.
    """

    reach_mm: float
    finest_mm: float
    is_volume: bool
    labels: tuple[int, ...]

    @property
    def n_channels(self) -> int:
        """Of each plane: the image and its roughness, twice; own label, other labels."""
        return N_CHANNELS * (2 if self.is_volume else 1)

    @property
    def n_facts(self) -> int:
        """Numbers beside the patch: which label; in a volume, which way is out, and where it is."""
        return len(self.labels) + (6 if self.is_volume else 0)


def points_of(drawn: DrawnContour) -> ContourPoints:
    """Return the points that are judged."""
    return contour_points(drawn.mask == drawn.label, drawn.spacing_mm)


class PatchCutter:
    """Cuts patches out of what lies around one contour; what they share is reckoned once.

    Intensities are told from the median along the whole contour, in units of their spread there;
    a second time from what this very contour usually has at the same place of a patch: most of it
    is right, and what is wrong looks otherwise, whatever the image looks like.
    """

    def __init__(self, drawn: DrawnContour, points: ContourPoints, plan: PatchPlan) -> None:
        image = _smooth(drawn, plan)
        rough = _roughness(image, drawn, plan)
        own = (drawn.mask == drawn.label).astype(np.float32)
        others = ((drawn.mask != 0) & (drawn.mask != drawn.label)).astype(np.float32)
        self._arrays = (image, rough, own, others)
        self._label, self._points, self._plan = drawn.label, points, plan
        few = np.arange(0, len(points), max(1, len(points) // _TYPICAL))
        typical = _sampled(points, few, (image, rough), plan)
        self._middle = np.median(typical, axis=(0, 3, 4), keepdims=True)
        self._scale = _spread(typical, self._middle, (0, 3, 4))
        self._usual = np.median(typical, axis=0, keepdims=True)
        self._unusual = _spread(typical, self._usual, (0,))

    def cut(self, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return patches around points, ``(row, channel, across, along)``, and ``(row, fact)``."""
        cut = _sampled(self._points, rows, self._arrays, self._plan)
        seen = cut[:, :, :2]
        channels = np.concatenate(
            [
                np.clip((seen - self._middle) / self._scale, -4.0, 4.0),
                np.clip((seen - self._usual) / self._unusual, -4.0, 4.0),
                cut[:, :, 2:],
            ],
            axis=2,
        )
        patches = channels.reshape(len(rows), self._plan.n_channels, N_ACROSS, N_ALONG)
        return patches, _facts(self._label, self._points, rows, self._plan)


def _sampled(
    points: ContourPoints,
    rows: NDArray[np.int64],
    arrays: Sequence[Floats],
    plan: PatchPlan,
) -> Floats:
    """Return arrays around points, ``(row, plane, array, across, along)``."""
    planes = _planes(points, rows, plan)
    found = np.empty((len(rows), len(planes), len(arrays), N_ACROSS, N_ALONG), np.float32)
    for plane, place in enumerate(planes):
        for number, array in enumerate(arrays):
            found[:, plane, number] = ndimage.map_coordinates(
                array, place, order=1, mode="nearest", output=np.float32
            )
    return found


def _spread(values: Floats, middle: Floats, axes: tuple[int, ...]) -> Floats:
    """Return how far values usually lie from the middle, at least a little."""
    off = np.median(np.abs(values - middle), axis=axes, keepdims=True)
    least = _LEAST_SCALE * np.maximum(1.0, np.abs(middle))
    return np.asarray(np.maximum(1.5 * off, least), np.float32)


def _smooth(drawn: DrawnContour, plan: PatchPlan) -> Floats:
    """Return the image in one channel, without what is finer than samples lie apart."""
    image = drawn.image if drawn.image.ndim == 3 else drawn.image.mean(axis=-1)
    sigma = [
        0.5 * plan.finest_mm / step if plan.finest_mm > step else 0.0 for step in drawn.spacing_mm
    ]
    if len(image) == 1:
        sigma[0] = 0.0
    return ndimage.gaussian_filter(image, sigma, output=np.float32) if any(sigma) else image


def _roughness(image: Floats, drawn: DrawnContour, plan: PatchPlan) -> Floats:
    """Return the logarithm of how much the image varies around each voxel."""
    sigma = [2.0 * plan.finest_mm / step for step in drawn.spacing_mm]
    if len(image) == 1:
        sigma[0] = 0.0
    mean = ndimage.gaussian_filter(image, sigma, output=np.float64)
    square = ndimage.gaussian_filter(np.square(image, dtype=np.float64), sigma)
    varies = np.maximum(square - mean**2, 0.0)
    return np.log(varies + 1e-3 * float(np.median(varies)) + 1e-12).astype(np.float32)


def _planes(
    points: ContourPoints, rows: NDArray[np.int64], plan: PatchPlan
) -> Sequence[NDArray[np.float64]]:
    """Return where to sample, ``(3, row, across, along)`` voxels, for each plane."""
    across = _offsets(N_ACROSS, plan)
    along = _offsets(N_ALONG, plan)
    spacing = np.asarray(points.spacing_mm)
    centre = points.at_mm[rows]
    normal = points.normal[rows]
    directions = tangents(points)[: 2 if plan.is_volume else 1]
    found = []
    for direction in directions:
        place = (
            centre[:, None, None]
            + across[None, :, None, None] * normal[:, None, None]
            + along[None, None, :, None] * direction[rows][:, None, None]
        )
        found.append(np.moveaxis(place / spacing, -1, 0))
    return found


def _offsets(n: int, plan: PatchPlan) -> NDArray[np.float64]:
    """Return ``n`` distances up to the reach, mm; the middle ones the finest apart."""
    even = np.linspace(-1.0, 1.0, n)
    wanted = plan.finest_mm * (n // 2) / plan.reach_mm
    if wanted >= 1.0:
        return plan.reach_mm * even
    bends = np.linspace(0.01, 6.0, 600)
    slopes = bends / np.sinh(bends)
    bend = float(bends[np.abs(slopes - wanted).argmin()])
    return np.asarray(plan.reach_mm * np.sinh(bend * even) / np.sinh(bend))


def _facts(label: int, points: ContourPoints, rows: NDArray[np.int64], plan: PatchPlan) -> Floats:
    which = np.zeros((len(rows), len(plan.labels)), np.float32)
    if label in plan.labels:
        which[:, plan.labels.index(label)] = 1.0
    if not plan.is_volume:
        return which
    low, high = points.at.min(axis=0), points.at.max(axis=0)
    place = 2.0 * (points.at[rows] - low) / np.maximum(high - low, 1.0) - 1.0
    return np.concatenate([which, points.normal[rows], place], axis=1).astype(np.float32)
