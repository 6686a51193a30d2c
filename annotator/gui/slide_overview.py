"""The whole slide in a corner of its view: where that is, and how near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

_LONGEST = 180
"""Of the longer side of the picture, pixels."""
_TEXT = 20
_ALONE = 72
"""How wide the text is where there is no picture above it."""
_LEAST_VIEW = 420
"""A view less wide than this has no room for it."""
_GAP = 10
_LEAST_FRAME = 6.0
_UM_AT_TEN = 10.0
"""Micrometres a pixel that a picture has at the magnification of 1: 0.25 µm is 40×."""


def magnification(zoom: float, spacing_mm: float, *, is_calibrated: bool) -> str:
    """Return how near the slide is seen, in words: as with an objective, or screen pixels a pixel.

    ``zoom`` is screen pixels a mm. Scanners call 0.25 µm a pixel 40× and 0.5 µm 20×.
    """
    if is_calibrated:
        return f"{_UM_AT_TEN / (1000 / zoom):.3g}×"
    return f"{100 * zoom * spacing_mm:.3g} %"


class SlideOverview(QWidget):
    """Click or drag in it to go there."""

    moved = Signal(float, float)
    """Row and column of the finest level that are wanted in the middle of the view."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Overview of the slide")
        self.setToolTip(
            "The whole slide; the frame is what is seen. Click or drag to go there.\n"
            "Below: the magnification, as with an objective (40× is 0.25 µm a pixel)."
        )
        self._image: QImage | None = None
        self._plane: Plane | None = None
        self._camera: ViewCamera | None = None
        self._text = ""
        self.hide()

    def use(self, plane: Plane | None) -> None:
        """Show another slide, or none."""
        self._plane, self._image, self._camera = plane, None, None
        self.hide()

    def show_picture(self, pixels: NDArray[Any]) -> None:
        """Show the slide, ``(rows, columns[, channel])``; of grey, nearly all values."""
        if pixels.ndim == 2:
            low, high = np.percentile(pixels, (0.5, 99.5)).tolist()
            grey = (pixels.astype(np.float32) - low) / max(high - low, 1e-6)
            shown = np.repeat((255 * np.clip(grey, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)
        elif pixels.dtype == np.uint8:
            shown = pixels[..., :3]
        else:
            top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
            shown = (pixels[..., :3] / top * 255).astype(np.uint8)
        shown = np.ascontiguousarray(shown)
        rows, columns = shown.shape[:2]
        self._image = QImage(
            shown.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888
        ).copy()
        self.update()

    def follow(self, camera: ViewCamera, *, is_calibrated: bool) -> None:
        """Show what a camera sees, in the upper right corner of the view."""
        plane = self._plane
        if plane is None or camera.size[0] < _LEAST_VIEW:
            self.hide()
            return
        self._camera = camera
        self._text = magnification(camera.zoom, plane.spacing_mm[0], is_calibrated=is_calibrated)
        height, width = (
            size * step for size, step in zip(plane.shape, plane.spacing_mm, strict=True)
        )
        scale = _LONGEST / max(height, width)
        wide, tall = max(64, round(width * scale)), max(24, round(height * scale))
        if self._shows_all(plane, camera):
            wide, tall = _ALONE, 0
        self.setGeometry(camera.size[0] - wide - _GAP, _GAP, wide, tall + _TEXT)
        self.show()
        self.raise_()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to a place."""
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go along."""
        if event.buttons():
            self._go(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the slide, the frame and the magnification."""
        plane, camera = self._plane, self._camera
        if plane is None or camera is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(16, 18, 22, 200))
        area = self._area()
        if area.height() > 0:
            self._paint_slide(painter, area, plane, camera)
        painter.setPen(QPen(QColor(255, 255, 255, 90), 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        font = painter.font()
        font.setPixelSize(13)
        painter.setFont(font)
        painter.setPen(QColor("#eef2f6"))
        foot = QRectF(0, area.height(), self.width(), _TEXT)
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignCenter), self._text)
        painter.end()

    def _paint_slide(
        self, painter: QPainter, area: QRectF, plane: Plane, camera: ViewCamera
    ) -> None:
        if self._image is not None:
            painter.drawImage(area, self._image)
        top, left = camera.to_slice(0, 0)
        bottom, right = camera.to_slice(*camera.size)
        rows, columns = plane.shape
        frame = QRectF(
            left / columns * area.width(),
            top / rows * area.height(),
            max(_LEAST_FRAME, (right - left) / columns * area.width()),
            max(_LEAST_FRAME, (bottom - top) / rows * area.height()),
        ).intersected(area.adjusted(1, 1, -1, -1))
        for color, wide in ((QColor(0, 0, 0, 190), 4.0), (QColor("#ffd24d"), 2.0)):
            painter.setPen(QPen(color, wide))
            painter.drawRect(frame)

    @staticmethod
    def _shows_all(plane: Plane, camera: ViewCamera) -> bool:
        """Whether the whole slide is seen: then there is nowhere to go."""
        top, left = camera.to_slice(0, 0)
        bottom, right = camera.to_slice(*camera.size)
        rows, columns = plane.shape
        return top <= 0 and left <= 0 and bottom >= rows - 1 and right >= columns - 1

    def _area(self) -> QRectF:
        return QRectF(0, 0, self.width(), self.height() - _TEXT)

    def _go(self, event: QMouseEvent) -> None:
        if self._plane is not None and self._area().height() > 0:
            area, place = self._area(), event.position()
            rows, columns = self._plane.shape
            across = min(max(place.x() / area.width(), 0.0), 1.0)
            down = min(max(place.y() / area.height(), 0.0), 1.0)
            self.moved.emit(down * rows - 0.5, across * columns - 0.5)
        event.accept()
