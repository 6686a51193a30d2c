"""One answer to each question out of those that people gave, and who of them is how reliable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.diagnoses.answer_order import has_order, in_order
from annotator.analysis.diagnoses.answers import MISSING, skill_intervals
from annotator.analysis.diagnoses.bracket import bracket_answers
from annotator.analysis.diagnoses.dawid_skene import dawid_skene
from annotator.analysis.diagnoses.glad import Glad, glad
from annotator.analysis.diagnoses.mace import mace
from annotator.analysis.diagnoses.majority import majority
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.jobs.answer_words import describe_answers
from annotator.jobs.readings import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.diagnoses.answers import Consensus
    from annotator.domain.review import Ends
    from annotator.domain.schema import DiagnosisField, LabelSchema
    from annotator.domain.study import Case
    from annotator.store import Store

METHODS: Mapping[str, Callable[[NDArray[np.int64], int], Consensus]] = {
    "majority": majority,
    "dawid-skene": dawid_skene,
    "glad": glad,
    "mace": mace,
}
DRAWS = 100
"""Draws of cases behind an interval of a rater's skill."""
_DRAWN: Mapping[str, Callable[[NDArray[np.int64], int], Consensus]] = {
    "majority": majority,
    "dawid-skene": partial(dawid_skene, max_iterations=100),
    "glad": partial(glad, max_iterations=100),
    "mace": partial(mace, max_iterations=100),
}
_TIE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAnswer:
    """The answers to a question on one case, and what is made of them.

    Attributes
    ----------
    given : tuple
        (rater id, answer) pairs.
    answer : str
        The most probable answer; the first in the order of the form in a tie.
    probability : float
        Of that answer, 0 to 1.
    is_disputed : bool
        Whether two raters differ.
    specific, sensitive : str or None
        The lowest and the highest answer given; None where answers have no order.
    difficulty : float
        How likely a rater of mean ability is to answer wrongly, 0 to 1, by GLAD.
    why : str
        One sentence for the reviewer.
    """

    case: Case
    given: tuple[tuple[str, str], ...]
    answer: str
    probability: float
    is_disputed: bool
    specific: str | None
    sensitive: str | None
    difficulty: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterSkill:
    """How likely an answer of a rater is right, 0 to 1, with its 95 % bootstrap interval."""

    rater_id: str
    n_answers: int
    skill: float
    skill_interval: Ends | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionConsensus:
    """One question over all cases that anybody answered, hardest first.

    ``cautions`` tell in words where the result should not be trusted.
    """

    key: str
    title: str
    method: str
    answers: tuple[CaseAnswer, ...]
    raters: tuple[RaterSkill, ...]
    cautions: tuple[str, ...]


def agree_on_diagnoses(
    store: Store,
    cases: Sequence[Case],
    method: str,
    question: str | None = None,
    *,
    n_draws: int = DRAWS,
) -> tuple[QuestionConsensus, ...]:
    """Return a consensus on each choice question, or on one, out of people's latest readings.

    Intervals of skill come from ``n_draws`` draws of cases, which take nearly all of the time;
    without any there are none. Raises UnknownNameError on a method or a question that there is not,
    and AnnotatorError on a question without choices.
    """
    if method not in METHODS:
        raise UnknownNameError("method for diagnoses", method, METHODS)
    fields = _asked(store.project().schema, question)
    names = {rater.rater_id: rater.name for rater in store.raters()}
    given = {
        case.case_id: {
            entry.rater_id: dict(entry.diagnosis.answers)
            for entry in counted(store, case.case_id, include_models=False)
        }
        for case in cases
    }
    found = []
    for field in fields:
        rows = [
            (case, {who: said[field.key] for who, said in own.items() if said.get(field.key)})
            for case in cases
            if (own := given[case.case_id])
        ]
        found.append(_agree(field, [row for row in rows if row[1]], method, names, n_draws))
    return tuple(found)


def _asked(schema: LabelSchema, question: str | None) -> tuple[DiagnosisField, ...]:
    """Return the choice questions that are meant."""
    choices = {field.key: field for field in schema.fields if field.kind == "choice"}
    if question is None:
        if not choices:
            raise AnnotatorError(f"the schema {schema.name!r} asks no question with choices")
        return tuple(choices.values())
    field = schema.field(question)
    if field is None:
        raise UnknownNameError("question", question, choices)
    if question not in choices:
        listed = ", ".join(sorted(choices)) or "none"
        raise AnnotatorError(
            f"the question {question!r} asks for a {field.kind}; those with choices are: {listed}"
        )
    return (field,)


def _agree(
    field: DiagnosisField,
    rows: Sequence[tuple[Case, Mapping[str, str]]],
    method: str,
    names: Mapping[str, str],
    n_draws: int,
) -> QuestionConsensus:
    """Estimate the consensus on one question from each case's answers by rater id."""
    listed = [key for key, _ in field.choices]
    # A choice that the schema has lost since it was given still counts.
    lost = {said for _, own in rows for said in own.values()} - set(listed)
    classes = in_order([*listed, *sorted(lost)])
    place = {key: number for number, key in enumerate(classes)}
    raters = sorted({who for _, own in rows for who in own}, key=lambda who: (names[who], who))
    table = np.full((len(rows), len(raters)), MISSING, np.int64)
    for item, (_, own) in enumerate(rows):
        for who, said in own.items():
            table[item, raters.index(who)] = place[said]
    if not rows:
        return QuestionConsensus(
            key=field.key, title=field.title, method=method, answers=(), raters=(), cautions=()
        )
    found = METHODS[method](table, len(classes))
    intervals = skill_intervals(_DRAWN[method], table, len(classes), n=n_draws)
    return QuestionConsensus(
        key=field.key,
        title=field.title,
        method=method,
        answers=_answers(field, rows, classes, table, found, names),
        raters=tuple(
            RaterSkill(
                rater_id=who,
                n_answers=int((table[:, number] != MISSING).sum()),
                skill=float(found.skill[number]),
                skill_interval=intervals[number],
            )
            for number, who in enumerate(raters)
        ),
        cautions=tuple(_doubts(table, found, method)),
    )


def _answers(
    field: DiagnosisField,
    rows: Sequence[tuple[Case, Mapping[str, str]]],
    classes: Sequence[str],
    table: NDArray[np.int64],
    found: Consensus,
    names: Mapping[str, str],
) -> tuple[CaseAnswer, ...]:
    """Return each case's answer, disputed ones first, hardest first."""
    titles = {key: dict(field.choices).get(key, key) for key in classes}
    bracket = bracket_answers(table, len(classes))
    harder = found if isinstance(found, Glad) else glad(table, len(classes))
    difficulty = harder.error_rate
    is_ordered = has_order(classes)
    answers = []
    for item, (case, own) in enumerate(rows):
        probability = found.posterior[item]
        tied = np.flatnonzero(probability >= probability.max() - _TIE).tolist()
        ends = [classes[int(one[item])] for one in (bracket.specific, bracket.sensitive)]
        specific, sensitive = ends if is_ordered else (None, None)
        is_disputed = bool(bracket.is_disputed[item])
        answers.append(
            CaseAnswer(
                case=case,
                given=tuple((who, own[who]) for who in sorted(own, key=lambda who: names[who])),
                answer=classes[tied[0]],
                probability=float(probability[tied[0]]),
                is_disputed=is_disputed,
                specific=specific,
                sensitive=sensitive,
                difficulty=float(difficulty[item]),
                why=describe_answers(
                    {names[who]: titles[said] for who, said in own.items()},
                    held=[titles[classes[one]] for one in tied],
                    probability=float(probability[tied[0]]),
                    ends=(titles[ends[0]], titles[ends[1]]) if is_ordered else None,
                    difficulty=float(difficulty[item]),
                ),
            )
        )
    answers.sort(key=lambda one: (not one.is_disputed, -one.difficulty, one.case.title))
    return tuple(answers)


def _doubts(table: NDArray[np.int64], found: Consensus, method: str) -> list[str]:
    """Say where a consensus should not be trusted."""
    said = []
    n_cases, n_raters = table.shape
    n_shared = int(((table != MISSING).sum(axis=1) >= 2).sum())
    if n_raters == 1:
        said.append("One person has answered: there is nothing to compare.")
    elif n_raters == 2 and method != "majority":
        said.append("Two people have answered: where they differ, nothing tells who is right.")
    if n_raters > 1 and n_shared < 10:
        said.append(
            f"{n_shared} of {n_cases} cases have two answers or more: that is too few to tell "
            "how reliable anybody is."
        )
    if not found.has_converged:
        said.append(f"{method} had not settled.")
    return said
