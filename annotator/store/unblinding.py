"""Who has seen the readings of a case in review: kept in the log, as it cannot be unseen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from annotator.store import cases, raters
from annotator.store.facts import canonical
from annotator.store.tables import audit_log

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.store.database import Change

_ACTION = "open for review"


def note(change: Change, case_id: str, rater_id: str) -> None:
    """Note that a person sees the readings of a case; once is enough."""
    case = cases.read(change.connection, case_id)
    rater = raters.read(change.connection, rater_id)
    if not is_noted(change.connection, case.case_id, rater.rater_id):
        change.log(_ACTION, case_id=case.case_id, rater_id=rater.rater_id)


def is_noted(connection: Connection, case_id: str, rater_id: str) -> bool:
    """Whether a person has seen the readings of a case."""
    payload = canonical({"case_id": case_id, "rater_id": rater_id})
    found = select(exists().where(audit_log.c.action == _ACTION, audit_log.c.payload == payload))
    return bool(connection.execute(found).scalar_one())


def every(connection: Connection) -> frozenset[tuple[str, str]]:
    """Return (case id, rater id) of everybody who has seen readings: one look at the whole log."""
    found = connection.execute(select(audit_log.c.payload).where(audit_log.c.action == _ACTION))
    payloads = map(json.loads, found.scalars())
    return frozenset((entry["case_id"], entry["rater_id"]) for entry in payloads)
