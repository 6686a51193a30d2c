"""The compiled way of sweeping a brush over a mask; False where there is no kernel for it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from annotator.analysis import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_Layout = ctypes.c_int64 * 6
_Figures = ctypes.c_double * 14


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
    if library is None or box.itemsize > 2 or not box.flags.writeable:
        return False
    done: int = library.sweep_brush(
        box.ctypes.data,
        box.itemsize,
        value,
        _Layout(*box.shape, *box.strides),
        _Figures(*figures),
        is_square,
    )
    return done == 0
