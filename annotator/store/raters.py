"""Raters, and which cases they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, insert, or_, select

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.reading import Assignment, Diagnosis, Rater
from annotator.store import cases, partial
from annotator.store.facts import digest, to_json
from annotator.store.tables import annotation_table, assignments, drafts, raters

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.domain.reading import Box
    from annotator.store.database import Change

_ID_LETTERS = 12
NO_DIAGNOSIS = to_json(Diagnosis())

# Built once: putting a statement together costs more than running it.
_EVERY = select(raters.c.rater_id, raters.c.name, raters.c.is_model, raters.c.may_review).order_by(
    raters.c.created_at, raters.c.name
)


def add(change: Change, name: str, *, is_model: bool, may_review: bool) -> Rater:
    """Add a person or a model; names are unique, whatever their case of letters."""
    shown = " ".join(name.split())
    if not shown:
        raise AnnotatorError("a rater needs a name; got an empty one")
    rater = Rater(
        rater_id=digest(["rater", shown.casefold()])[:_ID_LETTERS],
        name=shown,
        is_model=is_model,
        may_review=may_review,
    )
    for other in every(change.connection):
        if other.rater_id == rater.rater_id:
            raise AnnotatorError(
                f"there is a rater named {other.name!r} already; give this one another name"
            )
    change.connection.execute(
        insert(raters).values(
            rater_id=rater.rater_id,
            name=shown,
            is_model=is_model,
            may_review=may_review,
            created_at=change.now,
        )
    )
    change.log(
        "add rater",
        rater_id=rater.rater_id,
        name=shown,
        is_model=is_model,
        may_review=may_review,
    )
    return rater


def every(connection: Connection) -> tuple[Rater, ...]:
    """Return all raters in the order in which they came."""
    return tuple(Rater(**row._mapping) for row in connection.execute(_EVERY))


def read(connection: Connection, id_or_name: str) -> Rater:
    """Return one rater by id or by name."""
    known = every(connection)
    wanted = " ".join(id_or_name.split()).casefold()
    for rater in known:
        if rater.rater_id == id_or_name or rater.name.casefold() == wanted:
            return rater
    raise UnknownNameError("rater", id_or_name, [rater.name for rater in known])


def assign(
    change: Change,
    case_id: str,
    rater_id: str,
    position: int,
    *,
    regions: tuple[Box, ...] = (),
) -> None:
    """Give a case to a rater, at this place in their order, whole or boxes of it only; once."""
    case = cases.read(change.connection, case_id)
    rater = read(change.connection, rater_id)
    is_given = and_(assignments.c.case_id == case.case_id, assignments.c.rater_id == rater.rater_id)
    if change.connection.execute(select(assignments).where(is_given)).first():
        return
    change.connection.execute(
        insert(assignments).values(case_id=case.case_id, rater_id=rater.rater_id, position=position)
    )
    change.log("assign", case_id=case.case_id, rater_id=rater.rater_id, position=position)
    if regions:
        partial.add(change, case.case_id, rater.rater_id, regions)


def assigned(connection: Connection, rater_id: str | None) -> tuple[Assignment, ...]:
    """Return the assignments of one rater, or of all, in the rater's order."""
    is_submitted = exists().where(
        annotation_table.c.case_id == assignments.c.case_id,
        annotation_table.c.rater_id == assignments.c.rater_id,
    )
    is_started = exists().where(
        drafts.c.case_id == assignments.c.case_id,
        drafts.c.rater_id == assignments.c.rater_id,
        drafts.c.purpose == "reading",
        or_(drafts.c.head_step_id.is_not(None), drafts.c.diagnosis != NO_DIAGNOSIS),
    )
    query = select(
        assignments, is_submitted.label("is_submitted"), is_started.label("is_started")
    ).order_by(assignments.c.rater_id, assignments.c.position, assignments.c.case_id)
    if rater_id is not None:
        query = query.where(assignments.c.rater_id == read(connection, rater_id).rater_id)
    regions = {
        (entry.case_id, entry.rater_id): entry.regions for entry in partial.every(connection)
    }
    return tuple(
        Assignment(
            case_id=row.case_id,
            rater_id=row.rater_id,
            position=row.position,
            state="submitted" if row.is_submitted else "started" if row.is_started else "new",
            regions=regions.get((row.case_id, row.rater_id), ()),
        )
        for row in connection.execute(query)
    )
