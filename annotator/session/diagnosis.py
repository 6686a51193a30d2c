"""Whether the answers to the diagnosis form are complete and allowed, in words."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.domain.reading import Diagnosis
    from annotator.domain.schema import DiagnosisField, LabelSchema


def diagnosis_problems(
    schema: LabelSchema, diagnosis: Diagnosis, *, needs_required: bool = True
) -> tuple[str, ...]:
    """Say what keeps a diagnosis from being submitted; empty when nothing does.

    ``needs_required=False`` lets unanswered questions pass, for readings that were made elsewhere.
    """
    found: list[str] = []
    for key, _ in diagnosis.answers:
        if schema.field(key) is None:
            known = ", ".join(field.key for field in schema.fields) or "none"
            found.append(f"the form has no question {key!r}; it asks: {known}")
    for field in schema.fields:
        answer = (diagnosis.answer(field.key) or "").strip()
        if answer:
            found.extend(_answer_problems(field, answer))
        elif field.required and needs_required:
            found.append(f"“{field.title}” is not answered")
    confidence = diagnosis.confidence
    if confidence is not None and not 0.0 <= confidence <= 1.0:
        found.append(f"the confidence is {confidence:g}; it must lie between 0 and 1")
    return tuple(found)


def require_diagnosis(
    schema: LabelSchema, diagnosis: Diagnosis, *, needs_required: bool = True
) -> None:
    """Raise AnnotatorError with everything that is wrong with a diagnosis."""
    found = diagnosis_problems(schema, diagnosis, needs_required=needs_required)
    if found:
        raise AnnotatorError("; ".join(found))


def _answer_problems(field: DiagnosisField, answer: str) -> tuple[str, ...]:
    if field.kind == "choice":
        keys = [key for key, _ in field.choices]
        if answer in keys:
            return ()
        return (f"“{field.title}” has no answer {answer!r}; choose one of: {', '.join(keys)}",)
    if field.kind == "number":
        return _number_problems(field, answer)
    return ()


def _number_problems(field: DiagnosisField, answer: str) -> tuple[str, ...]:
    try:
        number = float(answer)
    except ValueError:
        return (f"“{field.title}” needs a number, not {answer!r}",)
    if not isfinite(number):
        return (f"“{field.title}” needs a number, not {answer!r}",)
    if field.minimum is not None and number < field.minimum:
        return (f"“{field.title}” is {answer}; the least allowed is {field.minimum:g}",)
    if field.maximum is not None and number > field.maximum:
        return (f"“{field.title}” is {answer}; the most allowed is {field.maximum:g}",)
    return ()
