"""Where an image shows anything: windows beyond it need not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 4
_AIR_HU = -960.0
"""Blocks of lung, emphysema too, are denser on average; those of air around a patient are not."""
_DENSE_HU = -500.0


def body_region(image_hu: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a CT shows more than the air around the patient, ``(z, y, x)``.

    Errs on the safe side: blocks of four voxels with anything denser than air, the lungs included
    where they touch the image's border; the table; all that these enclose in a slice of any of the
    three directions, and another block around.
    """
    mean = _blocks(image_hu, np.mean)
    highest = _blocks(image_hu, np.max)
    shown = (mean > _AIR_HU) | (highest > _DENSE_HU)
    filled = shown.copy()
    for axis in range(3):
        planes = np.moveaxis(shown, axis, 0)
        target = np.moveaxis(filled, axis, 0)
        for plane, into in zip(planes, target, strict=True):
            into |= ndimage.binary_fill_holes(plane)
    return _spread(filled, image_hu.shape)


def varied_region(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where an image is not one and the same lowest value, ``(z, y, x)``, and around it."""
    lowest = image.min()
    return _spread(_blocks(image, np.max) > lowest, image.shape)


def _blocks(image: NDArray[Any], reduce: Any) -> NDArray[Any]:  # noqa: ANN401 - a numpy reduction
    """Return what each block of the image holds; the last ones reach beyond its edge."""
    pad = [(0, -size % _BLOCK) for size in image.shape]
    rows = []
    for first in range(0, image.shape[0], _BLOCK):
        part = image[first : first + _BLOCK]
        part = np.pad(part, [(0, _BLOCK - len(part)), *pad[1:]], mode="edge")
        _, n_y, n_x = part.shape
        cut = part.reshape(_BLOCK, n_y // _BLOCK, _BLOCK, n_x // _BLOCK, _BLOCK)
        rows.append(reduce(cut, axis=(0, 2, 4)))
    return np.stack(rows)


def _spread(blocks: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    wider = ndimage.binary_dilation(blocks, np.ones((3, 3, 3), np.bool_))
    for axis in range(3):
        wider = wider.repeat(_BLOCK, axis=axis)
    return np.asarray(wider[: shape[0], : shape[1], : shape[2]])
