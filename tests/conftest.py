"""What every test shares: a virtual display, settings of its own, no network of its own."""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

# Before Qt: PySide6 6.12 reads the source of each module that is imported after it, and pydantic's
# modules, which load each other on demand, do not survive that.
import pydantic.fields
import pydantic.main  # noqa: F401
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCREEN = "1920x1080x24"
MEMORY_DISK = "/dev/shm"
ROOM_ON_IT = 4 << 30
"""Bytes that have to be free there; a whole run leaves less than half of it at any time."""
# The same examples each time: whether a change passes says something about the change. To search
# for new ones: make test ARGS=--hypothesis-profile=default
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
_stop: list[Callable[[], None]] = []


def _start_display() -> None:
    """Start a virtual display for this process; a worker never shares one with another.

    Two windows on one display without a window manager fight for the keyboard.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ and os.environ.get("DISPLAY"):
        return
    server = shutil.which("Xvfb")
    if server is None:
        return
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(write_end), "-screen", "0", SCREEN, "-nolisten", "tcp"],
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        number = answer.readline().strip()
    if not number:
        process.kill()
        process.wait()
        return
    os.environ["DISPLAY"] = f":{number}"

    def stop() -> None:
        process.terminate()
        process.wait(timeout=10)

    _stop.append(stop)


def _work_in_memory() -> None:
    """Let temporary files lie in memory where there is room: some thousand projects are synced."""
    if "TMPDIR" in os.environ or not os.access(MEMORY_DISK, os.W_OK | os.X_OK):
        return
    if shutil.disk_usage(MEMORY_DISK).free >= ROOM_ON_IT:
        os.environ["TMPDIR"] = MEMORY_DISK
        tempfile.tempdir = None


@functools.cache
def _installed(path: tuple[str, ...], group: str) -> importlib.metadata.EntryPoints:
    """Return what is installed on a search path; whoever installs more for a test lengthens it."""
    del path
    return importlib.metadata.entry_points(group=group)


@pytest.fixture(scope="session", autouse=True)
def _read_installed_plugins_once() -> Iterator[None]:
    """Read the facts of some hundred packages once, not for each of a thousand sessions."""
    from annotator import registry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", lambda group: _installed(tuple(sys.path), group))
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a display, and directories that are not the person's own."""
    is_controller_of_workers = bool(getattr(config.option, "numprocesses", None))
    # Some hundred processes start in a run; none need compile anew what another one has compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    _work_in_memory()
    own = tempfile.TemporaryDirectory(prefix="annotator-tests-", ignore_cleanup_errors=True)
    _stop.append(own.cleanup)
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        directory = os.path.join(own.name, variable)
        os.makedirs(directory)
        os.environ[variable] = directory
    os.environ.setdefault("NAPARI_CONFIG", os.path.join(own.name, "napari.yaml"))
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    if not is_controller_of_workers:
        _start_display()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector pass over what was imported: a test of the window collects twice."""
    del session
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take down what was started, last first."""
    del config
    while _stop:
        _stop.pop()()
