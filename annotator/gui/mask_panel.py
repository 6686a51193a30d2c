"""The right side of a case on which masks are drawn: labels, marks, diagnosis, submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.drawing_side import DrawingSide
from annotator.gui.mark_panel import MarkPanel
from annotator.gui.reading_panel import ReadingPanel, StartWords

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotator.domain.schema import LabelSchema

_WORDS = StartWords(
    offer="Start from a model:",
    explanation="Puts the model's drawing in place of yours.",
    started="Started from {}, a model",
    unknown="Started from a model",
)


class MaskPanel(ReadingPanel):
    """Labels, marks, the diagnosis form and the submit button of one open case."""

    def __init__(
        self, schema: LabelSchema, *, opacity: float, parent: QWidget | None = None
    ) -> None:
        self.drawing = DrawingSide(schema, opacity=opacity)
        self.labels = self.drawing.labels
        self.marks = MarkPanel(schema)
        super().__init__(schema, [("", self.drawing), ("", self.marks)], _WORDS, parent)
