"""Every key and what it does, built from the table of actions, with a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
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
from annotator.gui.actions import EVERYWHERE, ROOMS, Action, find, matching
from annotator.gui.buttons import Button, label
from annotator.gui.key_bindings import with_keys
from annotator.gui.key_editor import KeyEditor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from annotator.gui.key_bindings import Keys

WIDTHS = (170, 210)
"""Of the keys and of what they do, px; the sentence has the rest."""

MOUSE = (
    ("Wheel", "Turn slices"),
    ("Ctrl + wheel", "Zoom at the pointer"),
    ("Right button, drag", "Brightness (up, down) and contrast (left, right)"),
    ("Middle button, or Space and drag", "Move the image"),
)
"""Gestures on the canvas, which are no actions."""

DRAWING_HANDS = (
    ("Space, tapped", "Swap the last two tools"),
    ("Ctrl at the press", "Erase with the tool in hand"),
    ("Key of a tool, held while drawing", "Have the tool before again when it is let go"),
    ("Enter, right button or double click", "Finish an outline"),
    ("Backspace", "Take the last corner or part of an outline back"),
    ("Enter, Shift + Enter", "Accept what an operation suggests, or only this slice of it"),
)
"""The same where masks are drawn."""


class ShortcutsPage(QDialog):
    """Keys by room, each of which can be changed. The room that one is in comes first.

    Emits ``keys_changed(keys)``: all that are others than the program's own.
    """

    keys_changed = Signal(object)

    def __init__(self, actions: Sequence[Action], own: Keys, room: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._defaults = tuple(actions)
        self._own = dict(own)
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
        self.table = _table()
        self.table.itemDoubleClicked.connect(lambda _: self._edit())
        self.table.itemSelectionChanged.connect(self._enable)
        self.edit = Button(
            "Change key…", "Choose another key for the action in this row.", self._edit
        )
        self.reset = Button(
            "All defaults", "Go back to the keys that the program came with.", self._reset
        )
        self.told = label("", "muted")
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.room)
        top.addWidget(self.line, 1)
        foot.addWidget(self.told, 1)
        foot.addWidget(self.reset)
        foot.addWidget(self.edit)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addLayout(foot)
        self.resize(820, 620)
        self._fill()
        self.line.setFocus()

    def _fill(self) -> None:
        room, words = self.room.currentData(), self.line.text()
        here = [action for action in with_keys(self._defaults, self._own) if room in action.rooms]
        here.sort(key=lambda action: action.rooms == EVERYWHERE)
        shown = matching(here, words) if words.strip() else here
        rows = [(_key_words(action, self._own), action.text, action.tooltip) for action in shown]
        if room in ("rater", "trace", "review", "trace_review", "redraw"):
            rows += [
                (gesture, "Mouse", what)
                for gesture, what in (
                    *MOUSE,
                    *(DRAWING_HANDS if room in ("rater", "redraw") else ()),
                )
                if words.casefold() in f"{gesture} {what}".casefold()
            ]
        self.table.setRowCount(len(rows))
        keys = [action.key for action in shown] + [""] * (len(rows) - len(shown))
        for row, (key, cells) in enumerate(zip(keys, rows, strict=True)):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                item.setData(Qt.ItemDataRole.UserRole, key)
                self.table.setItem(row, column, item)
        self._enable()

    def _chosen(self) -> str:
        item = self.table.item(self.table.currentRow(), 0)
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def _enable(self) -> None:
        self.edit.setEnabled(bool(self._chosen()))
        self.reset.setEnabled(bool(self._own))
        n_own = len(self._own)
        self.told.setText(
            f"{n_own} of your own, marked •" if n_own else "A double click changes a key."
        )

    def _edit(self) -> None:
        key = self._chosen()
        if not key:
            return
        editor = KeyEditor(self._defaults, self._own, find(self._defaults, key), self)
        editor.accepted.connect(lambda: self._take(editor.keys))
        editor.open()

    def _reset(self) -> None:
        self._take({})

    def _take(self, keys: Keys) -> None:
        row = self.table.currentRow()
        self._own = dict(keys)
        self.keys_changed.emit(self._own)
        self._fill()
        self.table.selectRow(row)


def _table() -> QTableWidget:
    table = QTableWidget(0, 3)
    table.setAccessibleName("Shortcuts")
    table.setToolTip("Key, what it does, and a sentence on it.")
    table.setHorizontalHeaderLabels(["Key", "Action", "What it does"])
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.setWordWrap(True)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for column, width in enumerate(WIDTHS):
        table.setColumnWidth(column, width)
    header.setSectionResizeMode(len(WIDTHS), QHeaderView.ResizeMode.Stretch)
    return table


def _key_words(action: Action, own: Keys) -> str:
    return f"{shortcut_words(action)} •".lstrip() if action.key in own else shortcut_words(action)
