"""What contour detectors hold wrong in the readings of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from annotator.domain.review import CheckedContours
from annotator.store import cases
from annotator.store.facts import digest, from_json, to_json
from annotator.store.tables import contour_errors

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.store.database import Change


def put(change: Change, found: CheckedContours) -> None:
    """Keep what was found in a case, in place of what was found before."""
    case = cases.read(change.connection, found.case_id)
    content = to_json(found)
    if _content(change.connection, case.case_id) == content:
        return
    change.connection.execute(
        delete(contour_errors).where(contour_errors.c.case_id == case.case_id)
    )
    change.connection.execute(insert(contour_errors).values(case_id=case.case_id, content=content))
    change.log(
        "put contour errors",
        case_id=case.case_id,
        fit_id=found.fit_id,
        n_errors=len(found.errors),
        content=digest(content),
    )


def read(connection: Connection, case_id: str) -> CheckedContours | None:
    """Return what was found last in a case, or None where it was never checked."""
    content = _content(connection, case_id)
    return None if content is None else from_json(CheckedContours, content)


def _content(connection: Connection, case_id: str) -> str | None:
    content: str | None = connection.execute(
        select(contour_errors.c.content).where(contour_errors.c.case_id == case_id)
    ).scalar_one_or_none()
    return content
