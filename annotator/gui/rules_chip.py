"""Beside the options: which rules bind the tool in hand, and the way out of them."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from annotator.gui.buttons import Button, ElidedLabel
from annotator.gui.tool_strip import HEIGHT

_WIDEST = 380


class RulesChip(QWidget):
    """Shown while rules bind. Emits ``freed`` when a person wants to be free of them."""

    freed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rulesChip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self.words = ElidedLabel("")
        self.words.setAccessibleName("Rules that bind every tool")
        self.free = Button("×", "Free all tools of these rules.", self.freed.emit, kind="quiet")
        self.free.setAccessibleName("Free the tools of their rules")
        self.free.setFixedSize(24, HEIGHT - 4)
        self.free.setStyleSheet("padding: 0;")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(9, 0, 2, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self.free)

    def say(self, words: str) -> None:
        """Show what binds; empty words hide it."""
        self.words.setText(words)
        self.words.setToolTip(words)
        width = self.words.fontMetrics().horizontalAdvance(words) + 4
        self.words.setFixedWidth(min(width, _WIDEST))
        self.setVisible(bool(words))
