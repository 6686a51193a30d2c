"""A small picture of one slice with what a fusion method, or a model, draws on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QTransform
from qtpy.QtWidgets import QWidget

from annotator.gui.label_colors import opaque_colors
from annotator.gui.label_paths import label_paths
from annotator.gui.planes import planes_of
from annotator.gui.theme import shown_tokens
from annotator.gui.window_level import first_window

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

HEIGHT = 190
_MARGIN_MM = 12.0
_LEAST_PX = 24


class Pictured(Protocol):
    """A case as pictures need it; ``voxels`` are stored values ``(z, y, x[, channel])``."""

    @property
    def series(self) -> Series:
        """The facts of what is drawn on."""
        ...

    @property
    def schema(self) -> LabelSchema:
        """The labels and their colours."""
        ...

    @property
    def voxels(self) -> NDArray[Any]:
        """The image."""
        ...


class PictureSource:
    """What all pictures share: the image, the cut around a region, the slice, the baseline."""

    def __init__(self, case: Pictured, box: Box | None, index: int) -> None:
        self.case = case
        self.index = index
        self.baseline: NDArray[np.unsignedinteger] | None = None
        self.plane = next(plane for plane in planes_of(case.series) if plane.axis == 0)
        window = first_window(case.voxels, case.series)
        self._limits = window.limits if window is not None else None
        self._cut = self._around(box)

    def set_baseline(self, labels: NDArray[np.unsignedinteger] | None) -> None:
        """Compare with these labels, ``(z, y, x)``."""
        self.baseline = labels

    def _around(self, box: Box | None) -> tuple[slice, slice]:
        """Return rows and columns around a region, with some room; the whole slice for none."""
        if box is None:
            return slice(0, self.plane.shape[0]), slice(0, self.plane.shape[1])
        found = []
        for span, size, step in zip(
            self.plane.window(box), self.plane.shape, self.plane.spacing_mm, strict=True
        ):
            margin = max(_LEAST_PX, round(_MARGIN_MM / step))
            found.append(slice(max(0, span.start - margin), min(size, span.stop + margin)))
        return found[0], found[1]

    def section(self, volume: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the slice of a volume on the grid of the image, cut."""
        return self.plane.cut(volume, self.index)[self._cut]

    def picture(self) -> QImage:
        """Return the slice as it is shown, without anything over it."""
        section = np.asarray(self.section(self.case.voxels))
        if self._limits is not None:
            low, high = self._limits
            scaled = (section.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
            section = np.repeat(np.clip(scaled, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        pixels = np.ascontiguousarray(section[..., :3], np.uint8)
        rows, columns, _ = pixels.shape
        image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
        return image.copy()  # the array goes


class MethodPicture(QWidget):
    """Paints the slice, labels ``(z, y, x)`` filled, and where the baseline differs, dashed."""

    def __init__(
        self,
        source: PictureSource,
        labels: NDArray[np.unsignedinteger] | None,
        title: str,
        tooltip: str,
    ) -> None:
        super().__init__()
        self._source = source
        self._labels = labels
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName(f"What {title} draws")
        self.setToolTip(tooltip)

    def sizeHint(self) -> QSize:
        """Return a wide picture."""
        return QSize(280, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the slice as large as it fits, its pixels in their true proportions."""
        source, painter = self._source, QPainter(self)
        painter.fillRect(self.rect(), QColor(shown_tokens().field))
        image = source.picture()
        down, across = source.plane.spacing_mm
        scale = min(
            self.width() / (image.width() * across), self.height() / (image.height() * down)
        )
        width, height = image.width() * across * scale, image.height() * down * scale
        place = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, image)
        if self._labels is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(place)
        to_screen = QTransform(
            across * scale, 0, 0, down * scale,
            place.left() + 0.5 * across * scale, place.top() + 0.5 * down * scale,
        )  # fmt: skip
        labels = np.asarray(source.section(self._labels)).astype(np.uint16)
        colors = opaque_colors(source.case.schema)
        for value, path in label_paths(labels).items():
            color = QColor(colors.get(value, "#ffffff"))
            painter.setPen(QPen(color, 2.2))
            color.setAlpha(110)
            painter.setBrush(color)
            painter.drawPath(to_screen.map(path))
        if source.baseline is not None and source.baseline is not self._labels:
            self._paint_baseline(painter, labels, to_screen)

    def _paint_baseline(
        self, painter: QPainter, labels: NDArray[np.uint16], to_screen: QTransform
    ) -> None:
        baseline = np.asarray(self._source.section(self._source.baseline)).astype(np.uint16)  # type: ignore[arg-type]
        if np.array_equal(baseline, labels):
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor("#ffffff"), 1.4, Qt.PenStyle.DashLine))
        for path in label_paths(baseline).values():
            painter.drawPath(to_screen.map(path))
