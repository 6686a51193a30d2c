"""The size of the brush: in millimetres, or on the screen whatever the zoom."""

from __future__ import annotations

from math import log10

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QWidget

from annotator.gui.buttons import label

_STEPS = 100
MM = (0.5, 100.0)
"""Least and largest diameter."""
PIXELS = (2.0, 400.0)


class BrushSize(QWidget):
    """Diameter of the brush on a logarithmic slider, and what it is measured in.

    Signals: ``changed(diameter)`` in mm, or in pixels of the screen while ``follows_zoom``;
    ``follow_changed(on)``.
    """

    changed = Signal(float)
    follow_changed = Signal(bool)

    def __init__(self, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = "mm"
        self._kept = {False: MM[0], True: PIXELS[0]}
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setFixedWidth(84)
        self.slider.setAccessibleName("Brush size")
        self.slider.setToolTip(
            "Diameter of brush and eraser. Keys [ and ] make it smaller, larger."
        )
        self._words = label("")
        self._words.setMinimumWidth(self.fontMetrics().horizontalAdvance("00.0 mm "))
        self.follow = QCheckBox("Follow zoom")
        self.follow.setToolTip(
            "The brush stays as large on the screen when you zoom in; else it keeps its size in mm."
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.setSpacing(6)
        self.setFixedHeight(height)
        for part in (self.slider, self._words, self.follow):
            layout.addWidget(part)
        self._show()
        self.slider.valueChanged.connect(self._moved)
        self.follow.toggled.connect(self._followed)

    @property
    def follows_zoom(self) -> bool:
        """Whether the size is in pixels of the screen."""
        return self.follow.isChecked()

    def value(self) -> float:
        """Return the diameter, in mm or pixels."""
        return self._kept[self.follows_zoom]

    def use(self, *, mm: float, pixels: float, follows_zoom: bool) -> None:
        """Take other sizes, not told as a change."""
        self._kept = {False: mm, True: pixels}
        self.follow.blockSignals(True)
        self.follow.setChecked(follows_zoom)
        self.follow.blockSignals(False)
        self._show()

    def set_unit(self, unit: str) -> None:
        """Name the unit: ``mm``, or ``px`` where the image is not calibrated."""
        self._unit = unit
        self._write()

    def step(self, steps: int) -> None:
        """Make the brush larger or smaller by steps of the slider, told as a change."""
        self.slider.setValue(self.slider.value() + steps)

    def _range(self) -> tuple[float, float]:
        return PIXELS if self.follows_zoom else MM

    def _show(self) -> None:
        low, high = self._range()
        bounded = min(max(self.value(), low), high)
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * log10(bounded / low) / log10(high / low)))
        self.slider.blockSignals(False)
        self._write()

    def _moved(self, step: int) -> None:
        low, high = self._range()
        self._kept[self.follows_zoom] = low * (high / low) ** (step / _STEPS)
        self._write()
        self.changed.emit(self.value())

    def _followed(self, on: bool) -> None:
        self._show()
        self.follow_changed.emit(on)

    def _write(self) -> None:
        value = self.value()
        unit = "px" if self.follows_zoom else self._unit
        self._words.setText(
            f"{value:.1f} {unit}" if value < 10 and not self.follows_zoom else f"{value:.0f} {unit}"
        )
