"""The right side of a traced case in review: places, verdicts, the result, diagnosis, sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label
from annotator.gui.final_diagnosis import FinalDiagnosis
from annotator.gui.reading_panel import scrolled
from annotator.gui.sign_off import SignOffFoot
from annotator.gui.tracing.review_items import ItemsTable, check_words, number_words, verdict_words
from annotator.gui.tracing.review_verdicts import TraceVerdictPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.trace_review import TraceVerdict
    from annotator.session.trace_review import TraceReview

PLACES, RESULT, DIAGNOSIS = 0, 1, 2
"""Tabs."""


class TraceReviewPanel(QWidget):
    """Everything that is decided about one traced case."""

    sign_off_wanted = Signal()
    base_chosen = Signal(str)
    """rater id: whose tracing is to be reviewed"""
    result_wanted = Signal()
    picked = Signal(int)
    """region"""

    def __init__(
        self,
        review: TraceReview,
        reasons: Sequence[tuple[str, str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("rightPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._letters = {
            reading.annotation.annotation_id: reading.letter for reading in review.readings
        }
        self.base = QComboBox()
        self.base.setAccessibleName("Tracing that is reviewed")
        self.base.setToolTip(
            "One tracing is looked through, with the others beside it. Verdicts are kept for each."
        )
        for reading in review.readings:
            self.base.addItem(f"{reading.letter}  {reading.name}", reading.rater_id)
        self.base.setCurrentIndex(self.base.findData(review.base.rater_id))
        self.base.activated.connect(lambda _: self.base_chosen.emit(str(self.base.currentData())))
        self.base.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Decided places")
        self.progress.setToolTip("How many places have a verdict.")
        self.decided = label("", "muted")
        self.table = ItemsTable()
        self.table.picked.connect(self.picked)
        self.verdict = TraceVerdictPanel(reasons)
        self.final = FinalDiagnosis(review.schema)
        self.foot = SignOffFoot("tracing")
        self.foot.wanted.connect(self.sign_off_wanted)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Places, result and diagnosis")
        self.tabs.setToolTip("First decide the places, look at the result, then the diagnosis.")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._places(), "1  Places")
        self.tabs.addTab(self._result(), "2  Result")
        self.tabs.addTab(scrolled(self.final), "3  Diagnosis")
        self.tabs.setTabToolTip(PLACES, "What may be wrong, and the verdict on each place")
        self.tabs.setTabToolTip(RESULT, "What the verdicts make of the tracing, and open ends")
        self.tabs.setTabToolTip(DIAGNOSIS, "What the tracers say, and the final diagnosis")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.foot)
        self._show(review)

    def _places(self) -> QWidget:
        reviewed = QHBoxLayout()
        reviewed.addWidget(label("Reviewed"))
        reviewed.addWidget(self.base, 1)
        top = QVBoxLayout()
        top.setContentsMargins(12, 8, 12, 4)
        top.setSpacing(5)
        top.addLayout(reviewed)
        top.addWidget(self.decided)
        top.addWidget(self.progress)
        holder = QVBoxLayout()
        holder.setContentsMargins(8, 0, 8, 0)
        holder.addWidget(self.table)
        inner = QVBoxLayout()
        inner.setContentsMargins(12, 0, 12, 8)
        inner.addWidget(self.verdict)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(holder, 1)
        layout.addLayout(inner)
        self.table.setMinimumHeight(90)
        return page

    def _result(self) -> QWidget:
        self.changes = label("", wrap=True)
        self.changes.setAccessibleName("What the verdicts made of the tracing")
        self.preview = Button(
            "Show the result  (3)",
            "Show the tracing as the verdicts make it: green is new, red is taken away (3).",
            self.result_wanted.emit,
            icon_name="eye",
        )
        self._stops_title = label("To be looked at again", "section")
        self.stops = QListWidget()
        self.stops.setAccessibleName("Places left uncertain")
        self.stops.setToolTip("Places left uncertain, open ends first. Pick one to go there.")
        self.stops.setWordWrap(True)
        self.stops.itemActivated.connect(self._stop_picked)
        self.stops.itemClicked.connect(self._stop_picked)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(label("What your verdicts make of it", "section"))
        layout.addWidget(self.changes)
        layout.addWidget(self.preview, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._stops_title)
        layout.addWidget(self.stops, 20)
        layout.addStretch(1)
        return page

    def _stop_picked(self, item: QListWidgetItem) -> None:
        self.tabs.setCurrentIndex(PLACES)
        self.table.select_region(int(item.data(Qt.ItemDataRole.UserRole)))

    def _show(self, review: TraceReview) -> None:
        self.table.set_items(review.items, review.verdicts, self._letters)
        signed = review.sign_off_now
        self.final.set_diagnoses(
            [(reading.letter, reading.annotation.diagnosis) for reading in review.readings],
            None if signed is None else signed.diagnosis,
        )
        self.verdict.setVisible(bool(review.items))
        self.tabs.setCurrentIndex(PLACES if review.items else RESULT)
        self.show_progress(review)

    def show_verdict(self, review: TraceReview, region: int) -> None:
        """Write the verdict that holds on a place, and how many are decided."""
        words = verdict_words(review.verdicts.get(region), self._letters)
        self.table.show_verdict(region, words)
        self.show_progress(review)
        self.foot.complaints.hide()

    def show_progress(self, review: TraceReview) -> None:
        """Say how far the case is."""
        verdicts, items = review.verdicts, review.items
        left_um = sum(item.at_stake_um for item in items if item.region not in verdicts)
        if items:
            self.decided.setText(
                f"{len(verdicts)} of {len(items)} places decided · {left_um:,.0f} µm at stake left"
            )
        else:
            self.decided.setText("Nothing was found: there is no place to decide on.")
        self.progress.setRange(0, max(1, len(items)))
        self.progress.setValue(len(verdicts) if items else 1)

    def show_result(self, review: TraceReview, words: str) -> None:
        """Say what the verdicts make of the tracing, and list what is to be looked at again."""
        self.changes.setText(words)
        stops = review.stop_list()
        self.stops.clear()
        for stop in stops:
            item = QListWidgetItem(stop_words(review, stop))
            item.setData(Qt.ItemDataRole.UserRole, stop.region)
            self.stops.addItem(item)
        self._stops_title.setText(
            f"To be looked at again: {len(stops)}" if stops else "Nothing is left uncertain"
        )
        self.stops.setVisible(bool(stops))


def stop_words(review: TraceReview, stop: TraceVerdict) -> str:
    """Say where a place was left uncertain, and why."""
    item = review.item(stop.region)
    x, y, z = item.point_um
    said = f": {stop.comment}" if stop.comment else ""
    return (
        f"{stop.region}  {check_words(item)}, node {stop.node_id} at "
        f"{number_words(x)}, {number_words(y)}, {number_words(z)} µm{said}"
    )
