"""A table of what was found in tracings, most at stake first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.tracing import TraceFinding
    from annotator_napari.tracing_work import Found

MOST_ROWS = 2000
"""A table of more is read by nobody; files hold all."""
COLUMNS: tuple[tuple[str, str], ...] = (
    ("At stake", "Cable that hangs on it times how likely it is an error, µm"),
    ("Check", "What found it"),
    ("Severity", "Error, warning, or hint"),
    ("Value", "What was measured"),
    ("Limit", "From where on it is reported"),
    ("Tracing", "In which file"),
)


def number_words(value: float | None, unit: str) -> str:
    """Write a measured number with its unit; a dash where there is none."""
    return "–" if value is None else f"{value:.3g} {unit}".rstrip()


class FindingsList(QTableWidget):
    """Emits ``picked(place)``, the place in the list, when another row becomes current."""

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setAccessibleName("Findings")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        for column, (title, tooltip) in enumerate(COLUMNS):
            item = QTableWidgetItem(title)
            item.setToolTip(tooltip)
            self.setHorizontalHeaderItem(column, item)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        self.currentCellChanged.connect(self._moved)

    def show_found(self, found: Sequence[Found]) -> None:
        """Show the first of these findings."""
        self.blockSignals(True)
        self.clearContents()
        self.setRowCount(min(len(found), MOST_ROWS))
        for row, one in enumerate(found[:MOST_ROWS]):
            for column, text in enumerate((*cells(one.finding), one.tracing.name)):
                item = QTableWidgetItem(text)
                item.setToolTip(one.finding.why)
                if column in (0, 3, 4):
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.setItem(row, column, item)
        self.setCurrentCell(-1, -1)
        self.blockSignals(False)
        self.resizeColumnsToContents()

    def _moved(self, row: int, column: int, old_row: int, old_column: int) -> None:
        if row >= 0 and row != old_row:
            self.picked.emit(row)


def cells(finding: TraceFinding) -> tuple[str, ...]:
    """Return what the table says of a finding, but for the file."""
    return (
        f"{finding.at_stake_um:.0f} µm",
        finding.check,
        finding.severity,
        number_words(finding.value, finding.unit),
        number_words(finding.threshold, finding.unit),
    )
