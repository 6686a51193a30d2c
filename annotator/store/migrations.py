"""Numbered forward migrations of the tables, from version 1 on.

A new project gets the tables as they are now and every number; an older one gets the steps that it
lacks, in one transaction. There is no way back: a newer project is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, text, update

from annotator.domain.errors import AnnotatorError
from annotator.store.audit import FIRST_HASH
from annotator.store.database import utc_now
from annotator.store.tables import (
    acceptances,
    adjudications,
    annotation_marks,
    annotation_trees,
    assignment_regions,
    audit_head,
    audit_log,
    case_votes,
    contour_errors,
    draft_trees,
    fits,
    forecasts,
    fusion_weights,
    fusions,
    gold_cases,
    jobs,
    label_errors,
    metadata,
    networks,
    prediction_maps,
    repeat_cases,
    rules,
    schema_versions,
    step_marks,
    step_trees,
    trace_findings,
    trace_sign_offs,
    tracing_cases,
    training_examples,
    training_points,
    trainings,
    trees,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from annotator.store.database import Database

VERSION = 12
"""What this program writes."""


def create(connection: Connection, place: str) -> None:
    """Make the tables of a new project; refuse a database that holds one."""
    if current(connection):
        raise AnnotatorError(
            f"{place}: there is a project here already; open it, or choose another database"
        )
    metadata.create_all(connection)
    connection.execute(insert(audit_head).values(row=1, sequence=0, hash=FIRST_HASH))
    connection.execute(
        insert(schema_versions),
        [{"version": version, "applied_at": utc_now()} for version in range(1, VERSION + 1)],
    )


def current(connection: Connection) -> int:
    """Return the version of the tables; 0 where this is no project."""
    if not inspect(connection).has_table(schema_versions.name):
        return 0
    found = connection.execute(select(schema_versions.c.version)).scalars()
    return max(found, default=0)


def bring_forward(database: Database) -> None:
    """Apply the steps that the project lacks; refuse a newer project, or none at all."""
    with database.read() as connection:
        version = current(connection)
    if version == 0:
        raise AnnotatorError(
            f"{database.place}: this is not an annotator project, or making it was interrupted. "
            "Make one with: annotator new"
        )
    if version > VERSION:
        raise AnnotatorError(
            f"{database.place}: the project was written by a newer program (tables of version "
            f"{version}; this program knows up to {VERSION}). Update annotator to open it"
        )
    if version == VERSION:
        return
    if database.is_read_only:
        raise AnnotatorError(
            f"{database.place}: the project has tables of version {version} and must be brought to "
            f"version {VERSION}, but it cannot be written. Open it once where it can be written"
        )
    with database.alter() as connection:
        for number in range(current(connection) + 1, VERSION + 1):
            STEPS[number](connection)
            connection.execute(insert(schema_versions).values(version=number, applied_at=utc_now()))


def _keep_end_of_log(connection: Connection) -> None:
    audit_head.create(connection)
    last = connection.execute(
        select(audit_log.c.sequence, audit_log.c.hash)
        .order_by(audit_log.c.sequence.desc())
        .limit(1)
    ).first()
    connection.execute(
        insert(audit_head).values(
            row=1, sequence=last.sequence if last else 0, hash=last.hash if last else FIRST_HASH
        )
    )


def _keep_signs_of_workers(connection: Connection) -> None:
    for column in ("host TEXT", "pid BIGINT", "beat_at TEXT"):
        connection.execute(text(f"ALTER TABLE jobs ADD COLUMN {column}"))
    connection.execute(update(jobs).where(jobs.c.state == "running").values(beat_at=utc_now()))


def _keep_what_was_learned(connection: Connection) -> None:
    for table in (fits, forecasts, fusion_weights, rules, gold_cases, repeat_cases):
        table.create(connection)
    connection.execute(text("ALTER TABLE fusions ADD COLUMN fit_id TEXT REFERENCES fits (fit_id)"))
    connection.execute(
        text("ALTER TABLE fusions ADD COLUMN training_target_only BOOLEAN DEFAULT FALSE NOT NULL")
    )


def _keep_regions_to_read(connection: Connection) -> None:
    assignment_regions.create(connection)


def _keep_votes(connection: Connection) -> None:
    case_votes.create(connection)


def _find_by_case(connection: Connection) -> None:
    for table in (fusions, adjudications):
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _keep_models_and_training(connection: Connection) -> None:
    tables = (
        networks,
        prediction_maps,
        trainings,
        training_points,
        training_examples,
        acceptances,
    )
    for table in tables:
        table.create(connection)


def _keep_label_errors(connection: Connection) -> None:
    label_errors.create(connection)


def _keep_tracings(connection: Connection) -> None:
    tables = (
        tracing_cases,
        trees,
        annotation_trees,
        draft_trees,
        step_trees,
        trace_findings,
        trace_sign_offs,
    )
    for table in tables:
        table.create(connection)


def _keep_contour_errors(connection: Connection) -> None:
    contour_errors.create(connection)


def _keep_marks(connection: Connection) -> None:
    for table in (step_marks, annotation_marks):
        table.create(connection)


STEPS: dict[int, Callable[[Connection], None]] = {
    2: _keep_end_of_log,
    3: _keep_signs_of_workers,
    4: _keep_what_was_learned,
    5: _keep_regions_to_read,
    6: _keep_votes,
    7: _find_by_case,
    8: _keep_models_and_training,
    9: _keep_label_errors,
    10: _keep_tracings,
    11: _keep_contour_errors,
    12: _keep_marks,
}
"""Version → what leads to it from the one before."""
