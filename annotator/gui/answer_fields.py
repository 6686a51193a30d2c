"""One widget for each kind of diagnosis field: a choice, a number, a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import set_look

if TYPE_CHECKING:
    from annotator.domain.schema import DiagnosisField

RADIO_LIMIT = 4
_UNBOUNDED = 1e6


class AnswerField(QWidget):
    """What every field can do. ``answer`` is None while nothing is answered."""

    changed = Signal()

    def answer(self) -> str | None:
        """Return the answer as the store keeps it."""
        raise NotImplementedError

    def show_answer(self, answer: str | None) -> None:
        """Show an answer; one that the field does not know is shown as none."""
        raise NotImplementedError

    def mark(self, *, missing: bool) -> None:
        """Outline the field where its answer is missing."""
        set_look(self._target(), "missing", "true" if missing else "false")

    def _target(self) -> QWidget:
        return self

    def _fill(self, widget: QWidget) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(widget)
        self.setFocusProxy(widget)


class RadioField(AnswerField):
    """A choice among few."""

    def __init__(self, field: DiagnosisField) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.setSpacing(1)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QRadioButton] = {}
        for key, title in field.choices:
            button = QRadioButton(title)
            button.setAccessibleName(f"{field.title}: {title}")
            button.setToolTip(f"Answer “{title}” to “{field.title}”.")
            self._group.addButton(button)
            layout.addWidget(button)
            self.buttons[key] = button
        if self.buttons:
            self.setFocusProxy(next(iter(self.buttons.values())))
        self._group.buttonClicked.connect(lambda: self.changed.emit())

    def answer(self) -> str | None:
        """Return the key of the chosen answer."""
        return next((key for key, button in self.buttons.items() if button.isChecked()), None)

    def show_answer(self, answer: str | None) -> None:
        """Check the button of that key."""
        self._group.setExclusive(False)
        for key, button in self.buttons.items():
            button.setChecked(key == answer)
        self._group.setExclusive(True)


class ComboField(AnswerField):
    """A choice among many."""

    def __init__(self, field: DiagnosisField) -> None:
        super().__init__()
        self.combo = QComboBox()
        self.combo.setAccessibleName(field.title)
        self.combo.setToolTip(f"Choose one answer to “{field.title}”.")
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(12)
        self.combo.addItem("Choose…", None)
        for key, title in field.choices:
            self.combo.addItem(title, key)
        self._fill(self.combo)
        self.combo.currentIndexChanged.connect(lambda: self.changed.emit())

    def answer(self) -> str | None:
        """Return the key of the chosen answer."""
        chosen = self.combo.currentData()
        return None if chosen is None else str(chosen)

    def show_answer(self, answer: str | None) -> None:
        """Choose the item of that key."""
        self.combo.blockSignals(True)
        self.combo.setCurrentIndex(max(0, self.combo.findData(answer)))
        self.combo.blockSignals(False)

    def _target(self) -> QWidget:
        return self.combo


class NumberField(AnswerField):
    """A number within bounds; the step below the minimum stands for no answer."""

    def __init__(self, field: DiagnosisField) -> None:
        super().__init__()
        low = -_UNBOUNDED if field.minimum is None else field.minimum
        high = _UNBOUNDED if field.maximum is None else field.maximum
        whole = float(low).is_integer() and float(high).is_integer() and high - low >= 5
        self.spin = QDoubleSpinBox()
        self.spin.setDecimals(0 if whole else 2)
        self.spin.setSingleStep(1.0 if whole else 0.1)
        self.spin.setRange(low - self.spin.singleStep(), high)
        self.spin.setSpecialValueText("not given")
        self.spin.setValue(self.spin.minimum())
        self.spin.setAccessibleName(field.title)
        bounds = f" From {low:g} to {high:g}." if abs(low) < _UNBOUNDED > abs(high) else ""
        self.spin.setToolTip(f"A number for “{field.title}”.{bounds}")
        self._fill(self.spin)
        self.spin.valueChanged.connect(lambda: self.changed.emit())

    def answer(self) -> str | None:
        """Return the number as text, without trailing zeros."""
        if self.spin.value() == self.spin.minimum():
            return None
        return f"{self.spin.value():.{self.spin.decimals()}f}"

    def show_answer(self, answer: str | None) -> None:
        """Show the number."""
        self.spin.blockSignals(True)
        try:
            value = self.spin.minimum() if answer is None else float(answer)
        except ValueError:
            value = self.spin.minimum()
        self.spin.setValue(value)
        self.spin.blockSignals(False)

    def _target(self) -> QWidget:
        return self.spin


class TextField(AnswerField):
    """A line of text."""

    def __init__(self, field: DiagnosisField) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(field.title)
        self.line.setToolTip(f"Your words on “{field.title}”.")
        self._fill(self.line)
        self.line.textEdited.connect(lambda: self.changed.emit())

    def answer(self) -> str | None:
        """Return the text, or None where it is blank."""
        return self.line.text().strip() or None

    def show_answer(self, answer: str | None) -> None:
        """Show the text."""
        self.line.setText(answer or "")

    def _target(self) -> QWidget:
        return self.line


def make_field(field: DiagnosisField) -> AnswerField:
    """Return the widget that fits a field of the schema."""
    if field.kind == "number":
        return NumberField(field)
    if field.kind == "text":
        return TextField(field)
    if len(field.choices) <= RADIO_LIMIT:
        return RadioField(field)
    return ComboField(field)
