"""Readings held against a truth: that of gold cases, or what a reviewer signed off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.label_groups import MaskValues
from annotator.jobs.group_comparing import against_truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annotator.analysis.against_truth import LabelAgainstTruth
    from annotator.analysis.runs import MaskRuns
    from annotator.api import Progress
    from annotator.domain.reading import Annotation, Diagnosis
    from annotator.domain.study import Case, Series
    from annotator.store import Store

TOLERANCE_MM = 2.0
"""How far two careful outlines may lie apart and still agree, where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What holds on a case, and whether it is a gold case or was signed off."""

    case: Case
    series: Series
    mask: MaskRuns
    diagnosis: Diagnosis
    is_gold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedReading:
    """The last reading of a case by one rater against the truth.

    ``read_at`` is when the rater first submitted it, UTC, ISO 8601; ``n_right`` of ``n_asked``
    choices of the form were answered as the truth has them.
    """

    truth: Truth
    rater_id: str
    read_at: str
    labels: tuple[LabelAgainstTruth, ...]
    n_right: int
    n_asked: int


def gold_truths(store: Store) -> Iterator[Truth]:
    """Yield the truth of every gold case."""
    cases = {case.case_id: case for case in store.cases()}
    for gold in store.gold_cases():
        case = cases[gold.case_id]
        yield Truth(
            case=case,
            series=store.series(case.series_ids[0]),
            mask=store.gold_mask(case.case_id),
            diagnosis=gold.diagnosis,
            is_gold=True,
        )


def signed_off_truths(store: Store, cases: Sequence[Case]) -> Iterator[Truth]:
    """Yield what was signed off last on each of the cases that was."""
    for case in cases:
        adjudication = store.adjudication(case.case_id)
        if adjudication is not None:
            yield Truth(
                case=case,
                series=store.series(case.series_ids[0]),
                mask=store.adjudication_mask(adjudication.adjudication_id)[0],
                diagnosis=adjudication.diagnosis,
                is_gold=False,
            )


def judge_readings(
    store: Store,
    truths: Sequence[Truth],
    progress: Progress,
    *,
    tolerance_mm: float = TOLERANCE_MM,
    rater_id: str | None = None,
) -> tuple[JudgedReading, ...]:
    """Compare everybody's last reading, or one rater's, with each truth, in the order of reading.

    Readings of some regions only are left out.
    """
    values = MaskValues(store.project().schema)
    found = []
    for number, truth in enumerate(truths):
        progress(number / len(truths), f"comparing {truth.case.title}")
        partly = {entry.rater_id for entry in store.partial_readers(truth.case.case_id)}
        first: dict[str, str] = {}
        last: dict[str, Annotation] = {}
        for entry in store.annotations(truth.case.case_id, latest=False):
            if entry.rater_id not in partly and rater_id in (None, entry.rater_id):
                first.setdefault(entry.rater_id, entry.created_at)
                last[entry.rater_id] = entry
        masks = store.annotation_masks([entry.annotation_id for entry in last.values()])
        for entry, mask in zip(last.values(), masks, strict=True):
            n_right, n_asked = _answers(entry.diagnosis, truth.diagnosis, store)
            found.append(
                JudgedReading(
                    truth=truth,
                    rater_id=entry.rater_id,
                    read_at=first[entry.rater_id],
                    labels=against_truth(
                        mask,
                        truth.mask,
                        values,
                        truth.series.geometry,
                        tolerance_mm=tolerance_mm,
                    ),
                    n_right=n_right,
                    n_asked=n_asked,
                )
            )
    return tuple(sorted(found, key=lambda one: (one.read_at, one.truth.case.case_id)))


def _answers(given: Diagnosis, truth: Diagnosis, store: Store) -> tuple[int, int]:
    """Count right answers to choices, and choices that the truth answers; no answer is wrong."""
    asked = [
        field.key
        for field in store.project().schema.fields
        if field.kind == "choice" and truth.answer(field.key)
    ]
    return sum(given.answer(key) == truth.answer(key) for key in asked), len(asked)
