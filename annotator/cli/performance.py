"""The commands that tell what raters are worth, and tell a rater how to get better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.numbers import ends, interval_words, number
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.jobs.feedback import LabelFeedback, Tendency


def performance(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Tell each rater's sensitivity and specificity over signed-off cases."""
    with Session.open(arguments.project, read_only=True) as session:
        report = session.quality.signed_off_report(progress=progress)
    document = {
        "n_cases": report.n_cases,
        "says": report.says,
        "raters": [
            {
                "rater": entry.rater_name,
                "is_model": entry.is_model,
                "label": entry.label,
                "name": entry.label_name,
                "n_cases": entry.n_cases,
                "sensitivity": entry.sensitivity,
                "sensitivity_interval": ends(entry.sensitivity_interval),
                "specificity": entry.specificity,
                "specificity_interval": ends(entry.specificity_interval),
                "n_right": entry.n_right,
                "n_asked": entry.n_asked,
            }
            for entry in report.rows
        ],
    }
    lines = [
        f"{entry.rater_name}, {entry.label_name}, {entry.n_cases} cases: "
        f"sensitivity {number(entry.sensitivity)}{interval_words(entry.sensitivity_interval)}, "
        f"specificity {number(entry.specificity)}{interval_words(entry.specificity_interval)}"
        for entry in report.rows
    ]
    return Result(document=document, lines=(*lines, report.says))


def feedback(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Allow feedback or not; show one rater's."""
    labels: tuple[LabelFeedback, ...] = ()
    with Session.open(arguments.project, read_only=arguments.allow is None) as session:
        if arguments.allow is not None:
            session.quality.set_feedback(arguments.allow)
        is_allowed = session.quality.gives_feedback
        if arguments.rater:
            labels = session.rater_room(arguments.rater).feedback(progress=progress)
    document = {
        "is_allowed": is_allowed,
        "rater": arguments.rater,
        "labels": [_label_document(entry) for entry in labels],
    }
    lines = ["Raters may have feedback." if is_allowed else "Raters have no feedback."]
    for entry in labels:
        nothing = f"{entry.name}: nothing stands out in {entry.n_cases} cases."
        lines += entry.sentences or (nothing,)
    if arguments.rater and not labels:
        lines.append("There are fewer than three cases to tell anything from.")
    return Result(document=document, lines=tuple(lines))


def _label_document(entry: LabelFeedback) -> dict[str, Any]:
    return {
        "label": entry.label,
        "name": entry.name,
        "n_cases": entry.n_cases,
        "unit": entry.unit,
        "outline": _tendency(entry.outline),
        "towards": [{"side": side, **_numbers(at)} for side, at in entry.towards],
        "volume": _tendency(entry.volume),
        "n_objects": entry.n_objects,
        "n_missed": entry.n_missed,
        "n_false": entry.n_false,
        "sentences": list(entry.sentences),
    }


def _tendency(entry: Tendency | None) -> dict[str, Any] | None:
    return None if entry is None else _numbers(entry)


def _numbers(entry: Tendency) -> dict[str, Any]:
    return {"value": entry.value, "interval": ends(entry.interval)}
