"""How each tool is used: in the window by real mouse and keys, and without it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QInputDevice, QPointingDevice, QTabletEvent, QWheelEvent
from qtpy.QtWidgets import QApplication

from annotator.drawing.gesture import Held
from annotator.drawing.tools import TOOLS
from tests.gui.drawing_case import CENTRE, LEFT, NONE, Case
from tests.unit.drawing.hands import worked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytestqt.qtbot import QtBot

    from annotator.drawing.edit import Mask, Point


def round_about(radius: float, n: int = 16, dy: float = 0.0, dx: float = 0.0) -> list[Point]:
    angles = np.linspace(0, 2 * np.pi, n)
    z, y, x = CENTRE
    return [
        (z, y + dy + radius * float(np.sin(a)), x + dx + radius * float(np.cos(a))) for a in angles
    ]


class Script(NamedTuple):
    """How a tool is used: one stroke through places, or a click on each and then Enter."""

    places: Sequence[Point]
    clicks: bool = False


STROKE = [(12.0, 18.0, 14.0), (12.0, 20.0, 20.0), (12.0, 15.0, 26.0)]
SCRIPTS = {
    "brush": Script(STROKE),
    "eraser": Script(STROKE),
    "threshold-brush": Script(STROKE),
    "adaptive-brush": Script(STROKE),
    "smooth-brush": Script([(12.0, 18.0, 12.0), (12.0, 12.0, 14.0)]),
    "nudge": Script([(12.0, 18.0, 18.0), (12.0, 18.0, 22.0), (12.0, 18.0, 27.0)]),
    "polygon": Script([(12.0, 8.0, 8.0), (12.0, 9.0, 30.0), (12.0, 30.0, 20.0)], clicks=True),
    "lasso": Script(round_about(9.0)),
    "livewire": Script(round_about(8.0, 6)[:-1], clicks=True),
    "level-tracing": Script([(12.0, 18.0, 24.0)], clicks=True),
    "scissors": Script(round_about(5.0)),
    "fill": Script([(12.0, 18.0, 18.0)]),
    "region-growing": Script([(12.0, 18.0, 23.0), (12.0, 18.0, 25.0), (12.0, 18.0, 28.0)]),
}
OTHER_LABEL = ("fill", "level-tracing")
"""Tools that are used inside of what is drawn, where the same label would change nothing."""


def without_window(case: Case, name: str, mask: Mask) -> None:
    """Do with the pure tool what the script does in the window."""
    script, tools = SCRIPTS[name], case.tools
    surface = case.canvas.surface
    assert surface is not None
    assert tools._options is not None
    held = Held(
        label=2 if name in OTHER_LABEL else 1,
        diameter_mm=case.window.settings.brush_mm,
        chosen=tools._options.chosen(name),
    )
    gesture = TOOLS[name](replace(surface, mask=mask), held, plane=0, index=12)
    places = [case.seen(place) for place in script.places]
    gesture.hover(places[0])
    worked(gesture)
    if script.clicks:
        for place in places:
            gesture.hover(place)
            gesture.press(place)
            gesture.release()
            worked(gesture)
        if not gesture.is_done:
            gesture.confirm()
    else:
        gesture.press(places[0])
        worked(gesture)
        for place in places[1:]:
            gesture.drag(place)
        gesture.release()
        if gesture.work is None and not gesture.is_done:
            gesture.confirm()
    worked(gesture)


def in_window(case: Case, name: str, qtbot: QtBot) -> None:
    script = SCRIPTS[name]
    if script.clicks:
        for place in script.places:
            case.move(place)
            case.settle(qtbot)
            case.stroke([place])
            case.settle(qtbot)
        if case.canvas._gestures._desk.has_begun:
            case.key("Return")
    else:
        case.move(script.places[0])
        case.settle(qtbot)
        case.down(script.places[0])
        case.settle(qtbot)
        for place in script.places[1:]:
            case.move(place, LEFT)
        case.up(script.places[-1])
        if case.canvas._gestures._desk.has_begun and not case.canvas._gestures._desk.is_working:
            case.key("Return")
    case.settle(qtbot)


def pen(case: Case, kind: QEvent.Type, at: Point, pressure: float) -> None:
    place = QPointF(case.view.to_screen(at).toPoint())
    is_down = kind != QEvent.Type.TabletRelease
    device = QPointingDevice(
        "pen",
        1,
        QInputDevice.DeviceType.Stylus,
        QPointingDevice.PointerType.Pen,
        QInputDevice.Capability.Pressure,
        1,
        1,
    )
    event = QTabletEvent(
        kind,
        device,
        place,
        case.view.overlay.mapToGlobal(place),
        pressure,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        Qt.KeyboardModifier.NoModifier,
        LEFT if kind != QEvent.Type.TabletMove else NONE,
        LEFT if is_down else NONE,
    )
    QApplication.sendEvent(case.view.overlay, event)


def turn(case: Case, notches: int, held: Any = Qt.KeyboardModifier.NoModifier) -> None:  # noqa: ANN401
    overlay = case.view.overlay
    place = QPointF(case.view.width() / 2, case.view.height() / 2)
    none = QPointF().toPoint()
    QApplication.sendEvent(
        overlay,
        QWheelEvent(
            place,
            overlay.mapToGlobal(place),
            none,
            QPointF(0, 120 * notches).toPoint(),
            NONE,
            held,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )
