"""A case that is drawn on, and the window's hands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from tests.gui.steps import PATIENCE_MS, be, drawn_case, open_first_case, open_project, press

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.drawing.edit import Mask, Point
    from annotator.gui.canvas import Canvas
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.slice_view import SliceView
    from annotator.gui.window import MainWindow

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.MouseButton.NoButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
CENTRE = (12.0, 18.0, 18.0)


class Case(NamedTuple):
    """The case that is drawn on, and the window's hands on it."""

    window: MainWindow
    canvas: Canvas
    view: SliceView
    tools: DrawingTools
    mask: Mask

    def move(self, at: Point, buttons: Qt.MouseButton = NONE) -> None:
        place = QPointF(self.view.to_screen(at).toPoint())
        overlay = self.view.overlay
        QApplication.sendEvent(
            overlay,
            QMouseEvent(
                QEvent.Type.MouseMove,
                place,
                overlay.mapToGlobal(place),
                NONE,
                buttons,
                Qt.KeyboardModifier.NoModifier,
            ),
        )

    def down(self, at: Point, held: Any = Qt.KeyboardModifier.NoModifier) -> None:  # noqa: ANN401
        QTest.mousePress(self.view.overlay, LEFT, held, self.view.to_screen(at).toPoint())

    def up(self, at: Point) -> None:
        QTest.mouseRelease(self.view.overlay, LEFT, pos=self.view.to_screen(at).toPoint())

    def stroke(self, points: Sequence[Point], held: Any = Qt.KeyboardModifier.NoModifier) -> None:  # noqa: ANN401
        self.move(points[0])
        self.down(points[0], held)
        for point in points[1:]:
            self.move(point, LEFT)
        self.up(points[-1])

    def seen(self, at: Point) -> Point:
        """Return the array position of the pixel of the screen that is nearest to a place."""
        place = self.view.to_screen(at).toPoint()
        row, column = self.view.camera.to_slice(place.x(), place.y())
        return self.view.plane.to_index(row, column, self.view.index)

    def key(self, name: str, held: Any = None) -> None:  # noqa: ANN401
        if name.startswith("Alt+"):
            name, held = name.removeprefix("Alt+"), Qt.KeyboardModifier.AltModifier
        press(self.window, getattr(Qt.Key, f"Key_{name}"), held)

    def settle(self, qtbot: QtBot) -> None:
        desk = self.canvas._gestures._desk
        qtbot.waitUntil(lambda: not desk.is_working, timeout=PATIENCE_MS)


def begin(window: MainWindow, qtbot: QtBot, project: Path) -> Case:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    canvas = window.rater.holder.canvas
    assert canvas is not None
    canvas.setFocus()
    canvas.set_position((12, 18, 18))
    case = Case(
        window, canvas, canvas.views[0], window.rater.tools, drawn_case(window).drawing.mask
    )
    case.tools.set_3d(False)  # the window keeps it from case to case
    case.key("1")
    return case
