"""The tool that points: real mouse and key events, and a prompt model in its own process."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from annotator.domain.marks import Mark, MarkEdit
from annotator.gui.canvas_holder import import_canvas
from tests.gui.small_project import SHAPE, ball
from tests.gui.steps import PATIENCE_MS, be, drawn_case, open_first_case, open_project, press

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    from annotator.gui.canvas import Canvas
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
MIDDLE = (12.0, 18.0, 18.0)


@pytest.fixture
def window(same_window: MainWindow) -> MainWindow:
    """Return the window that all these tests use."""
    return same_window


@pytest.fixture
def pointing(window: MainWindow, qtbot: QtBot, project: Path) -> MainWindow:
    """Return a window in which a reader holds the tool that points over a bright ball."""
    import_canvas()  # seconds on a busy machine, and not what is looked at here
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    return window


def canvas_of(window: MainWindow) -> Canvas:
    canvas = window.rater.holder.canvas
    assert canvas is not None
    return canvas


def mask_of(window: MainWindow) -> NDArray[np.unsignedinteger]:
    return drawn_case(window).drawing.mask


def settled(window: MainWindow, qtbot: QtBot) -> None:
    pointing = window.rater.pointing
    qtbot.waitUntil(
        lambda: not pointing.is_waiting and not window.background.is_busy, timeout=PATIENCE_MS
    )
    assert window.rater.open_case is not None
    window.rater.open_case.drawing.flush()


def drag(
    window: MainWindow,
    points: list[tuple[float, float, float]],
    held: Qt.KeyboardModifier = NONE,
    view: int = 0,
) -> None:
    """Drag through array positions in a view; one position is a click."""
    shown = canvas_of(window).views[view]
    places = [shown.to_screen(point).toPoint() for point in points]
    QTest.mousePress(shown.overlay, LEFT, held, places[0])
    for place in places[1:]:
        _move(shown.overlay, place, held)
    QTest.mouseRelease(shown.overlay, LEFT, held, places[-1])


def _move(target: QWidget, place: QPoint, held: Qt.KeyboardModifier) -> None:
    from qtpy.QtCore import QEvent, QPointF
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(target.mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        LEFT,
        held,
    )
    QApplication.sendEvent(target, event)


def dice(mask: NDArray[np.unsignedinteger], truth: NDArray[np.uint8], value: int = 1) -> float:
    one, other = mask == value, truth > 0
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))


def n_steps(window: MainWindow) -> int:
    """Return how many undos there are."""
    assert window.rater.open_case is not None
    drawing = window.rater.open_case.drawing
    count = 0
    while drawing.undo() is not None:
        count += 1
    for _ in range(count):
        drawing.redo()
    return count


def fresh(window: MainWindow, qtbot: QtBot) -> None:
    """Take everything back."""
    settled(window, qtbot)
    for _ in range(20):
        if not mask_of(window).any():
            break
        press(window, Qt.Key.Key_Z)
        settled(window, qtbot)
    press(window, Qt.Key.Key_Escape)
    settled(window, qtbot)
    assert not mask_of(window).any()
    assert not window.rater.pointing.prompts


def test_a_click_becomes_a_mask_in_every_view(pointing: MainWindow, qtbot: QtBot) -> None:
    window, truth = pointing, ball((12, 18, 18), 8)
    assert window.book["tool.prompt"].isChecked()
    assert window.rater.pointing.bar.isVisible()
    canvas_of(window).set_position((12, 18, 18))
    for view in range(3):
        drag(window, [MIDDLE], view=view)
        settled(window, qtbot)
        assert dice(mask_of(window), truth) > 0.85
        assert len(window.rater.pointing.prompts) == 1
        assert window.rater.pointing.prompts[0].voxels == ((12, 18, 18),)
        press(window, Qt.Key.Key_Z)
        settled(window, qtbot)
        assert not mask_of(window).any()
    assert not window.rater.pointing.prompts

    # Each prompt is one step, and its hint goes and comes with it.
    drag(window, [MIDDLE])
    settled(window, qtbot)
    first = mask_of(window).copy()
    drag(window, [(12, 13, 18)], held=CTRL)
    settled(window, qtbot)
    second = mask_of(window).copy()
    assert first[12, 13, 18] == 1
    assert second[12, 13, 18] == 0
    assert [one.is_positive for one in window.rater.pointing.prompts] == [True, False]
    press(window, Qt.Key.Key_Z)
    settled(window, qtbot)
    np.testing.assert_array_equal(mask_of(window), first)
    assert len(window.rater.pointing.prompts) == 1, "the hint goes with its step"
    press(window, Qt.Key.Key_Y, CTRL)
    settled(window, qtbot)
    np.testing.assert_array_equal(mask_of(window), second)
    assert len(window.rater.pointing.prompts) == 2
    assert n_steps(window) == 2

    fresh(window, qtbot)
    drag(window, [MIDDLE])
    shown = canvas_of(window).views[0]
    QTest.mouseClick(shown.overlay, RIGHT, NONE, shown.to_screen((12, 18, 13)).toPoint())
    settled(window, qtbot)
    assert mask_of(window)[12, 18, 18] == 1
    assert mask_of(window)[12, 18, 13] == 0
    assert n_steps(window) == 2, "two clicks in a row are two steps"


def test_dragging_draws_what_was_chosen(pointing: MainWindow, qtbot: QtBot) -> None:
    window, truth = pointing, ball((12, 18, 18), 8)
    bar = window.rater.pointing.bar
    position = canvas_of(window).position
    turn = np.linspace(0, 2 * np.pi, 20)
    lines = {
        "box": [(12.0, 9.0, 9.0), (12.0, 20.0, 20.0), (12.0, 27.0, 27.0)],
        "scribble": [(12.0, 14.0, 14.0), (12.0, 18.0, 18.0), (12.0, 22.0, 22.0)],
        "lasso": [(12.0, 18 + 9 * np.sin(t), 18 + 9 * np.cos(t)) for t in turn],
    }
    kinds = [bar.drags.itemData(n) for n in range(bar.drags.count())]
    assert kinds == list(lines)
    for place, kind in enumerate(kinds):
        bar.drags.setCurrentIndex(place)
        bar.drags.activated.emit(place)
        drag(window, lines[kind])
        settled(window, qtbot)
        (prompt,) = window.rater.pointing.prompts
        assert prompt.kind == kind
        assert dice(mask_of(window)[12], truth[12]) > 0.8
        fresh(window, qtbot)
    drag(window, lines["scribble"], held=SHIFT)
    settled(window, qtbot)
    assert window.rater.pointing.prompts[0].kind == "scribble"
    assert canvas_of(window).position == position, "Shift does not move the crosshair here"


def test_objects_are_kept_dropped_and_left(pointing: MainWindow, qtbot: QtBot) -> None:
    window = pointing
    drag(window, [MIDDLE])
    settled(window, qtbot)
    kept = mask_of(window).copy()
    press(window, Qt.Key.Key_Return)
    assert not window.rater.pointing.prompts
    press(window, Qt.Key.Key_2)
    drag(window, [(12, 35, 35)])
    settled(window, qtbot)
    assert mask_of(window)[12, 35, 35] == 2
    assert (mask_of(window) == 1).sum() <= (kept == 1).sum()
    assert len(window.rater.pointing.prompts) == 1

    # Esc drops the object; one undo brings it back.
    press(window, Qt.Key.Key_1)
    fresh(window, qtbot)
    drag(window, [MIDDLE])
    settled(window, qtbot)
    drawn = mask_of(window).copy()
    press(window, Qt.Key.Key_Escape)
    settled(window, qtbot)
    assert not mask_of(window).any()
    assert not window.rater.pointing.prompts
    press(window, Qt.Key.Key_Z)
    settled(window, qtbot)
    np.testing.assert_array_equal(mask_of(window), drawn)

    # Another tool ends the object.
    fresh(window, qtbot)
    drag(window, [MIDDLE])
    settled(window, qtbot)
    press(window, Qt.Key.Key_B)
    assert not window.rater.pointing.bar.isVisible()
    assert not window.rater.pointing.prompts, "hints go with the tool"
    drag(window, [(12.0, 32.0, 32.0), (12.0, 33.0, 33.0)])
    press(window, Qt.Key.Key_A)
    press(window, Qt.Key.Key_Z)
    settled(window, qtbot)
    assert mask_of(window)[12, 18, 18] == 1
    assert mask_of(window)[12, 32, 32] == 0

    # So does a mark that is set, named or deleted: undo takes that back, and no prompt.
    fresh(window, qtbot)
    drag(window, [MIDDLE])
    settled(window, qtbot)
    number = drawn_case(window).drawing.next_mark_id
    mark = Mark(mark_id=number, kind="point", places=(MIDDLE,))
    canvas_of(window).marked.emit("point", MarkEdit(before=None, after=mark))
    assert drawn_case(window).drawing.marks == (mark,)
    assert not window.rater.pointing.prompts
    press(window, Qt.Key.Key_Z)
    settled(window, qtbot)
    assert not drawn_case(window).drawing.marks
    assert mask_of(window)[12, 18, 18] == 1


def test_what_goes_wrong_is_told(pointing: MainWindow, qtbot: QtBot) -> None:
    window = pointing
    told: list[str] = []
    window.rater.hint_changed.connect(told.append)
    drag(window, [MIDDLE], held=CTRL)
    settled(window, qtbot)
    assert any("Point at the object first" in text for text in told)
    drag(window, [(12, 13, 18)])
    settled(window, qtbot)
    assert mask_of(window)[12, 13, 18] == 1
    assert mask_of(window)[12, 18, 18] == 0, "what was said first still holds"

    # A crash of the model is told as well, and the next click works.
    fresh(window, qtbot)
    desk = window.rater.pointing._desk
    assert desk is not None
    assert desk._process is not None
    process = desk._process
    process.send_signal(signal.SIGSTOP)
    drag(window, [MIDDLE])
    qtbot.wait(100)
    os.kill(process.pid, signal.SIGKILL)
    settled(window, qtbot)
    assert any("nothing drawn was lost" in text for text in told)
    assert not mask_of(window).any()
    drag(window, [(12, 18, 20)])
    settled(window, qtbot)
    assert dice(mask_of(window), ball((12, 18, 18), 8)) > 0.85


def test_the_model_can_be_changed_and_ends_with_the_case(
    pointing: MainWindow, qtbot: QtBot
) -> None:
    window = pointing
    bar = window.rater.pointing.bar
    titles = [bar.models.itemText(n) for n in range(bar.models.count())]
    assert titles[:2] == ["Follow edges, volume", "Follow edges, this slice"]
    bar.models.setCurrentIndex(1)
    bar.models.activated.emit(1)
    drag(window, [MIDDLE])
    settled(window, qtbot)
    assert mask_of(window)[12].any()
    assert not mask_of(window)[np.arange(SHAPE[0]) != 12].any()

    # The process ends with the case.
    desk = window.rater.pointing._desk
    assert desk is not None
    process = desk._process
    assert process is not None
    assert window.rater.leave()
    assert process.returncode is not None
    window.rater.next_case()
    qtbot.waitUntil(lambda: window.rater.open_case is not None, timeout=PATIENCE_MS)
