"""The command that draws on other cases what is drawn on a finished one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done, parse_settings
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def propagate(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Carry one finished case to others; fails where it can be carried to none."""
    with Session.open(arguments.project) as session:
        made = session.propagate(
            arguments.case,
            arguments.to,
            rater=arguments.rater,
            method=arguments.method,
            parameters=parse_settings(arguments.settings),
            progress=progress,
        )
        titles = {case.case_id: case.title for case in session.cases()}
    lines = [
        f"{titles[entry['case']]}: drawn; {100 * entry['doubtful']:.0f} % of it is in doubt, "
        f"{entry['error_mm']:.1f} mm there and back"
        + (f"; {100 * entry['folded']:.1f} % folded over" if entry["folded"] else "")
        for entry in made["readings"]
    ]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    done = {key: made[key] for key in ("readings", "skipped")}
    return Result(document=made, lines=tuple(lines), error=nothing_done("read", done))
