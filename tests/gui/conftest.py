"""A window on a small project, and the check that nothing of it is left behind."""

from __future__ import annotations

import gc
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication

from annotator.gui import theme
from annotator.gui.canvas_holder import import_canvas
from annotator.gui.settings import Settings
from annotator.gui.window import MainWindow
from annotator.jobs import local
from tests.gui.small_project import REVIEWER, make_project
from tests.gui.steps import PATIENCE_MS, be, open_project, press

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.review_desk import ReviewDesk

N_STEPS_BACK = 3


def settle() -> None:
    """Let everything go that Qt deletes later."""
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    gc.collect()


def application() -> QApplication:
    """Return the application that the plugin for Qt has made."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    return app


def open_window() -> MainWindow:
    """Open a window in the dark theme."""
    theme.apply(application(), "dark", 1.0)
    made = MainWindow(Settings())
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    return made


def top_level() -> set[int]:
    """Return the identities of the windows and dialogs that there are."""
    return {id(widget) for widget in QApplication.topLevelWidgets()}


def check_nothing_is_left(before: set[int]) -> None:
    """Let go what goes later; no top-level widget may be there that was not there before."""
    settle()
    application().setStyleSheet("")
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in before]
    assert not left, f"widgets survived: {left}"


class KeptWindow:
    """A window that the tests of a module use one after the other, each from the start page."""

    def __init__(self) -> None:
        self._before: set[int] = set()
        self._window: MainWindow | None = None

    def open(self) -> MainWindow:
        """Return the window, with the settings that a new one has."""
        if self._window is None:
            settle()
            self._before = top_level()
            self._window = open_window()
        settings, new = self._window.settings, Settings()
        for field in fields(Settings):
            setattr(settings, field.name, getattr(new, field.name))
        return self._window

    def go_home(self, qtbot: QtBot) -> None:
        """Leave the case and the project; a window that cannot is not used again."""
        window = self._window
        assert window is not None
        for _ in range(N_STEPS_BACK):
            if window.room_name != "start":
                window.back()
        window.notice.hide()
        try:
            assert window.room_name == "start"
            assert window.session is None
            assert QApplication.activeModalWidget() is None
            qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the window and look whether all of it is gone."""
        if self._window is not None:
            self._window.close()
            self._window.deleteLater()
            self._window = None
            check_nothing_is_left(self._before)


@pytest.fixture(scope="session", autouse=True)
def _pass_over_the_canvas() -> None:
    """Let the collector, which runs after each window, pass over all that the canvas imports."""
    import_canvas()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _jobs_wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a window's jobs not give way: the other tests of the run would hold them up."""
    monkeypatch.setattr(local, "LAST_IN_LINE", 0)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """Return an open window in the dark theme; no top-level widget of it may survive the test."""
    monkeypatch.setenv("ANNOTATOR_SETTINGS", str(tmp_path / "settings.json"))
    settle()
    before = top_level()
    made = open_window()
    qtbot.waitUntil(made.isActiveWindow, timeout=5000)
    yield made
    made.close()
    made.deleteLater()
    del made
    check_nothing_is_left(before)


@pytest.fixture(scope="module")
def kept_window(qapp: QApplication) -> Iterator[KeptWindow]:
    """Return what keeps a window for a module."""
    del qapp
    kept = KeptWindow()
    yield kept
    kept.close()


@pytest.fixture
def same_window(
    kept_window: KeptWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """Return the window of this module on its start page; what a case needs is built once.

    For modules whose tests neither close the window nor ask how a new one looks.
    """
    monkeypatch.setenv("ANNOTATOR_SETTINGS", str(tmp_path / "settings.json"))
    window = kept_window.open()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    yield window
    kept_window.go_home(qtbot)


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


@pytest.fixture
def desk(window: MainWindow, qtbot: QtBot, read_project: Path) -> ReviewDesk:
    """Return the desk of the case with three readings, opened by the reviewer."""
    open_project(window, qtbot, read_project)
    be(window, qtbot, REVIEWER, "review")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=PATIENCE_MS)
    qtbot.wait(50)
    assert window.review.desk is not None
    return window.review.desk
