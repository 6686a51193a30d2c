"""The history: every step with its picture, any state looked at, one brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.gui.history_picture import SIDE, picture
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

    from annotator.gui.history_dialog import HistoryDialog
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def choose(dialog: HistoryDialog, qtbot: QtBot, row: int) -> None:
    index = dialog.model.index(row)
    dialog.view.scrollTo(index)
    QTest.mouseClick(
        dialog.view.viewport(),
        Qt.MouseButton.LeftButton,
        pos=dialog.view.visualRect(index).center(),
    )
    window = dialog.parent().window()  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)


def test_any_state_is_looked_at_and_brought_back(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    opened = drawn_case(window)
    mask, z = opened.drawing.mask, opened.drawing.mask.shape[0] // 2
    states = [mask.copy()]
    for row in (8, 16, 24):
        stroke(window, qtbot, [(z, row, 8), (z, row, 20)])
        states.append(mask.copy())
    press(window, Qt.Key.Key_Z)
    canvas = window.rater.holder.canvas
    assert canvas is not None

    press(window, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    dialog = window.rater.masks.history._dialog
    assert dialog is not None
    words = [moment.words for moment in dialog.model.moments]
    assert [text.splitlines()[0] for text in words] == ["Brush"] * 3 + ["As it began"]
    assert words[0].endswith("taken back")
    assert words[1].endswith("now")
    qtbot.waitUntil(lambda: len(dialog.model._pictures) == 3, timeout=PATIENCE_MS)

    choose(dialog, qtbot, 0)
    suggestion = canvas._marks.suggestion
    assert suggestion is not None
    np.testing.assert_array_equal(mask, states[2])
    shown = suggestion.pasted(mask[z], canvas.views[0].plane, z)
    np.testing.assert_array_equal(shown, states[3][z])
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas._marks.suggestion is None

    choose(dialog, qtbot, 2)
    QTest.mouseClick(dialog.back, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: np.array_equal(mask, states[1]), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(dialog.model.moments) == 5, timeout=PATIENCE_MS)
    assert dialog.model.moments[0].title == "Brought back"
    assert dialog.model.moments[0].is_now
    canvas.setFocus()
    press(window, Qt.Key.Key_Z)
    np.testing.assert_array_equal(mask, states[2])
    dialog.close()


def test_a_picture_shows_what_was_drawn_around_its_place() -> None:
    image = np.zeros((200, 300), np.int16)
    image[:, 150:] = 1000
    mask = np.zeros((200, 300), np.uint8)
    mask[90:110, 140:160] = 2
    made = picture(image, mask, ((3, 90, 140), (4, 110, 160)), {2: "#ff0000"})
    assert made.width() == made.height() == SIDE
    middle = made.pixelColor(SIDE // 2 - 4, SIDE // 2)
    assert middle.red() > 100 > middle.blue()
    assert made.pixelColor(2, 2).lightness() < 10
    assert made.pixelColor(SIDE - 3, SIDE // 2).lightness() > 240
