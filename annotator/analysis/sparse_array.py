"""Arrays of zeros that take memory only where something else is written: masks of slides."""

from __future__ import annotations

import math
import mmap
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LARGE_SLICE = 1 << 29
"""A slice of more voxels is that of a slide: nothing else that can be read is as large."""
_NO_RESERVE = 0x4000
"""Linux's MAP_NORESERVE: room is not counted before it is used."""


def is_large(shape: Sequence[int]) -> bool:
    """Whether what has this shape ``(…, y, x)`` must not be written, or copied, as a whole."""
    return shape[-1] * shape[-2] > LARGE_SLICE


def sparse_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of zeros ``(…, y, x)``; a large one takes memory where it is written.

    That is 4 KB for each piece of a row: numpy's own take 2 MB, and a stroke across the rows of a
    slide touches hundreds. It lies in memory and not in a file: a disk that runs full would end the
    program at a stroke. Raises MemoryError.
    """
    if not is_large(shape):
        return np.zeros(shape, dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    try:
        memory = _pages(n_bytes)
    except OSError as error:
        raise MemoryError(f"{n_bytes >> 20:,} MB of address space") from error
    return np.frombuffer(memory, dtype).reshape(shape)


def _pages(n_bytes: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, n_bytes)
    reserve = _NO_RESERVE if sys.platform == "linux" else 0
    memory = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | reserve)
    if sys.platform == "linux":
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory
