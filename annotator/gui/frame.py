"""What is around every room: where one is, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from annotator.gui.buttons import Button, ToolButton, label
from annotator.gui.icons import pixmap
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QAction


class TopBar(QWidget):
    """Back, where one is, and a few actions that are always at hand."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.back = Button(
            "Back", "Go back one step; your work is already saved (Alt+Left).", icon_name="back"
        )
        self.where = label("")
        self.where.setAccessibleName("Where you are")
        self.where.setToolTip("Where you are.")
        self.where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 6)
        layout.setSpacing(8)
        layout.addWidget(self.back)
        layout.addWidget(self.where, 1)
        for action in actions:
            layout.addWidget(ToolButton(action))

    def say_where(self, parts: Sequence[str]) -> None:
        """Show the way here, for example ``Start › Lung nodules › Dr. Adams: reading``."""
        self.back.setVisible(len(parts) > 1)
        self.where.setText("  ›  ".join(parts))


class BottomBar(QWidget):
    """The next step in words, and what is being worked on."""

    def __init__(self, jobs: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bottombar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._picture = QLabel()
        self.hint = label("", wrap=True)
        self.hint.setObjectName("hint")
        self.hint.setAccessibleName("Next step")
        self.hint.setToolTip("What you can do next.")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 5, 12, 5)
        layout.setSpacing(8)
        layout.addWidget(self._picture)
        layout.addWidget(self.hint, 1)
        layout.addWidget(jobs)
        self._dress()

    def say(self, words: str) -> None:
        """Say the next step."""
        self.hint.setText(words)

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon anew when the theme changes."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        color = shown_tokens().link
        self._picture.setPixmap(pixmap("info", color, 18, self.devicePixelRatioF()))
