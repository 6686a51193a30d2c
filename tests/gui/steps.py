"""What a person does in the window, for tests: open, choose, draw, press."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.session.open_case import OpenCase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    from annotator.gui.window import MainWindow

PATIENCE_MS = 20_000
JOB_MS = 90_000
"""For what has to be loaded first: a process of its own, or the canvas."""


def open_project(window: MainWindow, qtbot: QtBot, location: Path) -> None:
    """Open a project and wait until its room shows it."""
    window.door.open(str(location))
    qtbot.waitUntil(lambda: window.project.facts is not None, timeout=PATIENCE_MS)


def be(window: MainWindow, qtbot: QtBot, name: str, role: str) -> None:
    """Choose a person and a role with the mouse."""
    assert window.session is not None
    person = next(entry for entry in window.session.people() if entry.name == name)
    button = window.project.people.buttons[person.rater_id, role]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    room = "rater" if role == "read" else "review"
    qtbot.waitUntil(lambda: window.room_name == room, timeout=PATIENCE_MS)
    panel = window.rater.worklist.cases if role == "read" else window.review.queue.cases
    qtbot.waitUntil(lambda: panel.count() > 0, timeout=PATIENCE_MS)


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    """Press a key where the keyboard is."""
    target: QWidget = window.focusWidget() or window
    QTest.keyClick(target, key, modifier or Qt.KeyboardModifier.NoModifier)


def open_first_case(window: MainWindow, qtbot: QtBot) -> None:
    """Press the key for the next case and wait until it can be drawn on."""
    press(window, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: window.rater.open_case is not None, timeout=JOB_MS)
    qtbot.wait(50)


def stroke(window: MainWindow, qtbot: QtBot, points: Sequence[tuple[float, float, float]]) -> None:
    """Draw through array positions ``(z, y, x)`` in the first view, with the real mouse events."""
    canvas = window.rater.holder.canvas or window.review.masks.holder.canvas
    if window.room_name == "redraw":
        canvas = window.review.masks.holder.canvas
    assert canvas is not None
    view = canvas.views[0]
    left = Qt.MouseButton.LeftButton
    places = [view.to_screen(point).toPoint() for point in points]
    QTest.mousePress(view.overlay, left, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(view.overlay, place)
    QTest.mouseRelease(view.overlay, left, pos=places[-1])
    qtbot.wait(20)


def drawn_case(window: MainWindow) -> OpenCase:
    """Return the case that is open, on which masks are drawn."""
    opened = window.rater.open_case
    assert isinstance(opened, OpenCase)
    return opened


def drawn_image(window: MainWindow) -> NDArray[Any]:
    """Return the voxels of the case that is open, which is no whole slide."""
    voxels = drawn_case(window).voxels
    assert isinstance(voxels, np.ndarray)
    return voxels
