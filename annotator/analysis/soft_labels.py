"""Soft labels from one hard mask: doubt where superpixels of the image cross its outline.

After superpixel-guided label softening (arXiv 2007.08897, MICCAI 2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import slic

from annotator.analysis.simulate_outline import signed_distance_mm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Spacing = tuple[float, float, float]

_PERCENTILES = (1.0, 99.0)
_COMPACTNESS = 0.1
_MARGIN = 2.0
"""How many superpixels' sides around the outline are cut into superpixels."""


def softness(distance: NDArray[np.floating]) -> Floats:
    """Return ``(d / (1 + |d|) + 1) / 2`` of a signed distance, positive inside: eq. 1."""
    return np.asarray(0.5 * (distance / (1.0 + np.abs(distance)) + 1.0), np.float32)


def soften_labels(
    mask: NDArray[np.unsignedinteger],
    image: Floats,
    spacing_mm: Spacing,
    labels: Sequence[int],
    *,
    superpixel_mm: float,
    width_mm: float,
) -> Floats:
    """Return how far each voxel belongs to each label, ``(label, z, y, x)``; sums to 1.

    A superpixel that holds voxels of a label and of others is in doubt: there the label gets
    `softness` of the distance to its outline; elsewhere the mask holds. Where several labels meet,
    shares are divided by their sum, so that a voxel's own label stays the greatest.

    Parameters
    ----------
    mask : ndarray
        ``(z, y, x)``.
    image : ndarray
        ``(z, y, x)`` or ``(z, y, x, channel)``, any scale.
    labels : sequence of int
        All values of the mask, background included.
    superpixel_mm : float
        Side of a superpixel, about.
    width_mm : float
        Distance at which a voxel in doubt still belongs by three quarters.
    """
    hard: NDArray[np.bool_] = mask == np.asarray(labels, mask.dtype)[:, None, None, None]
    found: Floats = hard.astype(np.float32)
    box = _around_outline(mask, spacing_mm, _MARGIN * superpixel_mm)
    if box is None:
        return found
    superpixels = cut_superpixels(image[box], spacing_mm, superpixel_mm)
    n_superpixels = int(superpixels.max()) + 1
    size = np.bincount(superpixels.reshape(-1), minlength=n_superpixels)
    for own, inside in zip(found, hard, strict=True):
        part = inside[box]
        held = np.bincount(superpixels[part], minlength=n_superpixels)
        in_doubt = ((held > 0) & (held < size))[superpixels]
        distance = signed_distance_mm(part, spacing_mm) / width_mm
        np.copyto(own[box], softness(distance), where=in_doubt)
    return np.asarray(found / found.sum(axis=0), np.float32)


def cut_superpixels(image: Floats, spacing_mm: Spacing, superpixel_mm: float) -> NDArray[np.int64]:
    """Return the number of the superpixel of each voxel, ``(z, y, x)`` from 0 (SLIC).

    One slice is cut into pixels' areas, a volume into blocks; the same image, the same pieces.
    """
    volume = image if image.ndim == 4 else image[..., None]
    low, high = np.percentile(volume, _PERCENTILES, axis=(0, 1, 2))
    scaled = np.clip((volume - low) / np.maximum(high - low, 1e-6), 0.0, 1.0)
    n_axes = 2 if volume.shape[0] == 1 else 3
    sides = np.array(volume.shape[:3][-n_axes:]) * spacing_mm[-n_axes:] / superpixel_mm
    found = slic(
        scaled[0] if n_axes == 2 else scaled,
        n_segments=max(1, round(float(np.prod(np.maximum(sides, 1.0))))),
        compactness=_COMPACTNESS,
        spacing=spacing_mm[-n_axes:],
        channel_axis=-1,
        convert2lab=False,
        start_label=0,
    )
    return np.asarray(found, np.int64).reshape(volume.shape[:3])


def _around_outline(
    mask: NDArray[np.unsignedinteger], spacing_mm: Spacing, margin_mm: float
) -> tuple[slice, slice, slice] | None:
    """Return the box around all voxels that have a neighbour of another label, or None."""
    cross = ndimage.generate_binary_structure(3, 1)
    is_edge = ndimage.minimum_filter(mask, footprint=cross) != ndimage.maximum_filter(
        mask, footprint=cross
    )
    places = ndimage.find_objects(is_edge.view(np.uint8))
    if not places:
        return None
    z, y, x = (
        slice(max(0, at.start - margin), min(size, at.stop + margin))
        for at, size, margin in zip(
            places[0],
            mask.shape,
            [int(np.ceil(margin_mm / step)) for step in spacing_mm],
            strict=True,
        )
    )
    return z, y, x
