"""A form made of a pydantic model: a field a row, the few that matter open, the rest folded."""

from __future__ import annotations

import json
import math
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator.gui.buttons import Button, label

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

N_OPEN = 4
"""Fields that show at once; the first of a model are those that its author put first."""
_MOST = 2**31 - 1
_UNITS = ("mm", "ml", "s", "px", "mb")


class ParameterForm(QWidget):
    """The fields of one model of parameters. Only what differs from the defaults is given on.

    Emits ``changed``.
    """

    changed = Signal()

    def __init__(self, model: type[BaseModel] | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, QWidget] = {}
        self._read: dict[str, Callable[[], object]] = {}
        self._defaults: dict[str, object] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        fields = list(model.model_fields.items()) if model is not None else []
        if not fields:
            layout.addWidget(label("There is nothing to set.", "muted"))
            return
        layout.addWidget(self._rows(fields[:N_OPEN]))
        self._n_folded = max(0, len(fields) - N_OPEN)
        self.more = Button("", "", self._fold, kind="quiet")
        self.more.setHidden(not self._n_folded)
        self._folded = self._rows(fields[N_OPEN:])
        self._folded.hide()
        layout.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._folded)
        self._say_fold()

    def values(self) -> dict[str, object]:
        """Return what differs from the defaults, by name; raises AnnotatorError in words."""
        found = {name: read() for name, read in self._read.items()}
        return {name: value for name, value in found.items() if value != self._defaults[name]}

    def _rows(self, fields: list[tuple[str, FieldInfo]]) -> QWidget:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(2, 1)
        for row, (name, field) in enumerate(fields):
            title = _titled(name)
            help_words = _help(title, field)
            words = label(title)
            words.setToolTip(help_words)
            widget = self._field(name, field)
            widget.setAccessibleName(title)
            widget.setToolTip(help_words)
            words.setBuddy(widget)
            self.fields[name] = widget
            about = label(field.description or "", "small", wrap=True)
            grid.addWidget(words, row, 0)
            grid.addWidget(widget, row, 1)
            grid.addWidget(about, row, 2)
        return holder

    def _field(self, name: str, field: FieldInfo) -> QWidget:
        kind, default = field.annotation, field.get_default(call_default_factory=True)
        self._defaults[name] = default
        if kind is bool:
            return self._check(name, bool(default))
        if get_origin(kind) is Literal:
            return self._choice(name, get_args(kind), default)
        if kind is int:
            return self._whole(name, field, int(default))
        if kind is float:
            return self._number(name, field, float(default))
        if kind is str:
            return self._line(name, str(default))
        return self._anything(name, default, is_optional=_is_optional(kind))

    def _check(self, name: str, default: bool) -> QWidget:
        box = QCheckBox()
        box.setChecked(default)
        box.toggled.connect(lambda _: self.changed.emit())
        self._read[name] = box.isChecked
        return box

    def _choice(self, name: str, choices: tuple[object, ...], default: object) -> QWidget:
        box = QComboBox()
        for choice in choices:
            box.addItem(str(choice))
        box.setCurrentIndex(choices.index(default))
        box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._read[name] = lambda: choices[box.currentIndex()]
        return box

    def _whole(self, name: str, field: FieldInfo, default: int) -> QWidget:
        low, high = _range(field)
        box = QSpinBox()
        box.setRange(math.ceil(max(-_MOST, low)), math.floor(min(_MOST, high)))
        box.setValue(default)
        box.setMinimumWidth(110)
        box.valueChanged.connect(lambda _: self.changed.emit())
        self._read[name] = box.value
        return box

    def _number(self, name: str, field: FieldInfo, default: float) -> QWidget:
        low, high = _range(field)
        digits = _digits(default)
        box = QDoubleSpinBox()
        box.setDecimals(digits)
        box.setRange(max(low, -1e9), min(high, 1e9))
        box.setSingleStep(10.0 ** (1 - digits) if digits > 1 else 0.5)
        box.setValue(default)
        box.setMinimumWidth(110)
        box.valueChanged.connect(lambda _: self.changed.emit())
        self._read[name] = lambda: round(box.value(), digits)
        return box

    def _line(self, name: str, default: str) -> QWidget:
        line = QLineEdit(default)
        line.setCursorPosition(0)
        line.textChanged.connect(lambda _: self.changed.emit())
        self._read[name] = lambda: line.text().strip()
        return line

    def _anything(self, name: str, default: Any, *, is_optional: bool) -> QWidget:  # noqa: ANN401
        """Return a line for a value of any other kind, as JSON; words do without quotes."""
        line = QLineEdit("" if default is None else _as_text(default))
        line.setPlaceholderText("as it comes" if is_optional else "")
        line.setCursorPosition(0)
        line.textChanged.connect(lambda _: self.changed.emit())

        def read() -> object:
            text = line.text().strip()
            if text == ("" if default is None else _as_text(default)):
                return default
            return _from_text(name, text, like=default)

        self._read[name] = read
        return line

    def _fold(self) -> None:
        self._folded.setVisible(self._folded.isHidden())
        self._say_fold()

    def _say_fold(self) -> None:
        words = f"More settings ({self._n_folded})" if self._folded.isHidden() else "Fewer settings"
        self.more.setText(words)
        self.more.setAccessibleName(words)
        self.more.setToolTip("Show or hide what seldom needs to be changed.")


def _titled(name: str) -> str:
    """Return the name of a field as a person writes it: ``closing_mm`` is "Closing, mm"."""
    words, _, unit = name.rpartition("_")
    title = f"{words}, {unit}" if words and unit in _UNITS else name
    title = title.replace("_", " ")
    return title[:1].upper() + title[1:]


def _is_optional(kind: object) -> bool:
    return get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return json.dumps(value)


def _from_text(name: str, text: str, *, like: object) -> object:
    if isinstance(like, (tuple, list)) and not text.startswith("["):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if not text:
        return None
    if text[0] in "[{" or like is not None:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise AnnotatorError(
                f"{name.replace('_', ' ')} cannot be read ({error.msg}); write it as JSON, "
                f"for example {json.dumps(like)}"
            ) from None
    return text


def _range(field: FieldInfo) -> tuple[float, float]:
    low, high = -math.inf, math.inf
    for rule in field.metadata:
        if isinstance(rule, (Ge, Gt)):
            low = float(rule.ge if isinstance(rule, Ge) else rule.gt)  # type: ignore[arg-type]
        elif isinstance(rule, (Le, Lt)):
            high = float(rule.le if isinstance(rule, Le) else rule.lt)  # type: ignore[arg-type]
    return low, high


def _digits(value: float) -> int:
    """Return how many decimals a number needs to be changed in its second figure."""
    return 2 if value == 0 else max(2, 2 - math.floor(math.log10(abs(value))))


def _help(title: str, field: FieldInfo) -> str:
    low, high = _range(field)
    ends = [f"from {low:g}"] if math.isfinite(low) else []
    ends += [f"up to {high:g}"] if math.isfinite(high) else []
    about = field.description or title
    about = about[:1].upper() + about[1:]
    return f"{about}; {' '.join(ends)}." if ends else f"{about}."
