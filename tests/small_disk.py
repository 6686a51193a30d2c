"""Disks that are full or cannot be written to, for tests of what is said about them."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def small_disk(directory: Path, kilobytes: int) -> Iterator[Callable[[str], None]]:
    """Mount a disk of a few kilobytes; yield how to mount it again with other options."""
    directory.mkdir(exist_ok=True)

    def mount(*arguments: str) -> None:
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("only root can mount a small disk")
        done = subprocess.run(
            ["mount", *arguments, str(directory)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")

    mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs")
    try:
        yield lambda options: mount("-o", f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def unwritable(project: Path, parent: Path) -> Iterator[Path]:
    """Yield a copy of a project that nobody can write to, root neither."""
    if os.geteuid() == 0:
        with small_disk(parent / "disk", 20_000) as remount:
            copy = parent / "disk" / "project"
            shutil.copytree(project, copy)
            remount("ro")
            yield copy
    else:
        copy = parent / "copy"
        shutil.copytree(project, copy)
        (copy / "project.sqlite").chmod(0o444)
        copy.chmod(0o555)
        try:
            yield copy
        finally:
            copy.chmod(0o755)
