"""Whether the rows that change are what the audit log recorded of them last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.store.case_votes import content_digest as content_hash
from annotator.store.facts import digest
from annotator.store.findings import content_digest
from annotator.store.raters import NO_DIAGNOSIS
from annotator.store.tables import (
    annotation_table,
    assignments,
    case_findings,
    case_series,
    case_votes,
    contour_errors,
    drafts,
    jobs,
    label_errors,
    project,
    steps,
    verdicts,
)
from annotator.store.verify_log import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from annotator.store.words import Words

_Values = dict[str, Any]


class _Last:
    """What the log says that the rows hold, after its last entry."""

    def __init__(self) -> None:
        self.project: _Values = {}
        self.drafts: dict[int, _Values] = {}
        self.parents: dict[int, int | None] = {}
        """Step → the step that the draft was at before it."""
        self.series: dict[str, list[str]] = {}
        self.assigned: dict[tuple[str, str], int] = {}
        self.findings: dict[str, _Values] = {}
        self.votes: dict[str, _Values] = {}
        self.label_errors: dict[str, _Values] = {}
        self.contour_errors: dict[str, _Values] = {}
        self.undone: set[int] = set()
        self.jobs: dict[int, _Values] = {}

    def take(self, action: str, created_at: str, entry: _Values) -> None:
        """Follow one entry of the log."""
        if action == "create project":
            self.project = {**entry, "created_at": created_at}
        elif action == "set schema":
            self.project["schema"] = entry["schema"]
        elif action == "add case":
            self.series[entry["case_id"]] = entry["series_ids"]
        elif action == "assign":
            self.assigned[entry["rater_id"], entry["case_id"]] = entry["position"]
        elif action == "put findings":
            self.findings[entry["case_id"]] = entry
        elif action == "put votes":
            self.votes[entry["case_id"]] = entry
        elif action == "put label errors":
            self.label_errors[entry["case_id"]] = entry
        elif action == "put contour errors":
            self.contour_errors[entry["case_id"]] = entry
        elif action == "undo verdict":
            self.undone.add(entry["verdict_id"])
        elif "job_id" in entry:
            self._take_job(action, self.jobs.setdefault(entry["job_id"], {}), entry)
        elif "draft_id" in entry:
            self._take_draft(action, self.drafts.setdefault(entry["draft_id"], {}), entry)

    def _take_job(self, action: str, job: _Values, entry: _Values) -> None:
        if action == "add job":
            job.update(state="queued", cancel_requested=False, error="", result=digest("{}"))
        elif action == "claim job":
            job["state"] = "running"
        elif action == "cancel job":
            job["cancel_requested"] = True
            job["state"] = "cancelled" if job["state"] == "queued" else job["state"]
        elif action == "finish job":
            job.update(
                state=entry["state"], error=entry["error"], result=entry.get("result_sha256")
            )

    def _take_draft(self, action: str, draft: _Values, entry: _Values) -> None:
        if action == "open draft":
            draft.update(is_open=True, head_step_id=None, diagnosis=None)
            if entry.get("replaces_id") in self.drafts:
                self.drafts[entry["replaces_id"]]["is_open"] = False
        elif action == "submit":
            draft["is_open"] = False
        elif action == "set diagnosis":
            draft["diagnosis"] = entry["diagnosis"]
        elif action == "step":
            self.parents[entry["step_id"]] = draft["head_step_id"]
            draft["head_step_id"] = entry["step_id"]
        elif action == "undo":
            draft["head_step_id"] = self.parents[entry["step_id"]]
        elif action == "redo":
            draft["head_step_id"] = entry["step_id"]


def last_values(connection: Connection, words: Words) -> Iterator[str]:
    """Replay the log and compare; rows that it never named are named by another check."""
    last = _Last()
    for action, created_at, entry in entries(connection):
        try:
            last.take(action, created_at, entry)
        except (LookupError, TypeError):
            continue  # a row of the log was changed or is gone: the check of the chain names it
    yield from _project(connection, last.project)
    yield from _series(connection, words, last.series)
    yield from _assignments(connection, words, last.assigned)
    yield from _drafts(connection, words, last)
    yield from _findings(connection, words, last.findings)
    yield from _votes(connection, words, last.votes)
    yield from _checked(connection, words, label_errors, last.label_errors, "labels", "rejected")
    yield from _checked(
        connection, words, contour_errors, last.contour_errors, "contours", "held wrong"
    )
    for row in connection.execute(select(verdicts)):
        if row.is_undone != (row.verdict_id in last.undone):
            shown = f"verdict {row.verdict_id} of {words.case(row.case_id)}"
            yield _differs(shown, "is_undone", row.is_undone, not row.is_undone)
    yield from _jobs(connection, last.jobs)


def _differs(shown: str, name: str, kept: object, logged: object) -> str:
    return f"{shown}: {name} is {kept!r}, but was {logged!r} when the audit log recorded it last"


def _project(connection: Connection, logged: _Values) -> Iterator[str]:
    row = connection.execute(select(project)).first()
    if row is None:
        yield "the project's own row is gone: its title, schema and seed are lost"
        return
    if logged.get("schema", row.schema) != row.schema:
        yield "the label schema is not the one that the audit log recorded last"
    for name in ("project_id", "title", "seed", "created_at"):
        kept = row._mapping[name]
        if logged.get(name, kept) != kept:
            yield _differs("the project", name, kept, logged[name])


def _series(connection: Connection, words: Words, logged: dict[str, list[str]]) -> Iterator[str]:
    kept: dict[str, list[str]] = {}
    for row in connection.execute(
        select(case_series).order_by(case_series.c.case_id, case_series.c.position)
    ):
        kept.setdefault(row.case_id, []).append(row.series_id)
    for case_id, series_ids in kept.items():
        if logged.get(case_id, series_ids) != series_ids:
            yield f"{words.case(case_id)}: its series are not those that it was made of"
    for case_id in logged.keys() - kept.keys():
        yield f"{words.case(case_id)}: its series are gone"


def _assignments(
    connection: Connection, words: Words, logged: dict[tuple[str, str], int]
) -> Iterator[str]:
    kept = {
        (row.rater_id, row.case_id): row.position for row in connection.execute(select(assignments))
    }
    for key in sorted(kept.keys() | logged.keys()):
        shown = f"the assignment of {words.case(key[1])} to {words.rater(key[0])}"
        if key not in kept:
            yield f"{shown} is gone; the audit log says that it was made"
        elif key not in logged:
            yield f"{shown} is not in the audit log: it was put in from outside"
        elif kept[key] != logged[key]:
            yield _differs(shown, "position", kept[key], logged[key])


def _drafts(connection: Connection, words: Words, last: _Last) -> Iterator[str]:
    parents = {row.annotation_id: row for row in connection.execute(select(annotation_table))}
    for row in connection.execute(select(drafts).order_by(drafts.c.draft_id)):
        logged = last.drafts.get(row.draft_id)
        if logged is None:
            continue
        shown = words.reading("draft", row.draft_id, row.case_id, row.rater_id)
        for name in ("is_open", "head_step_id"):
            kept = row._mapping[name]
            if name in logged and logged[name] != kept:
                yield _differs(shown, name, kept, logged[name])
        if row.parent_id is not None and row.parent_id not in parents:
            continue  # named as gone
        parent = parents.get(row.parent_id)
        began_with = NO_DIAGNOSIS if parent is None else parent.diagnosis
        if row.diagnosis != (logged.get("diagnosis") or began_with):
            yield f"{shown}: its diagnosis is not the one that the audit log recorded last"
        if row.started_from_id != (None if parent is None else parent.started_from_id):
            yield f"{shown}: it does not begin from what its parent began from"
    for step_id, parent_id in connection.execute(select(steps.c.step_id, steps.c.parent_step_id)):
        if last.parents.get(step_id, parent_id) != parent_id:
            yield _differs(f"step {step_id}", "parent", parent_id, last.parents[step_id])


def _findings(connection: Connection, words: Words, logged: dict[str, _Values]) -> Iterator[str]:
    kept = {row.case_id: row for row in connection.execute(select(case_findings))}
    for case_id in sorted(kept.keys() | logged.keys()):
        shown = f"the findings of {words.case(case_id)}"
        if case_id not in kept:
            yield f"{shown} are gone; find them again"
            continue
        if case_id not in logged:
            yield f"{shown} are not in the audit log: they were put in from outside"
            continue
        row, entry = kept[case_id], logged[case_id]
        for name in ("findings_key", "score"):
            if name in entry and row._mapping[name] != entry[name]:
                yield _differs(shown, name, row._mapping[name], entry[name])
        found = content_digest(row.case_score, row.findings)
        if entry.get("content", found) != found:
            yield f"{shown} are not those that the audit log recorded last"


def _votes(connection: Connection, words: Words, logged: dict[str, _Values]) -> Iterator[str]:
    kept = {row.case_id: row for row in connection.execute(select(case_votes))}
    for case_id in sorted(kept.keys() | logged.keys()):
        shown = f"the vote histogram of {words.case(case_id)}"
        if case_id not in kept:
            yield f"{shown} is gone; find its disputes again"
        elif case_id not in logged:
            yield f"{shown} is not in the audit log: it was put in from outside"
        elif (kept[case_id].findings_key, content_hash(kept[case_id].content)) != (
            logged[case_id]["findings_key"],
            logged[case_id]["content_sha256"],
        ):
            yield f"{shown} is not the one that the audit log recorded last"


def _checked(
    connection: Connection,
    words: Words,
    table: Table,
    logged: dict[str, _Values],
    what: str,
    found: str,
) -> Iterator[str]:
    kept = {row.case_id: row.content for row in connection.execute(select(table))}
    for case_id in sorted(kept.keys() | logged.keys()):
        shown = f"what is {found} in the {what} of {words.case(case_id)}"
        if case_id not in kept:
            yield f"{shown} is gone; check its {what} again"
        elif case_id not in logged:
            yield f"{shown} is not in the audit log: it was put in from outside"
        elif digest(kept[case_id]) != logged[case_id]["content"]:
            yield f"{shown} is not what the audit log recorded last"


def _jobs(connection: Connection, logged: dict[int, _Values]) -> Iterator[str]:
    for row in connection.execute(select(jobs).order_by(jobs.c.job_id)):
        entry = logged.get(row.job_id, {})
        for name in ("state", "cancel_requested", "error"):
            if name in entry and row._mapping[name] != entry[name]:
                yield _differs(f"job {row.job_id}", name, row._mapping[name], entry[name])
        if entry.get("result") not in (None, digest(row.result)):
            yield f"job {row.job_id}: its result is not the one that the audit log recorded"
