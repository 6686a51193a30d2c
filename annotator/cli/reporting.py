"""The command that writes the agreement report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annotator.cli.command import Result
from annotator.jobs.agreement_report import ReportSettings
from annotator.jobs.report_html import report_to_file
from annotator.jobs.report_words import counted_noun, mean_in_words
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def report(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Compare all readings and write the report; fails where no case has two."""
    path = Path(arguments.out)
    with Session.open(arguments.project, read_only=True) as session:
        found, n_bytes = report_to_file(
            session.store,
            session.registry,
            path,
            arguments.cases or None,
            progress,
            ReportSettings(include_models=arguments.models),
        )
    lines = [
        *(
            f"{found.label_name(row.label)}: Dice {mean_in_words(row.dice)} over "
            f"{counted_noun(row.dice.n_cases, 'case')}"
            for row in found.labels
        ),
        *(f"left out: {reason}" for reason in found.about.left_out),
        f"Written to {path}.",
    ]
    document = {"file": str(path), "n_bytes": n_bytes, "report": found.as_document()}
    return Result(document=document, lines=tuple(lines))
