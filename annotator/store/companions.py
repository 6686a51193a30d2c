"""Series that stand beside a case to be looked at: those that somebody put there, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select

from annotator.domain.companions import AttachedSeries, attribute
from annotator.domain.study import Series
from annotator.store import cases, series
from annotator.store.facts import canonical, from_json, list_from_json, list_to_json
from annotator.store.tables import rules
from annotator.store.tables import series as series_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.domain.companions import CompanionKind
    from annotator.store.database import Change


def attach(change: Change, case_id: str, series_id: str, kind: CompanionKind) -> bool:
    """Put a series beside a case; False where it stands there as this kind already."""
    case = cases.read(change.connection, case_id)
    series.read(change.connection, series_id)
    before = attached(change.connection, case.case_id)
    wanted = AttachedSeries(series_id=series_id, kind=kind)
    if wanted in before:
        return False
    kept = [one for one in before if one.series_id != series_id]
    _put(change, case.case_id, (*kept, wanted))
    return True


def detach(change: Change, case_id: str, series_id: str) -> bool:
    """Take a series away that was put beside a case; False where it was not."""
    case = cases.read(change.connection, case_id)
    before = attached(change.connection, case.case_id)
    kept = tuple(one for one in before if one.series_id != series_id)
    if kept == before:
        return False
    _put(change, case.case_id, kept)
    return True


def attached(connection: Connection, case_id: str) -> tuple[AttachedSeries, ...]:
    """Return what was put beside a case, in the order in which it came."""
    content = connection.execute(
        select(rules.c.content).where(rules.c.key == _key(case_id))
    ).scalar_one_or_none()
    return () if content is None else list_from_json(AttachedSeries, content)


def of_patient(connection: Connection, own: Series) -> tuple[Series, ...]:
    """Return the other series whose files name the same study, or the same patient."""
    words = [] if own.dicom is None else [f'"study_uid":{canonical(own.dicom.study_uid)}']
    patient = attribute(own, "PatientID")
    if patient:
        words.append(canonical(["PatientID", patient]))
    if not words:
        return ()
    facts = series_table.c.facts
    # Told by the text of the facts, so that not every series of a project is taken apart.
    query = select(facts).where(
        series_table.c.series_id != own.series_id,
        or_(*(facts.contains(word, autoescape=True) for word in words)),
    )
    found = connection.execute(query.order_by(series_table.c.series_id)).scalars()
    return tuple(from_json(Series, text) for text in found)


def _put(change: Change, case_id: str, kept: tuple[AttachedSeries, ...]) -> None:
    """Keep the list as a rule of this case, which the audit log records as it does any rule."""
    key, content = _key(case_id), list_to_json(kept)
    change.connection.execute(delete(rules).where(rules.c.key == key))
    change.connection.execute(insert(rules).values(key=key, content=content))
    change.log("put rule", key=key, content=content)


def _key(case_id: str) -> str:
    return f"companions of {case_id}"
