"""A plain table of a plan: what would be done, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget


class PlanTable(QTableWidget):
    """Rows of words that cannot be edited; the last column takes the room that is left."""

    def __init__(
        self, name: str, columns: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(0, len(columns), parent)
        self.setAccessibleName(name)
        self.setToolTip(f"{name}. Point at a row to read all of it.")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(True)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        for place, (title, tooltip) in enumerate(columns):
            item = QTableWidgetItem(title)
            item.setToolTip(tooltip)
            self.setHorizontalHeaderItem(place, item)
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)

    def set_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows, one text a column."""
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            whole = "\n".join(text for text in row if text)
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(whole)
                self.setItem(number, column, item)
        self.resizeRowsToContents()
