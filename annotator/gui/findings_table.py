"""The table of disputed regions of one case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from annotator.gui.label_palette import swatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.domain.review import Finding, Verdict
    from annotator.domain.schema import LabelSchema

COLUMNS: tuple[tuple[str, str], ...] = (
    ("#", "Number of the region, 1 the most disputed"),
    ("Label", "What is disputed"),
    (
        "Kind",
        "Whole: some raters drew it and others did not. Edge: they differ on its border. Doubt: "
        "all agree, but a check of labels rejects it.",
    ),
    ("mm³", "Size of the region"),
    ("For | not", "Raters who drew it | who left it out, by letter"),
    ("mm", "Largest distance between two raters' contours here"),
    ("Verdict", "What you decided"),
)

KINDS = {"presence": "whole", "boundary": "edge", "rejected": "doubt"}


def verdict_words(verdict: Verdict | None, letters: Mapping[str, str]) -> str:
    """Say a verdict in one or two words, for example ``accept B``."""
    if verdict is None:
        return "open"
    if verdict.choice == "rater":
        return f"accept {letters.get(verdict.rater_id or '', '?')}"
    return {"fusion": "fused", "none": "none", "redraw": "redrawn"}[verdict.choice]


def size_words(size_mm3: float) -> str:
    """Write a volume with as many digits as mean something."""
    return f"{size_mm3:,.0f}" if size_mm3 >= 100 else f"{size_mm3:.3g}"


def _letters(rater_ids: Sequence[str], letters: Mapping[str, str]) -> str:
    return "".join(sorted(letters.get(rater_id, "?") for rater_id in rater_ids)) or "–"


class FindingsTable(QTableWidget):
    """One row a region. Emits ``picked(region)`` when another row becomes current."""

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setAccessibleName("Disputed regions")
        self.setToolTip("Disputed regions, worst first. Pick one and all views go there.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self._regions: list[int] = []
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(20)
        for place, (title, tooltip) in enumerate(COLUMNS):
            item = QTableWidgetItem(title)
            item.setToolTip(tooltip)
            self.setHorizontalHeaderItem(place, item)
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setIconSize(QSize(12, 12))
        self._fit_rows()
        self.currentCellChanged.connect(self._moved)

    def set_findings(
        self,
        findings: Sequence[Finding],
        schema: LabelSchema,
        letters: Mapping[str, str],
        verdicts: Mapping[int, Verdict],
    ) -> None:
        """Show the regions of a case, in the order given."""
        self.blockSignals(True)
        self._regions = [finding.region for finding in findings]
        self.setRowCount(len(findings))
        for row, finding in enumerate(findings):
            label = schema.label(finding.label)
            name = label.name if label else f"label {finding.label}"
            distance = finding.max_distance_mm
            cells = (
                str(finding.region),
                name,
                KINDS[finding.kind],
                size_words(finding.size_mm3),
                f"{_letters(finding.raters_for, letters)} | "
                f"{_letters(finding.raters_against, letters)}",
                "–" if distance is None else f"{distance:.1f}",
                verdict_words(verdicts.get(finding.region), letters),
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(finding.why)
                if column in (0, 3, 5):
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
                    )
                if column == 1 and label:
                    item.setIcon(swatch(label.color, 12))
                self.setItem(row, column, item)
        self.blockSignals(False)

    def set_units(self, *, is_calibrated: bool) -> None:
        """Name the units: mm where the image is calibrated, else pixels."""
        for place, unit in (
            (3, "mm³" if is_calibrated else "px"),
            (5, "mm" if is_calibrated else "px"),
        ):
            item = self.horizontalHeaderItem(place)
            if item is not None:
                item.setText(unit)

    def show_verdict(self, region: int, words: str) -> None:
        """Write a region's verdict into its row."""
        if region in self._regions:
            item = self.item(self._regions.index(region), len(COLUMNS) - 1)
            if item is not None:
                item.setText(words)

    def regions(self) -> list[int]:
        """Return the regions in the order of the rows."""
        return list(self._regions)

    def current_region(self) -> int | None:
        """Return the region of the current row."""
        row = self.currentRow()
        return self._regions[row] if 0 <= row < len(self._regions) else None

    def select_region(self, region: int) -> None:
        """Make a region current and tell so."""
        if region not in self._regions:
            return
        row = self._regions.index(region)
        if row == self.currentRow():
            self.picked.emit(region)
        self.setCurrentCell(row, 0)
        self.scrollTo(self.model().index(row, 0))

    def changeEvent(self, event: QEvent) -> None:
        """Keep the rows as high as the font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit_rows()

    def _fit_rows(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)

    def _moved(self, row: int, column: int, old_row: int, old_column: int) -> None:
        if row != old_row and 0 <= row < len(self._regions):
            self.picked.emit(self._regions[row])
