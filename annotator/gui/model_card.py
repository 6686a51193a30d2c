"""The card of a model in full: what a person should know before trusting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.gui.buttons import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QLayout


class ModelCardView(QWidget):
    """A title, and headings with words below each; everything can be read out and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scrolled")
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(14, 10, 14, 12)
        self._rows.setSpacing(3)

    def show_card(self, title: str, chip: str, lines: Sequence[tuple[str, str]]) -> None:
        """Show a card; ``chip`` is a word on where the model comes from."""
        _empty(self._rows)
        if not title:
            self._rows.addWidget(label("Choose a model to read its card.", "muted", wrap=True))
            self._rows.addStretch(1)
            return
        self._rows.addWidget(label(title, "heading", wrap=True))
        self._rows.addWidget(label(chip, "small", wrap=True))
        for heading, words in lines:
            self._rows.addSpacing(7)
            self._rows.addWidget(label(heading, "section"))
            self._rows.addWidget(label(words, wrap=True))
        self._rows.addStretch(1)


def _empty(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
