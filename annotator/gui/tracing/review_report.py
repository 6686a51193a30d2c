"""The report on traced cases: how far each is, and the whole report as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QModelIndex

    from annotator.session.review_room import QueueEntry

COLUMNS: tuple[tuple[str, str], ...] = (
    ("Case", "What was traced"),
    ("Tracings", "How many tracers, people and programs"),
    ("Places", "Places that may be wrong in the tracing that is reviewed"),
    ("Decided", "Places with a verdict"),
    ("At stake, µm", "Cable at the places that are open, times how likely it is wrong"),
    ("State", "How far the review is"),
)
STATES = {"waiting": "to do", "open": "begun", "signed off": "signed off"}


class TraceReportPage(QWidget):
    """A table of the traced cases that the reviewer may see.

    Emits ``save_wanted(case ids)`` and ``case_wanted(case id)``.
    """

    save_wanted = Signal(object)
    case_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[QueueEntry, ...] = ()
        self.about = label("", "muted", wrap=True)
        self.save = Button(
            "Save report…",
            "Write what was looked for in the tracings, what was found, decided and changed, as "
            "one HTML file.",
            lambda: self.save_wanted.emit(tuple(entry.case_id for entry in self._entries)),
        )
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setAccessibleName("Traced cases")
        self.table.setToolTip("One row a traced case. A double click opens it in the review.")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        for place, (title, tooltip) in enumerate(COLUMNS):
            item = QTableWidgetItem(title)
            item.setToolTip(tooltip)
            self.table.setHorizontalHeaderItem(place, item)
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.doubleClicked.connect(self._open)
        top = QHBoxLayout()
        top.addWidget(label("Report on tracings", "title"), 1)
        top.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 14, 16, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.about)
        layout.addWidget(self.table, 1)

    def show_entries(self, entries: Sequence[QueueEntry]) -> None:
        """Show these traced cases."""
        self._entries = tuple(entries)
        n_signed = sum(entry.state == "signed off" for entry in entries)
        n_looked = sum(not entry.note for entry in entries)
        self.about.setText(
            f"{n_signed} of {len(entries)} traced cases are signed off; {n_looked} were looked "
            "through as they are now. The report tells what was checked, found and fixed in each."
        )
        self.save.setEnabled(bool(n_looked or n_signed))
        self.table.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            state = STATES[entry.state]
            cells = (
                entry.title,
                str(entry.n_readings),
                str(entry.n_regions),
                str(entry.n_decided),
                f"{entry.at_stake_um:,.0f}",
                f"{state}; {entry.note}" if entry.note else state,
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{entry.title}: {COLUMNS[column][1]}")
                if 0 < column < len(cells) - 1:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
                    )
                self.table.setItem(row, column, item)

    def _open(self, index: QModelIndex) -> None:
        self.case_wanted.emit(self._entries[index.row()].case_id)
