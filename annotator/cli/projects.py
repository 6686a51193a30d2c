"""Commands that set a project up and look at it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.domain.reading import Annotation, Assignment, Rater
    from annotator.domain.study import Case


def new(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Make a project with a label schema."""
    from annotator.session.schema_io import default_schema, find_schema

    schema = find_schema(arguments.schema) if arguments.schema else default_schema()
    title = arguments.title or Path(arguments.project).name or "project"
    if "://" in arguments.project and not arguments.title:
        title = "project"
    with Session.create(arguments.project, schema=schema, title=title) as session:
        document = {"project": project_document(session)}
    names = ", ".join(f"{label.value} {label.name}" for label in schema.labels)
    return Result(
        document=document,
        lines=(
            f"Made the project {title!r} in {without_password(arguments.project)}.",
            f"Labels: {names}.",
        ),
    )


def import_studies(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Import files and directories; fails where nothing at all could be imported."""
    with Session.open(arguments.project) as session:
        report = session.import_studies(arguments.paths, reads=arguments.reads, progress=progress)
        cases = [
            case_document(session, case) | {"is_new": case.case_id in report.new_case_ids}
            for case in report.cases
        ]
    skipped = [{"path": entry.path, "reason": entry.reason} for entry in report.skipped]
    lines = [f"{case['id']}  {case['title']}  {_grid_words(case)}" for case in cases]
    lines += [f"skipped {entry['path']}: {entry['reason']}" for entry in skipped]
    lines.append(f"{len(report.new_case_ids)} new cases, {len(skipped)} files skipped.")
    error = ""
    if not cases:
        error = "nothing could be imported"
        if skipped:
            error += f": {skipped[0]['path']}: {skipped[0]['reason']}"
        if len(skipped) > 1:
            error += f" (and {len(skipped) - 1} more)"
        lines = lines[:-1] if len(skipped) > 1 else []
    return Result(document={"cases": cases, "skipped": skipped}, lines=tuple(lines), error=error)


def add_rater(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Add people."""
    with Session.open(arguments.project) as session:
        added = [session.add_rater(name) for name in arguments.names]
    return Result(
        document={"raters": [rater_document(rater) for rater in added]},
        lines=tuple(f"{rater.rater_id}  {rater.name}" for rater in added),
    )


def assign(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Give cases to raters, balanced."""
    with Session.open(arguments.project) as session:
        by_gain = arguments.order == "gain"
        ordered = session.quality.next_cases(progress=progress).cases if by_gain else ()
        first = [entry.case_id for entry in ordered]
        n_added = session.assign(arguments.raters, first=first)
        names = {rater.rater_id: rater.name for rater in session.people()}
        assignments = _of_study(session)
    each = Counter(entry.rater_id for entry in assignments)
    document = {
        "added": n_added,
        "assignments": [
            {
                "case": entry.case_id,
                "rater": names[entry.rater_id],
                "position": entry.position,
                "state": entry.state,
            }
            for entry in assignments
        ],
    }
    lines = [f"{names[rater_id]}: {number} cases" for rater_id, number in each.items()]
    return Result(document=document, lines=(f"{n_added} new assignments.", *lines))


def _of_study(session: Session) -> list[Assignment]:
    """Return the assignments without cases that are read for the second time."""
    cases = {case.case_id for case in session.every_case()}
    return [entry for entry in session.store.assignments() if entry.case_id in cases]


def list_project(arguments: argparse.Namespace, progress: Progress) -> Result:
    """List cases and raters."""
    with Session.open(arguments.project) as session:
        annotations = session.store.annotations() + tuple(
            entry
            for case in session.tracing_cases()
            for entry in session.store.annotations(case.case_id)
        )
        readers = Counter(entry.rater_id for entry in annotations)
        assigned = Counter(entry.rater_id for entry in _of_study(session))
        cases = [
            case_document(session, case) | _state(session, case, annotations)
            for case in session.every_case()
        ]
        raters = [
            rater_document(rater)
            | {"n_assigned": assigned[rater.rater_id], "n_readings": readers[rater.rater_id]}
            for rater in session.store.raters()
        ]
        trained = [
            {"fit": one.fit_id, "title": one.title, "created_at": one.created_at}
            for one in session.trained_models()
        ]
        document = {
            "project": project_document(session),
            "cases": cases,
            "raters": raters,
            "trained": trained,
        }
    lines = [f"{len(cases)} cases, {len(raters)} raters"]
    lines += [
        f"{case['id']}  {case['title']}  {_grid_words(case)}  {case['n_readings']} readings"
        + ("  signed off" if case["is_signed_off"] else "")
        for case in cases
    ]
    lines += [
        f"{rater['id']}  {rater['name']}  {rater['n_readings']} readings"
        + ("  (model)" if rater["is_model"] else f" of {rater['n_assigned']} cases assigned")
        for rater in raters
    ]
    lines += [f"{one['fit'][:12]}  {one['title']}  trained {one['created_at']}" for one in trained]
    return Result(document=document, lines=tuple(lines))


def verify(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Check the project; fails where anything does not fit."""
    with Session.open(arguments.project, read_only=not arguments.replay) as session:
        problems = session.store.verify(progress)
        n_rows = len(session.store.audit())
        again = session.replay(progress=progress) if arguments.replay else None
    document: dict[str, Any] = {"n_log_rows": n_rows}
    lines = [f"The project is sound; {n_rows} log rows."]
    if again is not None:
        problems = (*problems, *again.different)
        document["replay"] = {"n_same": again.n_same, "not_done": list(again.not_done)}
        lines.append(f"{again.n_same} recipes were run again and gave the same bytes.")
        lines += [f"not run again: {reason}" for reason in again.not_done]
    document |= {"ok": not problems, "problems": list(problems)}
    if not problems:
        return Result(document=document, lines=tuple(lines))
    error = problems[0] if len(problems) == 1 else f"{len(problems)} problems"
    return Result(document=document, lines=problems if len(problems) > 1 else (), error=error)


def project_document(session: Session) -> dict[str, Any]:
    """Return what a project is, for JSON."""
    project = session.project()
    return {
        "id": project.project_id,
        "title": project.title,
        "location": without_password(session.store.location),
        "schema": {
            "name": project.schema.name,
            "title": project.schema.title,
            "labels": [
                {
                    "value": label.value,
                    "name": label.name,
                    "color": label.color,
                    "group": label.group,
                }
                for label in project.schema.labels
            ],
            "fields": [
                {
                    "key": entry.key,
                    "title": entry.title,
                    "kind": entry.kind,
                    "choices": [key for key, _ in entry.choices],
                }
                for entry in project.schema.fields
            ],
        },
    }


def without_password(location: str) -> str:
    """Return a location that may be shown: a URL loses its password."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", location)


def case_document(session: Session, case: Case) -> dict[str, Any]:
    """Return what a case is, for JSON: shape and spacing along (z, y, x)."""
    series = session.store.series(case.series_ids[0])
    return {
        "id": case.case_id,
        "title": case.title,
        "reads": case.reads,
        "modality": series.modality,
        "kind": series.kind,
        "shape": list(series.geometry.shape),
        "spacing_mm": list(series.geometry.spacing_mm) if series.geometry.is_calibrated else None,
        "notes": list(series.notes),
    }


def rater_document(rater: Rater) -> dict[str, Any]:
    """Return who a rater is, for JSON."""
    return {"id": rater.rater_id, "name": rater.name, "is_model": rater.is_model}


def _state(session: Session, case: Case, annotations: tuple[Annotation, ...]) -> dict[str, Any]:
    own = [entry for entry in annotations if entry.case_id == case.case_id]
    names = {rater.rater_id: rater.name for rater in session.store.raters()}
    store = session.store
    signed = store.adjudication if case.reads == "mask" else store.trace_sign_off
    return {
        "n_readings": len(own),
        "readings": [
            {
                "annotation": entry.annotation_id,
                "rater": names[entry.rater_id],
                "revision": entry.revision,
                "diagnosis": dict(entry.diagnosis.answers),
            }
            for entry in own
        ],
        "is_signed_off": signed(case.case_id) is not None,
    }


def _grid_words(case: dict[str, Any]) -> str:
    z, y, x = case["shape"]
    size = f"{x}×{y}" if z == 1 else f"{x}×{y}×{z}"
    words = f"{case['modality']} {size}"
    return words if case["reads"] == "mask" else f"{words}  traced"
