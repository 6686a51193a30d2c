"""Commands about marks: how far raters agree on them, and bringing them in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.cli.command import Result
from annotator.cli.results import chosen_cases
from annotator.jobs.mark_agreement import compare_marks as compare
from annotator.session.adding_marks import add_marks as add
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from annotator.api import Progress
    from annotator.jobs.mark_facts import LandmarkRow, MarkAgreement, MarkRow


def add_marks(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Add the marks of a markups file to a rater's reading of a case."""
    with Session.open(arguments.project) as session:
        progress(0.0, f"reading {arguments.file}")
        case, rater = session.store.case(arguments.case), session.store.rater(arguments.rater)
        annotation, marks = add(
            session.store, case.case_id, rater.rater_id, Path(arguments.file), actor="system"
        )
    document = {
        "annotation": annotation.annotation_id,
        "case": case.case_id,
        "rater": rater.name,
        "revision": annotation.revision,
        "n_marks": len(marks),
    }
    line = f"{rater.name} on {case.title}: revision {annotation.revision}, {len(marks)} marks."
    return Result(document=document, lines=(line,))


def compare_marks(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Compare the marks of cases; fails where no two raters have marked the same case."""
    with Session.open(arguments.project, read_only=True) as session:
        progress(0.0, "comparing marks")
        names = {rater.rater_id: rater.name for rater in session.store.raters()}
        found = compare(
            session.store,
            chosen_cases(session, arguments.cases),
            include_models=arguments.models,
            limit=arguments.limit,
        )
    failure = (
        "" if not found.is_empty else "nothing to compare: no case with two readings has marks"
    )
    lines = tuple(_lines(found, names))
    document = {
        "raters": [{"id": rater_id, "name": name} for rater_id, name in names.items()],
        "marks": asdict(found),
    }
    return Result(document=document, lines=lines, error=failure)


def _lines(found: MarkAgreement, names: dict[str, str]) -> Iterator[str]:
    for landmark in found.landmarks:
        yield _landmark_line(landmark)
        for rater in landmark.raters:
            missing = f", {rater.n_missing} of {rater.n_read} missing" if rater.n_missing else ""
            yield (
                f"  {names[rater.rater_id]}: {_number(rater.distance.value)} {landmark.unit} from "
                f"the consensus of the others{missing}"
            )
    for row in found.matched:
        yield _mark_line(row)
        for pair in row.pairs:
            yield (
                f"  {names[pair.rater_a]} and {names[pair.rater_b]}: {pair.n_matched} matched of "
                f"{pair.n_a} and {pair.n_b}, F1 {_number(pair.f1)}, "
                f"{_compared(row, pair.compared)}"
            )


def _landmark_line(row: LandmarkRow) -> str:
    return (
        f"{row.title} over {row.n_cases} cases: two raters {_number(row.distance.value)} "
        f"{row.unit} apart (median {_number(row.spread.median)}, 95 % within "
        f"{_number(row.spread.p95)}), {row.n_missing} of {row.n_read} missing"
    )


def _mark_line(row: MarkRow) -> str:
    words = row.kind + (f" “{row.name}”" if row.name else "")
    words += f" of {row.label_name or row.label}" if row.label else ""
    return (
        f"{words} over {row.n_cases} cases: F1 {_number(row.f1.value)}, "
        f"{_compared(row, row.compared.value)}"
    )


def _compared(row: MarkRow, value: float | None) -> str:
    if row.kind == "box":
        return f"overlap {_number(value)}"
    return f"{_number(value)} {row.unit} apart"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
