"""The command that tells what people made of models' drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.cli.command import Result
from annotator.session.quality_reports import (
    MEASURE_WORDS,
    difference_in_words,
    parts_of,
    said_of_acceptance,
    share_in_words,
)
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.jobs.acceptance_facts import AcceptedRow, AnchoringFacts, TakenRow


def acceptance(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Set the share of cases without a model where it is given; tell what became of drawings."""
    with Session.open(arguments.project) as session:
        if arguments.without_model is not None:
            session.quality.set_share_without_model(arguments.without_model)
        report = session.quality.acceptance_report(progress=progress)
    lines = (
        f"{100 * report.share_without_model:g} % of each rater's cases are read without a model.",
        *(_taken_line(row) for row in report.taken),
        *(_accepted_line(row) for row in report.accepted),
        *(_anchoring_line(entry) for entry in report.anchoring),
        *(said_of_acceptance(report) if report.taken else ("No model's drawing was offered yet.",)),
    )
    return Result(document=report.as_document(), lines=lines)


def _taken_line(row: TakenRow) -> str:
    return (
        f"{row.rater_name}, {row.model_name}: taken {row.n_taken} of {row.n_offered} times; "
        f"{row.n_withheld} cases read without it"
    )


def _accepted_line(row: AcceptedRow) -> str:
    kept, changed, removed, added = (share_in_words(row, n) for n in parts_of(row))
    moved = row.moved_mm.value
    return (
        f"{row.rater_name}, {row.model_name}, {row.label_name}: {kept} kept, {changed} another "
        f"label, {removed} removed, {added} added"
        + ("" if moved is None else f"; surface moved {moved:.2f} mm on average")
    )


def _anchoring_line(entry: AnchoringFacts) -> str:
    with_model, without, gap = difference_in_words(entry)
    what = f"{entry.label_name}, " if entry.label_name else ""
    return (
        f"{entry.model_name}, {what}{MEASURE_WORDS[entry.row.measure]}: {with_model} with it, "
        f"{without} without, difference {gap}"
    )
