"""A display to show the window on: the person's, or a virtual one that nobody looks at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCREEN = (1440, 900)
LIMIT_S = 420


def has_display() -> bool:
    """Whether a window would be seen by somebody."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def work_through(project: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Work through a short session on a project, in a window of a process of its own.

    Returns what that process reports: screenshots, exported files, what was decided.
    """
    with virtual_display(SCREEN) as environment:
        process = subprocess.Popen(
            [sys.executable, "-m", "annotator.demo.drive", str(project)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            told, complaints = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise AnnotatorError(f"the session was not through within {LIMIT_S} s") from error
        finally:
            process.kill()
            process.wait()
    *steps, report = told.splitlines() or [""]
    for step in steps:
        tell(step)
    if process.returncode != 0:
        last = (complaints.strip().splitlines() or ["no reason given"])[-1]
        raise AnnotatorError(f"the session broke off: {last}; see {project / 'screenshots'}")
    found: dict[str, Any] = json.loads(report)
    return found


@contextmanager
def virtual_display(size: tuple[int, int]) -> Iterator[dict[str, str]]:
    """Start a display in memory; yields the environment in which a program draws on it.

    Settings are kept apart from the person's own for that time.
    """
    server = shutil.which("Xvfb")
    if server is None:
        raise AnnotatorError(
            "there is no display, and Xvfb, which makes a virtual one, is not installed "
            "(Debian, Ubuntu: sudo apt-get install xvfb)"
        )
    read_end, write_end = os.pipe()
    width, height = size
    options = ["-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
    process = subprocess.Popen(
        [server, "-displayfd", str(write_end), *options],
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as answer:
            number = answer.readline().strip()
        if not number:
            raise AnnotatorError("Xvfb could not start a virtual display")
        with tempfile.TemporaryDirectory(prefix="annotator-demo-") as own:
            yield os.environ | {
                "DISPLAY": f":{number}",
                "QT_QPA_PLATFORM": "xcb",
                "LIBGL_ALWAYS_SOFTWARE": "1",
                "XDG_CONFIG_HOME": own,
                "XDG_STATE_HOME": own,
            }
    finally:
        process.terminate()
        process.wait()
