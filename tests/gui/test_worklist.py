"""The worklist: an order of one's own that comes back, and nothing of anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator.session.session import Session
from tests.gui.small_project import READERS, make_project
from tests.gui.steps import PATIENCE_MS, be, open_project

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def test_every_rater_has_an_order_that_comes_back_and_shows_no_one_else(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "p", n_cases=7, with_readings=True)
    open_project(window, qtbot, tmp_path / "p")
    orders: dict[str, list[list[str]]] = {}
    for _ in range(2):
        for name in READERS[:2]:
            be(window, qtbot, name, "read")
            rows = window.rater.worklist.cases.rows()
            orders.setdefault(name, []).append([row.key for row in rows])
            assert [row.chip for row in rows].count("submitted") == 1, "only the own reading"
            everything = " ".join(f"{row.spoken} {row.tooltip}" for row in rows)
            assert not any(other.split()[1] in everything for other in READERS)
            window.back()
            qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    with Session.open(tmp_path / "p", read_only=True) as session:
        for person in session.people()[:2]:
            own = [e for e in session.store.assignments() if e.rater_id == person.rater_id]
            planned = [e.case_id for e in sorted(own, key=lambda entry: entry.position)]
            assert orders[person.name] == [planned, planned]
    assert orders[READERS[0]] != orders[READERS[1]]


def test_a_worklist_never_shows_that_of_the_person_before(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    window.back()
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    assert window.session is not None
    window.read_cases(window.session.people()[1].rater_id)
    assert window.rater.worklist.cases.count() == 0, "until the own cases are there"
    qtbot.waitUntil(lambda: window.rater.worklist.cases.count() == 2, timeout=PATIENCE_MS)
