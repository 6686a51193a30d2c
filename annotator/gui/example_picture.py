"""A small picture of what a model that is being trained draws on a slice that was held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QTransform
from qtpy.QtWidgets import QSizePolicy, QWidget

from annotator.gui.label_paths import label_paths
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from qtpy.QtGui import QPainterPath, QPaintEvent

SIDE = 190
_BLACK, _WHITE = 1.0, 99.0
"""Percentiles of the slice that are shown black and white."""


class ExamplePicture(QWidget):
    """The slice, what is right as a dashed white line, what was drawn in the label's colour."""

    def __init__(self, color_of: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color_of = color_of
        self.title = ""
        self._image: QImage | None = None
        self._right: dict[int, QPainterPath] = {}
        self._drawn: dict[int, QPainterPath] = {}
        self.setFixedSize(SIDE, SIDE + 22)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return a square with a line of words below it."""
        return QSize(SIDE, SIDE + 22)

    def show_example(
        self,
        title: str,
        image: NDArray[np.floating],
        target: NDArray[np.unsignedinteger],
        drawn: NDArray[np.unsignedinteger],
    ) -> None:
        """Show a slice ``(y, x)`` or ``(y, x, channel)``; masks are ``(y, x)`` label values."""
        self.title = title
        self._image = as_picture(image)
        self._right, self._drawn = label_paths(target), label_paths(drawn)
        shared = np.count_nonzero((target == drawn) & (target > 0))
        total = np.count_nonzero(target) + np.count_nonzero(drawn)
        said = f"Dice {2 * shared / total:.2f} on this slice" if total else "nothing to draw here"
        self.setAccessibleName(f"Example: {title}, {said}")
        self.setToolTip(
            f"{title}: {said}.\nColoured: what the model draws now. White, dashed: what is right."
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the slice as large as it fits, with both outlines, and its title below."""
        painter, tokens = QPainter(self), shown_tokens()
        field = QRectF(0, 0, SIDE, SIDE)
        painter.fillRect(field, QColor("#000000"))
        if self._image is None:
            return
        rows, columns = self._image.height(), self._image.width()
        scale = min(SIDE / columns, SIDE / rows)
        place = QRectF(0, 0, columns * scale, rows * scale)
        place.moveCenter(field.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        to_screen = QTransform(
            scale, 0, 0, scale, place.left() + 0.5 * scale, place.top() + 0.5 * scale
        )
        painter.save()
        painter.setClipRect(place)
        for value, path in self._drawn.items():
            color = QColor(self._color_of(value))
            painter.setPen(QPen(color, 2.0))
            color.setAlpha(70)
            painter.setBrush(color)
            painter.drawPath(to_screen.map(path))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor("#ffffff"), 1.4, Qt.PenStyle.DashLine))
        for path in self._right.values():
            painter.drawPath(to_screen.map(path))
        painter.restore()
        painter.setPen(QColor(tokens.muted))
        shown = painter.fontMetrics().elidedText(self.title, Qt.TextElideMode.ElideMiddle, SIDE)
        painter.drawText(QRectF(0, SIDE + 3, SIDE, 19), Qt.AlignmentFlag.AlignLeft, shown)


def as_picture(image: NDArray[np.floating]) -> QImage:
    """Return a slice as grey levels, most of its values between black and white."""
    values = np.asarray(image, np.float32)
    low, high = (float(value) for value in np.percentile(values, [_BLACK, _WHITE]))
    scaled = np.clip((values - low) * (255.0 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    colored = scaled if scaled.ndim == 3 else np.repeat(scaled[..., None], 3, axis=2)
    pixels = np.ascontiguousarray(colored[..., :3] if colored.shape[2] >= 3 else colored[..., :1])
    rows, columns, channels = pixels.shape
    form = QImage.Format.Format_RGB888 if channels == 3 else QImage.Format.Format_Grayscale8
    return QImage(pixels.data, columns, rows, channels * columns, form).copy()  # the array goes
