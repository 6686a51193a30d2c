"""A form made of the declared options of a tool or an operation."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator.drawing.options import (
    ChoiceOption,
    LabelOption,
    NumberOption,
    SwitchOption,
    is_asked,
    with_defaults,
)
from annotator.gui.buttons import label, set_look
from annotator.gui.label_palette import swatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annotator.domain.schema import LabelSchema
    from annotator.drawing.options import Chosen, Option

HEIGHT = 30
"""Of every field, so that lines are straight."""
_WIDEST = 118
_LEAST_LETTERS = 4
_LONG_UNIT = 8
"""Letters of a unit beside which there is no room for the words."""
_WIDE = 1000.0
"""Numbers from a range as wide as this need no decimals."""


def kept_options(
    options: Sequence[Option], kept: Mapping[str, Chosen], schema: LabelSchema | None
) -> dict[str, Chosen]:
    """Return what options are set to, by what was kept of them; what does not fit any more is not.

    A label is one of the schema, or none.
    """
    values = () if schema is None else tuple(label.value for label in schema.labels)
    found: dict[str, Chosen] = {}
    for option in options:
        value = kept.get(option.key, option.default)
        if isinstance(option, LabelOption) and value not in values:
            continue
        with suppress(AnnotatorError):
            found |= with_defaults((option,), {option.key: value})
    return with_defaults(options, found)


class OptionForm(QWidget):
    """Fields for options, one under the other. Emits ``changed`` when a person sets one.

    ``rows`` are the fields with their words, for who wants to lay them out otherwise.
    """

    changed = Signal()

    def __init__(
        self,
        options: Sequence[Option],
        chosen: Mapping[str, Chosen],
        schema: LabelSchema | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._schema = schema
        self._options = tuple(options)
        self._parts: dict[str, tuple[QWidget, ...]] = {}
        self._read: dict[str, Callable[[], Chosen]] = {}
        self.fields: dict[str, QWidget] = {}
        self.rows = [
            self._row(option, chosen.get(option.key, option.default)) for option in options
        ]
        self.changed.connect(self.show_asked)

    def show_asked(self) -> None:
        """Hide the fields that mean nothing beside what the others are set to."""
        chosen = self.values()
        for option in self._options:
            if option.only_with is not None:
                for part in self._parts.get(option.key, ()):
                    part.setVisible(is_asked(option, chosen))

    def values(self) -> dict[str, Chosen]:
        """Return what every option is set to."""
        return {key: read() for key, read in self._read.items()}

    def lay_in_rows(self) -> None:
        """Put the fields one under the other, as narrow as the form is."""
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for option, (words, field) in zip(self._options, self.rows, strict=True):
            self._parts[option.key] = (words, field)
            row = grid.rowCount()
            set_look(words, "role", "small")
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            if isinstance(field, QDoubleSpinBox) and len(field.suffix()) <= _LONG_UNIT:
                field.setMinimumWidth(_WIDEST)
                grid.addWidget(words, row, 0)
                grid.addWidget(field, row, 1)
            else:
                grid.addWidget(words, row, 0, 1, 2)
                grid.addWidget(field, row + 1, 0, 1, 2)
        self.show_asked()

    def cells(self) -> list[QWidget]:
        """Return a widget for each field with its words beside it, to stand in a line.

        Who has put them there calls `show_asked`.
        """
        made = []
        for option, (words, field) in zip(self._options, self.rows, strict=True):
            cell = QWidget()
            self._parts[option.key] = (cell,)
            line = QHBoxLayout(cell)
            line.setContentsMargins(0, 0, 0, 0)
            line.setSpacing(5)
            if isinstance(field, QDoubleSpinBox):
                field.setMaximumWidth(_WIDEST)
            line.addWidget(words)
            line.addWidget(field)
            made.append(cell)
        return made

    def _row(self, option: Option, value: Chosen) -> tuple[QWidget, QWidget]:
        is_switch = isinstance(option, SwitchOption)
        words = label("" if is_switch else option.title)
        words.setToolTip(option.tooltip)
        field = self._field(option, value)
        field.setAccessibleName(option.title)
        field.setToolTip(option.tooltip)
        words.setBuddy(field)
        words.setVisible(not is_switch)
        field.setFixedHeight(HEIGHT)
        self.fields[option.key] = field
        return words, field

    def _field(self, option: Option, value: Chosen) -> QWidget:
        if isinstance(option, NumberOption):
            return self._number(option, float(value))
        if isinstance(option, ChoiceOption):
            return self._choice(option.key, [(t, n, "") for n, t in option.choices], value)
        if isinstance(option, LabelOption):
            labels = () if self._schema is None else self._schema.labels
            entries = [("None", 0, ""), *((one.name, one.value, one.color) for one in labels)]
            return self._choice(option.key, entries, value)
        return self._switch(option, bool(value))

    def _number(self, option: NumberOption, value: float) -> QWidget:
        box = QDoubleSpinBox()
        span = option.maximum - option.minimum
        box.setDecimals(0 if option.is_whole or span > _WIDE else 1 if span > 20 else 2)
        box.setRange(option.minimum, option.maximum)
        box.setSingleStep(1.0 if option.is_whole or span > 20 else round(max(span / 20, 0.01), 2))
        box.setValue(value)
        box.setSuffix(f" {option.unit}" if option.unit else "")
        box.setKeyboardTracking(False)
        box.lineEdit().setTextMargins(4, 0, 0, 0)
        box.valueChanged.connect(lambda _: self.changed.emit())
        read: Callable[[], Chosen] = box.value
        self._read[option.key] = read
        return box

    def _choice(
        self, key: str, entries: Sequence[tuple[str, Chosen, str]], value: Chosen
    ) -> QWidget:
        box = QComboBox()
        for title, name, color in entries:
            if color:
                box.addItem(swatch(color), title, name)
            else:
                box.addItem(title, name)
        box.setCurrentIndex([name for _, name, _ in entries].index(value))
        box.setMinimumContentsLength(_LEAST_LETTERS)
        box.activated.connect(lambda _: self.changed.emit())
        self._read[key] = lambda: entries[box.currentIndex()][1]
        return box

    def _switch(self, option: SwitchOption, value: bool) -> QWidget:
        box = QCheckBox(option.title)
        box.setChecked(value)
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        box.toggled.connect(lambda _: self.changed.emit())
        self._read[option.key] = box.isChecked
        return box
