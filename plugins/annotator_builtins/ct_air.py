"""Steps that the CT models share: Hounsfield units and axial slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.study import Series

AIR_HU = -320.0
"""Between lung (about -850 HU) and soft tissue (about 40 HU)."""


def refuses_ct(series: Series) -> str | None:
    """Say why a series is not a CT in Hounsfield units, or None where it is."""
    if series.modality != "CT":
        return f"it needs a CT in Hounsfield units; this series is {series.modality}"
    if series.n_channels != 1:
        return "it needs grey values; this series is in colour"
    if series.geometry.is_time:
        return "it needs slices of space; the first axis of this series is time"
    return None


def axial_axis(geometry: Geometry) -> int:
    """Return the array axis (0, 1 or 2 of ``(z, y, x)``) that runs most along the body."""
    along_body = np.abs(np.reshape(geometry.direction, (3, 3))[2, ::-1])
    return int(np.argmax(along_body))


def is_air(voxels: NDArray[Any], series: Series) -> NDArray[np.bool_]:
    """Return where a stored volume ``(z, y, x)`` is below the air threshold.

    The threshold is moved to stored values, so that no copy in Hounsfield units is made.
    """
    stored = (AIR_HU - series.intercept) / series.slope
    return np.asarray(voxels < stored if series.slope > 0 else voxels > stored)


def in_plane_mm(geometry: Geometry, axis: int) -> tuple[float, float]:
    """Return the spacing within the slices across ``axis``, mm."""
    first, second = (geometry.spacing_mm[other] for other in range(3) if other != axis)
    return first, second


def dilated(
    mask: NDArray[np.bool_], radius_mm: float, mm: tuple[float, float]
) -> NDArray[np.bool_]:
    """Return a slice grown by a disc of that radius."""
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=mm) <= radius_mm)


def eroded(mask: NDArray[np.bool_], radius_mm: float, mm: tuple[float, float]) -> NDArray[np.bool_]:
    """Return a slice shrunk by a disc of that radius; the slice's edge does not shrink it."""
    if mask.all():
        return mask
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=mm) > radius_mm)


def closed(mask: NDArray[np.bool_], radius_mm: float, mm: tuple[float, float]) -> NDArray[np.bool_]:
    """Return a slice with gaps narrower than a disc closed, holes filled."""
    margin = [int(np.ceil(radius_mm / step)) + 1 for step in mm]
    padded = np.pad(mask, [(width, width) for width in margin])
    grown = eroded(dilated(padded, radius_mm, mm), radius_mm, mm) | padded
    filled = ndimage.binary_fill_holes(grown)
    return np.asarray(filled[margin[0] : -margin[0], margin[1] : -margin[1]])
