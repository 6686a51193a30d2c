"""A series beside a case, as it is cut where the case is looked at; not drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from annotator.gui import overlay_paint as paint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

    from annotator.gui.companion_link import CompanionPicture
    from annotator.gui.label_colors import Color
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

_NOTCH = 120
_ZOOM = 1.2
_LEAST = 200


class CompanionView(QWidget):
    """One picture and what lies over it.

    Left button: where to look, or pan where there is no crosshair. Wheel: slices, with Ctrl: zoom.
    Middle button, or right with Shift: pan. Right: window and level.
    """

    pointed = Signal(QPointF)
    stepped = Signal(int)
    zoomed = Signal(float, QPointF)
    panned = Signal(QPointF)
    windowed = Signal(QPointF)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(_LEAST, 140)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Series beside the case")
        self.camera: ViewCamera | None = None
        self.words: tuple[str, ...] = ()
        """Lines in the upper left corner."""
        self.window_text = ""
        self.banner = ""
        self.cross: tuple[float, float] | None = None
        """Where the crosshair is on the slice, ``(row, column)``."""
        self.pointer: tuple[float, float] | None = None
        """The same of the mouse over the case."""
        self.pans_with_left = False
        self._picture: CompanionPicture | None = None
        self._plane: Plane | None = None
        self._image: QImage | None = None
        self._labels: QImage | None = None
        self._last: QPointF | None = None
        self._gesture = ""
        self._wheel = 0

    def show_picture(
        self, picture: CompanionPicture | None, limits: tuple[float, float] | None
    ) -> None:
        """Show what was cut, between two values from black to white; colour as it is."""
        self._picture = picture
        self.tone(limits)

    def tone(self, limits: tuple[float, float] | None) -> None:
        """Show the same picture between two other values."""
        self._image = None if self._picture is None else _toned(self._picture, limits)
        self.update()

    def show_labels(self, plane: Plane, section: NDArray[np.integer] | None, look: Look) -> None:
        """Show a slice of labels of the case ``(rows, columns)`` over the picture, or none."""
        self._plane = plane
        self._labels = None if section is None else look.image(section)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell it: another part is seen."""
        super().resizeEvent(event)
        self.resized.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to point, pan or window."""
        if self._gesture:
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._gesture = {
            Qt.MouseButton.LeftButton: "pan" if self.pans_with_left else "point",
            Qt.MouseButton.MiddleButton: "pan",
            Qt.MouseButton.RightButton: "pan" if shift else "window",
        }.get(event.button(), "")
        self._last = event.position()
        if self._gesture == "point":
            self.pointed.emit(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with it."""
        if self._last is None or not self._gesture:
            return
        moved, self._last = event.position() - self._last, event.position()
        if self._gesture == "point":
            self.pointed.emit(event.position())
        elif self._gesture == "pan":
            self.panned.emit(moved)
        else:
            self.windowed.emit(moved)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it."""
        if not event.buttons():
            self._gesture = ""

    def leaveEvent(self, event: QEvent) -> None:
        """Forget half notches of the wheel."""
        super().leaveEvent(event)
        self._wheel = 0

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step through slices, or zoom with Ctrl."""
        delta = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoomed.emit(_ZOOM ** (delta / _NOTCH), event.position())
        else:
            self._wheel += delta
            steps = int(self._wheel / _NOTCH)
            if steps:
                self._wheel -= steps * _NOTCH
                self.stepped.emit(steps)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture, the labels, the crosshair and the words."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        camera = self.camera
        if camera is not None:
            self._paint_images(painter, camera)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_marks(painter, camera)
            self._paint_words(painter, camera)
        painter.end()

    def _paint_images(self, painter: QPainter, camera: ViewCamera) -> None:
        if self._image is not None and self._picture is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            left, top, right, bottom = self._picture.area(camera)
            painter.drawImage(QRectF(left, top, right - left, bottom - top), self._image)
        if self._labels is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
            left, top = camera.to_screen(-0.5, -0.5)
            right, bottom = camera.to_screen(
                self._labels.height() - 0.5, self._labels.width() - 0.5
            )
            painter.drawImage(QRectF(left, top, right - left, bottom - top), self._labels)

    def _paint_marks(self, painter: QPainter, camera: ViewCamera) -> None:
        if self.cross is not None and self._plane is not None:
            paint.paint_cross(painter, self.cross, self._plane, camera)
        if self.pointer is not None:
            at = QPointF(*camera.to_screen(*self.pointer))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for pen in (QPen(paint.SHADE, 3.0), QPen(QColor("#ffffff"), 1.5)):
                painter.setPen(pen)
                painter.drawEllipse(at, 5, 5)

    def _paint_words(self, painter: QPainter, camera: ViewCamera) -> None:
        top = paint.PAD
        for number, line in enumerate(self.words):
            place = QPointF(paint.PAD, top)
            paint.paint_text(painter, place, line, paint.TEXT, bold=number == 0)
            top += 18
        if self.window_text:
            place = QPointF(paint.PAD, self.height() - paint.PAD - 16)
            paint.paint_text(painter, place, self.window_text, paint.TEXT)
        if self.banner:
            paint.paint_banner(painter, self.banner, camera)


class Look:
    """How labels lie over a picture: each in its colour, as an area or a line."""

    def __init__(self, colors: Mapping[int, Color], *, is_contour: bool) -> None:
        self._is_contour = is_contour
        self._table = np.zeros((max(colors, default=0) + 1, 4), np.uint8)
        for value, color in colors.items():
            red, green, blue, alpha = (round(255 * part) for part in color)
            self._table[value] = (red, green, blue, (255 if is_contour and alpha else alpha))
        self._table[0] = 0

    def image(self, section: NDArray[np.integer]) -> QImage:
        """Return a slice of labels as a picture that can be seen through."""
        shown = np.where(section < len(self._table), section, 0)
        if self._is_contour:
            shown = np.where(_on_edge(shown), shown, 0)
        pixels = np.ascontiguousarray(self._table[shown])
        rows, columns = shown.shape
        kind = QImage.Format.Format_RGBA8888
        return QImage(pixels.data, columns, rows, 4 * columns, kind).copy()


def _on_edge(section: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which pixels have another label beside them."""
    found = np.zeros(section.shape, np.bool_)
    found[:-1] |= section[:-1] != section[1:]
    found[1:] |= section[1:] != section[:-1]
    found[:, :-1] |= section[:, :-1] != section[:, 1:]
    found[:, 1:] |= section[:, 1:] != section[:, :-1]
    return found


def _toned(picture: CompanionPicture, limits: tuple[float, float] | None) -> QImage:
    rows, columns = picture.inside.shape
    if limits is None:
        pixels = np.ascontiguousarray(np.clip(picture.values, 0, 255).astype(np.uint8))
        kind = QImage.Format.Format_RGB888
        return QImage(pixels.data, columns, rows, 3 * columns, kind).copy()
    low, high = limits
    scale = 255 / max(high - low, 1e-6)
    with np.errstate(invalid="ignore"):  # where a file says that there is no number
        grey = np.clip((picture.values - low) * scale, 0, 255).astype(np.uint8)
    grey[~picture.inside] = 0
    kind = QImage.Format.Format_Grayscale8
    return QImage(grey.data, columns, rows, columns, kind).copy()
