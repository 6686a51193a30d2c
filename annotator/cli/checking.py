"""The command that checks the labels of readings by a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done
from annotator.jobs.learning import told
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from annotator.api import Progress


def find_errors(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Check the labels of cases, those with most to look at first; fails where none can be."""
    with Session.open(arguments.project) as session:
        made = session.find_errors(arguments.fit, arguments.cases or None, progress=progress)
        titles = {case.case_id: case.title for case in session.cases()}
        names = {rater.rater_id: rater.name for rater in session.store.raters()}
        summary = told(session.store, session.store.fit(made["fit"]))
    return tell_checked(made, summary, titles, names)


def tell_checked(
    made: dict[str, Any],
    summary: Sequence[str],
    titles: Mapping[str, str],
    names: Mapping[str, str],
) -> Result:
    """Return what a check found, with names of raters for their ids, as JSON and in words.

    ``summary`` tells how well the networks learned: those that did not reject what is right.
    """
    checked = [
        {
            "case": entry["case"],
            "errors": [
                {"raters": [names[rater_id] for rater_id in error["rater_ids"]]}
                | {key: value for key, value in error.items() if key != "rater_ids"}
                for error in entry["errors"]
            ],
        }
        for entry in sorted(made["checked"], key=_rejected, reverse=True)
    ]
    lines = list(summary)
    for entry in checked:
        n_errors = len(entry["errors"])
        places = "1 place" if n_errors == 1 else f"{n_errors or 'no'} places"
        lines.append(f"{titles[entry['case']]}: {places} rejected")
        lines += [f"   {error['why']}" for error in entry["errors"]]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    done = {"checked": checked, "skipped": made["skipped"]}
    document = {"fit": made["fit"], "summary": list(summary), **done}
    return Result(document=document, lines=tuple(lines), error=nothing_done("checked", done))


def _rejected(entry: Mapping[str, Any]) -> float:
    return float(sum(error["doubt"] * error["n_voxels"] for error in entry["errors"]))
