"""Arrays that two processes see: handed over by name, gone with whoever holds them last.

The name is taken away as soon as the other process holds the memory, so that nothing is left
behind however either of them ends. Until then Python's resource tracker would clear it away.
"""

from __future__ import annotations

import os
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOUNT = Path("/dev/shm")
"""Where Linux keeps shared memory: often small in containers."""
_MIB = 1 << 20


def make_shared(n_bytes: int) -> shared_memory.SharedMemory:
    """Return shared memory of a size; raises AnnotatorError where there is no room for it.

    Without asking, the process that writes to what is not there would be killed.
    """
    if _MOUNT.is_dir() and hasattr(os, "statvfs"):
        found = os.statvfs(_MOUNT)
        free = found.f_bavail * found.f_frsize
        if free < n_bytes:
            raise AnnotatorError(
                f"the image needs {n_bytes / _MIB:.0f} MiB of memory that processes share "
                f"({_MOUNT}), and {free / _MIB:.0f} MiB are free; close other programs, or ask "
                "whoever runs this machine for more"
            )
    try:
        return shared_memory.SharedMemory(create=True, size=max(n_bytes, 1))
    except OSError as error:
        raise AnnotatorError(f"no memory to share with another process: {error}") from error


def attach_shared(name: str) -> shared_memory.SharedMemory:
    """Return the memory that another process made.

    Only the maker's resource tracker may take the name away, not that of whoever attaches
    (python/cpython#82300).
    """
    with patch.object(resource_tracker, "register", _ignore):
        return shared_memory.SharedMemory(name=name)


def forget_name(memory: shared_memory.SharedMemory) -> None:
    """Take the name away; who holds the memory keeps it."""
    try:
        memory.unlink()
    except FileNotFoundError:
        return


def array_in(
    memory: shared_memory.SharedMemory, shape: tuple[int, ...], dtype: str
) -> NDArray[Any]:
    """Return an array that lies in shared memory; it must be let go before the memory closes."""
    return np.ndarray(shape, np.dtype(dtype), buffer=memory.buf)


def put_bytes(memory: shared_memory.SharedMemory, start: int, content: bytes) -> None:
    """Write bytes at a place; does nothing where the memory was closed."""
    if memory.buf is not None:
        memory.buf[start : start + len(content)] = content


def get_bytes(memory: shared_memory.SharedMemory, start: int, size: int) -> bytes:
    """Return bytes from a place; none where the memory was closed."""
    return b"" if memory.buf is None else bytes(memory.buf[start : start + size])


def _ignore(name: str, kind: str) -> None:
    del name, kind
