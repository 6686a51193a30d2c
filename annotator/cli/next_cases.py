"""The command that names the cases to draw next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from annotator.cli.command import Result
from annotator.domain.errors import AnnotatorError
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def next_cases(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Show the unread cases that a model would gain most from, best first."""
    if arguments.n < 1:
        raise AnnotatorError(f"name one case or more; got {arguments.n}")
    with Session.open(arguments.project) as session:
        found = session.quality.next_cases(arguments.n, model=arguments.model, progress=progress)
        titles = {case.case_id: case.title for case in session.cases()}
    document = {
        "n_read": found.n_read,
        "n_unread": found.n_unread,
        "model": found.model,
        "cases": [
            {
                "case": entry.case_id,
                "title": titles[entry.case_id],
                **{key: value for key, value in asdict(entry).items() if key != "case_id"},
            }
            for entry in found.cases
        ],
    }
    lines = [
        f"{place}. {titles[entry.case_id]} ({entry.gain:.2f}): {entry.why}"
        for place, entry in enumerate(found.cases, start=1)
    ]
    by = f"; by {found.model}" if found.model else "; no model has read any case"
    lines.append(f"{found.n_unread} cases are unread, {found.n_read} are read{by}.")
    return Result(document=document, lines=tuple(lines))
