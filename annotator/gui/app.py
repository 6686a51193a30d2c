"""Starts the window."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.gui.project_door import BuildDemo


def application() -> QApplication:
    """Return the application, made and dressed where there is none yet."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    # napari's views draw with OpenGL in several windows of one program
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    made = QApplication(sys.argv[:1])
    made.setApplicationName("annotator")
    made.setApplicationDisplayName("annotator")
    return made


def run(location: str | None = None, *, build_demo: BuildDemo | None = None) -> int:
    """Open the window, on a project where one is named; returns the exit code.

    ``build_demo`` makes the sample project in a directory; without it the window offers no demo.
    ``ANNOTATOR_QUIT_AFTER_MS`` lets the window close by itself, for tests of installed programs.
    """
    with _no_collecting():
        from annotator.gui import crash, settings, theme
        from annotator.gui.window import MainWindow

        app = application()
        kept, complaint = settings.load()
        theme.wear_colors(app, kept.theme, kept.font_scale)
        window = MainWindow(kept, build_demo=build_demo)
        theme.wear_sheet(app, kept.theme, kept.font_scale)
        undo = crash.install(window)
        window.show()
    window.activateWindow()
    if complaint:
        window.notice.say(complaint, "caution")
    if location is not None:
        window.door.open(location)
    quit_after = os.environ.get("ANNOTATOR_QUIT_AFTER_MS")
    if quit_after and quit_after.isdigit():
        QTimer.singleShot(int(quit_after), window.close)
    try:
        return int(app.exec())
    finally:
        undo()
        window.shut_down()


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Look for no garbage while everything that is made is here to stay, nor in it later on."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
