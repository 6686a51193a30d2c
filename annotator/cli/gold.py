"""The command for cases whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.numbers import ends, interval_words, number
from annotator.cli.readings import parse_diagnosis, read_mask
from annotator.domain.errors import AnnotatorError
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.domain.schema import LabelSchema
    from annotator.jobs.gold_report import GoldLabel, GoldRater


def gold(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Mark a case, or tell how raters do; ``--assign`` gives gold cases to everybody."""
    _check(arguments)
    with Session.open(arguments.project) as session:
        marked = _mark(session, arguments, progress) if arguments.case else ""
        n_assigned = session.quality.assign_gold() if arguments.assign else 0
        report = session.quality.gold_report(tolerance_mm=arguments.tolerance, progress=progress)
        schema = session.project().schema
        titles = {case.case_id: case.title for case in session.cases()}
        known = session.store.gold_cases()
    document = {
        "n_assigned": n_assigned,
        "cases": [
            {
                "id": entry.case_id,
                "title": titles[entry.case_id],
                "source": entry.source,
                "diagnosis": dict(entry.diagnosis.answers),
            }
            for entry in known
        ],
        "tolerance_mm": report.tolerance_mm,
        "raters": [_rater_document(entry) for entry in report.raters],
        "labels": [_label_document(entry, schema) for entry in report.labels],
    }
    lines = [marked] if marked else []
    if arguments.assign:
        lines.append(f"{n_assigned} new assignments.")
    if not arguments.case:
        lines.append(f"{len(known)} gold cases.")
        lines += [_label_line(entry, schema, report.tolerance_mm) for entry in report.labels]
        lines += [
            f"{entry.rater.name}: {entry.n_right} of {entry.n_asked} diagnoses right"
            for entry in report.raters
            if entry.n_asked
        ]
        lines += [entry.says for entry in report.raters if entry.says]
    return Result(document=document, lines=tuple(lines))


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what says nothing, or two things, of a case."""
    ways = [
        name
        for name, given in (
            ("--mask", arguments.mask),
            ("--from-adjudication", arguments.from_adjudication),
            ("--remove", arguments.remove),
        )
        if given
    ]
    if arguments.case and len(ways) != 1:
        raise AnnotatorError(
            "say where the truth of the case comes from by one of --mask FILE, "
            f"--from-adjudication, or --remove; given: {', '.join(ways) or 'none'}"
        )
    if ways and not arguments.case:
        raise AnnotatorError(f"{ways[0]} is about one case: name it")


def _mark(session: Session, arguments: argparse.Namespace, progress: Progress) -> str:
    case = session.store.study_case(arguments.case)
    if arguments.remove:
        session.quality.unmark_gold(case.case_id)
        return f"{case.title} is a case like any other."
    if arguments.from_adjudication:
        session.quality.mark_gold_as_signed_off(case.case_id)
    else:
        path = Path(arguments.mask)
        mask, geometry = read_mask(session.registry, path, progress)
        try:
            session.quality.mark_gold(
                case.case_id,
                mask,
                geometry,
                parse_diagnosis(arguments.diagnosis, session.project().schema),
                source=arguments.source or path.name,
                resample=arguments.resample,
            )
        except AnnotatorError as error:
            hint = " (--resample)" if "resampling" in str(error) else ""
            raise type(error)(f"{path}: {error}{hint}") from error
    return f"{case.title} is a gold case."


def _rater_document(entry: GoldRater) -> dict[str, Any]:
    drift = entry.drift
    return {
        "rater": entry.rater.name,
        "n_cases": entry.n_cases,
        "n_right": entry.n_right,
        "n_asked": entry.n_asked,
        "dice_in_order": list(entry.dice),
        "slope": drift.slope if drift else None,
        "slope_interval": [drift.slope_low, drift.slope_high] if drift else None,
        "changed_at": drift.left_at if drift else None,
        "says": entry.says,
    }


def _name(label: int, schema: LabelSchema) -> str:
    known = schema.label(label)
    return known.name if known else f"label {label}"


def _label_document(entry: GoldLabel, schema: LabelSchema) -> dict[str, Any]:
    return {
        "rater": entry.rater_name,
        "label": entry.label,
        "name": _name(entry.label, schema),
        "n_cases": entry.n_cases,
        "dice": entry.dice,
        "dice_interval": ends(entry.dice_interval),
        "surface_dice": entry.surface_dice,
        "surface_dice_interval": ends(entry.surface_dice_interval),
        "hd95_mm": entry.hd95_mm,
        "hd95_interval": ends(entry.hd95_interval),
        "n_objects": entry.n_objects,
        "n_found": entry.n_found,
        "n_false": entry.n_false,
        "false_per_case": entry.false_per_case,
    }


def _label_line(entry: GoldLabel, schema: LabelSchema, tolerance_mm: float) -> str:
    return (
        f"{entry.rater_name}, {_name(entry.label, schema)}, {entry.n_cases} cases: "
        f"Dice {number(entry.dice)}{interval_words(entry.dice_interval)}, "
        f"surface Dice at {tolerance_mm:g} mm {number(entry.surface_dice)}"
        f"{interval_words(entry.surface_dice_interval)}, "
        f"HD95 {number(entry.hd95_mm)} mm{interval_words(entry.hd95_interval)}, "
        f"{entry.n_found} of {entry.n_objects} objects found, "
        f"{entry.false_per_case:.2f} false a case"
    )
