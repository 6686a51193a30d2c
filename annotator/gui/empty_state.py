"""What a place shows while there is nothing in it: why, and the button that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.icons import pixmap
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QShowEvent


class EmptyState(QWidget):
    """An icon, a sentence, an explanation and at most one button.

    ``is_busy``: a bar moves below the words, because something is under way.
    """

    def __init__(
        self,
        icon_name: str,
        title: str,
        explanation: str,
        button: tuple[str, str, Callable[[], object]] | None = None,
        *,
        is_busy: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = label(title, "heading", wrap=True)
        self.explanation = label(explanation, "muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(10)
        layout.addStretch(1)
        layout.addWidget(self._picture)
        for text in (self.title, self.explanation):
            text.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(text)
        self.button: Button | None = None
        if is_busy:
            moving = QProgressBar()
            moving.setRange(0, 0)
            moving.setTextVisible(False)
            moving.setFixedSize(220, 6)
            moving.setAccessibleName("Under way")
            moving.setToolTip("It is not known how long this takes.")
            layout.addWidget(moving, 0, Qt.AlignmentFlag.AlignHCenter)
        if button is not None:
            words, tooltip, run = button
            self.button = Button(words, tooltip, run, kind="primary")
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(self.button)
            row.addStretch(1)
            layout.addSpacing(6)
            layout.addLayout(row)
        layout.addStretch(2)

    def say(self, title: str, explanation: str, *, button: bool = True) -> None:
        """Change the words; ``button`` shows or hides the button."""
        self.title.setText(title)
        self.explanation.setText(explanation)
        if self.button is not None:
            self.button.setVisible(button)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw the icon in the colours of the theme."""
        super().showEvent(event)
        self._dress()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon anew when the theme changes."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        color = shown_tokens().muted
        self._picture.setPixmap(pixmap(self._icon_name, color, 44, self.devicePixelRatioF()))
