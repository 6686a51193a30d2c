"""Every key and what it does, built from the table of actions, with a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from annotator.gui.action_book import shortcut_words
from annotator.gui.actions import ROOMS, Action, matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

MOUSE = (
    ("Wheel", "Turn slices"),
    ("Ctrl + wheel", "Zoom at the pointer"),
    ("Right button, drag", "Brightness (up, down) and contrast (left, right)"),
    ("Middle button, or Space and drag", "Move the image"),
)
"""Gestures on the canvas, which are no actions."""


class ShortcutsPage(QDialog):
    """Keys by room. The room that one is in comes first."""

    def __init__(self, actions: Sequence[Action], room: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = [action for action in actions if action.shortcut]
        self.room = QComboBox()
        self.room.setAccessibleName("Where the keys work")
        self.room.setToolTip("Keys may mean something else elsewhere; choose where.")
        for key, title in ROOMS.items():
            self.room.addItem(title, key)
        self.room.setCurrentIndex(max(0, self.room.findData(room)))
        self.room.currentIndexChanged.connect(lambda _: self._fill())
        self.line = QLineEdit()
        self.line.setPlaceholderText("Search, for example “undo”")
        self.line.setAccessibleName("Search the shortcuts")
        self.line.setToolTip("Shows only what has all these words.")
        self.line.textChanged.connect(lambda _: self._fill())
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName("Shortcuts")
        self.table.setToolTip("Key, what it does, and a sentence on it.")
        self.table.setHorizontalHeaderLabels(["Key", "Action", "What it does"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        top = QHBoxLayout()
        top.addWidget(self.room)
        top.addWidget(self.line, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        self.resize(820, 620)
        self._fill()
        self.line.setFocus()

    def _fill(self) -> None:
        room = self.room.currentData()
        words = self.line.text()
        here = [action for action in self._actions if room in action.rooms]
        shown = matching(here, words) if words.strip() else here
        rows = [(shortcut_words(action), action.text, action.tooltip) for action in shown]
        if room in ("rater", "trace", "review", "trace_review", "redraw"):
            rows += [
                (gesture, "Mouse", what)
                for gesture, what in MOUSE
                if words.casefold() in f"{gesture} {what}".casefold()
            ]
        self.table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(row, column, item)
        self.table.resizeRowsToContents()
