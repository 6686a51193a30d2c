"""A table of facts in which one row is chosen; the row stays chosen while its words change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

Column = tuple[str, str, int]
"""Title, what it tells, width in pixels; 0 for the one that takes the room that is left."""


class KeyedTable(QTableWidget):
    """One line a row, cut off with … where it is too long; pointing at a row shows all of it.

    Emits ``chosen(key)`` when another row becomes the current one, ``picked(key)`` on Enter or a
    double click.
    """

    chosen = Signal(str)
    picked = Signal(str)

    def __init__(
        self, name: str, tooltip: str, columns: Sequence[Column], parent: QWidget | None = None
    ) -> None:
        super().__init__(0, len(columns), parent)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self._keys: tuple[str, ...] = ()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for place, (title, help_words, width) in enumerate(columns):
            item = QTableWidgetItem(title)
            item.setToolTip(help_words)
            self.setHorizontalHeaderItem(place, item)
            if width:
                self.setColumnWidth(place, width)
            else:
                header.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)
        self.currentCellChanged.connect(self._tell)
        self.itemActivated.connect(lambda item: self.picked.emit(self._keys[item.row()]))

    def set_rows(self, rows: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Show these rows, ``(key, one text a column)``; the chosen one stays chosen."""
        before = self.key
        keys = tuple(key for key, _ in rows)
        with QSignalBlocker(self):
            self.setRowCount(len(rows))
            for number, (_, row) in enumerate(rows):
                self._show(number, row)
            if keys != self._keys:
                self._keys = keys
                place = keys.index(before) if before in keys else (0 if keys else -1)
                self.setCurrentCell(place, 0)
        if self.key != before:
            self.chosen.emit(self.key)

    def _show(self, number: int, row: Sequence[str]) -> None:
        whole = "\n".join(text for text in row if text)
        for column, text in enumerate(row):
            item = self.item(number, column)
            if item is None:
                item = QTableWidgetItem()
                self.setItem(number, column, item)
            if item.text() != text:
                item.setText(text)
            if item.toolTip() != whole:
                item.setToolTip(whole)

    @property
    def key(self) -> str:
        """The key of the chosen row; empty where there is none."""
        row = self.currentRow()
        return self._keys[row] if 0 <= row < len(self._keys) else ""

    def choose(self, key: str) -> None:
        """Choose the row of that key."""
        if key in self._keys:
            self.setCurrentCell(self._keys.index(key), 0)

    def _tell(self, row: int, _column: int, old_row: int, _old_column: int) -> None:
        if row != old_row:
            self.chosen.emit(self.key)
