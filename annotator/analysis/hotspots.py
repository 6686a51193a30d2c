"""Where a disputed rim is thick: the places that a reviewer should look at one by one.

Raters' outlines differ a little everywhere, so the disputed voxels of an organ form one connected
shell. Eroding it until little is left finds where the outlines part; what remains of the shell is
its thin rim, which is one thing to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEEP_SHARE = 0.1
_MOST = 24


def find_thick_parts(
    index: NDArray[np.int64], spacing_mm: tuple[float, float, float]
) -> NDArray[np.int64]:
    """Return the thick part, 1, 2, …, that each disputed voxel belongs to; 0 on the thin rim.

    ``index`` is ``(voxel, 3)``, z, y, x, of one object. A part is what erosion leaves of the voxels
    once at most a tenth of them is left, grown back. Numbered from the largest.
    """
    low = index.min(axis=0)
    local = index - low
    inside = np.zeros(local.max(axis=0) + 1, np.bool_)
    inside[tuple(local.T)] = True
    part = np.zeros(len(index), np.int64)
    core, radius = _erode(inside, spacing_mm, int(_DEEP_SHARE * len(index)))
    if core is None:
        return part
    numbers, n_cores = ndimage.label(core, np.ones((3, 3, 3)))
    sizes = np.bincount(numbers.reshape(-1), minlength=n_cores + 1)[1:]
    boxes = ndimage.find_objects(numbers)
    grown = np.zeros(inside.shape, np.int16)
    for rank, core_number in enumerate(np.argsort(-sizes, kind="stable")[:_MOST].tolist()):
        around = tuple(
            slice(max(0, side.start - reach - 1), side.stop + reach + 1)
            for side, reach in zip(boxes[core_number], radius, strict=True)
        )
        near = ndimage.maximum_filter(
            numbers[around] == core_number + 1, [2 * reach + 1 for reach in radius]
        )
        target = grown[around]
        target[near & inside[around] & (target == 0)] = rank + 1
    part[:] = grown[tuple(local.T)]
    return part


def _erode(
    inside: NDArray[np.bool_], spacing_mm: tuple[float, float, float], target: int
) -> tuple[NDArray[np.bool_] | None, tuple[int, ...]]:
    """Erode by a growing box until at most ``target`` voxels are left.

    Returns them with the box's half widths, in voxels; None where nothing was left.
    """
    axes = [axis for axis in range(3) if inside.shape[axis] > 1]
    if not axes:
        return None, (0, 0, 0)
    bits = np.packbits(inside, axis=2)
    finest = min(spacing_mm[axis] for axis in axes)
    radius = [0, 0, 0]
    step = 0
    while True:
        step += 1
        for axis in axes:
            reach = int(step * finest / spacing_mm[axis] + 1e-9)
            if reach > radius[axis]:
                bits = _erode_once(bits, axis, inside.shape[2])
                radius[axis] = reach
        left = int(np.bitwise_count(bits).sum(dtype=np.int64))
        if left == 0:
            return None, (0, 0, 0)
        if left <= target:
            core = np.unpackbits(bits, axis=2, count=inside.shape[2]).astype(np.bool_)
            return core, tuple(radius)


def _erode_once(bits: NDArray[np.uint8], axis: int, n_columns: int) -> NDArray[np.uint8]:
    """Return packed voxels that keep both neighbours along an axis; outside counts as empty."""
    left = bits.copy()
    if axis < 2:
        along, source = np.moveaxis(left, axis, 0), np.moveaxis(bits, axis, 0)
        along[1:] &= source[:-1]
        along[:-1] &= source[1:]
        along[0] = 0
        along[-1] = 0
        return left
    before, after = bits >> 1, bits << 1
    before[..., 1:] |= bits[..., :-1] << 7
    after[..., :-1] |= bits[..., 1:] >> 7
    left &= before
    left &= after
    return left
