"""The label palette: names and colours from the schema, an eye, a lock, an opacity for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import ElidedLabel, IconSwitch, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.schema import Label, LabelSchema


def swatch(color: str, size: int = 16) -> QIcon:
    """Return a filled square of a ``#rrggbb`` colour with a thin outline."""
    drawn = QPixmap(size * 2, size * 2)
    drawn.setDevicePixelRatio(2.0)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor("#808890"))
    painter.setBrush(QColor(color))
    painter.drawRoundedRect(1, 1, size - 2, size - 2, 3, 3)
    painter.end()
    return QIcon(drawn)


class LabelPalette(QWidget):
    """Which label is drawn, and how each is shown; under headings where there are groups.

    Signals: ``label_chosen(value)``, ``visibility_changed(value, on)``, ``locks_changed()``,
    ``label_opacity_changed(value, 0..1)``, ``opacity_changed(0..1)``.
    """

    label_chosen = Signal(int)
    visibility_changed = Signal(int, bool)
    locks_changed = Signal()
    label_opacity_changed = Signal(int, float)
    opacity_changed = Signal(float)

    def __init__(
        self, schema: LabelSchema, *, opacity: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[int, QPushButton] = {}
        self.eyes: dict[int, IconSwitch] = {}
        self.group_eyes: dict[str, IconSwitch] = {}
        self.locks: dict[int, IconSwitch] = {}
        self._opacities: dict[int, int] = {entry.value: 100 for entry in schema.labels}
        self._names = {entry.value: entry.name for entry in schema.labels}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        place = 0
        for group in schema.groups:
            entries = [entry for entry in schema.labels if entry.group == group]
            if len(schema.groups) > 1:
                layout.addLayout(self._heading(group, entries))
            for entry in entries:
                layout.addLayout(self._row(place, entry))
                place += 1
        self.opacity = self._slider(
            "Opacity of all marks", "How strongly your marks cover the image.", round(100 * opacity)
        )
        self.opacity.valueChanged.connect(lambda percent: self.opacity_changed.emit(percent / 100))
        self.label_opacity = self._slider(
            "Opacity of the chosen label", "The same for the chosen label alone.", 100
        )
        self.label_opacity.valueChanged.connect(self._fade)
        self._of_label = label("This label", "small")
        sliders = QGridLayout()
        sliders.setContentsMargins(0, 4, 0, 0)
        sliders.setHorizontalSpacing(8)
        sliders.addWidget(label("All labels", "small"), 0, 0)
        sliders.addWidget(self.opacity, 0, 1)
        sliders.addWidget(self._of_label, 1, 0)
        sliders.addWidget(self.label_opacity, 1, 1)
        layout.addLayout(sliders)
        if schema.labels:
            self.choose(next(iter(self.buttons)))

    @property
    def current(self) -> int:
        """The value of the label that is drawn, 0 where the schema has none."""
        return next((value for value, made in self.buttons.items() if made.isChecked()), 0)

    @property
    def hidden(self) -> frozenset[int]:
        """Values of the labels that are not shown."""
        return frozenset(value for value, eye in self.eyes.items() if not eye.isChecked())

    @property
    def locked(self) -> frozenset[int]:
        """Values of the labels that no tool may change."""
        return frozenset(value for value, lock in self.locks.items() if lock.isChecked())

    def set_locked(self, values: frozenset[int]) -> None:
        """Lock these labels and no others."""
        for value, lock in self.locks.items():
            lock.setChecked(value in values)

    def choose(self, value: int) -> None:
        """Make a label the one that is drawn; a value that the schema lacks is ignored."""
        if value in self.buttons:
            self.buttons[value].setChecked(True)
            self.label_opacity.blockSignals(True)
            self.label_opacity.setValue(self._opacities[value])
            self.label_opacity.blockSignals(False)
            metrics = self._of_label.fontMetrics()
            name = metrics.elidedText(self._names[value], Qt.TextElideMode.ElideRight, 84)
            self._of_label.setText(name)

    def choose_nth(self, place: int) -> int | None:
        """Choose the label at a place, from 0; return its value, None where there is none."""
        values = list(self.buttons)
        if place >= len(values):
            return None
        self.choose(values[place])
        self.label_chosen.emit(values[place])
        return values[place]

    def _heading(self, group: str, entries: Sequence[Label]) -> QHBoxLayout:
        """Return the name of a group with an eye for all of its labels."""
        name = group or "Other labels"
        title = ElidedLabel(name)
        title.setProperty("role", "small")
        title.setToolTip(
            f"Labels of the group “{name}” exclude each other; they may share voxels with labels "
            "of other groups, which drawing them leaves as they are."
        )
        eye = IconSwitch(
            "eye", "eye-off", f"Show group {name}", f"Show or hide all labels of “{name}”.", self
        )
        eye.toggled.connect(lambda on: self._show_all(entries, on))
        self.group_eyes[group] = eye
        row = QHBoxLayout()
        row.setContentsMargins(0, 4, 0, 0)
        row.addWidget(title, 1)
        row.addWidget(eye)
        return row

    def _show_all(self, entries: Sequence[Label], on: bool) -> None:
        for entry in entries:
            self.eyes[entry.value].setChecked(on)

    def _row(self, place: int, entry: Label) -> QHBoxLayout:
        button = QPushButton(swatch(entry.color), f"  {entry.name}")
        button.setCheckable(True)
        button.setAutoDefault(False)
        button.setIconSize(QSize(16, 16))
        button.setStyleSheet("text-align: left;")
        button.setMinimumWidth(60)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        key = f" Key {place + 1}." if place < 9 else ""
        needed = " Expected in every reading." if entry.required else ""
        button.setAccessibleName(f"Draw label {entry.name}")
        button.setToolTip(f"Draw “{entry.name}”.{key}{needed}")
        button.clicked.connect(lambda: self._chosen(entry.value))
        self._group.addButton(button)
        eye = IconSwitch(
            "eye", "eye-off", f"Show label {entry.name}", f"Show or hide “{entry.name}”.", self
        )
        eye.toggled.connect(lambda on: self.visibility_changed.emit(entry.value, on))
        lock = IconSwitch(
            "lock",
            "unlock",
            f"Lock label {entry.name}",
            f"Lock or unlock “{entry.name}”: no tool changes a locked label.",
            self,
        )
        lock.setChecked(False)
        lock.toggled.connect(self.locks_changed)
        self.buttons[entry.value] = button
        self.eyes[entry.value] = eye
        self.locks[entry.value] = lock
        row = QHBoxLayout()
        row.setSpacing(2)
        badge = label(str(place + 1) if place < 9 else " ", "key")
        badge.setFixedWidth(badge.fontMetrics().horizontalAdvance("0") + 16)
        badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(badge)
        row.addWidget(button, 1)
        row.addWidget(lock)
        row.addWidget(eye)
        return row

    def _slider(self, name: str, tooltip: str, percent: int) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(percent)
        slider.setAccessibleName(name)
        slider.setToolTip(tooltip)
        return slider

    def _chosen(self, value: int) -> None:
        self.choose(value)
        self.label_chosen.emit(value)

    def _fade(self, percent: int) -> None:
        self._opacities[self.current] = percent
        self.label_opacity_changed.emit(self.current, percent / 100)
