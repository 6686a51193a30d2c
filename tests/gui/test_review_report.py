"""The report that a reviewer opens: raters, cases, agreement, quality."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.session.review_room import ReviewRoom
from tests.gui.steps import PATIENCE_MS, press

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.api import Progress
    from annotator.gui.review_desk import ReviewDesk
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def test_the_report_compares_the_raters(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk, tmp_path: Path
) -> None:
    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.report.plot is not None, timeout=PATIENCE_MS)
    names = {window.report.table.item(row, 0).text() for row in range(3)}  # type: ignore[union-attr]
    assert "Dr Adams" in names
    assert window.report.plot is not None
    window.report.plot.save(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    window.back()
    assert window.room_name == "review"


def test_every_case_is_told_and_the_worst_is_opened_from_there(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    case_id, dice = desk.case.case.case_id, desk.case.score.mean_dice
    window.open_report()
    qtbot.waitUntil(lambda: window.report.plot is not None, timeout=PATIENCE_MS)
    window.report.tabs.setCurrentIndex(2)
    page = window.report.cohort
    qtbot.waitUntil(lambda: page.cohort is not None, timeout=PATIENCE_MS)
    (case,) = page.rows.cases
    assert case.case_id == case_id
    assert case.mean_dice == pytest.approx(dice)
    assert "1 case with two readings" in page.words.text()
    page.table.selectRow(0)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert window.room_name == "review"
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=PATIENCE_MS)
    assert window.review.desk is not None
    assert window.review.desk.case.case.case_id == case_id


def test_comparing_all_cases_tells_how_far_it_is_and_stops_when_asked(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    del desk
    whole = ReviewRoom.cohort

    def slow(_room: ReviewRoom, progress: Progress, *, recompute: bool) -> None:
        assert not recompute
        for _ in range(1000):
            progress(0.4, "Case 5")
            time.sleep(0.01)
        raise AssertionError("it was never stopped")

    monkeypatch.setattr(ReviewRoom, "cohort", slow)
    window.open_report()
    window.report.tabs.setCurrentIndex(2)
    page = window.report.cohort
    qtbot.waitUntil(lambda: page.busy.bar.value() == 400, timeout=PATIENCE_MS)
    assert page.busy.isVisible()
    assert page.words.text().startswith("Comparing the readings of Case 5")
    QTest.mouseClick(page.busy.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.again.isVisible, timeout=PATIENCE_MS)
    assert page.words.text() == "The comparison was cancelled."
    assert not page.busy.isVisible()
    monkeypatch.setattr(ReviewRoom, "cohort", whole)
    QTest.mouseClick(page.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.cohort is not None, timeout=PATIENCE_MS)
    assert not page.busy.isVisible()
    assert not page.again.isVisible()


def test_agreement_is_shown_in_pictures_and_written_as_a_file(
    window: MainWindow,
    qtbot: QtBot,
    desk: ReviewDesk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from qtpy.QtWidgets import QFileDialog, QLabel

    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.report.plot is not None, timeout=PATIENCE_MS)
    window.report.tabs.setCurrentIndex(1)
    page = window.report.agreement
    qtbot.waitUntil(lambda: page.report is not None, timeout=3 * PATIENCE_MS)
    pictures = [one for one in page.findChildren(QLabel) if not one.pixmap().isNull()]
    assert len(pictures) >= 3
    assert all(picture.pixmap().width() > 400 for picture in pictures)
    path = tmp_path / "agreement.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    QTest.mouseClick(page.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(path.exists, timeout=3 * PATIENCE_MS)
    qtbot.waitUntil(lambda: window.jobs.n_running == 0, timeout=3 * PATIENCE_MS)
    assert "</html>" in path.read_text(encoding="utf-8")
    window.back()
    assert window.room_name == "review"


def test_quality_is_shown_by_gold_cases(window: MainWindow, qtbot: QtBot, desk: ReviewDesk) -> None:
    session = window.session
    assert session is not None
    case = desk.case
    truth = case.reading_mask(case.readings[0].rater_id)
    session.quality.mark_gold(
        case.case.case_id, truth, case.series.geometry, source="the first reading"
    )
    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.report.plot is not None, timeout=PATIENCE_MS)
    window.report.tabs.setCurrentIndex(3)
    page = window.report.quality
    qtbot.waitUntil(lambda: page.reports is not None, timeout=3 * PATIENCE_MS)
    assert "1 case has a known truth" in page.about_gold.text()
    cells = [
        [item.text() for column in range(4) if (item := page.gold.item(row, column))]
        for row in range(page.gold.rowCount())
    ]
    own = [row for row in cells if row[0] == case.readings[0].name]
    assert own
    assert all(row[3].startswith("1.000") for row in own)
    assert "Nobody was given a case twice" in page.about_twice.text()
    window.back()
