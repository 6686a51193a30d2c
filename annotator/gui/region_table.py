"""A table of places in a case, one a row, of which one is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from annotator.gui.label_palette import swatch

if TYPE_CHECKING:
    from collections.abc import Sequence


class RegionTable(QTableWidget):
    """Emits ``picked(region)`` when another row becomes current.

    ``columns`` are (title, tooltip); the second one takes what room is left and has the swatch, the
    last one says the verdict, those of ``numbers`` are written to the right.
    """

    picked = Signal(int)

    def __init__(
        self,
        columns: Sequence[tuple[str, str]],
        numbers: Sequence[int],
        name: str,
        tooltip: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(0, len(columns), parent)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self._numbers = frozenset(numbers)
        self._regions: list[int] = []
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(20)
        for place, (title, said) in enumerate(columns):
            item = QTableWidgetItem(title)
            item.setToolTip(said)
            self.setHorizontalHeaderItem(place, item)
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setIconSize(QSize(12, 12))
        self._fit_rows()
        self.currentCellChanged.connect(self._moved)

    def set_rows(self, rows: Sequence[tuple[int, Sequence[str], str, str]]) -> None:
        """Show these rows: region, cells, tooltip, colour of the swatch or empty."""
        self.blockSignals(True)
        self._regions = [region for region, *_ in rows]
        self.setRowCount(len(rows))
        for row, (_, cells, tooltip, color) in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(tooltip)
                if column in self._numbers:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
                    )
                if column == 1 and color:
                    item.setIcon(swatch(color, 12))
                self.setItem(row, column, item)
        self.blockSignals(False)

    def show_verdict(self, region: int, words: str) -> None:
        """Write a region's verdict into its row."""
        if region in self._regions:
            item = self.item(self._regions.index(region), self.columnCount() - 1)
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
