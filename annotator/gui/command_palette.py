"""Type what you want to do, press Enter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QDialog, QLineEdit, QVBoxLayout

from annotator.gui.action_book import shortcut_words
from annotator.gui.actions import Action, matching
from annotator.gui.buttons import label
from annotator.gui.rows import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget


class CommandPalette(QDialog):
    """Finds an action by its words; ``chosen`` is its key once the dialog was accepted."""

    def __init__(self, actions: Sequence[Action], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Find an action")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = actions
        self.chosen: str | None = None
        self.line = QLineEdit()
        self.line.setPlaceholderText("What do you want to do?")
        self.line.setAccessibleName("Words of the action")
        self.line.setToolTip("Type words; arrow keys choose, Enter does it.")
        self.line.installEventFilter(self)
        self.line.textChanged.connect(self._filter)
        self.line.returnPressed.connect(self._take)
        self.list = RowList("Actions", "What can be done here. Enter does it.")
        self.list.picked.connect(self._pick)
        self._none = label("Nothing by these words can be done here.", "muted")
        layout = QVBoxLayout(self)
        layout.addWidget(self.line)
        layout.addWidget(self.list, 1)
        layout.addWidget(self._none)
        self.resize(520, 440)
        self._filter("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys move in the list while the words are typed."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if steps is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + steps) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    def _filter(self, words: str) -> None:
        found = matching(self._actions, words)
        self.list.set_rows(
            [
                Row(
                    key=action.key,
                    title=action.text.rstrip("…"),
                    detail=action.tooltip,
                    chip=shortcut_words(action),
                )
                for action in found
            ]
        )
        self.list.setCurrentRow(0 if found else -1)
        self.list.setVisible(bool(found))
        self._none.setVisible(not found)

    def _take(self) -> None:
        key = self.list.current_key()
        if key is not None:
            self._pick(key)

    def _pick(self, key: str) -> None:
        self.chosen = key
        self.accept()
