"""The small picture of one step: what was drawn around the place that it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtGui import QColor, QImage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.domain.reading import Box

SIDE = 72
_LEAST_SIDE = 40
"""Voxels that are shown at least, so that one sees where a small stroke lies."""
_AROUND = 1.5
"""What is shown, in sizes of what was changed."""
_MARKED = 0.55
_BLACK, _WHITE = 1.0, 99.0
"""Percentiles of the slice that are shown black and white."""


def slice_of(box: Box) -> int:
    """Return the slice along the first axis that tells most of a change: the middle one."""
    return (box[0][0] + box[1][0] - 1) // 2


def picture(
    image: NDArray[Any], mask: NDArray[np.integer], box: Box, colors: Mapping[int, str]
) -> QImage:
    """Return a square picture of a slice around a box, with what is drawn there in colour.

    ``image`` is ``(y, x[, channel])``, ``mask`` ``(y, x)``; ``colors`` are ``#rrggbb`` by value.
    """
    side = max(_LEAST_SIDE, _AROUND * max(box[1][1] - box[0][1], box[1][2] - box[0][2]))
    side = min(side, max(mask.shape))
    rows, columns = (
        _places((box[0][axis] + box[1][axis]) / 2, side, mask.shape[axis - 1]) for axis in (1, 2)
    )
    grey = image if image.ndim == 2 else image[..., :3].mean(axis=2)
    low, high = np.percentile(grey[:: max(1, len(grey) // 64)], [_BLACK, _WHITE])
    piece = grey[np.ix_(rows, columns)].astype(np.float32)
    shown = np.clip((piece - low) / max(high - low, 1e-6), 0, 1)
    pixels = np.repeat((255 * shown)[..., None], 3, axis=2)
    drawn = mask[np.ix_(rows, columns)]
    for value in np.unique(drawn[drawn > 0]):
        color = QColor(colors.get(int(value), "#ffffff"))
        inside = drawn == value
        tint = np.array([color.red(), color.green(), color.blue()], np.float32)
        pixels[inside] = (1 - _MARKED) * pixels[inside] + _MARKED * tint
    content = np.ascontiguousarray(pixels.astype(np.uint8))
    made = QImage(content.data, SIDE, SIDE, 3 * SIDE, QImage.Format.Format_RGB888)
    return made.copy()  # the array goes


def _places(centre: float, side: float, size: int) -> NDArray[np.intp]:
    """Return the rows (or columns) of the image that the picture's rows show."""
    first = min(max(centre - side / 2, 0), max(size - side, 0))
    places = np.floor(first + (np.arange(SIDE) + 0.5) * side / SIDE).astype(np.intp)
    return np.clip(places, 0, size - 1)
