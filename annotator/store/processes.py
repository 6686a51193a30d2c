"""Which processes there are on this machine: whether the writer of something can still end it."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache


@cache
def this_host() -> str:
    """Return the name under which process numbers of this machine are kept.

    A container may share the machine's name and not its process numbers, so where Linux tells of
    which set of numbers they are, that is part of it.
    """
    name = socket.gethostname()
    try:
        return f"{name} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return name


def is_alive(pid: int) -> bool:
    """Whether a process of this machine has not ended yet; sends it nothing."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _is_alive_on_windows(pid: int) -> bool:
    # os.kill would send Ctrl+C there.
    import ctypes

    synchronize, access_denied, still_waiting = 0x100000, 5, 0x102
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    handle = kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        return bool(ctypes.get_last_error() == access_denied)  # type: ignore[attr-defined]
    try:
        return bool(kernel32.WaitForSingleObject(handle, 0) == still_waiting)
    finally:
        kernel32.CloseHandle(handle)
