"""The way along a ridge between two clicks, in a box around them that grows where it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.graph import MCP_Geometric

from annotator.analysis.tracing.ridge import measure_ridge
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.volume import ImageLike

MAX_BOX_VOXELS = 20_000_000
_LEAST_COST = 0.02
"""Of a voxel as bright as the clicked ends: a way round may be fifty times as long as a leap."""
_GROWTHS = 2


def find_path(
    image: ImageLike,
    start_um: Sequence[float],
    end_um: Sequence[float],
    *,
    scales_um: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """Return the path of least cost from one point to another, along what is bright and tubular.

    Minimal path as in Peng et al. 2010 (Bioinformatics 26(12), i38-i46): Dijkstra's algorithm on
    the grid with 26 neighbours (8 in one slice), steps weighted by their length in µm and a cost
    that falls with brightness and ridge, both relative to the clicked ends.

    Parameters
    ----------
    image : ImageLike
        The volume. Only a box around the two points is read; it grows while a way through what
        is outside of it might cost less.
    start_um, end_um : sequence of float
        ``(x, y, z)`` in the image frame.
    scales_um : sequence of float or None
        Radii of the tubes that are followed; 1 and 2 voxels where None.

    Returns
    -------
    ndarray
        ``(point, 3)`` x, y, z in µm; begins and ends at the given points, a point for each voxel
        between them.

    Raises
    ------
    AnnotatorError
        Where a point lies outside of the image, or the two are so far apart that the box between
        them would have more than 20 million voxels.
    """
    spacing = np.asarray(image.spacing_um, np.float64)
    shape = np.array(image.voxels.shape)
    ends = [np.asarray(point, np.float64)[::-1] / spacing for point in (start_um, end_um)]
    start, end = (_inside(place, shape) for place in ends)
    scales = scales_um or (float(spacing[1:].mean()), 2 * float(spacing[1:].mean()))
    distance_um = float(np.linalg.norm((end - start) * spacing))
    margin_um = max(10 * float(spacing[1:].mean()), 0.15 * distance_um)
    for attempt in range(_GROWTHS + 1):
        margin = np.ceil(margin_um * 2**attempt / spacing).astype(int)
        low = np.maximum(np.minimum(start, end) - margin, 0)
        high = np.minimum(np.maximum(start, end) + margin + 1, shape)
        _refuse_large(high - low)
        box = image.voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        cost = _cost(box, image.spacing_um, start - low, end - low, scales)
        finder = MCP_Geometric(cost, sampling=image.spacing_um)
        spent, _ = finder.find_costs([tuple(start - low)], [tuple(end - low)])
        steps = np.array(finder.traceback(tuple(end - low)), np.int64) + low
        if not _leaves_cheaply(spent, spent[tuple(end - low)], low > 0, high < shape):
            break
    points: NDArray[np.float64] = (steps * spacing)[:, ::-1]
    points[0], points[-1] = start_um, end_um
    if len(points) == 1:
        points = np.array([start_um, end_um], np.float64)
    return points


def _inside(place: NDArray[np.float64], shape: NDArray[np.int64]) -> NDArray[np.int64]:
    voxel = np.rint(place).astype(np.int64)
    if ((voxel < 0) | (voxel >= shape)).any():
        raise AnnotatorError(
            f"the point at voxel {tuple(int(v) for v in voxel)} (z, y, x) lies outside of the "
            f"image, which has {tuple(int(n) for n in shape)} voxels; a path is found inside only."
        )
    return voxel


def _refuse_large(size: NDArray[np.int64]) -> None:
    if int(np.prod(size)) > MAX_BOX_VOXELS:
        raise AnnotatorError(
            f"the box between the two points has {int(np.prod(size)):,} voxels; at most "
            f"{MAX_BOX_VOXELS:,} are searched. Click once more on the way."
        )


def _cost(
    box: NDArray[np.generic],
    spacing_um: tuple[float, float, float],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    scales_um: Sequence[float],
) -> NDArray[np.float32]:
    ridge = measure_ridge(box, spacing_um, scales_um)
    bright = box.astype(np.float32)
    bright -= np.float32(np.percentile(bright, 20))
    likeness = (_relative(bright, start, end) + _relative(ridge, start, end)) / 2
    missing = 1 - likeness
    cost: NDArray[np.float32] = np.square(missing, dtype=np.float32)
    cost += np.float32(_LEAST_COST)
    return cost


def _relative(
    values: NDArray[np.float32], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the values as a share of what the dimmer end has near it, 0 to 1."""
    near = [
        float(values[tuple(slice(max(0, int(v) - 1), int(v) + 2) for v in place)].max())
        for place in (start, end)
    ]
    floor = 0.2 * float(np.percentile(values, 99.5))
    scale = max(min(near), floor, 1e-6)
    share: NDArray[np.float32] = np.clip(values / np.float32(scale), 0.0, 1.0)
    return share


def _leaves_cheaply(
    spent: NDArray[np.float64],
    whole: float,
    goes_on_low: NDArray[np.bool_],
    goes_on_high: NDArray[np.bool_],
) -> bool:
    """Tell whether a side of the box that is none of the image is reached at less than ``whole``.

    Only then can a way through what is outside of the box be cheaper.
    """
    sides = [np.take(spent, 0, axis) for axis in np.flatnonzero(goes_on_low)]
    sides += [np.take(spent, -1, axis) for axis in np.flatnonzero(goes_on_high)]
    return any(bool((side < whole).any()) for side in sides)
