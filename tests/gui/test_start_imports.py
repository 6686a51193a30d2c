"""A fresh process shows the worklist without importing what the worklist does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.gui

START = """
import json, sys
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from annotator.gui.app import application, run

def look():
    QTimer.singleShot(5, look)
    for window in QApplication.topLevelWidgets():
        session = getattr(window, "session", None)
        if session is None:
            continue
        if window.room_name == "project":
            window.read_cases(session.people()[0].rater_id)
        elif window.rater.worklist.cases.count():
            window.repaint()
            print(json.dumps([sorted(sys.modules), sorted(vars(window))]), flush=True)
            import os
            os._exit(0)

app = application()
QTimer.singleShot(0, look)
run(sys.argv[1])
"""

NEEDLESS = (
    "IPython",
    "PIL",
    "SimpleITK",
    "annotator.analysis.staple",
    "annotator.analysis.votes",
    "annotator.gui.canvas",
    "annotator.gui.report_room",
    "annotator.gui.review_room",
    "annotator.store.verify",
    "annotator_builtins",
    "annotator_napari",
    "dask",
    "gdcm",
    "highdicom",
    "magicgui",
    "matplotlib",
    "napari",
    "numba",
    "pandas",
    "psycopg",
    "pydantic",
    "pydicom",
    "scipy",
    "skimage",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.oracle",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "tifffile",
    "torch",
    "vispy",
)
"""Each of these takes a tenth of a second or seconds; they come with the first case or job."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Return the modules of a process whose worklist shows, and the attributes of its window."""
    from tests.gui.small_project import make_project

    place: Path = tmp_path_factory.mktemp("start")
    make_project(place / "small")
    ended = subprocess.run(
        [sys.executable, "-c", START, str(place / "small")],
        env=os.environ | {"ANNOTATOR_SETTINGS": str(place / "settings.json")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    modules, attributes = json.loads(ended.stdout)
    return set(modules), set(attributes)


def test_the_worklist_shows_without_what_it_does_not_need(
    started: tuple[set[str], set[str]],
) -> None:
    modules, _ = started
    assert {"PySide6.QtWidgets", "sqlalchemy", "annotator.gui.worklist"} <= modules
    brought = [name for name in NEEDLESS if name in modules]
    assert not brought, f"imported before the worklist shows: {brought}"


def test_rooms_that_were_not_entered_are_not_made(started: tuple[set[str], set[str]]) -> None:
    _, attributes = started
    assert "rater" in attributes
    assert not attributes & {"review", "report"}
