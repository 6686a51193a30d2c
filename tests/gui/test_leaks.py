"""Opening cases and walking through rooms, twenty times over, leaves nothing behind."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt, QThread
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from tests.gui.conftest import settle
from tests.gui.small_project import REVIEWER, make_project
from tests.gui.steps import PATIENCE_MS, be, open_project, press

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = [
    pytest.mark.gui,
    # Looking at every object there is wakes a name that torch has deprecated.
    pytest.mark.filterwarnings("ignore:.torch.distributed.reduce_op. is deprecated:FutureWarning"),
]
N_TIMES = 20
N_FIRST = 4
"""What is made once and kept is made within the first few times."""
N_LOOKS, LOOK_MS = 10, 100


def alive(window: MainWindow) -> Counter[str]:
    """Count what a leak would add to."""
    settle()
    found = Counter(
        {
            "top-level widgets": len(QApplication.topLevelWidgets()),
            "widgets of the window": len(window.findChildren(QWidget)),
            "threads": threading.active_count(),
        }
    )
    layers = sys.modules.get("napari.layers")
    components = sys.modules.get("napari.components")
    open_case = sys.modules["annotator.session.open_case"]
    kinds: dict[str, type] = {"QThreads": QThread, "open cases": open_case.OpenCase}
    if layers is not None and components is not None:
        kinds |= {"layers": layers.Layer, "viewers": components.ViewerModel}
    for entry in gc.get_objects():
        for name, kind in kinds.items():
            if isinstance(entry, kind):
                found[name] += 1
    return found


def grown(window: MainWindow, once: Callable[[int], None]) -> dict[str, int]:
    """Do something twenty times; return what there is more of than after the first few."""
    for number in range(N_FIRST):
        once(number)
    before = alive(window)
    for number in range(N_FIRST, N_TIMES):
        once(number)
    found: dict[str, int] = {}
    for _ in range(N_LOOKS):
        after = alive(window)
        found = {name: after[name] - n for name, n in before.items() if after[name] > n}
        if not found:
            break
        QTest.qWait(LOOK_MS)  # what another thread still works on is let go when it ends
    return found


def test_a_leak_would_be_seen(window: MainWindow, qtbot: QtBot, project: Path) -> None:
    open_project(window, qtbot, project)
    kept = []

    def leak(_: int) -> None:
        kept.append((QWidget(), QWidget(window), QThread(window)))

    found = grown(window, leak)
    for widget, child, _thread in kept:
        widget.deleteLater()
        child.deleteLater()
    assert {"top-level widgets", "widgets of the window", "QThreads"} <= found.keys()


def test_twenty_cases_leave_nothing_behind(window: MainWindow, qtbot: QtBot, project: Path) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    keys = [row.key for row in window.rater.worklist.cases.rows()]

    def open_one(number: int) -> None:
        key = keys[number % 2]
        window.rater.open(key)

        def is_open() -> bool:
            opened = window.rater.open_case
            return opened is not None and opened.case.case_id == key

        qtbot.waitUntil(is_open, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
        if number == 1:
            press(window, Qt.Key.Key_V)  # three views were made; one is enough from here on

    assert grown(window, open_one) == {}


def test_twenty_changes_of_rooms_leave_nothing_behind(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "p", n_cases=1, with_readings=True)

    def walk(number: int) -> None:
        open_project(window, qtbot, tmp_path / "p")
        if number % 2:
            be(window, qtbot, "Dr Adams", "read")
        else:
            be(window, qtbot, REVIEWER, "review")
        window.back()
        window.back()
        qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
        assert window.session is None

    assert grown(window, walk) == {}


def test_a_case_that_opens_too_late_is_let_go(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    first, second = (row.key for row in window.rater.worklist.cases.rows())
    writers = {thread.ident for thread in threading.enumerate()}
    window.rater.open(first)
    window.rater.open(second)
    qtbot.waitUntil(lambda: window.rater.open_case is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    opened = window.rater.open_case
    assert opened is not None
    assert opened.case.case_id == second
    new = [t for t in threading.enumerate() if t.name == "draft-writer" and t.ident not in writers]
    assert len(new) == 1, "the first case still has a writer"


def test_who_leaves_while_a_case_opens_leaves_it_to_nobody(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    window.rater.next_case()
    window.back()
    assert window.room_name == "project"
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    assert window.rater.open_case is None
    be(window, qtbot, "Dr Brown", "read")
    assert window.rater.open_case is None
    assert window.rater.panel is None
    assert not [t for t in threading.enumerate() if t.name == "draft-writer"]
