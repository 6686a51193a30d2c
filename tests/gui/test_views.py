"""How a case is shown: contours, slabs, colours, windows of a part, picking, peeking, playing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.gui.diagnostics_dialog import DiagnosticsDialog
from annotator.gui.oblique_dialog import ObliqueDialog
from tests.gui.steps import (
    PATIENCE_MS,
    be,
    drawn_case,
    drawn_image,
    open_first_case,
    open_project,
    press,
    stroke,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.slice_view import SliceView
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

ALT = Qt.KeyboardModifier.AltModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
RIGHT = Qt.MouseButton.RightButton


def drag_right(view: SliceView, start: QPointF, end: QPointF) -> None:
    """Drag with Ctrl and the right button."""
    for kind, place in (
        (QEvent.Type.MouseButtonPress, start),
        (QEvent.Type.MouseMove, end),
        (QEvent.Type.MouseButtonRelease, end),
    ):
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else RIGHT
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else RIGHT
        overlay = view.overlay
        event = QMouseEvent(kind, place, overlay.mapToGlobal(place), button, held, CONTROL)
        QApplication.sendEvent(overlay, event)


def test_the_image_is_shown_as_one_asks(window: MainWindow, qtbot: QtBot, project: Path) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    canvas, tools = window.rater.holder.canvas, window.rater.masks.tools
    assert canvas is not None
    opened, voxels = drawn_case(window), drawn_image(window)
    view, z = canvas.views[0], canvas.position[0]
    scene = view.scene
    assert scene._image is not None
    assert scene._mask is not None
    stroke(window, qtbot, [(z, 10, 8), (z, 10, 20)])

    press(window, Qt.Key.Key_J)
    assert scene._mask.contour > 0
    press(window, Qt.Key.Key_J)
    assert scene._mask.contour == 0

    press(window, Qt.Key.Key_M)
    plane = view.plane
    n = max(1, round(10 / plane.thickness_mm))
    expected = voxels[max(0, z - n // 2) : z - n // 2 + n].max(axis=0)
    np.testing.assert_array_equal(scene._image.data, plane.cut(expected[None], 0))
    assert canvas._marks.style.slab_text == "Maximum of 10 mm"
    press(window, Qt.Key.Key_M)
    np.testing.assert_array_equal(scene._image.data, plane.cut(voxels, z))

    press(window, Qt.Key.Key_Y)
    np.testing.assert_allclose(scene._image.colormap.colors[0, :3], 1.0)
    press(window, Qt.Key.Key_C, ALT)
    press(window, Qt.Key.Key_Y)
    assert canvas._marks.style.ramp[-1] == "#ffffff"
    assert canvas._marks.style.colormap == "hot"

    low, high = view.to_screen((z, 5, 5)), view.to_screen((z, 14, 19))
    drag_right(view, low, high)
    values = np.asarray(voxels[z, 5:15, 5:20], float)
    values = values * opened.series.slope + opened.series.intercept
    ends = np.percentile(values, [2, 98])
    np.testing.assert_allclose(canvas._marks.window_ends, ends, rtol=1e-4, atol=0.5)

    zoom = view.camera.zoom
    canvas.set_position((0, 0, 0))
    press(window, Qt.Key.Key_R)
    assert canvas.position[0] == z
    assert view.camera.zoom > zoom

    canvas.set_label(2)
    place = view.to_screen((z, 10, 14)).toPoint()
    QTest.mouseClick(view.overlay, Qt.MouseButton.LeftButton, ALT, pos=place)
    assert canvas.label == 1
    _peek(window, qtbot)
    tools.view.change_rate(+3)
    press(window, Qt.Key.Key_P, ALT)
    qtbot.waitUntil(lambda: canvas.position[0] != z, timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_P, ALT)
    assert not tools.view.cine.is_playing


def _peek(window: MainWindow, qtbot: QtBot) -> None:
    """Tapped, H hides; held, it hides as long as it is held."""
    tools, canvas = window.rater.masks.tools, window.rater.holder.canvas
    assert canvas is not None
    canvas.setFocus()
    QTest.keyPress(canvas, Qt.Key.Key_H)
    QTest.keyRelease(canvas, Qt.Key.Key_H)
    assert tools.are_marks_hidden
    QTest.keyPress(canvas, Qt.Key.Key_H)
    QTest.keyRelease(canvas, Qt.Key.Key_H)
    assert not tools.are_marks_hidden
    QTest.keyPress(canvas, Qt.Key.Key_H)
    assert tools.are_marks_hidden
    qtbot.wait(400)
    QTest.keyRelease(canvas, Qt.Key.Key_H)
    assert not tools.are_marks_hidden


def test_the_speed_of_drawing_is_shown(window: MainWindow, qtbot: QtBot, project: Path) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    canvas = window.rater.holder.canvas
    assert canvas is not None
    window.rater.masks.tools.show_speed()
    dialog = window.findChild(DiagnosticsDialog)
    assert dialog is not None
    assert "Draw a few strokes" in dialog.told.text()
    z = canvas.position[0]
    stroke(window, qtbot, [(z, 10, 8), (z, 10, 20), (z, 14, 20)])
    qtbot.waitUntil(lambda: bool(canvas.clock.frames), timeout=PATIENCE_MS)
    dialog.refresh()
    assert dialog.text().splitlines()[1].startswith("Mouse to screen\t")
    assert "movement" in dialog.told.text()
    assert all(frame.total_s >= frame.tool_s + frame.copy_s for frame in canvas.clock.frames)
    dialog.close()


def test_a_slice_is_turned_and_brings_the_crosshair(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    canvas, opened = window.rater.holder.canvas, drawn_case(window)
    assert canvas is not None
    press(window, Qt.Key.Key_O, ALT)
    dialog = window.findChild(ObliqueDialog)
    assert dialog is not None
    picture = dialog.picture
    qtbot.waitUntil(lambda: picture._image is not None, timeout=PATIENCE_MS)
    shape = (picture.height(), picture.width())
    z, y, x = canvas.position
    low, high = canvas.limits
    wanted = np.clip((opened.voxels[z, y, x] - low) / (high - low), 0, 1) * 255
    column, row = round((shape[1] - 1) / 2), round((shape[0] - 1) / 2)
    assert picture._image is not None
    assert abs(picture._image.pixelColor(column, row).red() - wanted) < 60
    assert dialog.said.text().startswith("0°")
    frame = canvas.space.frame
    assert frame is not None
    assert dialog.cut.letters(frame) == canvas.plane_in_hand.letters == ("R", "L", "A", "P")
    middle = picture.rect().center()
    QTest.mousePress(picture, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(picture, middle + QPoint(60, 0))
    QTest.mouseRelease(picture, Qt.MouseButton.LeftButton, pos=middle + QPoint(60, 0))
    assert int(dialog.said.text().split("°")[0]) > 10
    assert {"".join(sorted(side)) for side in dialog.cut.letters(frame)[:2]} in (
        {"IR", "LS"},
        {"RS", "IL"},
    )
    place = middle + QPoint(20, 30)
    expected = dialog.cut.place(place.x(), place.y(), shape)
    QTest.mouseClick(picture, Qt.MouseButton.LeftButton, pos=place)
    np.testing.assert_allclose(canvas.position, expected, atol=0.51)
    dialog.close()
