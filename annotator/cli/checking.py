"""The command that checks the labels of readings by a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def find_errors(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Check the labels of cases, those with most to look at first; fails where none can be."""
    with Session.open(arguments.project) as session:
        made = session.find_errors(arguments.fit, arguments.cases or None, progress=progress)
        titles = {case.case_id: case.title for case in session.cases()}
        names = {rater.rater_id: rater.name for rater in session.store.raters()}
    made["checked"].sort(key=_rejected, reverse=True)
    lines: list[str] = []
    for entry in made["checked"]:
        for error in entry["errors"]:
            error["raters"] = [names[rater_id] for rater_id in error.pop("rater_ids")]
        n_errors = len(entry["errors"])
        places = "1 place" if n_errors == 1 else f"{n_errors} places"
        lines.append(f"{titles[entry['case']]}: {places if n_errors else 'nothing'} rejected")
        lines += [f"   {error['why']}" for error in entry["errors"]]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    done = {key: made[key] for key in ("checked", "skipped")}
    return Result(document=made, lines=tuple(lines), error=nothing_done("checked", done))


def _rejected(entry: dict[str, Any]) -> float:
    return float(sum(error["doubt"] * error["n_voxels"] for error in entry["errors"]))
