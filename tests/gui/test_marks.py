"""Points, landmarks, lines, angles, areas and boxes, all by real mouse and keys in one window."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.analysis.runs import encode
from annotator.domain.marks import Mark
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Landmark
from annotator.session.session import Session
from tests.gui.drawing_case import CONTROL, LEFT, Case, begin
from tests.gui.small_project import READERS, REVIEWER, SCHEMA, add_case, ball
from tests.gui.steps import JOB_MS, PATIENCE_MS, be, drawn_case, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.mark_panel import MarkPanel
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

ALT = Qt.KeyboardModifier.AltModifier
LANDMARKS = (
    Landmark(key="carina", title="Carina", required=True),
    Landmark(key="apex", title="Apex of the heart"),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose schema has landmarks, with a case to read."""
    schema = replace(SCHEMA, landmarks=LANDMARKS, fields=())
    with Session.create(tmp_path / "marks", title="Marks", schema=schema) as session:
        add_case(session, 0)
        reader = session.add_rater(READERS[0], may_review=False)
        session.assign(rater_ids=[reader.rater_id])
    return tmp_path / "marks"


def marks(case: Case) -> tuple[Mark, ...]:
    return drawn_case(case.window).drawing.marks


def panel(case: Case) -> MarkPanel:
    found: Any = case.window.rater.panel
    made: MarkPanel = found.marks
    return made


def titles(case: Case) -> list[tuple[str, str]]:
    return [(row.title, row.chip) for row in panel(case).list.rows()]


def pick(case: Case, title: str) -> None:
    """Click a row of the list."""
    found = panel(case).list
    place = [row.title for row in found.rows()].index(title)
    area = found.visualItemRect(found.item(place))
    QTest.mouseClick(found.viewport(), LEFT, pos=area.center())


def check_points(case: Case) -> None:
    """A click leaves a point; dragged, undone and redone it is one step each."""
    case.key("Comma")
    assert case.tools.tool == "point"
    case.stroke([(12.0, 10.0, 10.0)])
    (first,) = marks(case)
    assert first.kind == "point"
    assert np.allclose(first.places[0], case.seen((12.0, 10.0, 10.0)))
    assert panel(case).is_open
    case.stroke([(12.0, 10.0, 10.0), (12.0, 14.0, 16.0), (12.0, 20.0, 24.0)])
    (moved,) = marks(case)
    assert moved.mark_id == first.mark_id
    assert np.allclose(moved.places[0], (12.0, 20.0, 24.0), atol=0.2)
    case.key("Z")
    assert marks(case) == (first,)
    case.key("Z")
    assert marks(case) == ()
    case.key("Y", CONTROL)
    case.key("Y", CONTROL)
    assert marks(case) == (moved,)
    case.down((12.0, 20.0, 24.0))
    case.move((12.0, 30.0, 30.0), LEFT)
    case.key("Escape")
    case.up((12.0, 30.0, 30.0))
    assert marks(case) == (moved,), "Esc puts it back"


def check_ruler(case: Case) -> None:
    """A line is kept by taking another tool, an angle by Enter, an area by a double click."""
    spacing = drawn_case(case.window).series.geometry.spacing_mm
    case.key("Period")
    case.stroke([(12.0, 30.0, 6.0), (12.0, 30.0, 12.0), (12.0, 30.0, 22.0)])
    case.key("B")
    line = marks(case)[-1]
    assert line.kind == "line"
    length = math.dist(*(np.multiply(place, spacing) for place in line.places))
    assert abs(length - 16) < 0.5
    assert (f"Line {line.mark_id}", f"{length:.1f} mm") in titles(case)
    case.key("Period")
    for corner in ((12.0, 4.0, 6.0), (12.0, 4.0, 18.0), (12.0, 12.0, 18.0)):
        case.stroke([corner])
    case.key("Return")
    assert marks(case)[-1].kind == "angle"
    assert titles(case)[-1][1] in ("89°", "90°", "91°")
    for corner in ((12.0, 15.0, 30.0), (12.0, 15.0, 38.0), (12.0, 25.0, 38.0)):
        case.stroke([corner])
    corner = (12.0, 25.0, 30.0)
    case.stroke([corner])
    QTest.mouseDClick(case.view.overlay, LEFT, pos=case.view.to_screen(corner).toPoint())
    area = marks(case)[-1]
    assert (area.kind, len(area.places)) == ("area", 4)
    assert abs(float(titles(case)[-1][1].split()[0]) - 80) < 4
    case.stroke([(12.0, 36.0, 6.0), (12.0, 36.0, 12.0)])
    case.key("Escape")
    assert marks(case)[-1] == area, "Esc drops it"


def check_box(case: Case) -> None:
    """A box in 3D is seen and pulled in another view."""
    case.key("S")
    case.key("B", ALT)
    case.stroke([(12.0, 14.0, 14.0), (12.0, 18.0, 20.0), (12.0, 24.0, 26.0)])
    case.key("S")
    box = marks(case)[-1]
    assert box.kind == "box"
    depth = abs(box.places[0][0] - box.places[1][0])
    side = abs(box.places[0][1] - box.places[1][1])
    assert abs(2 * depth - side) < 0.01, "2 mm a slice"
    case.canvas.set_position((12, 18, 18))
    coronal = case._replace(view=case.canvas.views[1])
    top = max(place[0] for place in box.places)
    right = max(place[2] for place in box.places)
    coronal.stroke([(top, 18.0, right), (top + 1, 18.0, right), (top + 3, 18.0, right)])
    pulled = marks(case)[-1]
    assert pulled.mark_id == box.mark_id
    assert abs(max(place[0] for place in pulled.places) - top - 3) < 0.3
    assert sorted(place[1] for place in pulled.places) == sorted(place[1] for place in box.places)


def check_list(case: Case, qtbot: QtBot) -> None:
    """Jump, name, label, copy, hide, delete."""
    case.canvas.set_position((3, 3, 3))
    area = next(mark for mark in marks(case) if mark.kind == "area")
    pick(case, f"Area {area.mark_id}")
    assert case.canvas.position[0] == 12
    assert case.canvas._marks.flash is not None
    assert case.canvas._marks.kept.selected == area.mark_id
    found = panel(case)
    QTest.mouseClick(found.name, LEFT)
    QTest.keyClicks(found.name, "Cyst")
    QTest.keyClick(found.name, Qt.Key.Key_Return)
    found.label.setCurrentIndex(2)
    found.label.activated.emit(2)
    named = next(mark for mark in marks(case) if mark.kind == "area")
    assert (named.name, named.label) == ("Cyst", 2)
    shown = next(one for one in case.canvas._marks.kept.shown if one.mark == named)
    assert shown.color == "#56b4e9"
    assert shown.text.startswith("Cyst · ")
    QTest.mouseClick(found.copy, LEFT)
    head, *rows = QApplication.clipboard().text().splitlines()
    assert head.split("\t")[:4] == ["Mark", "Kind", "Label", "Length, mm"]
    assert len(rows) == len(marks(case))
    assert any(row.startswith("Cyst\tarea\tOrgan\t") for row in rows)
    case.key("H", ALT)
    assert not case.canvas._marks.kept.shown
    case.key("H", ALT)
    assert len(case.canvas._marks.kept.shown) == len(marks(case))
    before = marks(case)
    case.key("Delete")
    assert named not in marks(case)
    case.key("Z")
    assert marks(case) == before
    assert unnamed(found) == []
    qtbot.waitUntil(lambda: cut_off(found) == [], timeout=PATIENCE_MS)


def check_history(case: Case, qtbot: QtBot) -> None:
    """Marks of the past are seen, and brought back; undo takes that back."""
    before = marks(case)
    case.key("H", CONTROL)
    dialog = case.window.rater.masks.history._dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: len(dialog.model.moments) > len(before), timeout=PATIENCE_MS)
    assert {"Move mark", "Label mark", "Box"} <= {one.title for one in dialog.model.moments}
    first = dialog.model.index(len(dialog.model.moments) - 1, 0)
    dialog.view.setCurrentIndex(first)
    dialog.view.clicked.emit(first)
    qtbot.waitUntil(lambda: not case.canvas._marks.kept.shown, timeout=PATIENCE_MS)
    assert marks(case) == before, "only looked at"
    QTest.mouseClick(dialog.back, LEFT)
    qtbot.waitUntil(lambda: marks(case) == (), timeout=PATIENCE_MS)
    dialog.close()
    case.window.activateWindow()
    qtbot.waitUntil(case.window.isActiveWindow, timeout=PATIENCE_MS)
    case.canvas.setFocus()
    for _ in before:
        case.key("Z")
    assert marks(case) == before


def test_marks_from_the_first_click_to_the_submitted_reading(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    case = begin(same_window, qtbot, project)
    assert titles(case) == [("Carina", "missing"), ("Apex of the heart", "missing")]
    empty = case.mask.copy()
    check_points(case)
    check_ruler(case)
    check_box(case)
    check_list(case, qtbot)
    check_history(case, qtbot)
    assert np.array_equal(case.mask, empty), "nothing is drawn"
    before = marks(case)
    # the project is left and opened again: all is there
    for _ in range(2):
        case.window.back()
    assert case.window.session is None
    case = begin(case.window, qtbot, project)
    assert marks(case) == before
    assert len(case.canvas._marks.kept.shown) == len(before)
    # a landmark is missed at the submission, and set where it is asked for
    case.key("B")
    case.stroke([(12.0, 18.0, 18.0)])
    case.key("Return", CONTROL)
    reading = case.window.rater.panel
    assert reading is not None
    assert "Carina" in reading.cautions.text()
    assert "Apex" not in reading.cautions.text()
    QTest.mouseClick(reading.keep, LEFT)
    pick(case, "Apex of the heart")
    assert case.tools.tool == "landmark"
    case.move((12.0, 20.0, 10.0))
    assert case.canvas._marks.preview.text == "Apex of the heart"
    case.stroke([(12.0, 20.0, 10.0)])
    case.move((12.0, 32.0, 32.0))
    assert case.canvas._marks.preview.text == "Carina"
    case.stroke([(12.0, 32.0, 32.0)])
    assert titles(case)[:2] == [("Carina", "set"), ("Apex of the heart", "set")]
    case.key("Period")
    case.stroke([(12.0, 36.0, 6.0), (12.0, 36.0, 12.0)])
    case.key("Return", CONTROL)
    qtbot.waitUntil(lambda: case.window.rater.open_case is None, timeout=PATIENCE_MS)


@pytest.fixture
def marked_project(tmp_path: Path) -> Path:
    """Return a project with a case that two raters have read, with a landmark and lines."""
    schema = replace(SCHEMA, landmarks=LANDMARKS, fields=())
    with Session.create(tmp_path / "read", title="Marks", schema=schema) as session:
        case = add_case(session, 0)
        for number, name in enumerate(READERS[:2]):
            reader = session.add_rater(name, may_review=False).rater_id
            session.assign(rater_ids=[reader])
            tip = (12.0, 10.0, 10.0 + 4 * number)
            marks = [Mark(mark_id=1, kind="landmark", places=(tip,), name="carina")]
            if number == 0:
                ends = ((6.0, 8.0, 8.0), (6.0, 8.0, 20.0))
                marks.append(Mark(mark_id=2, kind="line", places=ends))
            session.store.add_annotation(
                case.case_id,
                reader,
                encode(ball((12, 18, 18), 8 - 2 * number)),
                Diagnosis(answers=(), confidence=0.5),
                marks=marks,
                actor=reader,
            )
        session.add_rater(REVIEWER)
    return tmp_path / "read"


def test_the_reviewer_sees_all_marks_and_how_far_they_lie_apart(
    same_window: MainWindow, qtbot: QtBot, marked_project: Path
) -> None:
    window = same_window
    open_project(window, qtbot, marked_project)
    be(window, qtbot, REVIEWER, "review")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=JOB_MS)
    desk = window.review.desk
    assert desk is not None
    colors = {reading.letter: reading.color for reading in desk.case.readings}

    def shown() -> dict[str, tuple[str, tuple[float, ...]]]:
        kept = desk.canvas._marks.kept.shown
        return {one.text: (one.color, one.mark.places[0]) for one in kept}

    assert shown() == {
        "A · Carina · 2.0 mm": (colors["A"], (12.0, 10.0, 10.0)),
        "B · Carina · 2.0 mm": (colors["B"], (12.0, 10.0, 14.0)),
        "A · 12.0 mm": (colors["A"], (6.0, 8.0, 8.0)),
        "": ("#ffffff", pytest.approx((12.0, 10.0, 12.0))),
    }
    page = desk.panel.marks
    desk.panel.tabs.setCurrentWidget(page)
    rows = [
        [page.table.item(row, column).text() for column in range(3)]  # type: ignore[union-attr]
        for row in range(page.table.rowCount())
    ]
    assert sorted(rows) == [["Carina", "AB", "2.0 mm"], ["Line", "A", "12.0 mm"]]
    line = rows.index(["Line", "A", "12.0 mm"])
    area = page.table.visualItemRect(page.table.item(line, 0))  # type: ignore[arg-type]
    QTest.mouseClick(page.table.viewport(), LEFT, pos=area.center())
    assert desk.canvas.position == (6, 8, 14)
    desk.toggle("contours")
    assert not shown()
