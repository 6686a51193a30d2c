"""The strip above the canvas: tools, brush size, grey-level window, layout."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFrame, QHBoxLayout, QSizePolicy, QSlider, QWidget
from superqt import QFlowLayout

from annotator.gui.buttons import ToolButton, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QAction

    from annotator.domain.study import Window

HEIGHT = 34
"""Of everything in the strip, so that its rows are straight."""
_LEAST_WIDTH = 400
BRUSH_MIN_MM, BRUSH_MAX_MM = 0.5, 100.0
_STEPS = 100


def separator() -> QFrame:
    """Return a thin upright line between groups of buttons."""
    line = QFrame()
    line.setFrameShape(QFrame.Shape.VLine)
    line.setFixedSize(5, HEIGHT)
    line.setEnabled(False)
    return line


class BrushSize(QWidget):
    """Diameter of the brush on a logarithmic slider. Emits ``changed(diameter)`` in mm."""

    changed = Signal(float)

    def __init__(self, diameter_mm: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = "mm"
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setFixedWidth(84)
        self.slider.setAccessibleName("Brush size")
        self.slider.setToolTip(
            "Diameter of brush and eraser. Keys [ and ] make it smaller, larger."
        )
        self._words = label("")
        self._words.setMinimumWidth(self.fontMetrics().horizontalAdvance("00.0 mm "))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.setSpacing(6)
        self.setFixedHeight(HEIGHT)
        layout.addWidget(self.slider)
        layout.addWidget(self._words)
        self.show_mm(diameter_mm)
        self.slider.valueChanged.connect(self._moved)

    def value_mm(self) -> float:
        """Return the diameter."""
        span = log10(BRUSH_MAX_MM / BRUSH_MIN_MM)
        return float(BRUSH_MIN_MM * 10 ** (span * self.slider.value() / _STEPS))

    def show_mm(self, diameter_mm: float) -> None:
        """Show a diameter without telling it as a change."""
        span = log10(BRUSH_MAX_MM / BRUSH_MIN_MM)
        bounded = min(max(diameter_mm, BRUSH_MIN_MM), BRUSH_MAX_MM)
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * log10(bounded / BRUSH_MIN_MM) / span))
        self.slider.blockSignals(False)
        self._write()

    def set_unit(self, unit: str) -> None:
        """Name the unit: ``mm``, or ``px`` where the image is not calibrated."""
        self._unit = unit
        self._write()

    def step(self, steps: int) -> None:
        """Make the brush larger or smaller by steps of the slider, told as a change."""
        self.slider.setValue(self.slider.value() + steps)

    def _moved(self) -> None:
        self._write()
        self.changed.emit(self.value_mm())

    def _write(self) -> None:
        value = self.value_mm()
        self._words.setText(
            f"{value:.1f} {self._unit}" if value < 10 else f"{value:.0f} {self._unit}"
        )


class ToolStrip(QWidget):
    """Buttons of the action table in groups, which wrap where the window is narrow."""

    window_chosen = Signal(float, float)
    """level, width in modality units"""
    brush_changed = Signal(float)

    def __init__(
        self,
        groups: Sequence[Sequence[QAction]],
        *,
        brush_mm: float | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("toolStrip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        layout = QFlowLayout(self)
        layout.setContentsMargins(8, 5, 8, 5)
        layout.setSpacing(3)
        self.brush = BrushSize(brush_mm or 6.0, self)
        self.brush.setVisible(brush_mm is not None)
        self.brush.changed.connect(self.brush_changed)
        self._windows: tuple[Window, ...] = ()
        self.windows = QComboBox()
        self.windows.setAccessibleName("Grey-level window")
        self.windows.setToolTip("Brightness and contrast. Ctrl+1, Ctrl+2 … choose one by key.")
        self.windows.setMinimumContentsLength(8)
        self.windows.setFixedHeight(HEIGHT)
        self.windows.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.windows.activated.connect(self._window_picked)
        for number, group in enumerate(groups):
            if number:
                layout.addWidget(separator())
            for action in group:
                button = ToolButton(action)
                button.setFixedSize(HEIGHT, HEIGHT)
                layout.addWidget(button)
            if number == 0 and brush_mm is not None:
                layout.addWidget(self.brush)
        layout.addWidget(self.windows)

    def sizeHint(self) -> QSize:
        """Return the size in the least width that the strip is ever shown in."""
        return QSize(_LEAST_WIDTH, self.heightForWidth(_LEAST_WIDTH))

    def minimumSizeHint(self) -> QSize:
        """Return the same: by itself the layout would count as a column one button wide."""
        return self.sizeHint()

    def add(self, widget: QWidget) -> None:
        """Put something of the room's own at the end."""
        layout = self.layout()
        if layout is not None:
            layout.addWidget(widget)

    def set_windows(self, windows: Sequence[Window]) -> None:
        """Offer these grey-level windows; none hides the choice."""
        self._windows = tuple(windows)
        self.windows.clear()
        for window in self._windows:
            self.windows.addItem(window.name or "from file")
        self.windows.addItem("custom")
        self.windows.setVisible(bool(self._windows))

    def show_window(self, level: float, width: float) -> None:
        """Show which preset the canvas shows, ``custom`` where none fits."""
        for place, window in enumerate(self._windows):
            if abs(window.level - level) < 0.5 and abs(window.width - width) < 0.5:
                self.windows.setCurrentIndex(place)
                return
        self.windows.setCurrentIndex(len(self._windows))

    def choose_window(self, place: int) -> bool:
        """Choose the preset at a place, from 0; returns whether there is one."""
        if place >= len(self._windows):
            return False
        self.windows.setCurrentIndex(place)
        self._window_picked(place)
        return True

    def _window_picked(self, place: int) -> None:
        if place < len(self._windows):
            window = self._windows[place]
            self.window_chosen.emit(window.level, window.width)
