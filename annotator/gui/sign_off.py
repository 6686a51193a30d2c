"""The foot of the reviewer's panels: the button that signs a case off, and what keeps it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label


class SignOffFoot(QWidget):
    """Emits ``wanted``."""

    wanted = Signal()

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        """Say in the tooltip ``what`` is put together from the verdicts."""
        super().__init__(parent)
        self.setObjectName("bottombar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.complaints = label("", tone="bad", wrap=True)
        self.complaints.setAccessibleName("What keeps the case from being signed off")
        self.complaints.hide()
        self.sign = Button(
            "Sign off",
            f"Make the adjudication final (Ctrl+Enter): the {what} is composed from your verdicts.",
            self.wanted.emit,
            kind="primary",
            icon_name="sign",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.addWidget(self.complaints)
        layout.addWidget(self.sign)

    def complain(self, words: str) -> None:
        """Say what keeps the case from being signed off."""
        self.complaints.setText(words)
        self.complaints.show()
