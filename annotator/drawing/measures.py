"""Measurements in mm and in the units of the image: lines, angles, areas, labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.drawing.scope import Scope, moved, slice_box, voxel_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

PERCENTILES = (5, 25, 75, 95)
_FEW = 200
"""Places between which all distances are looked at, without a hull around them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensities:
    """How bright a region is, in modality units, for example Hounsfield units.

    ``sd`` divides by the number of voxels less one, and is 0 for one voxel. ``percentiles`` belong
    to ``PERCENTILES``, between two values linearly.
    """

    mean: float
    sd: float
    minimum: float
    maximum: float
    median: float
    percentiles: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured of one label.

    Attributes
    ----------
    box : Box
        The smallest around it.
    volume_mm3 : float
        Of its voxels; see ``volume_ml``.
    plane : int
        Axis that slices are counted along.
    slice_areas_mm2 : tuple of float
        Area in each slice of the box along ``plane``.
    longest_mm : float
        Between the centres of the two voxels that lie farthest apart: Feret's diameter.
    intensities : Intensities or None
        None where there is no image.
    """

    label: int
    box: Box
    n_voxels: int
    volume_mm3: float
    plane: int
    slice_areas_mm2: tuple[float, ...]
    longest_mm: float
    intensities: Intensities | None

    @property
    def volume_ml(self) -> float:
        """Volume in millilitres."""
        return self.volume_mm3 / 1000


def measure_label(
    surface: Surface, label: int, *, plane: int = 0, index: int | None = None
) -> Measures:
    """Measure a label in the volume, or in one slice across ``plane``.

    Raises NothingToDoError where it is not drawn. Reads only the box around it, slice by slice.
    """
    part = surface.whole if index is None else slice_box(surface, plane, index)
    scope = Scope(surface=surface, box=part, plane=None if index is None else plane)
    box = scope.box_around(label)
    region = scope.region(label, box)
    counts = np.count_nonzero(region, axis=tuple({0, 1, 2} - {plane}))
    n_voxels = int(counts.sum())
    return Measures(
        label=label,
        box=box,
        n_voxels=n_voxels,
        volume_mm3=n_voxels * voxel_size(surface, None),
        plane=plane,
        slice_areas_mm2=tuple((counts * voxel_size(surface, plane)).tolist()),
        longest_mm=_longest_mm(region, surface.spacing_mm),
        intensities=None if surface.image is None else measure_intensities(surface, box, region),
    )


def measure_intensities(surface: Surface, box: Box, region: NDArray[np.bool_]) -> Intensities:
    """Measure the image where a region ``(z, y, x)`` over a box is True; it must not be empty."""
    found = [
        surface.values(moved(((at, 0, 0), (at + 1, *region.shape[1:])), box[0]))[0][inside]
        for at, inside in enumerate(region)
        if inside.any()
    ]
    return intensities_of(np.concatenate(found).astype(np.float64))


def intensities_of(values: NDArray[np.float64]) -> Intensities:
    """Return what values, one or more, ``(value,)``, have in common."""
    low, *percentiles, high = np.percentile(values, (0, *PERCENTILES, 100)).tolist()
    return Intensities(
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        minimum=low,
        maximum=high,
        median=float(np.median(values)),
        percentiles=tuple(percentiles),
    )


def length_mm(points: Sequence[Point], spacing_mm: Sequence[float]) -> float:
    """Return the length of a line through array positions ``(z, y, x)``."""
    steps = np.diff(_placed(points, spacing_mm), axis=0)
    return float(np.linalg.norm(steps, axis=1).sum())


def angle_degrees(first: Point, vertex: Point, last: Point, spacing_mm: Sequence[float]) -> float:
    """Return the angle at ``vertex`` between two places, 0 to 180; nan where one lies on it."""
    a, at, b = _placed((first, vertex, last), spacing_mm)
    across, along = np.linalg.norm(np.cross(a - at, b - at)), float((a - at) @ (b - at))
    if not np.any(a - at) or not np.any(b - at):
        return math.nan
    return math.degrees(math.atan2(float(across), along))


def area_mm2(points: Sequence[Point], spacing_mm: Sequence[float]) -> float:
    """Return the area inside a closed flat line of array positions ``(z, y, x)``, in any plane."""
    corners = _placed(points, spacing_mm)
    if len(corners) < 3:
        return 0.0
    spokes = corners[1:] - corners[0]
    return float(np.linalg.norm(np.cross(spokes[:-1], spokes[1:]).sum(axis=0)) / 2)


def _placed(
    points: Sequence[Point] | NDArray[np.integer], spacing_mm: Sequence[float]
) -> NDArray[np.float64]:
    return np.asarray(points, np.float64).reshape(-1, 3) * np.asarray(spacing_mm, np.float64)


def _longest_mm(region: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    """Return the distance between the two voxels of a region that lie farthest apart."""
    from scipy.spatial import ConvexHull  # takes a while to import
    from scipy.spatial.distance import pdist

    z, y = np.nonzero(region.any(axis=2))
    rows = region[z, y]
    ends = (rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1))
    corners = _placed(np.concatenate([np.stack([z, y, end], axis=1) for end in ends]), spacing_mm)
    corners = corners[:, np.ptp(corners, axis=0) > 0]
    if corners.shape[1] < 2:  # one voxel, or a line of them
        return float(np.ptp(corners)) if corners.size else 0.0
    if len(corners) > _FEW:
        # Joggled, because places on a grid lie on common planes, or even on one line.
        corners = corners[ConvexHull(corners, qhull_options="QJ").vertices]
    return float(pdist(corners).max())
