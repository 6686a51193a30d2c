"""What every tool must keep to: where, at which values, over which labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)
from superqt import QDoubleRangeSlider

from annotator.drawing.rules import MaskingRules
from annotator.drawing.slide_surface import SlideSurface
from annotator.gui.buttons import Button, label
from annotator.gui.label_palette import swatch
from annotator.gui.rules_words import AREAS, OVERWRITES

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.surface import Surface

_REGIONS = "regions"
_SAMPLED = 128
"""Voxels along each axis that are looked at to learn the range of values."""


class RulesPanel(QWidget):
    """A section that folds. Emits ``changed(MaskingRules)``: all but locked and hidden labels."""

    changed = Signal(object)
    tint_changed = Signal(bool)

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._regions: tuple[Box, ...] = ()
        self.fold = Button("", "", self._turn, kind="quiet")
        self.fold.setStyleSheet("text-align: left; padding-left: 0;")
        self.area = QComboBox()
        self.area.setAccessibleName("Where may be drawn")
        self.area.setToolTip("Where every tool may write, by what is drawn there now.")
        for name, title in AREAS:
            self.area.addItem(title, name)
        for entry in schema.labels:
            self.area.addItem(swatch(entry.color), f"Inside {entry.name}", entry.value)
        self.overwrite = QComboBox()
        self.overwrite.setAccessibleName("What may be drawn over")
        self.overwrite.setToolTip(
            "Which other labels give way to the one that is drawn. Erasing is not overwriting."
            + (" Labels of other groups are never drawn over." if len(schema.groups) > 1 else "")
        )
        for policy, title in OVERWRITES:
            self.overwrite.addItem(title, policy)
        self.by_value = QCheckBox("Only values between")
        self.by_value.setToolTip("Tools write only where the image has a value in this range.")
        self.range = QDoubleRangeSlider(Qt.Orientation.Horizontal)  # type: ignore[no-untyped-call]
        self.range.setAccessibleName("Range of values")
        self.range.setToolTip("Lowest and highest value of the image that may be drawn on.")
        self.low, self.high = self._number("Lowest value"), self._number("Highest value")
        self.tint = QCheckBox("Show on the image")
        self.tint.setToolTip("Tints what may be drawn on in the slices that are shown.")
        self.tint.setChecked(True)
        self._lay_out()
        self._connect()
        self.set_range(-1000.0, 1000.0, "")
        self._turn()

    def _number(self, name: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setAccessibleName(name)
        box.setToolTip(f"{name} of the image that may be drawn on.")
        box.setKeyboardTracking(False)
        box.lineEdit().setTextMargins(4, 0, 0, 0)
        return box

    def _lay_out(self) -> None:
        self._body = QWidget()
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(1, 1)
        grid.addWidget(label("Where", "small"), 0, 0)
        grid.addWidget(self.area, 0, 1)
        grid.addWidget(label("Draws over", "small"), 1, 0)
        grid.addWidget(self.overwrite, 1, 1)
        grid.addWidget(self.by_value, 2, 0, 1, 2)
        self._values = QWidget()
        values = QVBoxLayout(self._values)
        values.setContentsMargins(0, 0, 0, 0)
        values.setSpacing(5)
        values.addWidget(self.range)
        ends = QHBoxLayout()
        ends.setSpacing(6)
        ends.addWidget(self.low, 1)
        ends.addWidget(self.high, 1)
        values.addLayout(ends)
        values.addWidget(self.tint)
        grid.addWidget(self._values, 3, 0, 1, 2)
        for box in (self.area, self.overwrite):
            box.setMinimumContentsLength(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._body)

    def _connect(self) -> None:
        self.area.activated.connect(self._tell)
        self.overwrite.activated.connect(self._tell)
        self.by_value.toggled.connect(self._tell)
        self.low.valueChanged.connect(self._typed)
        self.high.valueChanged.connect(self._typed)
        self.range.valueChanged.connect(self._slid)
        self.tint.toggled.connect(self.tint_changed)

    @property
    def rules(self) -> MaskingRules:
        """What is set here; nothing of it concerns locked or hidden labels."""
        chosen = self.area.currentData()
        rules = MaskingRules(overwrite=self.overwrite.currentData())
        if chosen == _REGIONS:
            rules = replace(rules, regions=self._regions)
        elif isinstance(chosen, int):
            rules = replace(rules, area="inside one", area_label=chosen)
        else:
            rules = replace(rules, area=chosen)
        if self.by_value.isChecked():
            rules = replace(rules, intensity=(self.low.value(), self.high.value()))
        return rules

    def set_regions(self, regions: tuple[Box, ...]) -> None:
        """Offer to keep to the boxes that the rater was asked for."""
        self._regions = regions
        place = self.area.findData(_REGIONS)
        if place >= 0:
            self.area.removeItem(place)
        if regions:
            self.area.addItem("Inside the framed regions", _REGIONS)

    def set_range(self, low: float, high: float, unit: str) -> None:
        """Let values be chosen between these, in modality units."""
        digits = 0 if high - low > 20 else 3
        parts = (self.range, self.low, self.high)
        for part in parts:
            part.blockSignals(True)
        for box in (self.low, self.high):
            box.setDecimals(digits)
            box.setRange(low, high)
            box.setSingleStep(10.0**-digits if digits else 10.0)
            box.setSuffix(f" {unit}" if unit else "")
        self.range.setRange(low, high)
        self.range.setValue((low, high))
        self.low.setValue(low)
        self.high.setValue(high)
        for part in parts:
            part.blockSignals(False)
        self._tell()

    def free(self) -> None:
        """Forbid nothing."""
        self.area.setCurrentIndex(0)
        self.overwrite.setCurrentIndex(0)
        self.by_value.setChecked(False)
        self._tell()

    def unfold(self) -> None:
        """Show the fields."""
        if self._body.isHidden():
            self._turn()

    def _turn(self) -> None:
        self._body.setVisible(self._body.isHidden())
        is_open = not self._body.isHidden()
        self.fold.setText(f"{'▾' if is_open else '▸'}  Rules for all tools")
        self.fold.setAccessibleName("Rules for all tools")
        self.fold.setToolTip(
            f"{'Hide' if is_open else 'Show'} what every tool must keep to: where may be drawn, "
            "at which values, over which labels."
        )

    def _slid(self, ends: tuple[float, float]) -> None:
        for box, value in zip((self.low, self.high), ends, strict=True):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        self._tell()

    def _typed(self) -> None:
        low, high = sorted((self.low.value(), self.high.value()))
        self.range.blockSignals(True)
        self.range.setValue((low, high))
        self.range.blockSignals(False)
        self._slid((low, high))

    def _tell(self) -> None:
        self._values.setVisible(self.by_value.isChecked())
        self.changed.emit(self.rules)


def value_range(surface: Surface) -> tuple[float, float]:
    """Return a lowest and a highest value of an image, by every n-th voxel of large ones."""
    image = surface.image
    if isinstance(surface, SlideSurface):
        image = surface.tiles.overview()[None]
    if image is None:
        return 0.0, 1.0
    steps = tuple(slice(None, None, max(1, size // _SAMPLED)) for size in image.shape[:3])
    z, y, x = surface.shape
    sampled = replace(surface, image=image[steps]).values(((0, 0, 0), (z, y, x)))
    low, high = float(sampled.min()), float(sampled.max())
    return (low, high) if high > low else (low, low + 1.0)
