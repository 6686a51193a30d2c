"""A slice through the crosshair in any direction, to look at while one draws beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen
from qtpy.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.oblique_cut import ObliqueCut
from annotator.gui.overlay_paint import PAD, TEXT, paint_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

    from annotator.gui.canvas import Canvas

_NOTCH = 120
_ZOOM = 1.2
_CLICK_PX = 4
_SIDE = 420
_AGAIN_MS = 60


class ObliquePicture(QWidget):
    """The slice itself. Dragging turns it, the wheel moves it, Ctrl and the wheel zoom."""

    turned = Signal(float, float)
    moved = Signal(float)
    zoomed = Signal(float)
    clicked = Signal(QPointF)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(240, 200)
        self.setAccessibleName("Oblique slice")
        self.setToolTip(
            "Drag to turn the slice, wheel to move it, Ctrl + wheel to zoom. "
            "A click brings the crosshair there."
        )
        self._image: QImage | None = None
        self._letters: Sequence[str] = ()
        self._last: QPointF | None = None
        self._travel = 0.0

    def show_image(self, image: QImage, letters: Sequence[str]) -> None:
        """Show another slice, as large as this widget, with letters left, right, top, bottom."""
        self._image, self._letters = image, letters
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn, or to click."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._last, self._travel = event.position(), 0.0

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn."""
        if self._last is None:
            return
        step = event.position() - self._last
        self._last = event.position()
        self._travel += abs(step.x()) + abs(step.y())
        if self._travel >= _CLICK_PX:
            self.turned.emit(step.x(), step.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell a click that was none of turning."""
        if self._last is not None and self._travel < _CLICK_PX:
            self.clicked.emit(event.position())
        self._last = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Move, or zoom."""
        steps = event.angleDelta().y() / _NOTCH
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoomed.emit(_ZOOM**steps)
        else:
            self.moved.emit(steps)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the slice, with a small cross where the crosshair is."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        if self._image is not None:
            painter.drawImage(0, 0, self._image)
        middle = QPointF(self.width() / 2, self.height() / 2)
        for pen in (QPen(QColor(0, 0, 0, 170), 3.0), QPen(QColor("#ffffff"), 1.0)):
            painter.setPen(pen)
            for arm in (QPointF(9, 0), QPointF(0, 9)):
                painter.drawLine(middle - arm, middle - arm / 3)
                painter.drawLine(middle + arm / 3, middle + arm)
        self._paint_letters(painter)
        painter.end()

    def _paint_letters(self, painter: QPainter) -> None:
        wide, tall = self.width(), self.height()
        places = ((PAD, tall / 2), (wide - PAD, tall / 2), (wide / 2, PAD), (wide / 2, tall - PAD))
        font = painter.font()
        font.setPixelSize(13)
        font.setBold(True)
        metrics = QFontMetricsF(font)
        for letters, (x, y) in zip(self._letters, places, strict=False):
            left = min(max(x - metrics.horizontalAdvance(letters) / 2, PAD), wide - PAD)
            left = min(left, wide - PAD - metrics.horizontalAdvance(letters))
            top = min(max(y - metrics.height() / 2, PAD), tall - PAD - metrics.height())
            paint_text(painter, QPointF(left, top), letters, TEXT, bold=True)


class ObliqueDialog(QDialog):
    """Stays open while one works on; shows what is drawn as well, but is not drawn on."""

    def __init__(self, canvas: Canvas, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Oblique slice")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._canvas = canvas
        self.cut: ObliqueCut = self._straight_cut()
        self.picture = ObliquePicture()
        self.picture.turned.connect(lambda dx, dy: self._show(self.cut.dragged(dx, dy)))
        self.picture.moved.connect(self._move)
        self.picture.zoomed.connect(lambda factor: self._show(self.cut.zoomed(factor)))
        self.picture.clicked.connect(self._go)
        self.said = label("", "small")
        self.straight = Button(
            "Straight", "Turn the slice back to the view that was worked in last.", self.straighten
        )
        row = QHBoxLayout()
        row.addWidget(self.said, 1)
        row.addWidget(self.straight)
        layout = QVBoxLayout(self)
        layout.addWidget(self.picture, 1)
        layout.addLayout(row)
        self.resize(_SIDE, _SIDE + 60)
        self._again = QTimer(self, singleShot=True, interval=_AGAIN_MS)
        self._again.timeout.connect(self.refresh)
        for signal in (canvas.edited, canvas.window_changed):
            signal.connect(self._again.start)
        canvas.position_changed.connect(self._follow)
        canvas.cleared.connect(self.close)

    def straighten(self) -> None:
        """Show the plane of the view that was worked in last."""
        self._show(self._straight_cut())

    def refresh(self) -> None:
        """Cut again: something was drawn, or is shown otherwise."""
        self._show(self.cut)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut what fits."""
        super().resizeEvent(event)
        self._again.start()

    def _straight_cut(self) -> ObliqueCut:
        canvas, surface = self._canvas, self._canvas.surface
        spacing = (1.0, 1.0, 1.0) if surface is None else surface.spacing_mm
        plane = canvas.plane_in_hand
        extent = max(size * step for size, step in zip(plane.shape, plane.spacing_mm, strict=True))
        z, y, x = canvas.position
        return ObliqueCut.through((z, y, x), plane, spacing, extent / _SIDE)

    def _follow(self, position: tuple[int, int, int]) -> None:
        z, y, x = position
        self.cut = self.cut.at((z, y, x))
        self._again.start()

    def _move(self, steps: float) -> None:
        self._show(self.cut.moved(steps * min(self.cut.spacing_mm)))

    def _go(self, place: QPointF) -> None:
        shape = (self.picture.height(), self.picture.width())
        self._canvas.set_position([round(at) for at in self.cut.place(place.x(), place.y(), shape)])

    def _show(self, cut: ObliqueCut) -> None:
        self.cut = cut
        surface = self._canvas.surface
        if surface is None or surface.image is None:
            return
        shape = (self.picture.height(), self.picture.width())
        low, high = self._canvas.limits
        shown = cut.image(surface.image, shape).astype(np.float32)
        grey = np.clip((shown - low) / max(high - low, 1e-6), 0, 1) * 255
        pixels = np.repeat(grey[..., None], 3, axis=2)
        labels = cut.labels(surface.mask, shape)
        for value, (red, green, blue, alpha) in self._canvas.label_colors.items():
            tint = 255 * np.array([red, green, blue], np.float32)
            inside = labels == value
            pixels[inside] = (1 - alpha) * pixels[inside] + alpha * tint
        content = np.ascontiguousarray(pixels.astype(np.uint8))
        rows, columns = shape
        kind = QImage.Format.Format_RGB888
        frame = self._canvas.space.frame
        self.picture.show_image(
            QImage(content.data, columns, rows, 3 * columns, kind).copy(),
            () if frame is None else cut.letters(frame),
        )
        self.said.setText(f"{cut.tilt_degrees:.0f}° from the nearest plane")
