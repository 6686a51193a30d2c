"""The commands that check the labels and contours of readings by what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done, parse_settings
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


def learn_contours(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Let a detector learn contour errors from the signed-off cases of a project."""
    settings = parse_settings(arguments.settings)
    with Session.open(arguments.project) as session:
        fit = session.learn_contours(arguments.detector, parameters=settings, progress=progress)
    document = {"fit": fit.fit_id, "summary": list(fit.summary)}
    return Result(document=document, lines=(fit.fit_id, *fit.summary))


def find_contour_errors(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Check the contours of cases, those with most at stake first; fails where none can be."""
    with Session.open(arguments.project) as session:
        made = session.find_contour_errors(
            arguments.fit, arguments.cases or None, progress=progress
        )
        titles = {case.case_id: case.title for case in session.cases()}
        names = {rater.rater_id: rater.name for rater in session.store.raters()}
        summary = session.store.fit(made["fit"]).summary
    return tell_contours(made, summary, titles, names)


def tell_contours(
    made: dict[str, Any],
    summary: Sequence[str],
    titles: Mapping[str, str],
    names: Mapping[str, str],
) -> Result:
    """Return what a check of contours found, with names of raters for their ids.

    ``summary`` tells how much of what is wrong it finds where it was tried.
    """
    checked = [
        {"case": entry["case"], "errors": _named(entry["errors"], names)}
        for entry in sorted(made["checked"], key=_at_stake, reverse=True)
    ]
    lines = list(summary)
    for entry in checked:
        n_errors = len(entry["errors"])
        stretches = "1 stretch" if n_errors == 1 else f"{n_errors or 'no'} stretches"
        lines.append(f"{titles[entry['case']]}: {stretches} held wrong")
        lines += [f"   {error['why']}" for error in entry["errors"]]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    done = {"checked": checked, "skipped": made["skipped"]}
    document = {"fit": made["fit"], "summary": list(summary), **done}
    return Result(document=document, lines=tuple(lines), error=nothing_done("checked", done))


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
            "errors": _named(entry["errors"], names),
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


def _named(errors: Sequence[dict[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return errors with the names of raters for their ids."""
    return [
        {"raters": [names[rater_id] for rater_id in error["rater_ids"]]}
        | {key: value for key, value in error.items() if key != "rater_ids"}
        for error in errors
    ]


def _at_stake(entry: Mapping[str, Any]) -> float:
    return float(sum(error["probability"] * error["size_mm"] for error in entry["errors"]))


def _rejected(entry: Mapping[str, Any]) -> float:
    return float(sum(error["doubt"] * error["n_voxels"] for error in entry["errors"]))
