"""The compiled way of sweeping a brush over a mask; False where there is no kernel for it."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from annotator.analysis import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Packed as bytes, which ctypes hands on as they lie: arrays of ctypes take several times as long.
_LAYOUT = Struct("6q")
_FIGURES = Struct("14d")


def sweep(box: NDArray[Any], value: int, figures: Sequence[float], *, is_square: bool) -> bool:
    """Write a value into the voxels of a box ``(z, y, x)`` that a brush reaches.

    Parameters
    ----------
    box : ndarray
        A view with items of one or two bytes; written to.
    figures : sequence of float
        Start, end and direction of the way, voxel spacing, each ``(z, y, x)``; then length of the
        way and radius. Millimetres from the first voxel of the box.
    """
    library = kernels.library()
    is_plain = box.dtype.kind in "bu" and box.itemsize <= 2 and box.dtype.isnative
    if library is None or not is_plain or not box.flags.writeable:
        return False
    done: int = library.sweep_brush(
        box.ctypes.data,
        box.itemsize,
        value,
        _LAYOUT.pack(*box.shape, *box.strides),
        _FIGURES.pack(*figures),
        is_square,
    )
    return done == 0
