"""A window on a small project, and the check that nothing of it is left behind."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from annotator.gui import theme
from annotator.gui.settings import Settings
from annotator.gui.window import MainWindow
from tests.gui.small_project import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


def settle() -> None:
    """Let everything go that Qt deletes later."""
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    gc.collect()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """Return an open window in the dark theme; no top-level widget of it may survive the test."""
    monkeypatch.setenv("ANNOTATOR_SETTINGS", str(tmp_path / "settings.json"))
    settle()
    before = {id(widget) for widget in QApplication.topLevelWidgets()}
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, "dark", 1.0)
    made = MainWindow(Settings())
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow, timeout=5000)
    yield made
    made.close()
    made.deleteLater()
    del made
    settle()
    app.setStyleSheet("")
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in before]
    assert not left, f"widgets survived: {left}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with two unread cases."""
    make_project(tmp_path / "small")
    return tmp_path / "small"


@pytest.fixture
def read_project(tmp_path: Path) -> Path:
    """Return a project whose first case has three readings."""
    make_project(tmp_path / "read", n_cases=1, with_readings=True)
    return tmp_path / "read"
