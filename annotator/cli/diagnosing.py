"""The command that makes one diagnosis out of several people's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.jobs.diagnoses import agree_on_diagnoses
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from annotator.api import Progress
    from annotator.jobs.diagnoses import CaseAnswer, QuestionConsensus, RaterSkill


def diagnoses(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Tell the consensus on each question; fails where nobody has answered any."""
    with Session.open(arguments.project, read_only=True) as session:
        found = agree_on_diagnoses(
            session.store, session.cases(), arguments.method, arguments.question
        )
        names = {rater.rater_id: rater.name for rater in session.store.raters()}
    document = {
        "method": arguments.method,
        "questions": [_question_document(entry, names) for entry in found],
    }
    answered = [entry for entry in found if entry.answers]
    lines = [line for entry in answered for line in _lines(entry, names)]
    error = "" if answered else "nobody has answered a question with choices yet"
    return Result(document=document, lines=tuple(lines), error=error)


def _question_document(entry: QuestionConsensus, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "key": entry.key,
        "title": entry.title,
        "n_disputed": sum(one.is_disputed for one in entry.answers),
        "cases": [_answer_document(one, names) for one in entry.answers],
        "raters": [
            {
                "rater": names[one.rater_id],
                "n_answers": one.n_answers,
                "skill": one.skill,
                "skill_interval": list(one.skill_interval) if one.skill_interval else None,
            }
            for one in entry.raters
        ],
        "cautions": list(entry.cautions),
    }


def _answer_document(one: CaseAnswer, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": one.case.case_id,
        "title": one.case.title,
        "answer": one.answer,
        "probability": one.probability,
        "is_disputed": one.is_disputed,
        "difficulty": one.difficulty,
        "most_specific": one.specific,
        "most_sensitive": one.sensitive,
        "given": [{"rater": names[who], "answer": said} for who, said in one.given],
        "why": one.why,
    }


def _lines(entry: QuestionConsensus, names: Mapping[str, str]) -> Sequence[str]:
    n_disputed = sum(one.is_disputed for one in entry.answers)
    return [
        f"“{entry.title}” by {entry.method}: {len(entry.answers)} cases, {n_disputed} disputed",
        *(
            f"  {one.case.title}: {one.answer} ({one.probability:.2f})  {one.why}"
            for one in entry.answers
        ),
        *(f"  {_skill_words(one, names)}" for one in entry.raters),
        *(f"  caution: {caution}" for caution in entry.cautions),
    ]


def _skill_words(one: RaterSkill, names: Mapping[str, str]) -> str:
    words = f"{names[one.rater_id]}: right with {one.skill:.2f}"
    if one.skill_interval:
        low, high = one.skill_interval
        words += f" (95 % interval {low:.2f} to {high:.2f})"
    return f"{words}, {one.n_answers} answers"
