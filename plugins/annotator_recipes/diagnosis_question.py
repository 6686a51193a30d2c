"""What a diagnosis-first method is told to go by: which question, which answers, which cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from annotator.analysis.diagnoses.answer_order import BETWEEN
from annotator.domain.errors import AnnotatorError
from annotator_builtins.diagnosis_first import DiagnosisFirstParameters
from annotator_builtins.diagnosis_question import diagnose_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.diagnosis_criterion import AucInterval
    from annotator.api import CaseVotes
    from annotator.domain.reading import Diagnosis


class DiagnosisParameters(DiagnosisFirstParameters):
    """What may be set for every diagnosis-first method that trains networks."""

    judge: Literal["shape", "network"] = Field(
        default="shape",
        description="what tells the diagnosis from a mask: a regression on sizes and extents, or "
        "a network that looks at the image too and needs hundreds of cases",
    )
    judge_epochs: int = Field(
        default=30, ge=1, le=1000, description="rounds over the cases that train a network judge"
    )
    size: Literal[32, 64, 128, 256] = Field(
        default=64, description="working pixels along each side of the field around the drawings"
    )
    slices: int = Field(default=12, ge=1, le=500, description="slices read of a volume, at most")
    seed: int = Field(default=0, ge=0, lt=2**31, description="the same seed, the same networks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """The question that was gone by, and which answers count as positive and as none."""

    question: str
    positive: tuple[str, ...]
    neither: tuple[str, ...]

    def answer(self, case: CaseVotes) -> bool | None:
        """Return whether a case is positive: as signed off, else as most of its raters say.

        None where nobody says yes or no, or as many say one as the other.
        """
        final = self._verdict(case.final_diagnosis)
        if final is not None:
            return final
        said = [self._verdict(entry) for entry in case.diagnoses.values()]
        n_for, n_against = said.count(True), said.count(False)
        return None if n_for == n_against else n_for > n_against

    def _verdict(self, diagnosis: Diagnosis | None) -> bool | None:
        answer = diagnosis.answer(self.question) if diagnosis else None
        if answer in self.positive:
            return True
        return None if not answer or {answer, answer.lower()} & {*self.neither} else False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnsweredCases:
    """The cases whose diagnosis is known and on which something is drawn.

    ``told`` says in a sentence where the diagnoses come from.
    """

    criterion: Criterion
    cases: tuple[CaseVotes, ...]
    is_positive: NDArray[np.bool_]
    told: str


def answered_cases(
    cases: Sequence[CaseVotes], parameters: DiagnosisParameters, title: str
) -> AnsweredCases:
    """Return the cases to learn from.

    Raises
    ------
    AnnotatorError
        Where the question is not clear, or too few cases are positive, or negative.
    """
    known = diagnose_cases(
        cases, parameters.question, parameters.positive, parameters.neither, method=title
    )
    kept = tuple(
        case
        for case in sorted(cases, key=lambda case: case.case_id)
        if case.case_id in known.is_positive and bool((case.votes.patterns != 0).any())
    )
    is_positive = np.array([known.is_positive[case.case_id] for case in kept], np.bool_)
    n_positive = int(is_positive.sum())
    n_negative = len(kept) - n_positive
    if min(n_positive, n_negative) < parameters.min_per_class:
        raise AnnotatorError(
            f"{title} refuses to learn from so few: {n_positive} cases are positive and "
            f"{n_negative} negative, and {parameters.min_per_class} of each are needed. "
            f"{known.told()}"
        )
    neither = BETWEEN if parameters.neither is None else parameters.neither
    return AnsweredCases(
        criterion=Criterion(
            question=known.question, positive=known.positive, neither=tuple(sorted(neither))
        ),
        cases=kept,
        is_positive=is_positive,
        told=known.told(),
    )


def refuse_chance(found: AucInterval, criterion: Criterion, n_cases: int, title: str) -> None:
    """Raise AnnotatorError where the AUC of the mean mask may be chance."""
    if found.low <= 0.5:
        raise AnnotatorError(
            f"{title} refuses to learn: where raters count alike, their masks do not tell "
            f"{criterion.question!r} better than chance: AUC {found.value:.3f} "
            f"({found.low:.3f} to {found.high:.3f}) in {n_cases} cases, each judged by others"
        )
