"""A line at the top of the window for what a person must know; never a box in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look
from annotator.gui.icons import pixmap
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent

ICONS = {"bad": "warning", "caution": "warning", "good": "check", "info": "info"}


class Notice(QWidget):
    """Words in a tone, with details behind a button where there are many."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = "info"
        self._picture = QLabel()
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.words = label("", wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.more = Button("Show details", "Show the whole list.", self._toggle)
        self.close_button = Button("Close", "Close this message.", self.hide)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details")
        self.details.setToolTip("Details; they can be copied.")
        self.details.setFixedHeight(self.fontMetrics().height() * 8)
        row = QHBoxLayout()
        row.addWidget(self._picture)
        row.addWidget(self.words, 1)
        row.addWidget(self.more)
        row.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self.details.hide()
        self.hide()

    def say(self, words: str, tone: str = "info", details: str = "") -> None:
        """Show words; ``tone`` is good, info, caution or bad."""
        self.words.setText(words)
        set_look(self.words, "tone", tone)
        self._tone = tone
        self._dress()
        self.details.setPlainText(details)
        self.details.hide()
        self.more.setText("Show details")
        self.more.setVisible(bool(details))
        self.show()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon anew when the theme changes."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        color = getattr(shown_tokens(), self._tone)
        self._picture.setPixmap(pixmap(ICONS[self._tone], color, 18, self.devicePixelRatioF()))

    def _toggle(self) -> None:
        self.details.setVisible(not self.details.isVisible())
        self.more.setText("Hide details" if self.details.isVisible() else "Show details")
