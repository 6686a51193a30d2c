"""The diagnosis of each case as yes or no, out of the answers of a form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.diagnoses.answer_order import BETWEEN, NO, YES
from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annotator.api import CaseVotes
    from annotator.domain.reading import Diagnosis

_MOST_LISTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDiagnoses:
    """What is known of the diagnosis of cases.

    ``is_positive`` holds the cases whose diagnosis is known, by id. It is the reviewer's in
    ``n_final`` of them and the majority of raters' in the others; in ``n_tied`` more raters are
    split, in ``n_silent`` nobody said yes or no.
    """

    question: str
    positive: tuple[str, ...]
    is_positive: Mapping[str, bool]
    n_final: int
    n_tied: int
    n_silent: int

    def told(self) -> str:
        """Return where the diagnoses come from, in a sentence."""
        n_cases, n_positive = len(self.is_positive), sum(self.is_positive.values())
        left_out = "".join(
            f"; {count} left out where {why}"
            for count, why in ((self.n_tied, "raters are split"), (self.n_silent, "nobody said"))
            if count
        )
        answers = " or ".join(repr(answer) for answer in self.positive)
        return (
            f"The diagnosis is {answers} to {self.question!r}: {n_positive} of {n_cases} cases, "
            f"{self.n_final} by the reviewer and {n_cases - self.n_final} by the majority of "
            f"raters{left_out}."
        )


def diagnose_cases(
    cases: Sequence[CaseVotes],
    question: str | None,
    positive: Sequence[str],
    neither: Iterable[str] | None,
    *,
    method: str,
) -> CaseDiagnoses:
    """Return the diagnosis of each case; raises AnnotatorError where the question is not clear.

    Without a question the only one that is answered by yes and no is taken; without positive
    answers those that mean yes. Answers in ``neither`` count as none: those between yes and no
    where it is None.
    """
    given = _answers_by_question(cases)
    key = _find_question(given, question, method)
    yes = _find_positive(key, given[key], positive, method)
    unclear = BETWEEN if neither is None else frozenset(neither)
    unclear -= {*yes, *(answer.lower() for answer in yes)}
    is_positive: dict[str, bool] = {}
    n_final = n_tied = n_silent = 0
    for case in cases:
        final = _verdict(case.final_diagnosis, key, yes, unclear)
        said = [_verdict(entry, key, yes, unclear) for entry in case.diagnoses.values()]
        n_for, n_against = said.count(True), said.count(False)
        if final is not None:
            is_positive[case.case_id] = final
            n_final += 1
        elif n_for != n_against:
            is_positive[case.case_id] = n_for > n_against
        elif n_for:
            n_tied += 1
        else:
            n_silent += 1
    return CaseDiagnoses(
        question=key,
        positive=yes,
        is_positive=is_positive,
        n_final=n_final,
        n_tied=n_tied,
        n_silent=n_silent,
    )


def _answers_by_question(cases: Sequence[CaseVotes]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for case in cases:
        final = [case.final_diagnosis] if case.final_diagnosis else []
        for diagnosis in (*case.diagnoses.values(), *final):
            for key, answer in diagnosis.answers:
                if answer:
                    found.setdefault(key, Counter())[answer] += 1
    return found


def _find_question(given: Mapping[str, Counter[str]], question: str | None, method: str) -> str:
    if question is not None:
        if question in given:
            return question
        raise AnnotatorError(
            f"{method} finds {UnknownNameError('answered question', question, given)}"
        )
    plain = [
        key
        for key, answers in given.items()
        if {answer.lower() for answer in answers} <= YES | NO | BETWEEN
        and not (YES | NO).isdisjoint(answer.lower() for answer in answers)
    ]
    if len(plain) == 1:
        return plain[0]
    listed = "; ".join(f"{key} ({_some(answers)})" for key, answers in sorted(given.items()))
    which = "several questions are" if plain else "no question is"
    raise AnnotatorError(
        f"{method} needs to know the diagnosis, and {which} answered by yes and no: set its "
        f"parameter question to one of those that were answered: {listed or 'there are none'}"
    )


def _find_positive(
    key: str, given: Counter[str], positive: Sequence[str], method: str
) -> tuple[str, ...]:
    unknown = [answer for answer in positive if answer not in given]
    if unknown:
        raise AnnotatorError(
            f"{method} finds {UnknownNameError(f'answer to {key!r}', unknown[0], given)}"
        )
    yes = tuple(sorted(positive or (one for one in given if one.lower() in YES)))
    if not yes and any(answer.lower() in NO for answer in given):
        return ("yes",)
    if not yes:
        raise AnnotatorError(
            f"{method} needs to know which answers to {key!r} are positive: set its parameter "
            f"positive to some of: {_some(given)}"
        )
    return yes


def _verdict(
    diagnosis: Diagnosis | None, key: str, yes: Sequence[str], unclear: Iterable[str]
) -> bool | None:
    answer = diagnosis.answer(key) if diagnosis else None
    if not answer or answer.lower() in unclear or answer in unclear:
        return None
    return answer in yes


def _some(answers: Counter[str]) -> str:
    listed = sorted(answers)
    more = ", …" if len(listed) > _MOST_LISTED else ""
    return ", ".join(listed[:_MOST_LISTED]) + more
