"""How each rater compares with the consensus: a table and a plot, both exportable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QSplitter,
    QStackedWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.agreement_page import AgreementPage
from annotator.gui.buttons import Button, label
from annotator.gui.cohort_page import CohortPage
from annotator.gui.empty_state import EmptyState
from annotator.gui.quality_page import QualityPage
from annotator.gui.report_table import COLUMNS, empty_table, row_words, write_csv
from annotator.gui.tracing.review_report import TraceReportPage

if TYPE_CHECKING:
    from annotator.gui.background import Background
    from annotator.gui.report_plot import ReportPlot
    from annotator.session.report import RaterReport
    from annotator.session.review_room import QueueEntry, ReviewRoom


class ReportRoom(QWidget):
    """Table above, plot below. The report is worked out on a worker thread."""

    hint_changed = Signal(str)
    failed = Signal(object)
    told = Signal(str)
    case_wanted = Signal(str)
    """id of a case to look at"""
    report_wanted = Signal(str, object)
    """path of the HTML file, ids of the cases"""
    trace_report_wanted = Signal(str, object)
    """the same, of traced cases"""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        self._background = background
        self._room: ReviewRoom | None = None
        self.report: RaterReport | None = None
        self.plot: ReportPlot | None = None
        self.about = label("", "muted", wrap=True)
        self.table = empty_table()
        self.save_table = Button(
            "Save table…", "Write the table with full figures as CSV.", self._save_table
        )
        self.save_plot = Button("Save plot…", "Write the plot as PNG, SVG or PDF.", self._save_plot)
        self._plot_place = QWidget()
        self._plot_layout = QVBoxLayout(self._plot_place)
        self._plot_layout.setContentsMargins(0, 0, 0, 0)
        self.agreement = AgreementPage(background)
        self.agreement.save_wanted.connect(self._save_report)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Parts of the report")
        self.tabs.setToolTip("Each rater against the consensus, or all readings among each other.")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._raters(), "Raters and the consensus")
        self.tabs.addTab(_with_margins(self.agreement), "Agreement")
        self.cohort = CohortPage(background)
        self.cohort.case_wanted.connect(self.case_wanted)
        self.tabs.addTab(_with_margins(self.cohort), "Cases")
        self.quality = QualityPage(background)
        self.tabs.addTab(_with_margins(self.quality), "Quality")
        self.traced = TraceReportPage()
        self.traced.case_wanted.connect(self.case_wanted)
        self.traced.save_wanted.connect(self._save_trace_report)
        self.tabs.addTab(_with_margins(self.traced), "Tracings")
        self._empty = EmptyState("report", "", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.tabs)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _raters(self) -> QWidget:
        top = QHBoxLayout()
        top.addWidget(label("Report on raters", "title"), 1)
        top.addWidget(self.save_table)
        top.addWidget(self.save_plot)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.table)
        splitter.addWidget(self._plot_place)
        splitter.setSizes([260, 340])
        splitter.setChildrenCollapsible(False)
        page = QWidget()
        inner = QVBoxLayout(page)
        inner.setContentsMargins(28, 18, 28, 14)
        inner.setSpacing(8)
        inner.addLayout(top)
        inner.addWidget(self.about)
        inner.addWidget(splitter, 1)
        return page

    def enter(self, room: ReviewRoom) -> None:
        """Work the report out anew and show it."""
        self._room = room
        self.agreement.enter(room)
        self.cohort.enter(room)
        self.quality.enter(room)
        self._empty.say("Comparing raters…", "Every reading is compared with the consensus.")
        self._stack.setCurrentWidget(self._empty)
        self.hint_changed.emit("The report is being worked out.")

        def work() -> tuple[RaterReport, tuple[QueueEntry, ...]]:
            import annotator.gui.report_plot  # noqa: F401 - matplotlib takes a second to import

            traced = tuple(entry for entry in room.queue() if entry.reads == "tracing")
            return room.report(), traced

        self._background.run("report", work, self._show, self._could_not)

    def _could_not(self, error: Exception) -> None:
        self._empty.say("There is no report", str(error))
        self.failed.emit(error)

    def _show(self, found: tuple[RaterReport, tuple[QueueEntry, ...]]) -> None:
        report, traced = found
        self.report = report
        self.traced.show_entries(traced)
        last = self.tabs.count() - 1
        for place in range(self.tabs.count()):
            self.tabs.setTabVisible(place, bool(traced if place == last else report.rows))
        if traced and not report.rows:
            self.tabs.setCurrentIndex(last)
            self._stack.setCurrentWidget(self.tabs)
            self.hint_changed.emit("Save the report, or go back with Alt+Left.")
            return
        if not report.rows:
            self._empty.say(
                "Nothing to compare yet",
                "The report needs at least one case with two readings that was fused: open it "
                "in the review queue, or press “Compare all readings” there.",
            )
            return
        by = f" by {' and '.join(report.methods)}" if report.methods else ""
        self.about.setText(
            f"Against the consensus of {report.n_adjudicated + report.n_fused} cases: "
            f"{report.n_adjudicated} signed off, {report.n_fused} fused{by}. Where a case is only "
            "fused, a rater's own reading is part of the consensus, which flatters a little."
        )
        told = [row for row in report.rows if row.dice is not None or row.n_objects]
        self.table.setRowCount(len(told))
        for row, entry in enumerate(told):
            for column, text in enumerate(row_words(entry)):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{entry.rater_name}, {entry.label_name}: {COLUMNS[column][1]}")
                if column >= 2:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
                    )
                self.table.setItem(row, column, item)
        self._draw(report)
        self._stack.setCurrentWidget(self.tabs)
        self.hint_changed.emit("Save the table or the plot, or go back with Alt+Left.")

    def _draw(self, report: RaterReport) -> None:
        from annotator.gui.report_plot import ReportPlot

        if self.plot is None:
            self.plot = ReportPlot()
            self._plot_layout.addWidget(self.plot)
        self.plot.show_report(report)

    def leave(self) -> None:
        """Stop what is being worked out."""
        self.agreement.leave()
        self.cohort.leave()
        self.quality.leave()

    def _save_report(self) -> None:
        room = self._room
        path, _ = QFileDialog.getSaveFileName(
            self, "Save report", "agreement.html", "HTML (*.html)"
        )
        if path and room is not None:
            self._background.run(
                "report cases",
                room.visible_case_ids,
                lambda cases: self.report_wanted.emit(path, cases),
            )

    def _save_trace_report(self, case_ids: tuple[str, ...]) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save report", "tracings.html", "HTML (*.html)")
        if path:
            self.trace_report_wanted.emit(path, case_ids)

    def _save_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save table", "raters.csv", "CSV (*.csv)")
        if path and self.report is not None:
            self._saved(path, lambda target, report=self.report: write_csv(report, target))

    def _save_plot(self) -> None:
        kinds = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)"
        path, _ = QFileDialog.getSaveFileName(self, "Save plot", "raters.png", kinds)
        if path and self.plot is not None:
            self._saved(path, self.plot.save)

    def _saved(self, path: str, write: Any) -> None:  # noqa: ANN401 - a callable on a path
        try:
            write(Path(path))
        except (OSError, ValueError) as error:
            self.failed.emit(error)
            return
        self.told.emit(f"Written to {path}.")


def _with_margins(widget: QWidget) -> QWidget:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(28, 4, 12, 14)
    layout.addWidget(widget)
    return made
