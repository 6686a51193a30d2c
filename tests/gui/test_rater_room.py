"""The rater's room under real mouse and keys: choose, open, draw, answer, submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QLineEdit, QPlainTextEdit, QToolTip, QWidget

from annotator.gui.answer_fields import NumberField, RadioField
from annotator.gui.mask_panel import MaskPanel
from annotator.gui.rows import RowList
from annotator.session.session import Session
from tests.gui.small_project import NOTE, READERS, REVIEWER
from tests.gui.steps import (
    PATIENCE_MS,
    be,
    drawn_case,
    open_first_case,
    open_project,
    press,
    stroke,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
LINE = [(12.0, 14.0, 14.0), (12.0, 18.0, 18.0), (12.0, 22.0, 22.0)]


@pytest.fixture
def window(same_window: MainWindow) -> MainWindow:
    """Return the window that all these tests use."""
    return same_window


@pytest.fixture
def reading(window: MainWindow, qtbot: QtBot, project: Path) -> MainWindow:
    """Return a window in which Dr Adams has opened the first case."""
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    return window


def drawing_of(window: MainWindow) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    return drawn_case(window).drawing.mask


def answer_all(window: MainWindow) -> None:
    assert window.rater.panel is not None
    form = window.rater.panel.form
    choice = form.fields["dx"]
    assert isinstance(choice, RadioField)
    QTest.mouseClick(choice.buttons["yes"], Qt.MouseButton.LeftButton)
    number = form.fields["size"]
    assert isinstance(number, NumberField)
    number.spin.setFocus()
    number.spin.selectAll()
    QTest.keyClicks(number.spin, "16")
    QTest.keyClick(number.spin, Qt.Key.Key_Tab)


def submit(window: MainWindow) -> None:
    assert window.rater.panel is not None
    QTest.mouseClick(window.rater.panel.submit, Qt.MouseButton.LeftButton)


def test_how_the_image_was_read_is_told_beside_it(reading: MainWindow) -> None:
    button = reading.rater.holder.notes
    assert button.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert NOTE in QToolTip.text()
    QToolTip.hideText()


def test_a_case_from_the_first_stroke_to_the_submitted_reading(
    reading: MainWindow, qtbot: QtBot, project: Path
) -> None:
    press(reading, Qt.Key.Key_B)
    stroke(reading, qtbot, LINE)
    assert drawing_of(reading)[12, 18, 18] == 1
    saving = reading.rater.saving.words
    qtbot.waitUntil(lambda: saving.text().startswith("Saved ✓"), timeout=PATIENCE_MS)
    answer_all(reading)
    submit(reading)
    assert reading.rater.open_case is None
    qtbot.waitUntil(
        lambda: [row.chip for row in reading.rater.worklist.cases.rows()].count("submitted") == 1,
        timeout=PATIENCE_MS,
    )
    assert "1 of 2" in reading.rater.worklist.done.text()
    assert "N" in reading.bottom.hint.text()
    with Session.open(project, read_only=True) as session:
        (annotation,) = session.store.annotations()
        assert annotation.diagnosis.answer("dx") == "yes"
        assert annotation.diagnosis.answer("size") == "16"


def test_what_is_missing_is_said_beside_the_field(reading: MainWindow, qtbot: QtBot) -> None:
    panel = reading.rater.panel
    assert panel is not None
    stroke(reading, qtbot, LINE)
    submit(reading)
    assert reading.rater.open_case is not None
    assert "Is it malignant?" in panel.complaints.text()
    told = [label.text() for label in panel.form.findChildren(QLabel) if label.isVisible()]
    assert told.count("Please answer this.") == 2


def test_an_empty_reading_needs_an_explicit_yes(reading: MainWindow, qtbot: QtBot) -> None:
    panel = reading.rater.panel
    assert panel is not None
    answer_all(reading)
    submit(reading)
    assert panel.is_asking()
    assert "Nothing is drawn" in panel.cautions.text()
    QTest.mouseClick(panel.keep, Qt.MouseButton.LeftButton)
    assert not panel.is_asking()
    submit(reading)
    QTest.mouseClick(panel.confirm, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: reading.rater.open_case is None, timeout=PATIENCE_MS)


def test_undo_and_redo_by_key_and_after_another_start(
    reading: MainWindow, qtbot: QtBot, project: Path
) -> None:
    stroke(reading, qtbot, LINE)
    drawn = drawing_of(reading).copy()
    assert drawn.any()
    press(reading, Qt.Key.Key_Z)
    assert not drawing_of(reading).any()
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press(reading, Qt.Key.Key_Z, both)
    np.testing.assert_array_equal(drawing_of(reading), drawn)
    reading.back()
    qtbot.waitUntil(lambda: reading.room_name == "project", timeout=PATIENCE_MS)
    be(reading, qtbot, "Dr Adams", "read")
    open_first_case(reading, qtbot)
    np.testing.assert_array_equal(drawing_of(reading), drawn)
    press(reading, Qt.Key.Key_Z)
    assert not drawing_of(reading).any()


def test_keys_pick_labels_sizes_and_modes(reading: MainWindow, qtbot: QtBot) -> None:
    press(reading, Qt.Key.Key_2)
    assert isinstance(reading.rater.panel, MaskPanel)
    assert reading.rater.panel.labels.current == 2
    before = reading.settings.brush_mm
    press(reading, Qt.Key.Key_BracketRight)
    assert reading.settings.brush_mm > before
    press(reading, Qt.Key.Key_S)
    assert reading.rater.tools.is_3d
    stroke(reading, qtbot, LINE[:1])
    drawn = np.unique(np.nonzero(drawing_of(reading))[0])
    assert len(drawn) > 1
    assert set(np.unique(drawing_of(reading))) == {0, 2}
    press(reading, Qt.Key.Key_H)
    assert reading.rater.tools.are_marks_hidden
    press(reading, Qt.Key.Key_E)
    assert reading.rater.tools.tool == "eraser"
    assert reading.book["tool.eraser"].isChecked()
    for key in (Qt.Key.Key_B, Qt.Key.Key_S, Qt.Key.Key_H):
        press(reading, key)
    assert reading.rater.tools.tool == "brush"
    assert not reading.rater.tools.is_3d
    assert not reading.rater.tools.are_marks_hidden


def test_letters_typed_into_a_field_stay_in_the_field(reading: MainWindow, qtbot: QtBot) -> None:
    assert reading.rater.panel is not None
    comment = reading.rater.panel.form.comment
    comment.setFocus()
    tool = reading.rater.tools.tool
    QTest.keyClicks(comment, "bench [2]")
    assert comment.toPlainText() == "bench [2]"
    assert reading.rater.tools.tool == tool


def test_answers_are_on_disk_without_asking(
    reading: MainWindow, qtbot: QtBot, project: Path
) -> None:
    answer_all(reading)
    opened = reading.rater.open_case
    assert opened is not None
    qtbot.waitUntil(
        lambda: opened.drawing.draft.diagnosis.answer("size") == "16", timeout=PATIENCE_MS
    )
    opened.drawing.flush()
    with Session.open(project, read_only=True) as session:
        draft = session.store.draft(opened.drawing.draft.draft_id)
        assert draft.diagnosis.answer("dx") == "yes"


def test_a_failed_write_is_told_and_can_be_retried(
    reading: MainWindow, qtbot: QtBot, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = reading.rater.open_case
    assert opened is not None
    store = reading.session.store if reading.session is not None else None
    assert store is not None
    real = type(store).record_step

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(store), "record_step", full)
    stroke(reading, qtbot, LINE)
    saving = reading.rater.saving
    qtbot.waitUntil(lambda: "Could not save" in saving.words.text(), timeout=PATIENCE_MS)
    assert saving.retry.isVisible()
    reading.back()
    assert reading.room_name == "rater", "the case must stay open while strokes are not on disk"
    monkeypatch.setattr(type(store), "record_step", real)
    QTest.mouseClick(saving.retry, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: saving.words.text().startswith("Saved"), timeout=PATIENCE_MS)


def test_nothing_of_the_others_reaches_the_room(reading: MainWindow, qtbot: QtBot) -> None:
    words: list[str] = []
    for widget in [reading.rater, *reading.rater.findChildren(QWidget)]:
        words += [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
        if isinstance(widget, (QLabel, QAbstractButton, QLineEdit)):
            words.append(widget.text())
        if isinstance(widget, QPlainTextEdit):
            words.append(widget.toPlainText())
        if isinstance(widget, RowList):
            words += [f"{row.spoken} {row.tooltip}" for row in widget.rows()]
    everything = " ".join(words)
    assert "Lesion" in everything
    for other in (*READERS[1:], REVIEWER):
        assert other not in everything
        assert other.split()[1] not in everything
