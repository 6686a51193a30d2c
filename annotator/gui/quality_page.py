"""How good readings are: held against what is true, against themselves, and against models."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from annotator.domain.errors import CancelledError
from annotator.gui.buttons import label
from annotator.gui.plan_table import PlanTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.gui.background import Background
    from annotator.gui.drift_plot import DriftPlot
    from annotator.session.quality_reports import (
        AcceptanceReport,
        GoldReport,
        Interval,
        IntraReport,
        SignedOffReport,
    )
    from annotator.session.review_room import ReviewRoom

_SIGNED_OFF = (
    ("Rater", "Who read"),
    ("Label", "What was drawn"),
    ("Cases", "Signed-off cases that they read"),
    ("Found", "Share of what was signed off that they drew, with its 95 % interval over cases"),
    ("Diagnosis", "Answers that are those of the sign-off"),
)
_GOLD = (
    ("Rater", "Who read"),
    ("Label", "What was drawn"),
    ("Cases", "Gold cases that they read"),
    ("Dice", "Overlap with the truth, with its 95 % interval over cases"),
    ("Surface Dice", "Share of the outlines that lie within the tolerance of each other"),
    ("HD95, mm", "Distance that 95 % of the outlines keep"),
    ("Objects", "True objects found; drawn where there is nothing, a case"),
)
_TWICE = (
    ("Rater", "Who read twice"),
    ("Of", "Label or question"),
    ("Cases", "Cases read twice"),
    ("Agreement with oneself", "Dice, or kappa of the answers, with its 95 % interval over cases"),
)

_TAKEN = (
    ("Rater", "Who read"),
    ("Model", "Whose drawing they could start from"),
    ("Taken", "How often they started from it, of how often it was offered"),
    ("Read without", "Cases that they read without it, by the rule of the project"),
    ("Kept", "Of the voxels that the model had drawn where it was the start"),
    ("Added", "Voxels that the model had not drawn, in percent of what it drew"),
    ("Surface moved, mm", "Mean distance of the surfaces from the model's, over labels"),
    ("With it, s", "Time at work on a case that started from it, mean"),
    ("Without it, s", "Time at work on a case that did not start from it, mean"),
)
_SHOWN = (
    ("Model", "What was shown, or not"),
    ("Of", "Label, or the whole case"),
    ("Measure", "What is compared"),
    ("With", "Mean where the model was shown"),
    ("Without", "Mean where it was not"),
    ("Difference", "Within raters, with its 95 % interval over cases"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReports:
    """Everything that the page shows."""

    signed_off: SignedOffReport
    gold: GoldReport
    twice: IntraReport
    acceptance: AcceptanceReport
    labels: dict[int, str]


class QualityPage(QWidget):
    """Four parts, each with a table; worked out when the page is first shown."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._room: ReviewRoom | None = None
        self._stop = threading.Event()
        self.reports: QualityReports | None = None
        self.plot: DriftPlot | None = None
        self.words = label("", "muted", wrap=True)
        self.signed_off = PlanTable("Raters against what was signed off", _SIGNED_OFF)
        self.gold = PlanTable("Raters on gold cases", _GOLD)
        self.twice = PlanTable("Raters against themselves", _TWICE)
        self.about_signed_off = label("", "small", wrap=True)
        self.about_gold = label("", "small", wrap=True)
        self.about_twice = label("", "small", wrap=True)
        self.taken = PlanTable("What became of models' drawings", _TAKEN)
        self.shown = PlanTable("Readings with and without a model", _SHOWN)
        self.about_models = label("", "small", wrap=True)
        inner = QWidget()
        self._parts = QVBoxLayout(inner)
        self._parts.setContentsMargins(0, 0, 12, 0)
        self._parts.setSpacing(6)
        for title, about, table in (
            ("Against what was signed off", self.about_signed_off, self.signed_off),
            ("On gold cases", self.about_gold, self.gold),
            ("Cases read twice", self.about_twice, self.twice),
            ("Models as a start", self.about_models, self.taken),
        ):
            self._parts.addWidget(label(title, "heading"))
            self._parts.addWidget(about)
            self._parts.addWidget(table)
            if table is self.gold:
                self._plot_place = QVBoxLayout()
                self._parts.addLayout(self._plot_place)
            self._parts.addSpacing(8)
        self._parts.addWidget(self.shown)
        self._parts.addStretch(1)
        area = QScrollArea()
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 10, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.words)
        layout.addWidget(area, 1)

    def enter(self, room: ReviewRoom) -> None:
        """Forget what was shown; it is worked out anew when the page is looked at."""
        self.leave()
        self._room = room
        self.reports = None
        if self.isVisible():
            self._work()

    def leave(self) -> None:
        """Stop what is being worked out."""
        self._stop.set()
        self._background.drop("quality reports")

    def showEvent(self, event: QEvent) -> None:
        """Work the tables out where that was not done yet."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self.reports is None and not self._background.is_waiting("quality reports"):
            self._work()

    def _work(self) -> None:
        room = self._room
        if room is None:
            return
        stop = self._stop = threading.Event()
        self.words.setText("Readings are being compared with what is known to be true…")

        def progress(fraction: float, message: str) -> None:
            if stop.is_set():
                raise CancelledError("the comparison was cancelled")

        def work() -> QualityReports:
            import annotator.gui.drift_plot  # noqa: F401 - matplotlib takes a second to import

            return QualityReports(
                signed_off=room.signed_off_report(progress),
                gold=room.gold_report(progress),
                twice=room.intra_rater(progress),
                acceptance=room.acceptance_report(progress),
                labels={one.value: one.name for one in room.schema.labels},
            )

        self._background.run("quality reports", work, self._show, self._could_not)

    def _could_not(self, error: Exception) -> None:
        words = str(error)
        self.words.setText(f"{words[:1].upper()}{words[1:]}")

    def _show(self, found: QualityReports) -> None:
        self.reports = found
        self.about_signed_off.setText(found.signed_off.says)
        _fill(self.signed_off, _signed_off_rows(found.signed_off))
        n_gold = found.gold.n_gold
        drifts = [f"{one.rater.name}: {one.says}" for one in found.gold.raters if one.says]
        self.about_gold.setText(
            "\n".join(
                [f"{n_gold} {'case has' if n_gold == 1 else 'cases have'} a known truth.", *drifts]
            )
            if n_gold
            else "No case has a known truth. Mark some: project page, Quality of the readings…"
        )
        _fill(self.gold, _gold_rows(found.gold, found.labels))
        self._draw(found.gold)
        rows = _twice_rows(found.twice, found.labels)
        self.about_twice.setText(
            f"{found.twice.n_waiting} more are still to be read a second time."
            if found.twice.n_waiting
            else ""
            if rows
            else "Nobody was given a case twice. Do so: project page, Quality of the readings…"
        )
        self.about_twice.setVisible(bool(self.about_twice.text()))
        _fill(self.twice, rows)
        self._show_models(found.acceptance)
        tables = (self.signed_off, self.gold, self.twice, self.taken, self.shown)
        self.words.setText(
            "Intervals are 95 % intervals over cases."
            if any(table.rowCount() for table in tables)
            else "There is nothing to compare yet; below stands what each part needs."
        )

    def _show_models(self, found: AcceptanceReport) -> None:
        from annotator.gui.model_rows import said_of_acceptance, shown_rows, taken_rows

        self.about_models.setText(
            "\n".join(said_of_acceptance(found))
            if found.taken
            else "No model's drawing was offered yet. Let a model read cases, and raters can start "
            "from what it draws."
        )
        _fill(self.taken, taken_rows(found))
        _fill(self.shown, shown_rows(found))

    def _draw(self, gold: GoldReport) -> None:
        from annotator.gui.drift_plot import DriftPlot

        if self.plot is None:
            self.plot = DriftPlot()
            self._plot_place.addWidget(self.plot)
        self.plot.show_report(gold)
        self.plot.setVisible(any(len(one.dice) > 1 for one in gold.raters))


def _fill(table: PlanTable, rows: Sequence[Sequence[str]]) -> None:
    """Show rows, as tall as they are: the page scrolls, not each table."""
    table.set_rows(rows)
    table.setVisible(bool(rows))
    height = table.horizontalHeader().sizeHint().height() + 4
    height += sum(table.rowHeight(row) for row in range(table.rowCount()))
    table.setFixedHeight(height)
    table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)


def _signed_off_rows(report: SignedOffReport) -> list[tuple[str, ...]]:
    return [
        (
            row.rater_name,
            row.label_name,
            str(row.n_cases),
            _number(row.sensitivity, row.sensitivity_interval),
            f"{row.n_right} of {row.n_asked}" if row.n_asked else "–",
        )
        for row in report.rows
    ]


def _gold_rows(report: GoldReport, labels: dict[int, str]) -> list[tuple[str, ...]]:
    return [
        (
            row.rater_name,
            labels.get(row.label, str(row.label)),
            str(row.n_cases),
            _number(row.dice, row.dice_interval),
            _number(row.surface_dice, row.surface_dice_interval),
            _number(row.hd95_mm, row.hd95_interval, digits=1),
            f"{row.n_found} of {row.n_objects}; {row.false_per_case:.1f} false",
        )
        for row in report.labels
    ]


def _twice_rows(report: IntraReport, labels: dict[int, str]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            row.rater_name,
            labels.get(row.label, str(row.label)),
            str(row.n_cases),
            f"Dice {_number(row.dice, row.dice_interval)}",
        )
        for row in report.labels
    ]
    rows += [
        (
            one.rater_name,
            one.title,
            str(one.n_cases),
            f"{one.n_equal} equal, kappa {_number(one.kappa, one.kappa_interval)}",
        )
        for one in report.questions
    ]
    return rows


def _number(value: float | None, interval: Interval | None, digits: int = 3) -> str:
    if value is None:
        return "–"
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({interval.low:.{digits}f} … {interval.high:.{digits}f})"
