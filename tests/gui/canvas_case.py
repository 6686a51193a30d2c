"""A volume to show on a canvas, and the mouse on one of its views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series, Window

if TYPE_CHECKING:
    from annotator.drawing.edit import Point
    from annotator.gui.canvas import Canvas
    from annotator.gui.slice_view import SliceView

SHAPE = (24, 40, 48)
SPACING = (3.0, 1.0, 1.5)
SCHEMA = LabelSchema(
    name="test",
    title="Test",
    labels=(
        Label(value=1, name="Nodule", color="#ff0000"),
        Label(value=2, name="Vessel", color="#00ff00"),
    ),
)


def make_series(**changes: Any) -> Series:  # noqa: ANN401
    facts: dict[str, Any] = {
        "series_id": "s",
        "kind": "volume",
        "modality": "CT",
        "description": "",
        "geometry": Geometry(shape=SHAPE, spacing_mm=SPACING),
        "dtype": "int16",
        "windows": (Window(name="soft", level=40, width=400),),
    }
    return Series(**(facts | changes))


def view_of(canvas: Canvas, name: str) -> SliceView:
    return next(view for view in canvas.views if view.plane.name == name)


def at(view: SliceView, point: Point) -> QPoint:
    return view.to_screen(point).toPoint()


def wheel(view: SliceView, notches: int, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:  # noqa: ANN401
    place = QPointF(view.width() / 2, view.height() / 2)
    QApplication.sendEvent(
        view.overlay,
        QWheelEvent(
            place,
            view.overlay.mapToGlobal(place),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


def move(
    overlay: QWidget,
    place: QPoint,
    buttons: Qt.MouseButton = Qt.MouseButton.NoButton,
) -> None:
    """Move the mouse; QTest would move the real cursor and wait for the display to tell."""
    QApplication.sendEvent(
        overlay,
        QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place),
            overlay.mapToGlobal(QPointF(place)),
            Qt.MouseButton.NoButton,
            buttons,
            Qt.KeyboardModifier.NoModifier,
        ),
    )


def stroke(view: SliceView, points: list[Point]) -> None:
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(view.overlay, left, pos=at(view, points[0]))
    for point in points[1:]:
        move(view.overlay, at(view, point), left)
    QTest.mouseRelease(view.overlay, left, pos=at(view, points[-1]))
