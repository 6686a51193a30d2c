"""Rules of a project in the window: further raters, repeats, gold cases, feedback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDialog

from annotator.gui.feedback_dialog import FeedbackDialog, TendencyBars
from annotator.gui.quality_dialog import QualityDialog
from annotator.gui.worklist import entry_row
from annotator.session.feedback import LabelFeedback, Tendency
from annotator.session.rater_room import WorklistEntry
from tests.gui.small_project import READERS
from tests.gui.steps import PATIENCE_MS, be, open_project

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


@pytest.fixture
def dialog(window: MainWindow, qtbot: QtBot, read_project: Path) -> QualityDialog:
    open_project(window, qtbot, read_project)
    QTest.mouseClick(window.project.setup.quality, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(window.findChildren(QualityDialog)), timeout=PATIENCE_MS)
    (found,) = window.findChildren(QualityDialog)
    return found


def test_the_rule_for_further_raters_is_shown_kept_and_applied(
    window: MainWindow, qtbot: QtBot, dialog: QualityDialog
) -> None:
    assert window.session is not None
    quality = window.session.quality
    page = dialog.overlap
    page.dice.set_value(1.0)
    page.most.setValue(9)
    QTest.mouseClick(page.show_plan, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.table.rowCount() > 0, timeout=PATIENCE_MS)
    assert quality.overlap_rule is None, "only shown"
    before = len(window.session.store.assignments())
    qtbot.waitUntil(page.ask.isEnabled, timeout=PATIENCE_MS)
    QTest.mouseClick(page.ask, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "kept" in dialog.words.text(), timeout=PATIENCE_MS)
    rule = quality.overlap_rule
    assert rule is not None
    assert (rule.dice_below, rule.at_most) == (1.0, 9)
    assert len(window.session.store.assignments()) >= before
    page.first.setValue(5)
    page.most.setValue(3)
    QTest.mouseClick(page.show_plan, Qt.MouseButton.LeftButton)
    assert "fewer than the first" in dialog.words.text()


def test_repeats_gold_and_feedback_are_set(
    window: MainWindow, qtbot: QtBot, dialog: QualityDialog
) -> None:
    assert window.session is not None
    quality = window.session.quality
    dialog.tabs.setCurrentIndex(1)
    QTest.mouseClick(dialog.repeats.show_plan, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: dialog.repeats.table.rowCount() > 0 or bool(dialog.words.text()),
        timeout=PATIENCE_MS,
    )
    dialog.tabs.setCurrentIndex(2)
    assert dialog.gold.mark.isEnabled() == bool(dialog.gold.signed.count())
    dialog.tabs.setCurrentIndex(3)
    dialog.feedback.allow.setChecked(True)
    qtbot.waitUntil(lambda: quality.gives_feedback, timeout=PATIENCE_MS)
    dialog.accept()
    be(window, qtbot, READERS[0], "read")
    button = window.rater.worklist.feedback
    qtbot.waitUntil(button.isVisible, timeout=PATIENCE_MS)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(window.rater.findChildren(FeedbackDialog)), timeout=PATIENCE_MS)
    (shown,) = window.rater.findChildren(QDialog)
    shown.close()


def test_feedback_says_what_stands_out_and_draws_the_sides(
    window: MainWindow, qtbot: QtBot
) -> None:
    sure = Tendency(value=1.2, interval=None)
    found = LabelFeedback(
        label=1,
        name="Optic disc",
        n_cases=5,
        unit="mm",
        outline=sure,
        towards=(("anterior", Tendency(value=-0.4, interval=None)), ("posterior", sure)),
        volume=sure,
        n_objects=6,
        n_missed=1,
        n_false=2,
        sentences=("You draw 1.2 mm outside at the posterior side.",),
    )
    dialog = FeedbackDialog([found], window)
    dialog.open()
    (bars,) = dialog.findChildren(TendencyBars)
    image = bars.grab().toImage()
    colors = {
        image.pixelColor(x, y).name()
        for x in range(0, image.width(), 3)
        for y in range(0, image.height(), 3)
    }
    assert len(colors) > 3
    dialog.accept()


def test_places_to_read_are_said_on_the_worklist() -> None:
    entry = WorklistEntry(
        case_id="1",
        title="Case",
        state="new",
        position=1,
        modality="CT",
        n_slices=20,
        regions=(((0, 0, 0), (1, 2, 2)), ((3, 0, 0), (4, 2, 2))),
    )
    assert entry_row(entry).detail == "CT · 20 slices · only 2 framed places"
