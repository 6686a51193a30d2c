"""The diagnosis form, built from the fields of a label schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.reading import Diagnosis
from annotator.gui.answer_fields import AnswerField, make_field
from annotator.gui.buttons import label

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema

CONFIDENCE_WORDS = ("Not given", "Guessing", "Unsure", "Fairly sure", "Sure", "Certain")


class ConfidenceSlider(QWidget):
    """Confidence from 0 to 1 in words; the left end is "not given"."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(CONFIDENCE_WORDS) - 1)
        self.slider.setPageStep(1)
        self.slider.setAccessibleName("Confidence in the diagnosis")
        self.slider.setToolTip(
            "How sure you are, from guessing to certain. Arrow keys move it; the left end means "
            "that you give no confidence."
        )
        self._words = label(CONFIDENCE_WORDS[0], "muted")
        self._words.setMinimumWidth(self._words.fontMetrics().horizontalAdvance("Fairly sure ") + 8)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self._words)
        self.slider.valueChanged.connect(self._moved)

    def value(self) -> float | None:
        """Return the confidence, 0 to 1, or None where it was not given."""
        place = self.slider.value()
        return None if place == 0 else (place - 1) / (len(CONFIDENCE_WORDS) - 2)

    def show_value(self, confidence: float | None) -> None:
        """Show a confidence without telling it as a change."""
        place = 0 if confidence is None else 1 + round(confidence * (len(CONFIDENCE_WORDS) - 2))
        self.slider.blockSignals(True)
        self.slider.setValue(place)
        self.slider.blockSignals(False)
        self._words.setText(CONFIDENCE_WORDS[place])

    def _moved(self, place: int) -> None:
        self._words.setText(CONFIDENCE_WORDS[place])
        self.changed.emit()


class DiagnosisForm(QWidget):
    """One row a field of the schema, then confidence and comment.

    Emits ``changed`` at every edit by the person, never when an answer is shown by code.
    """

    changed = Signal()

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.fields: dict[str, AnswerField] = {}
        self._complaints: dict[str, QLabel] = {}
        for field in schema.fields:
            made = make_field(field)
            made.changed.connect(self._edited)
            complaint = label("", tone="bad", wrap=True)
            complaint.hide()
            title = label(field.title + ("" if field.required else " (optional)"), wrap=True)
            layout.addWidget(title)
            layout.addWidget(made)
            layout.addWidget(complaint)
            layout.addSpacing(4)
            self.fields[field.key] = made
            self._complaints[field.key] = complaint
        self._schema = schema
        self.confidence = ConfidenceSlider()
        self.confidence.changed.connect(self._edited)
        self.comment = QPlainTextEdit()
        self.comment.setAccessibleName("Comment")
        self.comment.setToolTip("Anything that the reviewer should know; optional.")
        self.comment.setPlaceholderText("Comment for the reviewer (optional)")
        self.comment.setTabChangesFocus(True)
        self.comment.setFixedHeight(self.comment.fontMetrics().height() * 3 + 14)
        self.comment.textChanged.connect(self._edited)
        layout.addWidget(label("How sure are you?"))
        layout.addWidget(self.confidence)
        layout.addSpacing(2)
        layout.addWidget(self.comment)

    def diagnosis(self) -> Diagnosis:
        """Return what is filled in now."""
        answers = ((key, field.answer()) for key, field in self.fields.items())
        return Diagnosis(
            answers=tuple((key, answer) for key, answer in answers if answer is not None),
            confidence=self.confidence.value(),
            comment=self.comment.toPlainText().strip(),
        )

    def show_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Show answers without telling them as changes."""
        for key, field in self.fields.items():
            field.blockSignals(True)
            field.show_answer(diagnosis.answer(key))
            field.blockSignals(False)
        self.confidence.show_value(diagnosis.confidence)
        self.comment.blockSignals(True)
        self.comment.setPlainText(diagnosis.comment)
        self.comment.blockSignals(False)
        self.show_missing(on=False)

    def missing(self) -> dict[str, str]:
        """Say per field key, in words, what is still to be answered."""
        return {
            field.key: f"“{field.title}” is not answered yet."
            for field in self._schema.fields
            if field.required and self.fields[field.key].answer() is None
        }

    def show_missing(self, *, on: bool) -> None:
        """Show, or hide, beside each field what is missing in it."""
        missing = self.missing() if on else {}
        for key, complaint in self._complaints.items():
            complaint.setText("Please answer this." if key in missing else "")
            complaint.setVisible(key in missing)
            self.fields[key].mark(missing=key in missing)

    def focus_first_missing(self) -> None:
        """Put the keyboard into the first field that lacks an answer."""
        for key in self.missing():
            self.fields[key].setFocus()
            return

    def _edited(self) -> None:
        missing = self.missing()
        for key, complaint in self._complaints.items():
            if complaint.isVisible() and key not in missing:
                complaint.hide()
                self.fields[key].mark(missing=False)
        self.changed.emit()
