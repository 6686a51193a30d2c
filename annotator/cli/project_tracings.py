"""Commands that bring tracings into a project, look through them and report on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done, parse_diagnosis, parse_settings
from annotator.domain.errors import AnnotatorError
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.domain.trace_review import FoundTraces, TraceItem

_SHOWN_PLACES = 20


def add_tracing(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Add an SWC file as a rater's tracing of a case, or as the start of their drawing."""
    if arguments.draft and (arguments.automatic or arguments.diagnosis):
        raise AnnotatorError(
            "--draft is for a person who goes on with it; --automatic and --diagnosis are for a "
            "tracing that is submitted"
        )
    with Session.open(arguments.project) as session:
        case = session.store.tracing_case(arguments.case)
        if arguments.draft:
            read = session.draft_tracing_file(
                case.case_id, arguments.rater, arguments.file, unit=arguments.unit
            )
            kept: dict[str, Any] = {"annotation": None, "revision": None}
            words = "in their drawing"
        else:
            annotation, read = session.add_tracing_file(
                case.case_id,
                arguments.rater,
                arguments.file,
                parse_diagnosis(arguments.diagnosis, session.project().schema),
                unit=arguments.unit,
                is_automatic=arguments.automatic,
            )
            kept = {"annotation": annotation.annotation_id, "revision": annotation.revision}
            words = f"revision {annotation.revision}"
    document = kept | {
        "case": case.case_id,
        "rater": arguments.rater,
        "n_nodes": len(read.tree),
        "unit": read.unit,
        "told": read.told,
        "problems": [problem.why for problem in read.problems],
    }
    lines = [
        f"{arguments.rater} on {case.title}: {words}, {len(read.tree)} nodes, {read.told}.",
        *(f"line {problem.line}: {problem.why}" for problem in read.problems),
    ]
    return Result(document=document, lines=tuple(lines))


def trace_findings(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Look through tracings, most at stake first; fails where there is none."""
    made: dict[str, list[dict[str, Any]]] = {"cases": [], "skipped": []}
    lines: list[str] = []
    with Session.open(arguments.project) as session:
        names = {entry.rater_id: entry.name for entry in session.store.raters()}
        store = session.store
        cases = [store.tracing_case(given) for given in arguments.cases] or store.tracing_cases()
        for case in cases:
            try:
                found = session.find_traces(case.case_id, base=arguments.base, progress=progress)
            except AnnotatorError as error:
                if arguments.cases:
                    raise
                made["skipped"].append({"case": case.case_id, "reason": str(error)})
                continue
            base = names[store.annotation(found.base_id).rater_id]
            made["cases"].append(_document(found, base, case.title))
            lines.append(f"{case.title}, traced by {base}: {len(found.items)} places to look at")
            lines += [f"   {_line(item)}" for item in found.items[:_SHOWN_PLACES]]
            more = len(found.items) - _SHOWN_PLACES
            lines += [f"   and {more} more (--json lists all)"] if more > 0 else []
    lines += [f"skipped: {entry['reason']}" for entry in made["skipped"]]
    return Result(document=made, lines=tuple(lines), error=nothing_done("looked through", made))


def _line(item: TraceItem) -> str:
    others = len(item.reasons) - 1
    more = f" (and {others} more reasons)" if others else ""
    return f"{item.region}. {item.at_stake_um:.0f} µm: {item.reasons[0].why}{more}"


def _document(found: FoundTraces, base: str, title: str) -> dict[str, Any]:
    return {
        "id": found.case_id,
        "title": title,
        "base": base,
        "checked": list(found.checked),
        "n_nodes": found.n_nodes,
        "cable_um": found.cable_um,
        "places": [
            {
                "place": item.region,
                "node": item.node_id,
                "point_um": list(item.point_um),
                "severity": item.severity,
                "at_stake_um": item.at_stake_um,
                "reasons": [
                    {"check": reason.check, "why": reason.why, "probability": reason.probability}
                    for reason in item.reasons
                ],
                "branches_to_take": len(item.offers),
            }
            for item in found.items
        ],
    }


def learn_traces(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Let a detector learn from the signed-off tracings of a project."""
    settings = parse_settings(arguments.settings)
    with Session.open(arguments.project) as session:
        fit = session.learn_traces(arguments.detector, settings, progress=progress)
    document = {"fit": fit.fit_id, "summary": list(fit.summary)}
    return Result(document=document, lines=(fit.fit_id, *fit.summary))


def trace_report(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Write the report on traced cases; fails where none was looked through."""
    with Session.open(arguments.project, read_only=True) as session:
        n_cases = session.trace_report(arguments.out, arguments.cases or None, progress=progress)
    document = {"file": arguments.out, "n_cases": n_cases}
    return Result(document=document, lines=(f"Written to {arguments.out}.",))
