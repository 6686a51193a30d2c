"""The command that tells how well raters agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.analysis.surface import DEFINITION
from annotator.cli.command import Result
from annotator.cli.readings import nothing_done
from annotator.cli.results import chosen_cases
from annotator.domain.errors import AnnotatorError
from annotator.jobs.comparing import compare_labels
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from annotator.analysis.bootstrap import Interval
    from annotator.api import Progress
    from annotator.domain.schema import LabelSchema
    from annotator.jobs.comparing import (
        CaseAgreement,
        DiagnosisAgreement,
        LabelAgreement,
        PairAgreement,
    )


def compare(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Compare the readings of cases; fails where no case has two."""
    found: list[CaseAgreement] = []
    skipped: list[dict[str, str]] = []
    with Session.open(arguments.project, read_only=True) as session:
        schema = session.project().schema
        names = {rater.rater_id: rater.name for rater in session.store.raters()}
        cases = chosen_cases(session, arguments.cases)
        for number, case in enumerate(cases):
            progress(number / len(cases), f"comparing {case.title}")
            try:
                found.append(session.compare(case.case_id, include_models=arguments.models))
            except AnnotatorError as error:
                if arguments.cases:
                    raise
                skipped.append({"case": case.case_id, "reason": str(error)})
        questions = session.compare_diagnoses(
            [case.case_id for case in cases], include_models=arguments.models
        )
    labels = compare_labels(found)
    document = {
        "cases": [_case_document(entry, names) for entry in found],
        "labels": [_label_document(entry, schema) for entry in labels],
        "diagnoses": [_question_document(entry) for entry in questions],
        "surface_definition": DEFINITION,
        "skipped": skipped,
    }
    lines = [
        *(line for entry in found for line in _case_lines(entry, names, schema)),
        *_summary_lines(labels, questions, schema),
        *(f"skipped: {entry['reason']}" for entry in skipped),
    ]
    failure = nothing_done("compared", {"cases": found, "skipped": skipped})
    return Result(document=document, lines=tuple(lines), error=failure)


def _drawn(entry: CaseAgreement) -> list[PairAgreement]:
    """Return the pairs of which at least one drew the label."""
    return [pair for pair in entry.pairs if pair.dice is not None]


def _case_document(entry: CaseAgreement, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": entry.case.case_id,
        "title": entry.case.title,
        "raters": [names[rater_id] for rater_id in entry.rater_ids],
        "mean_dice": entry.mean_dice,
        "fleiss_kappa": entry.kappa,
        "mean_entropy_bits": entry.mean_entropy_bits,
        "pairs": [
            {
                "rater_a": names[pair.rater_a],
                "rater_b": names[pair.rater_b],
                "label": pair.label,
                "dice": pair.dice,
                "iou": pair.iou,
                "hd95_mm": pair.hd95_mm,
                "mean_surface_mm": pair.mean_surface_mm,
                "hd95_px": pair.hd95_px,
                "mean_surface_px": pair.mean_surface_px,
            }
            for pair in _drawn(entry)
        ],
    }


def _label_document(entry: LabelAgreement, schema: LabelSchema) -> dict[str, Any]:
    return {
        "label": entry.label,
        "name": _name(entry.label, schema),
        "n_cases": entry.n_cases,
        "n_cases_hd95": entry.n_cases_hd95,
        "dice": entry.dice,
        "dice_interval": _ends(entry.dice_interval),
        "hd95_mm": entry.hd95_mm,
        "hd95_interval": _ends(entry.hd95_interval),
    }


def _question_document(entry: DiagnosisAgreement) -> dict[str, Any]:
    return {
        "key": entry.key,
        "title": entry.title,
        "n_cases": entry.n_cases,
        "n_answers": entry.n_answers,
        "fleiss_kappa": entry.kappa,
        "fleiss_kappa_interval": _ends(entry.kappa_interval),
        "krippendorff_alpha": entry.alpha,
        "krippendorff_alpha_interval": _ends(entry.alpha_interval),
    }


def _ends(interval: Interval | None) -> list[float] | None:
    return [interval.low, interval.high] if interval else None


def _name(label: int, schema: LabelSchema) -> str:
    known = schema.label(label)
    return known.name if known else f"label {label}"


def _case_lines(
    entry: CaseAgreement, names: Mapping[str, str], schema: LabelSchema
) -> Sequence[str]:
    lines = [f"{entry.case.title}: mean Dice {_number(entry.mean_dice)}"]
    lines += [
        f"  {_name(pair.label, schema)}: {names[pair.rater_a]} and {names[pair.rater_b]}: "
        f"Dice {_number(pair.dice)}, IoU {_number(pair.iou)}, "
        f"HD95 {_length(pair.hd95_mm, pair.hd95_px)}, "
        f"mean surface distance {_length(pair.mean_surface_mm, pair.mean_surface_px)}"
        for pair in _drawn(entry)
    ]
    return lines


def _summary_lines(
    labels: Sequence[LabelAgreement],
    questions: Sequence[DiagnosisAgreement],
    schema: LabelSchema,
) -> Sequence[str]:
    lines = [
        f"{_name(entry.label, schema)} over {entry.n_cases} cases: "
        f"Dice {_number(entry.dice)}{_interval(entry.dice_interval)}, "
        f"HD95 {_length(entry.hd95_mm, None)}{_interval(entry.hd95_interval)}"
        for entry in labels
        if entry.n_cases
    ]
    lines += [
        f"“{entry.title}” over {entry.n_cases} cases: "
        f"Fleiss' kappa {_number(entry.kappa)}{_interval(entry.kappa_interval)}, "
        f"Krippendorff's alpha {_number(entry.alpha)}{_interval(entry.alpha_interval)}"
        for entry in questions
        if entry.n_cases
    ]
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _length(in_mm: float | None, in_px: float | None) -> str:
    return f"{_number(in_px)} pixels" if in_px is not None else f"{_number(in_mm)} mm"


def _interval(interval: Interval | None) -> str:
    return f" (95 % interval {interval.low:.3f} to {interval.high:.3f})" if interval else ""
