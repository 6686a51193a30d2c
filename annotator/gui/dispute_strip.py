"""A strip along the slice slider that shows where raters disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QKeyEvent, QMouseEvent, QPaintEvent

_MARGIN = 8


class DisputeStrip(QWidget):
    """One bar a slice, as high as the slice is disputed; a click jumps there.

    Emits ``jumped(slice)``. Left and right step through the disputed slices.
    """

    jumped = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._profile: NDArray[np.int64] = np.zeros(0, np.int64)
        self._position = 0
        self._spans: tuple[tuple[int, int], ...] = ()
        self._highlight: tuple[int, int] | None = None
        self.setObjectName("strip")
        self.setAccessibleName("Where raters disagree, slice by slice")
        self.setToolTip(
            "Higher bars: more disputed voxels in that slice. Click to go there; the left and "
            "right arrow keys step from one disputed slice to the next."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return four lines of text in height."""
        return QSize(300, 4 * self.fontMetrics().height())

    def set_profile(self, profile: NDArray[np.integer]) -> None:
        """Show disputed voxels per slice, ``(n_slices,)``."""
        self._profile = np.asarray(profile, np.int64)
        self.update()

    def set_position(self, place: int) -> None:
        """Mark the slice that the views show."""
        if place != self._position:
            self._position = place
            self.update()

    def set_highlight(self, span: tuple[int, int] | None) -> None:
        """Mark the slices of the current region, half-open."""
        self._highlight = span
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, the current region and the shown slice."""
        tokens = shown_tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(tokens.panel))
        line = self.fontMetrics().height()
        area = QRectF(_MARGIN, line + 3, self.width() - 2 * _MARGIN, self.height() - line - 9)
        painter.setPen(QColor(tokens.muted))
        painter.drawText(QPointF(_MARGIN, line - 2), self._caption())
        painter.fillRect(area, QColor(tokens.field))
        n_slices = len(self._profile)
        if n_slices:
            step = area.width() / n_slices
            if self._highlight is not None:
                first, last = self._highlight
                painter.fillRect(
                    QRectF(
                        area.left() + first * step, area.top(), (last - first) * step, area.height()
                    ),
                    QColor(tokens.selection),
                )
            self._bars(painter, area, step)
            x = area.left() + (self._position + 0.5) * step
            painter.setPen(QPen(QColor(tokens.text), 1.5))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setBrush(QColor(tokens.text))
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(x - 4, area.bottom() + 5),
                        QPointF(x + 4, area.bottom() + 5),
                        QPointF(x, area.bottom()),
                    ]
                )
            )
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.focus), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _bars(self, painter: QPainter, area: QRectF, step: float) -> None:
        highest = int(self._profile.max())
        if not highest:
            return
        color = QColor(shown_tokens().caution)
        for place in np.flatnonzero(self._profile):
            # the root keeps a slice with few disputed voxels visible beside one with many
            height = max(2.0, area.height() * float(np.sqrt(self._profile[place] / highest)))
            painter.fillRect(
                QRectF(
                    area.left() + place * step, area.bottom() - height, max(1.0, step * 0.9), height
                ),
                color,
            )

    def _caption(self) -> str:
        disputed = np.flatnonzero(self._profile)
        if not len(self._profile):
            return ""
        if not disputed.size:
            return "No slice is disputed"
        here = int(self._profile[min(self._position, len(self._profile) - 1)])
        return (
            f"Disputed in {disputed.size} of {len(self._profile)} slices · "
            f"slice {self._position + 1}: {here} voxels"
        )

    def _slice_at(self, x: float) -> int:
        width = max(1, self.width() - 2 * _MARGIN)
        place = int((x - _MARGIN) / width * len(self._profile))
        return min(max(place, 0), max(0, len(self._profile) - 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice under the pointer."""
        if len(self._profile) and event.button() == Qt.MouseButton.LeftButton:
            self.jumped.emit(self._slice_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow a drag; name the slice under the pointer otherwise."""
        if not len(self._profile):
            return
        place = self._slice_at(event.position().x())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.jumped.emit(place)
        else:
            QToolTip.showText(
                event.globalPosition().toPoint(),
                f"Slice {place + 1}: {int(self._profile[place])} disputed voxels",
                self,
            )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step to the next or previous disputed slice."""
        disputed = np.flatnonzero(self._profile)
        if event.key() == Qt.Key.Key_Right:
            later = disputed[disputed > self._position]
            place = int(later[0]) if later.size else None
        elif event.key() == Qt.Key.Key_Left:
            earlier = disputed[disputed < self._position]
            place = int(earlier[-1]) if earlier.size else None
        else:
            super().keyPressEvent(event)
            return
        if place is not None:
            self.jumped.emit(place)
