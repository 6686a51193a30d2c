"""What a diagnosis-first method is told to go by: which question, which answer, which cases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.diagnosis_criterion import AucInterval
    from annotator.api import CaseVotes


class DiagnosisParameters(BaseModel):
    """What may be set for every diagnosis-first method that trains networks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = Field(
        default="",
        description="key of the field of the diagnosis form to go by; empty for the only one that "
        "has two answers",
    )
    positive: str = Field(
        default="",
        description="answer that counts as positive, all others as negative; empty for the second, "
        "by the alphabet, of two",
    )
    minimum: int = Field(
        default=30, ge=5, le=10_000, description="cases with either answer that are needed"
    )
    judge: Literal["shape", "network"] = Field(
        default="shape",
        description="what tells the diagnosis from a mask: a regression on sizes and extents, or "
        "a network that looks at the image too and needs hundreds of cases",
    )
    judge_epochs: int = Field(
        default=30, ge=1, le=1000, description="passes over the cases that train a network judge"
    )
    size: Literal[32, 64, 128, 256] = Field(
        default=64, description="working pixels along each side of the field around the drawings"
    )
    n_slices: int = Field(default=12, ge=1, le=500, description="slices read of a volume, at most")
    n_folds: int = Field(
        default=5, ge=2, le=20, description="parts into which the cases are split: what is said "
        "of a case was learned from the other parts"
    )  # fmt: skip
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """The question that a method goes by, and which answer counts as positive."""

    question: str
    positive: str

    def answer(self, case: CaseVotes) -> bool | None:
        """Return whether a case is positive: as signed off, else as most of its raters say.

        None where nobody answers, or as many say one as the other.
        """
        if case.final_diagnosis is not None:
            final = case.final_diagnosis.answer(self.question)
            if final is not None:
                return final == self.positive
        said = [entry.answer(self.question) for entry in case.diagnoses.values()]
        votes = [one == self.positive for one in said if one is not None]
        n_for = sum(votes)
        return None if 2 * n_for == len(votes) else 2 * n_for > len(votes)


def find_criterion(cases: Sequence[CaseVotes], question: str, positive: str) -> Criterion:
    """Return the criterion that parameters name, or the only one there is.

    Raises
    ------
    AnnotatorError
        Where the cases have no such question or answer, or more than one would do.
    """
    answers = _answers(cases)
    if not answers:
        raise AnnotatorError("no case has a diagnosis yet: there is nothing to go by")
    if question and question not in answers:
        raise UnknownNameError("answered question", question, answers)
    binary = [key for key, given in sorted(answers.items()) if len(given) == 2]
    if not question and len(binary) != 1:
        listed = ", ".join(sorted(answers))
        raise AnnotatorError(f"say which question to go by; these are answered: {listed}")
    key = question or binary[0]
    given = sorted(answers[key])
    if positive and positive not in given:
        raise UnknownNameError(f"answer to {key!r}", positive, given)
    if not positive and len(given) != 2:
        raise AnnotatorError(
            f"say which answer to {key!r} counts as positive; given were: {', '.join(given)}"
        )
    return Criterion(question=key, positive=positive or given[-1])


def _answers(cases: Sequence[CaseVotes]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for case in cases:
        final = [] if case.final_diagnosis is None else [case.final_diagnosis]
        for diagnosis in (*case.diagnoses.values(), *final):
            for key, value in diagnosis.answers:
                found.setdefault(key, set()).add(value)
    return found


def answered_cases(
    cases: Sequence[CaseVotes], criterion: Criterion, minimum: int
) -> tuple[list[CaseVotes], NDArray[np.bool_]]:
    """Return the decided cases on which something is drawn, and whether each is positive.

    Raises
    ------
    AnnotatorError
        Where fewer than ``minimum`` are positive, or negative.
    """
    kept: list[CaseVotes] = []
    answers: list[bool] = []
    for case in cases:
        answer = criterion.answer(case)
        if answer is not None and bool((case.votes.patterns != 0).any()):
            kept.append(case)
            answers.append(answer)
    counts = Counter(answers)
    if min(counts[True], counts[False]) < minimum:
        raise AnnotatorError(
            f"{counts[True]} cases are positive for {criterion.question!r} "
            f"({criterion.positive!r}) and {counts[False]} negative; {minimum} of each are needed "
            "to tell which rater serves the diagnosis"
        )
    return kept, np.array(answers, np.bool_)


def refuse_chance(found: AucInterval, criterion: Criterion, n_cases: int) -> None:
    """Raise AnnotatorError where the AUC of the mean mask may be chance."""
    if found.low <= 0.5:
        raise AnnotatorError(
            f"the mean of the readings does not tell {criterion.question!r}: AUC "
            f"{found.value:.2f} (95 % interval {found.low:.2f} to {found.high:.2f}) on {n_cases} "
            "cases, each judged by others, which may be chance"
        )
