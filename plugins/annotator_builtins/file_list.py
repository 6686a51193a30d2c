"""The files that a list of files and directories stands for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def expand(paths: Iterable[Path]) -> list[str]:
    """Return files as given and those below directories, each once; hidden ones are left out."""
    files: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            files.update(dict.fromkeys(_walk(os.fspath(path))))
        else:
            files[os.fspath(path)] = None
    return list(files)


def _walk(directory: str) -> Iterable[str]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(folder, name)
