"""How far a drawing that was carried from one image to another can be relied on.

Displacements are ``(axis, z, y, x)`` in mm, along the axes of the array; without z in a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.special import erfc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.study import Series

_FAR = 4.0
"""Standard deviations beyond which an outline is not looked for: 1 voxel in 16,000."""


def why_unlike(source: Series, target: Series) -> str | None:
    """Say why the images of two series cannot be matched, or return None where they can."""
    if "video" in (source.kind, target.kind):
        return "frames of a video are not slices of a body"
    if source.geometry.is_volume != target.geometry.is_volume:
        return "one is a volume, the other a single slice"
    if source.geometry.is_calibrated != target.geometry.is_calibrated:
        return "one has a spacing in mm, the other none"
    if source.modality != target.modality:
        return f"{source.modality} and {target.modality} show tissue in different brightness"
    return None


def round_trip_mm(
    there: NDArray[np.floating], back: NDArray[np.floating], spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Return how far each voxel ends from where it began, mm: ``|there(x) + back(x + there(x))|``.

    Both displacements lie on the same grid. Beyond its edge the edge holds.
    """
    index = np.indices(there.shape[1:]).astype(np.float64)
    steps = np.asarray(spacing_mm, np.float64).reshape(-1, *[1] * (there.ndim - 1))
    landed = index + there / steps
    returned = [ndimage.map_coordinates(part, landed, order=1, mode="nearest") for part in back]
    return np.asarray(np.linalg.norm(there + np.stack(returned), axis=0), np.float32)


def jacobian(
    displacement: NDArray[np.floating], spacing_mm: Sequence[float]
) -> NDArray[np.float64]:
    """Return by how much space grows at each voxel; 0 or less where it folds over itself.

    An axis of one voxel takes no part.
    """
    axes = [axis for axis, size in enumerate(displacement.shape[1:]) if size > 1]
    rows = [
        [
            np.gradient(displacement[row], spacing_mm[column], axis=column) + float(row == column)
            for column in axes
        ]
        for row in axes
    ]
    if not axes:
        return np.ones(displacement.shape[1:])
    matrix = np.moveaxis(np.array(rows, np.float64), (0, 1), (-2, -1))
    return np.asarray(np.linalg.det(matrix), np.float64)


def folded_share(displacement: NDArray[np.floating], spacing_mm: Sequence[float]) -> float:
    """Return the share of voxels where a displacement folds space over itself."""
    return float((jacobian(displacement, spacing_mm) <= 0).mean())


def outline_doubt(
    mask: NDArray[np.integer], error_mm: NDArray[np.floating], spacing_mm: Sequence[float]
) -> NDArray[np.float32]:
    """Return how likely each voxel lies on the other side of its outline, times 2: 0 to 1.

    The outline is taken to be off by a normal error with the standard deviation ``error_mm``, half
    a voxel at least: on the outline the doubt is near 1, and it reaches as far as the error does.
    """
    doubt = np.zeros(mask.shape, np.float32)
    drawn = np.argwhere(mask != 0)
    if not len(drawn):
        return doubt
    half_mm = 0.5 * min(spacing_mm)
    reach_mm = _FAR * max(half_mm, float(np.percentile(error_mm[mask != 0], 95)))
    box = tuple(
        slice(max(0, int(low - reach_mm / step) - 1), int(high + reach_mm / step) + 2)
        for low, high, step in zip(drawn.min(axis=0), drawn.max(axis=0), spacing_mm, strict=True)
    )
    part = mask[box]
    distance_mm = np.zeros(part.shape)
    for label in np.unique(part):
        inside = part == label
        if not inside.all():
            distance_mm += ndimage.distance_transform_edt(inside, sampling=spacing_mm)
    spread_mm = np.maximum(error_mm[box], half_mm)
    doubt[box] = erfc(np.maximum(distance_mm - half_mm, 0.0) / (spread_mm * np.sqrt(2.0)))
    return doubt
