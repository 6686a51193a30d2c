"""The right side while a reviewer draws a region anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.drawing_side import DrawingSide
from annotator.gui.reading_panel import scrolled

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema


_ONE_GROUP = " Labels of other groups than the region's stay what they were decided to be."


class RedrawPanel(QWidget):
    """Label palette, and the two ways out. Emits ``done`` and ``left``."""

    done = Signal()
    left = Signal()

    def __init__(
        self, schema: LabelSchema, *, opacity: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.title = label("", "heading", wrap=True)
        self.drawing = DrawingSide(schema, opacity=opacity)
        self.labels = self.drawing.labels
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 4, 0)
        inner.addWidget(self.drawing)
        inner.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addWidget(
            label(
                "The region starts from the fused label. Draw and erase until it is right; what "
                "you leave empty inside the region is background."
                + (_ONE_GROUP if len(schema.groups) > 1 else ""),
                "muted",
                wrap=True,
            )
        )
        layout.addWidget(scrolled(content), 1)
        layout.addWidget(
            Button(
                "Done: my drawing holds here",
                "Let your drawing hold in this region and go on (Ctrl+Enter).",
                self.done.emit,
                kind="primary",
                icon_name="check",
            )
        )
        layout.addWidget(
            Button(
                "Leave without a verdict",
                "Go back to the region without deciding (Shift+Esc); your strokes stay.",
                self.left.emit,
            )
        )
