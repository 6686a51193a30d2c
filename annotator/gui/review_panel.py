"""The right side of the reviewer's room: regions, verdicts, diagnosis, sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QTabWidget, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.final_diagnosis import FinalDiagnosis
from annotator.gui.findings_table import FindingsTable, verdict_words
from annotator.gui.model_panel import ModelPanel
from annotator.gui.reading_panel import scrolled
from annotator.gui.redraw_panel import RedrawPanel
from annotator.gui.review_marks import ReviewMarksPage
from annotator.gui.sign_off import SignOffFoot
from annotator.gui.verdict_panel import VerdictPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.review import Fusion
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.surface import Surface
    from annotator.session.review_case import ReviewCase


class ReviewPanel(QWidget):
    """Everything that is decided about one open case."""

    sign_off_wanted = Signal()
    method_chosen = Signal(str)
    compare_wanted = Signal()

    def __init__(
        self,
        schema: LabelSchema,
        reasons: Sequence[tuple[str, str]],
        methods: Sequence[tuple[str, str]],
        *,
        opacity: float,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("rightPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Decided regions")
        self.progress.setToolTip("How many disputed regions have a verdict.")
        self.decided = label("", "muted")
        self.method = QComboBox()
        self.method.setAccessibleName("Fusion method")
        self.method.setToolTip(
            "How the readings are merged. Verdicts that you have given stay as they are."
        )
        self.compare = Button(
            "Compare…",
            "See what every method makes of this case, side by side (Shift+M).",
            self.compare_wanted.emit,
            kind="quiet",
        )
        for name, title in methods:
            self.method.addItem(title, name)
        self.method.activated.connect(
            lambda _: self.method_chosen.emit(str(self.method.currentData()))
        )
        self.table = FindingsTable()
        self.verdict = VerdictPanel(reasons)
        self.final = FinalDiagnosis(schema)
        self.redraw = RedrawPanel(schema, opacity=opacity)
        self.warnings = label("", tone="caution", wrap=True)
        self.warnings.setAccessibleName("What to know about this fusion")
        self.model = ModelPanel()
        self.marks = ReviewMarksPage()
        self.tabs = QTabWidget()
        self._add_tabs()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.redraw, 1)
        self.foot = SignOffFoot("mask")
        self.foot.wanted.connect(self.sign_off_wanted)
        layout.addWidget(self.foot)
        self.show_redraw(None)

    def _add_tabs(self) -> None:
        self.tabs.setAccessibleName("Regions and diagnosis")
        self.tabs.setToolTip("First decide the regions, then the diagnosis; ask a model for help.")
        self.tabs.setDocumentMode(True)
        pages = (
            (self._regions(), "Regions", "Disputed regions and the verdict on each"),
            (scrolled(self.final), "Diagnosis", "What the readings say, and the final diagnosis"),
            (
                scrolled(self.model),
                "Model",
                "What a model trained on these raters draws, and training one",
            ),
            (
                self.marks,
                "Marks",
                "Points, lines and boxes of all raters, and how far apart",
            ),
        )
        for number, (page, title, tooltip) in enumerate(pages):
            self.tabs.addTab(page, f"{number + 1}  {title}")
            self.tabs.setTabToolTip(number, tooltip)

    def _regions(self) -> QWidget:
        page = QWidget()
        inner = QWidget()
        inner_layout = QVBoxLayout(inner)
        inner_layout.setContentsMargins(12, 0, 12, 8)
        inner_layout.addWidget(self.verdict)
        self.notes = Button(
            "Notes",
            "What to know about this fusion.",
            lambda: self.warnings.setVisible(not self.warnings.isVisible()),
            kind="quiet",
            icon_name="warning",
        )
        fused = QHBoxLayout()
        fused.addWidget(label("Fused by"))
        fused.addWidget(self.method, 1)
        fused.addWidget(self.compare)
        fused.addWidget(self.notes)
        top = QVBoxLayout()
        top.setContentsMargins(12, 8, 12, 4)
        top.setSpacing(5)
        top.addLayout(fused)
        top.addWidget(self.warnings)
        top.addWidget(self.decided)
        top.addWidget(self.progress)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        holder = QVBoxLayout()
        holder.setContentsMargins(8, 0, 8, 0)
        holder.addWidget(self.table)
        layout.addLayout(holder, 1)
        layout.addWidget(inner)
        self.table.setMinimumHeight(90)
        return page

    def show_method(self, fusion: Fusion) -> None:
        """Say what the readings are fused by, and what to know about it."""
        self.method.setCurrentIndex(max(0, self.method.findData(fusion.recipe.method)))
        self.warnings.setText("\n".join(fusion.warnings))
        self.warnings.hide()
        self.notes.setVisible(bool(fusion.warnings))
        self.notes.setToolTip("\n".join(("What to know about this fusion:", *fusion.warnings)))

    def show_case(self, case: ReviewCase) -> None:
        """Show a case: its regions, verdicts and diagnoses."""
        letters = {reading.rater_id: reading.letter for reading in case.readings}
        verdicts = case.verdicts
        self.table.set_findings(case.findings, case.schema, letters, verdicts)
        self.table.set_units(is_calibrated=case.series.geometry.is_calibrated)
        self.verdict.set_readings(case.readings)
        adjudication = case.adjudication
        self.final.set_diagnoses(
            case.diagnoses(), None if adjudication is None else adjudication.diagnosis
        )
        self.show_method(case.fusion)
        self.foot.complaints.hide()
        self.tabs.setCurrentIndex(0 if case.findings else 1)
        self.verdict.setVisible(bool(case.findings))
        self.show_progress(len(verdicts), len(case.findings))

    def show_marks(self, case: ReviewCase, surface: Surface) -> None:
        """Show what raters marked, measured on a surface; no tab where that is nothing."""
        self.marks.show_case(case, surface)
        self.tabs.setTabVisible(self.tabs.indexOf(self.marks), bool(case.marks.groups))

    def show_verdict(self, case: ReviewCase, region: int) -> None:
        """Write the verdict that holds on a region, and how many are decided."""
        letters = {reading.rater_id: reading.letter for reading in case.readings}
        verdicts = case.verdicts
        self.table.show_verdict(region, verdict_words(verdicts.get(region), letters))
        self.show_progress(len(verdicts), len(case.findings))
        self.foot.complaints.hide()

    def show_progress(self, n_decided: int, n_regions: int) -> None:
        """Say how far the case is."""
        if n_regions:
            self.decided.setText(f"{n_decided} of {n_regions} regions decided")
        else:
            self.decided.setText("The readings agree: there is no region to decide.")
        self.progress.setRange(0, max(1, n_regions))
        self.progress.setValue(n_decided if n_regions else 1)

    def show_redraw(self, title: str | None) -> None:
        """Show the drawing side for a region, or None to go back to the regions."""
        deciding = (self.tabs, self.foot)
        leaving, coming = (
            ((self.redraw,), deciding) if title is None else (deciding, (self.redraw,))
        )
        # In this order: for a moment with all of them, the window would have to grow.
        for side in leaving:
            side.hide()
        if title is not None:
            self.redraw.title.setText(title)
        for side in coming:
            side.show()
