"""Cases read twice, cases whose truth is known, and what raters are told of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label
from annotator.gui.plan_table import PlanTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.gui.background import Background
    from annotator.session.quality import QualityDesk
    from annotator.session.repeats import PlannedRepeat, RepeatPlan


class ControlPage(QWidget):
    """What the pages of the dialog share. Emits ``told(words)`` and ``failed(error)``."""

    told = Signal(str)
    failed = Signal(object)

    def __init__(
        self, quality: QualityDesk, background: Background, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._quality = quality
        self._background = background
        self._layout = QVBoxLayout(self)
        self._layout.setSpacing(8)

    def _run(self, key: str, work: Callable[[], object], done: Callable[..., None]) -> None:
        self._background.run(key, work, done, self.failed.emit)


class RepeatsPage(ControlPage):
    """How many cases raters read a second time, and which."""

    def __init__(self, quality: QualityDesk, background: Background) -> None:
        super().__init__(quality, background)
        self.share = QDoubleSpinBox()
        self.share.setRange(1.0, 100.0)
        self.share.setDecimals(0)
        self.share.setValue(10.0)
        self.share.setSuffix(" %")
        self.days = QSpinBox()
        self.days.setRange(0, 365)
        self.days.setValue(14)
        self.days.setSuffix(" days")
        self.between = QSpinBox()
        self.between.setRange(0, 1000)
        self.between.setValue(10)
        self.between.setSuffix(" cases")
        form = QGridLayout()
        form.setColumnStretch(2, 1)
        for row, (words, box) in enumerate(
            (
                ("Of each rater's cases", self.share),
                ("Not before", self.days),
                ("And not before they have read", self.between),
            )
        ):
            box.setAccessibleName(words)
            box.setToolTip(words)
            form.addWidget(label(words), row, 0)
            form.addWidget(box, row, 1)
        self.table = PlanTable(
            "Cases to be read twice",
            (
                ("Rater", "Who reads it again"),
                ("Case", "Its title the first time; the second time it has another"),
                ("When", "What it still waits for"),
            ),
        )
        self.show_plan = Button("Show", "Show what would be read twice.", self._plan)
        self.give = Button(
            "Give repeats",
            "Put what need not wait on the worklists, under titles that do not tell.",
            self._give,
            kind="primary",
        )
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_plan)
        buttons.addWidget(self.give)
        buttons.addStretch(1)
        self._layout.addWidget(
            label(
                "A rater who reads a case twice, without knowing, shows how far a reader agrees "
                "with oneself. Repeats count in nothing else.",
                "muted",
                wrap=True,
            )
        )
        self._layout.addLayout(form)
        self._layout.addLayout(buttons)
        self._layout.addWidget(self.table, 1)

    def plan(self) -> RepeatPlan:
        """Return the plan of the form."""
        from annotator.session.repeats import RepeatPlan

        return RepeatPlan(
            share=self.share.value() / 100.0,
            min_days=float(self.days.value()),
            min_cases=self.between.value(),
        )

    def _plan(self) -> None:
        plan, quality = self.plan(), self._quality
        self._run("repeats", lambda: quality.plan_repeats(plan), self._show)

    def _give(self) -> None:
        plan, quality = self.plan(), self._quality

        def show(found: tuple[PlannedRepeat, ...]) -> None:
            self._show(found)
            n_given = sum(entry.position is not None for entry in found)
            self.told.emit(f"{n_given} repeats were given; {len(found) - n_given} wait.")

        self._run("repeats", lambda: quality.give_repeats(plan), show)

    def _show(self, found: tuple[PlannedRepeat, ...]) -> None:
        self.table.set_rows(
            [
                (
                    entry.rater.name,
                    entry.original.title,
                    f"Waits: {entry.waits}" if entry.waits else "Now",
                )
                for entry in found
            ]
        )
        if not found:
            self.told.emit("Nobody has read enough cases yet for any to be read twice.")


class GoldPage(ControlPage):
    """Cases whose truth is known."""

    def __init__(
        self,
        quality: QualityDesk,
        titles: Mapping[str, str],
        signed_off: tuple[str, ...],
        gold: Mapping[str, str],
        background: Background,
    ) -> None:
        super().__init__(quality, background)
        self._titles = titles
        self._gold = dict(gold)
        self.signed = QComboBox()
        self.signed.setAccessibleName("Signed-off case")
        self.signed.setToolTip("A case whose signed-off mask is to count as its truth.")
        for case_id in signed_off:
            self.signed.addItem(titles[case_id], case_id)
        self.mark = Button(
            "Make it gold", "What was signed off on this case counts as its truth.", self._mark
        )
        self.mark.setEnabled(bool(signed_off))
        self.give = Button(
            "Mix into everybody's cases",
            "Put every gold case on the worklist of all who have not read it.",
            self._give,
            kind="primary",
        )
        self.table = PlanTable(
            "Gold cases",
            (("Case", "Title of the case"), ("Truth", "Where its truth comes from")),
        )
        self.remove = Button("Remove", "Make the chosen case one like any other.", self._remove)
        row = QHBoxLayout()
        row.addWidget(self.signed, 1)
        row.addWidget(self.mark)
        below = QHBoxLayout()
        below.addWidget(self.give)
        below.addWidget(self.remove)
        below.addStretch(1)
        self._layout.addWidget(
            label(
                "Raters read a gold case like any other and are told nothing; the report shows how "
                "they do on them, and whether that changes over time. A truth from a file: "
                "annotator gold PROJECT CASE --mask FILE.",
                "muted",
                wrap=True,
            )
        )
        self._layout.addWidget(label("From what was signed off", "section"))
        self._layout.addLayout(row)
        self._layout.addWidget(label("Gold cases", "section"))
        self._layout.addWidget(self.table, 1)
        self._layout.addLayout(below)
        self._show()

    def _show(self) -> None:
        self.table.set_rows([(self._titles[one], source) for one, source in self._gold.items()])
        self.give.setEnabled(bool(self._gold))
        self.remove.setEnabled(bool(self._gold))

    def _mark(self) -> None:
        case_id, quality = str(self.signed.currentData()), self._quality

        def done(made: object) -> None:
            self._gold[case_id] = str(getattr(made, "source", ""))
            self._show()
            self.told.emit(f"{self._titles[case_id]} is a gold case now.")

        self._run("gold", lambda: quality.mark_gold_as_signed_off(case_id), done)

    def _give(self) -> None:
        def done(n_new: int) -> None:
            self.told.emit(f"{n_new} gold cases were put on worklists.")

        self._run("gold", self._quality.assign_gold, done)

    def _remove(self) -> None:
        place = self.table.currentRow()
        if not 0 <= place < len(self._gold):
            self.told.emit("Choose a gold case in the table first.")
            return
        case_id, quality = list(self._gold)[place], self._quality

        def done(_: object) -> None:
            del self._gold[case_id]
            self._show()

        self._run("gold", lambda: quality.unmark_gold(case_id), done)


class FeedbackPage(ControlPage):
    """Whether raters see their own tendencies."""

    def __init__(
        self, quality: QualityDesk, background: Background, *, gives_feedback: bool
    ) -> None:
        super().__init__(quality, background)
        self.allow = QCheckBox("Raters may see where they tend to draw too much or too little")
        self.allow.setChecked(gives_feedback)
        self.allow.setAccessibleName("Raters may see feedback on their own readings")
        self.allow.setToolTip(
            "Over their own signed-off and gold cases, never on one case and never about others."
        )
        self.allow.toggled.connect(self._set)
        self._layout.addWidget(
            label(
                "Feedback helps raters to draw alike. It comes from several own cases at a time "
                "that were signed off or have a known truth; cases still to be read and what "
                "others drew are never shown.",
                "muted",
                wrap=True,
            )
        )
        self._layout.addWidget(self.allow)
        self._layout.addStretch(1)
        self._layout.setAlignment(Qt.AlignmentFlag.AlignTop)

    def _set(self, is_on: bool) -> None:
        quality = self._quality
        words = "Raters see feedback now." if is_on else "Raters see no feedback now."
        self._run("feedback", lambda: quality.set_feedback(is_on), lambda _: self.told.emit(words))
