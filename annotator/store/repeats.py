"""Repeats: cases that one rater reads a second time, under another title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from annotator.domain.errors import AnnotatorError
from annotator.domain.quality import RepeatCase, neutral_title
from annotator.store import cases, raters
from annotator.store.facts import digest
from annotator.store.tables import repeat_cases

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from annotator.store.database import Change


def add(change: Change, original_id: str, rater_id: str, position: int) -> RepeatCase:
    """Give a case to a rater a second time, at this place in their order; once.

    The repeat is a case of its own with the same series and a title made of its id.
    """
    connection = change.connection
    original = cases.read_masked(connection, original_id)
    rater = raters.read(connection, rater_id)
    if rater.is_model:
        raise AnnotatorError(f"{rater.name} is a model: it would give the same mask again")
    if of_case(connection, original.case_id) is not None:
        raise AnnotatorError(f"{original.title!r} is a repeat already; repeat its original")
    case_id = digest(["repeat", original.case_id, rater.rater_id])[: cases.ID_LETTERS]
    known = of_case(connection, case_id)
    if known is not None:
        return known
    cases.insert_case(change, case_id, neutral_title(case_id), original.series_ids, "mask")
    row = {
        "case_id": case_id,
        "original_id": original.case_id,
        "rater_id": rater.rater_id,
    }
    connection.execute(insert(repeat_cases).values(created_at=change.now, **row))
    change.log("add repeat", **row)
    raters.assign(change, case_id, rater.rater_id, position)
    return RepeatCase(created_at=change.now, **row)


def every(connection: Connection) -> tuple[RepeatCase, ...]:
    """Return all repeats in the order in which they were given."""
    query = select(repeat_cases).order_by(repeat_cases.c.created_at, repeat_cases.c.case_id)
    return tuple(_fact(row) for row in connection.execute(query))


def of_case(connection: Connection, case_id: str) -> RepeatCase | None:
    """Return what a case repeats, or None where it is no repeat."""
    row = connection.execute(select(repeat_cases).where(repeat_cases.c.case_id == case_id)).first()
    return None if row is None else _fact(row)


def _fact(row: Row[Any]) -> RepeatCase:
    return RepeatCase(**row._mapping)
