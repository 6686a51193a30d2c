"""What a mark measures: lengths, angles, areas, volumes, and how bright the image is in it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.drawing.measures import (
    Intensities,
    angle_degrees,
    area_mm2,
    intensities_of,
    length_mm,
    measure_intensities,
)
from annotator.drawing.polygon import outline_stamp
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.marks import Mark, Place
    from annotator.domain.reading import Box

_FLAT = 1e-6
"""Voxels that places on one slice may lie apart across it: what rounding leaves."""
_SAMPLES_PER_VOXEL = 2
_AT_ONCE = 64
"""Samples along a line that are looked up together: the box around them stays small."""
MOST_VOXELS = 1 << 24
"""Of larger boxes, and of areas with such a box around them, no values are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkMeasures:
    """What one mark measures; None where its kind has no such size.

    Attributes
    ----------
    unit : str
        ``mm``, or ``px`` where the image does not say how large it is: of the length, of the area
        (squared) and of the volume (cubed).
    length : float or None
        Of a line; around an area.
    angle_degrees : float or None
        At the middle place of an angle, 0 to 180; None too where two places are the same.
    area : float or None
        Inside an area, and inside a box that lies on one slice.
    volume : float or None
        Of a box, edge times edge times edge.
    intensities : Intensities or None
        At a point; along a line, of places half a voxel apart at most, between voxels linearly; of
        the voxels with their centre inside an area on one slice, or inside a box. None without an
        image, where no voxel is inside, and for areas and boxes of more than ``MOST_VOXELS``.
    """

    unit: str
    length: float | None = None
    angle_degrees: float | None = None
    area: float | None = None
    volume: float | None = None
    intensities: Intensities | None = None


def image_surface(
    voxels: NDArray[Any] | None, geometry: Geometry, *, slope: float = 1.0, intercept: float = 0.0
) -> Surface:
    """Return a surface to measure on where nothing is drawn: its mask is empty and takes no room.

    ``voxels`` are stored values ``(z, y, x[, channel])``; None where only sizes are measured.
    """
    return Surface(
        mask=np.broadcast_to(np.zeros((), np.uint8), geometry.shape),
        image=voxels,
        spacing_mm=geometry.spacing_mm,
        unit="mm" if geometry.is_calibrated else "px",
        slope=slope,
        intercept=intercept,
    )


def measure_mark(mark: Mark, surface: Surface) -> MarkMeasures:
    """Measure a mark on a surface; its mask is not looked at."""
    places, spacing = mark.places, surface.spacing_mm
    if mark.kind == "line":
        return MarkMeasures(
            unit=surface.unit,
            length=length_mm(places, spacing),
            intensities=_along(surface, places),
        )
    if mark.kind == "angle":
        angle = angle_degrees(places[0], places[1], places[2], spacing)
        return MarkMeasures(unit=surface.unit, angle_degrees=None if math.isnan(angle) else angle)
    if mark.kind == "area":
        return MarkMeasures(
            unit=surface.unit,
            length=length_mm((*places, places[0]), spacing),
            area=area_mm2(places, spacing),
            intensities=_inside(surface, places),
        )
    if mark.kind == "box":
        return _box(surface, places)
    return MarkMeasures(unit=surface.unit, intensities=_along(surface, places))


def plane_of(places: Sequence[Place]) -> int | None:
    """Return the axis across which places lie on one slice, the first of several; None for none."""
    spread = np.ptp(np.asarray(places, np.float64), axis=0)
    flat = np.flatnonzero(spread <= _FLAT)
    return int(flat[0]) if len(flat) else None


def _box(surface: Surface, corners: Sequence[Place]) -> MarkMeasures:
    ends = np.sort(np.asarray(corners, np.float64), axis=0)
    plane = plane_of(corners)
    edges = (ends[1] - ends[0]) * np.asarray(surface.spacing_mm)
    area, volume = None, None
    if plane is None:
        volume = float(np.prod(edges))
    else:
        area = float(np.prod(np.delete(edges, plane)))
        ends[:, plane] = np.floor(ends[:, plane] + 0.5)
    low = np.maximum(np.ceil(ends[0]), 0).astype(int)
    high = np.minimum(np.floor(ends[1]) + 1, surface.shape).astype(int)
    found = None
    n_voxels = math.prod((high - low).tolist())
    if surface.image is not None and (low < high).all() and n_voxels <= MOST_VOXELS:
        box: Box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        found = measure_intensities(surface, box, np.ones(high - low, np.bool_))
    return MarkMeasures(unit=surface.unit, area=area, volume=volume, intensities=found)


def _inside(surface: Surface, outline: Sequence[Place]) -> Intensities | None:
    plane = plane_of(outline)
    if surface.image is None or plane is None:
        return None
    if not 0 <= math.floor(outline[0][plane] + 0.5) < surface.shape[plane]:
        return None
    if np.prod(np.delete(np.ptp(outline, axis=0), plane)) > MOST_VOXELS:
        return None
    stamp = outline_stamp(surface, outline, plane)
    if stamp is None or not stamp.inside.any():
        return None
    z, y, x = (start + n for start, n in zip(stamp.origin, stamp.inside.shape, strict=True))
    return measure_intensities(surface, (stamp.origin, (z, y, x)), stamp.inside)


def _along(surface: Surface, places: Sequence[Place]) -> Intensities | None:
    """Measure the image along a line, or at a point; None where all of it is outside."""
    if surface.image is None:
        return None
    at = _samples(np.asarray(places, np.float64))
    size = np.asarray(surface.shape)
    at = at[((at >= -0.5) & (at <= size - 0.5)).all(axis=1)]
    if not len(at):
        return None
    at = np.clip(at, 0, size - 1)
    parts = (at[first : first + _AT_ONCE] for first in range(0, len(at), _AT_ONCE))
    return intensities_of(np.concatenate([_looked_up(surface, part) for part in parts]))


def _looked_up(surface: Surface, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the image at places ``(place, 3)`` inside it, between voxels linearly."""
    from scipy import ndimage  # slow to import: a window starts without

    low, high = np.floor(at.min(axis=0)).astype(int), np.ceil(at.max(axis=0)).astype(int) + 1
    values = surface.values(((low[0], low[1], low[2]), (high[0], high[1], high[2])))
    return ndimage.map_coordinates(values, (at - low).T, np.float64, order=1)


def _samples(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places along a line, ``(place, 3)``, half a voxel apart at most along every axis."""
    found = [places[:1]]
    for first, second in itertools.pairwise(places):
        n = max(1, math.ceil(_SAMPLES_PER_VOXEL * float(np.abs(second - first).max())))
        found.append(first + (second - first) * np.arange(1, n + 1)[:, None] / n)
    return np.concatenate(found)
