"""When a case is given to one more rater: the rule of the project, what it asks for, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator.domain.quality import OverlapRule
from annotator.gui.buttons import Button, label
from annotator.gui.plan_table import PlanTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.gui.background import Background
    from annotator.session.overlap import FurtherReading
    from annotator.session.quality import QualityDesk

    Plan = tuple[FurtherReading, ...]

MOST_RATERS = 20


class OverlapPage(QWidget):
    """The form of the rule above, the plan below. Emits ``told(words)`` and ``failed(error)``."""

    told = Signal(str)
    failed = Signal(object)

    def __init__(
        self,
        quality: QualityDesk,
        names: Mapping[str, str],
        background: Background,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._quality = quality
        self._names = names
        self._background = background
        self.first = _whole("Raters who read every case", 2)
        self.most = _whole("Raters who read a case at most", 4)
        self.dice = _Limit("the mean Dice of two raters lies below", 0.8, 1.0, 0.05, is_on=True)
        self.mm = _Limit("outlines lie further apart than, in mm", 2.0, 100.0, 0.5)
        self.difficulty = _Limit("a model foretells a difficulty above", 0.7, 1.0, 0.05)
        self.presence = _check("some raters drew an object and others did not", is_on=True)
        self.diagnosis = _check("a question was answered differently", is_on=True)
        self.regions = _check("Ask for the disputed regions only, not for the whole case")
        self.table = PlanTable(
            "What the rule asks for",
            (
                ("Case", "Title of the case"),
                ("Asked", "Who would read it besides those who did"),
                ("Why", "What the rule found"),
            ),
        )
        self.show_plan = Button(
            "Show what it asks for", "Look at every case; nobody is asked yet.", self._plan
        )
        self.ask = Button(
            "Keep the rule and ask",
            "Keep the rule, and put the cases on the worklists of the raters that it asks.",
            self._ask,
            kind="primary",
        )
        self._lay_out()
        rule = quality.overlap_rule
        if rule is not None:
            self._show_rule(rule)

    def _lay_out(self) -> None:
        numbers = QGridLayout()
        numbers.setColumnStretch(2, 1)
        for row, (words, box) in enumerate(
            (("Every case is read by", self.first), ("A case is read at most by", self.most))
        ):
            numbers.addWidget(label(words), row, 0)
            numbers.addWidget(box, row, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_plan)
        buttons.addWidget(self.ask)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(6)
        layout.addWidget(
            label(
                "A further reading costs time and pays only where the first ones disagree.",
                "muted",
                wrap=True,
            )
        )
        layout.addLayout(numbers)
        layout.addWidget(label("One more rater where", "section"))
        for widget in (self.presence, self.diagnosis, self.dice, self.mm, self.difficulty):
            layout.addWidget(widget)
        layout.addSpacing(4)
        layout.addWidget(self.regions)
        layout.addLayout(buttons)
        layout.addWidget(self.table, 1)

    def _show_rule(self, rule: OverlapRule) -> None:
        self.first.setValue(rule.first_raters)
        self.most.setValue(rule.at_most)
        self.dice.set_value(rule.dice_below or None)
        self.mm.set_value(rule.boundary_above_mm)
        self.difficulty.set_value(rule.difficulty_above)
        self.presence.setChecked(rule.on_presence)
        self.diagnosis.setChecked(rule.on_diagnosis)
        self.regions.setChecked(rule.in_regions)

    def rule(self) -> OverlapRule:
        """Return the rule of the form; raises AnnotatorError where it cannot be followed."""
        return OverlapRule(
            first_raters=self.first.value(),
            at_most=self.most.value(),
            dice_below=self.dice.value() or 0.0,
            boundary_above_mm=self.mm.value(),
            on_presence=self.presence.isChecked(),
            on_diagnosis=self.diagnosis.isChecked(),
            difficulty_above=self.difficulty.value(),
            in_regions=self.regions.isChecked(),
        )

    def _plan(self) -> None:
        try:
            rule = self.rule()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        quality = self._quality
        self._run(lambda: quality.further_readings(rule), self._show)

    def _ask(self) -> None:
        try:
            rule = self.rule()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        quality = self._quality

        def work() -> tuple[FurtherReading, ...]:
            quality.set_overlap_rule(rule)
            return quality.assign_further()

        def show(plan: tuple[FurtherReading, ...]) -> None:
            self._show(plan)
            n_asked = sum(len(entry.chosen) for entry in plan)
            self.told.emit(
                f"The rule is kept; {n_asked} further readings were asked for."
                if n_asked
                else "The rule is kept; it asks for nobody now."
            )

        self._run(work, show)

    def _run(self, work: Callable[[], Plan], show: Callable[[Plan], None]) -> None:
        self.show_plan.setEnabled(False)
        self.ask.setEnabled(False)

        def done(plan: Plan) -> None:
            self._ready()
            show(plan)

        def failed(error: Exception) -> None:
            self._ready()
            self.failed.emit(error)

        self._background.run("overlap", work, done, failed)

    def _ready(self) -> None:
        self.show_plan.setEnabled(True)
        self.ask.setEnabled(True)

    def _show(self, plan: tuple[FurtherReading, ...]) -> None:
        ordered = sorted(plan, key=lambda entry: not (entry.chosen or entry.n_missing))
        self.table.set_rows([self._row(entry) for entry in ordered])

    def _row(self, entry: FurtherReading) -> tuple[str, str, str]:
        asked = ", ".join(self._names[rater_id] for rater_id, _ in entry.chosen)
        if entry.n_missing:
            missing = f"{entry.n_missing} more, but nobody is left"
            asked = f"{asked}; {missing}" if asked else missing
        why = entry.need.decision.why
        return entry.need.case.title, asked or "nobody", why[:1].upper() + why[1:]


class _Limit(QWidget):
    """A check box with the number that it is about."""

    def __init__(
        self, words: str, start: float, most: float, step: float, *, is_on: bool = False
    ) -> None:
        super().__init__()
        self.check = _check(words, is_on=is_on)
        self.number = QDoubleSpinBox()
        self.number.setRange(0.0, most)
        self.number.setSingleStep(step)
        self.number.setValue(start)
        self.number.setAccessibleName(words[:1].upper() + words[1:])
        self.number.setToolTip(words[:1].upper() + words[1:])
        self.number.setEnabled(is_on)
        self.check.toggled.connect(self.number.setEnabled)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.check)
        layout.addWidget(self.number)
        layout.addStretch(1)

    def value(self) -> float | None:
        """Return the number, None where it does not matter."""
        return self.number.value() if self.check.isChecked() else None

    def set_value(self, value: float | None) -> None:
        """Show a number, or that it does not matter."""
        self.check.setChecked(value is not None)
        if value is not None:
            self.number.setValue(value)


def _whole(name: str, value: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(2, MOST_RATERS)
    made.setValue(value)
    made.setSuffix(" raters")
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made


def _check(words: str, *, is_on: bool = False) -> QCheckBox:
    made = QCheckBox(words)
    made.setChecked(is_on)
    made.setAccessibleName(words[:1].upper() + words[1:])
    made.setToolTip(words[:1].upper() + words[1:])
    return made
