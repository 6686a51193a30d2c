"""Arrays of zeros that take memory only where something else is written."""

from __future__ import annotations

import math
import mmap
import sys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE_BYTES = 1 << 30
"""From here on memory is asked for page by page: numpy takes it in pieces of 2 MB, of which one
stroke across the rows of a slide touches hundreds."""
_NO_RESERVE = 0x4000
"""Linux's MAP_NORESERVE: room is not counted before it is used."""


def sparse_zeros(
    shape: tuple[int, ...], dtype: np.dtype[np.unsignedinteger]
) -> NDArray[np.unsignedinteger]:
    """Return an array of zeros; a large one takes 4 KB for each piece of a row that is written.

    It lies in memory and not in a file: a disk that runs full would end the program at a stroke.
    Raises MemoryError.
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < LARGE_BYTES:
        return np.zeros(shape, dtype)
    try:
        memory = _pages(n_bytes)
    except OSError as error:
        raise MemoryError(f"{n_bytes >> 20:,} MB of address space") from error
    return np.frombuffer(memory, dtype).reshape(shape)


def is_large(mask: NDArray[np.generic]) -> bool:
    """Whether an array is one of those that must not be written, or copied, as a whole."""
    return mask.nbytes >= LARGE_BYTES


def _pages(n_bytes: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, n_bytes)
    reserve = _NO_RESERVE if sys.platform == "linux" else 0
    memory = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | reserve)
    if sys.platform == "linux":
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory
