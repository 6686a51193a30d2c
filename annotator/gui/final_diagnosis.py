"""What each reading says of the whole case, side by side, and the reviewer's final diagnosis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from annotator.domain.reading import Diagnosis
from annotator.gui.buttons import label
from annotator.gui.diagnosis_form import CONFIDENCE_WORDS, DiagnosisForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.schema import DiagnosisField, LabelSchema


def confidence_words(confidence: float | None) -> str:
    """Say a confidence from 0 to 1 in words."""
    if confidence is None:
        return "–"
    return CONFIDENCE_WORDS[1 + round(confidence * (len(CONFIDENCE_WORDS) - 2))].lower()


def agreed_answers(
    fields: Sequence[DiagnosisField], diagnoses: Sequence[tuple[str, Diagnosis]]
) -> tuple[tuple[str, str], ...]:
    """Return the (field key, answer) pairs on which every reading agrees."""
    agreed: list[tuple[str, str]] = []
    for field in fields:
        answers = {diagnosis.answer(field.key) for _, diagnosis in diagnoses}
        if len(answers) == 1 and (only := answers.pop()) is not None:
            agreed.append((field.key, only))
    return tuple(agreed)


class FinalDiagnosis(QWidget):
    """The comparison table above, the form for the final diagnosis below."""

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._schema = schema
        self.answers = QGridLayout()
        self.answers.setHorizontalSpacing(10)
        self.answers.setVerticalSpacing(4)
        self.answers.setColumnStretch(0, 3)
        self.comments = label("", "small", wrap=True)
        self.comments.setAccessibleName("Comments of the readings")
        self.form = DiagnosisForm(schema)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(6)
        layout.addWidget(label("What the readings say", "section"))
        layout.addLayout(self.answers)
        layout.addWidget(self.comments)
        layout.addSpacing(6)
        layout.addWidget(label("Final diagnosis", "section"))
        self._note = label("", "small", wrap=True)
        layout.addWidget(self._note)
        layout.addWidget(self.form)
        layout.addStretch(1)

    def set_diagnoses(
        self, diagnoses: Sequence[tuple[str, Diagnosis]], final: Diagnosis | None
    ) -> None:
        """Compare these diagnoses; the form starts from ``final`` or from what all agree on."""
        fields = self._schema.fields
        titles = [*(field.title for field in fields), "Confidence"]
        while (item := self.answers.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._row(0, ["", *(letter for letter, _ in diagnoses)], "section")
        for row, title in enumerate(titles):
            cells = [self._cell(row, diagnosis) for _, diagnosis in diagnoses]
            differs = row < len(fields) and len(set(cells)) > 1
            self._row(row + 1, [f"≠ {title}" if differs else title, *cells], "small")
        comments = [f"{letter}: {said.comment}" for letter, said in diagnoses if said.comment]
        self.comments.setText("\n".join(comments))
        self.comments.setVisible(bool(comments))
        if final is None:
            agreed = agreed_answers(fields, diagnoses)
            self.form.show_diagnosis(Diagnosis(answers=agreed))
            self._note.setText(
                f"{len(agreed)} of {len(fields)} answers are filled in because all readings agree."
                if agreed
                else ""
            )
        else:
            self.form.show_diagnosis(final)
            self._note.setText("As it was signed off.")
        self._note.setVisible(bool(self._note.text()))

    def _row(self, row: int, cells: Sequence[str], role: str) -> None:
        for column, text in enumerate(cells):
            cell = label(text, role, wrap=True, tone="caution" if cells[0][:1] == "≠" else "")
            cell.setToolTip(text)
            self.answers.addWidget(cell, row, column)
            if column:
                self.answers.setColumnStretch(column, 1)

    def _cell(self, row: int, diagnosis: Diagnosis) -> str:
        fields = self._schema.fields
        if row < len(fields):
            field = fields[row]
            answer = diagnosis.answer(field.key)
            return "–" if answer is None else dict(field.choices).get(answer, answer)
        return confidence_words(diagnosis.confidence)
