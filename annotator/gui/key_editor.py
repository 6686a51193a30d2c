"""Choosing the key of one action; what has the key already is named before it loses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QDialog, QHBoxLayout, QKeySequenceEdit, QVBoxLayout

from annotator.gui.action_book import shortcut_words
from annotator.gui.buttons import Button, label
from annotator.gui.key_bindings import assigned, changed, rivals, with_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from annotator.gui.actions import Action
    from annotator.gui.key_bindings import Keys

_RESERVED = ("Space",)
"""Keys that belong to the canvas in every room."""


class KeyEditor(QDialog):
    """Asks for a key; ``keys`` are all own keys afterwards, once the dialog was accepted."""

    def __init__(
        self, actions: Sequence[Action], own: Keys, action: Action, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Key for “{action.text}”")
        self._actions = actions
        self._action = action
        self.keys = dict(own)
        self._own = dict(own)
        self.field = QKeySequenceEdit()
        self.field.setAccessibleName("New key")
        self.field.setToolTip("Press the key, or keys, that are to run it.")
        self.field.setMaximumSequenceLength(1)
        self.field.keySequenceChanged.connect(self._weigh)
        self.told = label("Press the new key.", wrap=True)
        self.told.setAccessibleName("What the key means now")
        self.take = Button(
            "Use this key", "Run the action by this key.", self._take, kind="primary"
        )
        self.take.setEnabled(False)
        self.none = Button("No key", "Leave the action without a key.", self._clear)
        self.default = Button(
            f"Default ({shortcut_words(action) or 'none'})",
            "Go back to the key that the program came with.",
            self._reset,
        )
        row = QHBoxLayout()
        row.addWidget(self.none)
        row.addWidget(self.default)
        row.addStretch(1)
        row.addWidget(self.take)
        layout = QVBoxLayout(self)
        layout.addWidget(self.field)
        layout.addWidget(self.told)
        layout.addLayout(row)
        self.resize(460, 150)
        self.field.setFocus()

    def _weigh(self, sequence: QKeySequence) -> None:
        """Say what the key means already, before anything changes."""
        text = sequence.toString()
        self.take.setEnabled(bool(text) and text not in _RESERVED)
        self.take.setText("Use this key")
        if not text:
            self.told.setText("Press the new key.")
        elif text in _RESERVED:
            self.told.setText(f"“{text}” belongs to the canvas: it moves the image.")
        else:
            here = rivals(with_keys(self._actions, self._own), self._action.key, text)
            if here:
                names = " and ".join(f"“{rival.text}”" for rival in here)
                self.told.setText(f"“{text}” means {names} now, which would be left without it.")
                self.take.setText("Take it over")
            else:
                self.told.setText(f"“{text}” is free where this action can be used.")

    def _take(self) -> None:
        text = self.field.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        self.keys = assigned(self._actions, self._own, self._action.key, text)
        self.accept()

    def _clear(self) -> None:
        self.keys = changed({**self._own, self._action.key: ()}, self._actions)
        self.accept()

    def _reset(self) -> None:
        """Take the default key back, also from whoever has it now."""
        kept = {key: keys for key, keys in self._own.items() if key != self._action.key}
        for text in self._action.shortcut:
            kept = assigned(self._actions, kept, self._action.key, text)
        self.keys = {key: keys for key, keys in kept.items() if key != self._action.key}
        self.accept()
