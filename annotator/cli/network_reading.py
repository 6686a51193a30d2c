"""The command that lets networks, which a user brought, read cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done, parse_settings
from annotator.domain.errors import AnnotatorError
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def predict_by_network(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Let networks read cases together; fails where they can read none."""
    if arguments.trust:
        raise AnnotatorError("--trust is for --fit; a network knows no raters")
    settings = parse_settings(arguments.settings)
    with Session.open(arguments.project) as session:
        made = session.predict_by_network(
            arguments.network, arguments.cases or None, parameters=settings, progress=progress
        )
        titles = {case.case_id: case.title for case in session.cases()}
    lines = [_line(titles[entry["case"]], entry) for entry in made["annotations"]]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    lines += [f"Note: {note}" for note in made["notes"]]
    document = {"network": arguments.network, **made}
    error = nothing_done("read", {key: made[key] for key in ("annotations", "skipped")})
    return Result(document=document, lines=tuple(lines), error=error)


def _line(title: str, entry: dict[str, Any]) -> str:
    n_read = entry["windows"] - entry["left_out"]
    return f"{title}: read, {n_read} of {entry['windows']} windows, on {entry['device']}"
