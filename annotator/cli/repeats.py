"""The command that lets raters read cases a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.numbers import ends, interval_words, number
from annotator.session.repeats import RepeatPlan
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.domain.schema import LabelSchema
    from annotator.jobs.repeat_report import IntraLabel, IntraQuestion
    from annotator.session.repeats import PlannedRepeat


def repeats(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Show what would be read again, or give it with ``--apply``; compare what was read twice."""
    plan = RepeatPlan(share=arguments.share, min_days=arguments.days, min_cases=arguments.cases)
    with Session.open(arguments.project) as session:
        quality = session.quality
        planned = quality.give_repeats(plan) if arguments.apply else quality.plan_repeats(plan)
        report = quality.intra_rater(progress=progress)
        schema = session.project().schema
    n_given = sum(entry.position is not None for entry in planned)
    document = {
        "is_applied": bool(arguments.apply),
        "n_given": n_given,
        "planned": [_planned_document(entry) for entry in planned],
        "n_waiting": report.n_waiting,
        "labels": [_label_document(entry, schema) for entry in report.labels],
        "questions": [_question_document(entry) for entry in report.questions],
    }
    verb = "given" if arguments.apply else "would be given (--apply gives them)"
    lines = [
        *(_planned_line(entry) for entry in planned),
        f"{n_given} repeats {verb}; {report.n_waiting} were given and not read yet.",
        *(
            f"{entry.rater_name}, {_name(entry.label, schema)}, read twice in {entry.n_cases} "
            f"cases: Dice {number(entry.dice)}{interval_words(entry.dice_interval)}, "
            f"HD95 {number(entry.hd95_mm)} mm{interval_words(entry.hd95_interval)}"
            for entry in report.labels
        ),
        *(
            f"{entry.rater_name}, “{entry.title}”: {entry.n_equal} of {entry.n_cases} answers "
            f"the same, kappa {number(entry.kappa)}{interval_words(entry.kappa_interval)}"
            for entry in report.questions
        ),
    ]
    return Result(document=document, lines=tuple(lines))


def _planned_document(entry: PlannedRepeat) -> dict[str, Any]:
    return {
        "rater": entry.rater.name,
        "case": entry.original.case_id,
        "title": entry.original.title,
        "position": entry.position,
        "waits": entry.waits,
    }


def _planned_line(entry: PlannedRepeat) -> str:
    waits = f" waits: {entry.waits}" if entry.waits else ""
    return f"{entry.rater.name}: {entry.original.title}{waits}"


def _name(label: int, schema: LabelSchema) -> str:
    known = schema.label(label)
    return known.name if known else f"label {label}"


def _label_document(entry: IntraLabel, schema: LabelSchema) -> dict[str, Any]:
    return {
        "rater": entry.rater_name,
        "label": entry.label,
        "name": _name(entry.label, schema),
        "n_cases": entry.n_cases,
        "dice": entry.dice,
        "dice_interval": ends(entry.dice_interval),
        "hd95_mm": entry.hd95_mm,
        "hd95_interval": ends(entry.hd95_interval),
    }


def _question_document(entry: IntraQuestion) -> dict[str, Any]:
    return {
        "rater": entry.rater_name,
        "key": entry.key,
        "title": entry.title,
        "n_cases": entry.n_cases,
        "n_equal": entry.n_equal,
        "kappa": entry.kappa,
        "kappa_interval": ends(entry.kappa_interval),
    }
