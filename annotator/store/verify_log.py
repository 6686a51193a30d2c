"""Whether the audit log is one unbroken chain, and the rows are what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.store import audit
from annotator.store.facts import digest
from annotator.store.tables import (
    adjudications,
    annotation_table,
    audit_head,
    audit_log,
    cases,
    drafts,
    fusions,
    jobs,
    raters,
    series,
    steps,
    trace_sign_offs,
    verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Connection, Table

    from annotator.store.words import Words

_MADE_BY: tuple[tuple[str, Table, Column[Any], tuple[str, ...]], ...] = (
    ("series", series, series.c.series_id, ("add series",)),
    ("case", cases, cases.c.case_id, ("add case",)),
    ("rater", raters, raters.c.rater_id, ("add rater",)),
    ("draft", drafts, drafts.c.draft_id, ("open draft",)),
    ("step", steps, steps.c.step_id, ("step",)),
    (
        "annotation",
        annotation_table,
        annotation_table.c.annotation_id,
        ("submit", "add annotation"),
    ),
    ("fusion", fusions, fusions.c.fusion_id, ("add fusion",)),
    ("verdict", verdicts, verdicts.c.verdict_id, ("add verdict",)),
    ("adjudication", adjudications, adjudications.c.adjudication_id, ("sign off",)),
    (
        "signed-off tracing",
        trace_sign_offs,
        trace_sign_offs.c.sign_off_id,
        ("sign off tracing",),
    ),
    ("job", jobs, jobs.c.job_id, ("add job",)),
)
"""What a row is called, its table, its id, and the actions that make one."""


def chain(connection: Connection, words: Words) -> Iterator[str]:
    """Check that every row of the log hashes to its hash and names the one before."""
    del words
    sequence, prev_hash = 0, audit.FIRST_HASH
    for row in audit.rows(connection):
        shown = f"audit row {row.sequence} ({row.action!r} by {row.actor}, {row.created_at})"
        if row.sequence != sequence + 1:
            yield f"the audit log lacks {_span(sequence + 1, row.sequence - 1)}"
        elif row.prev_hash != prev_hash:
            yield f"{shown} does not follow the row before it: the log was rewritten there"
        if row.computed_hash() != row.hash:
            yield f"{shown} was changed after it was written: it does not match its hash"
        sequence, prev_hash = row.sequence, row.hash
    heads = connection.execute(select(audit_head.c.sequence, audit_head.c.hash)).all()
    if len(heads) != 1:
        yield f"the audit log has {len(heads)} marks of its end; there must be one"
    elif heads[0].sequence > sequence:
        yield f"the audit log lacks its last rows, {_span(sequence + 1, heads[0].sequence)}"
    elif tuple(heads[0]) != (sequence, prev_hash):
        yield f"the audit log does not end as it should: row {sequence} is not the last one written"


def rows_against_log(connection: Connection, words: Words) -> Iterator[str]:
    """Check that what the log says was made is there, as it was made, and nothing besides."""
    logged: dict[str, list[dict[str, Any]]] = {}
    for action, created_at, entry in entries(connection):
        logged.setdefault(action, []).append({**entry, "created_at": created_at})
    for name, table, id_column, actions in _MADE_BY:
        made = {
            entry[id_column.name]: entry
            for action in actions
            for entry in logged.get(action, [])
            if id_column.name in entry
        }
        kept = {row._mapping[id_column.name]: row for row in connection.execute(select(table))}
        for row_id in made.keys() - kept.keys():
            case_id = made[row_id].get("case_id")
            where = f" of {words.case(case_id)}" if case_id and name != "case" else ""
            yield f"{name} {str(row_id)[:12]}{where} is gone; the audit log says that it was made"
        for row_id in kept.keys() - made.keys():
            yield f"{name} {str(row_id)[:12]} is not in the audit log: it was put in from outside"
        for row_id in kept.keys() & made.keys():
            yield from _changed(f"{name} {str(row_id)[:12]}", kept[row_id]._mapping, made[row_id])


def entries(connection: Connection) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return action, time and payload of every row of the log that can be read, oldest first."""
    for action, created_at, payload in connection.execute(
        select(audit_log.c.action, audit_log.c.created_at, audit_log.c.payload).order_by(
            audit_log.c.sequence
        )
    ):
        try:
            entry = json.loads(payload)
        except ValueError:
            continue  # `chain` names the row
        if isinstance(entry, dict):
            yield action, created_at, entry


def _changed(shown: str, row: Any, made: dict[str, Any]) -> Iterator[str]:  # noqa: ANN401
    for field, value in made.items():
        if field in row and row[field] != value:
            yield (
                f"{shown}: {field} is {row[field]!r}, but was {value!r} "
                "when the audit log recorded it"
            )
    if "facts_sha256" in made and digest(row["facts"]) != made["facts_sha256"]:
        yield f"{shown}: its facts are not those that were imported"


def _span(first: int, last: int) -> str:
    return f"row {first}" if first == last else f"rows {first} to {last}"
