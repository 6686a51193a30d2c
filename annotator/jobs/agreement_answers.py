"""Agreement on the questions of the diagnosis form."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from annotator.analysis.bootstrap import bootstrap_interval
from annotator.analysis.chance import count_answers
from annotator.analysis.kappa import answer_table, cohen_kappa, gwet_ac1, observed_agreement
from annotator.jobs.agreement_facts import AnswerPair, CaseMean, QuestionRow
from annotator.jobs.agreement_means import mean_over_cases
from annotator.jobs.comparing import compare_diagnoses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.bootstrap import Interval
    from annotator.domain.reading import Annotation
    from annotator.domain.schema import DiagnosisField, LabelSchema
    from annotator.jobs.comparing import DiagnosisAgreement


def question_rows(
    annotations: Sequence[Annotation], schema: LabelSchema, raters: Sequence[str]
) -> tuple[QuestionRow, ...]:
    """Return every question to which two raters answered in some case."""
    by_case: dict[str, dict[str, Annotation]] = defaultdict(dict)
    for entry in annotations:
        by_case[entry.case_id][entry.rater_id] = entry
    fields = {field.key: field for field in schema.fields}
    rows = []
    for found in compare_diagnoses(annotations, schema):
        if found.n_cases:
            answers = [
                [
                    (own[rater].diagnosis.answer(found.key) or None) if rater in own else None
                    for rater in raters
                ]
                for own in by_case.values()
            ]
            rows.append(_question(found, fields[found.key], answers, raters))
    return tuple(rows)


def _question(
    found: DiagnosisAgreement,
    field: DiagnosisField,
    answers: Sequence[Sequence[str | None]],
    raters: Sequence[str],
) -> QuestionRow:
    given = {answer for row in answers for answer in row if answer is not None}
    is_number = field.kind == "number"
    categories = sorted(given, key=float) if is_number else sorted(given)
    counts = count_answers(answers, categories)
    counts = counts[counts.sum(axis=1) >= 2]
    n = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (n * (n - 1))
    pairs = [
        _pair(
            raters[first],
            raters[second],
            [(row[first], row[second]) for row in answers],
            categories,
            is_number=is_number,
        )
        for first, second in itertools.combinations(range(len(raters)), 2)
    ]
    return QuestionRow(
        key=found.key,
        title=found.title,
        n_cases=found.n_cases,
        n_answers=found.n_answers,
        agreement=mean_over_cases(agreeing.tolist()),
        kappa=_as_mean(found.kappa, found.kappa_interval, found.n_cases),
        alpha=_as_mean(found.alpha, found.alpha_interval, found.n_cases),
        ac1=_as_mean(gwet_ac1(counts), bootstrap_interval(counts, gwet_ac1), found.n_cases),
        pairs=tuple(pair for pair in pairs if pair.n_cases),
    )


def _pair(
    rater_a: str,
    rater_b: str,
    answers: Sequence[tuple[str | None, str | None]],
    categories: Sequence[str],
    *,
    is_number: bool,
) -> AnswerPair:
    both = [row for row in answers if None not in row]
    counts = count_answers(both, categories)
    table = answer_table([one for one, _ in both], [other for _, other in both], categories)
    values = [float(category) for category in categories] if is_number else None
    return AnswerPair(
        rater_a=rater_a,
        rater_b=rater_b,
        n_cases=int(table.sum()),
        agreement=observed_agreement(table),
        kappa=cohen_kappa(table),
        kappa_linear=cohen_kappa(table, "linear", values) if is_number else None,
        kappa_quadratic=cohen_kappa(table, "quadratic", values) if is_number else None,
        ac1=gwet_ac1(counts),
    )


def _as_mean(value: float | None, interval: Interval | None, n_cases: int) -> CaseMean:
    return CaseMean(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n_cases=n_cases,
    )
