"""Files of the cache that are being written: named after who writes them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from typing import TYPE_CHECKING

from annotator.store.processes import is_alive, this_host

if TYPE_CHECKING:
    from pathlib import Path

_PARTIAL = ".partial"
_NO_HOST = "npy"
"""Stands where the host does in names that were made before it was part of them."""
_DAY_S = 24 * 3600.0


def partial_of(path: Path) -> Path:
    """Return what a file or folder is called while this process writes it."""
    writer = f"{_host_mark()}.{os.getpid()}.{os.urandom(4).hex()}"
    return path.with_name(f"{path.name}.{writer}{_PARTIAL}")


def remove_stale_partials(cache_dir: Path) -> None:
    """Remove what writers that were killed have left; what a living one writes stays.

    Whether the writer lives can be told on its own machine; what another one left goes after a day.
    """
    with contextlib.suppress(OSError):  # the next start tries again
        for partial in cache_dir.glob(f"*{_PARTIAL}"):
            _, host, pid, _ = ["", "", "", *partial.name.removesuffix(_PARTIAL).split(".")][-4:]
            is_own = host in (_host_mark(), _NO_HOST) and pid.isdigit()
            is_old = time.time() - partial.stat().st_mtime > _DAY_S
            if is_old or (is_own and not is_alive(int(pid))):
                remove(partial)


def remove(partial: Path) -> None:
    """Remove a file or a folder that may not be there."""
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _host_mark() -> str:
    return hashlib.sha256(this_host().encode()).hexdigest()[:8]
