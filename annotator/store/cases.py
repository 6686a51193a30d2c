"""Cases: what a rater reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.study import Case
from annotator.store import series
from annotator.store.facts import digest
from annotator.store.tables import case_series, cases, repeat_cases, tracing_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from annotator.domain.study import Reads
    from annotator.store.database import Change

ID_LETTERS = 12


def add(change: Change, title: str, series_ids: Sequence[str], reads: Reads) -> Case:
    """Add a case, or return the one that already has these series and is read so."""
    if not series_ids:
        raise AnnotatorError(f"case {title!r} has no series; a case needs at least one")
    for series_id in series_ids:
        series.read(change.connection, series_id)
    named = list(series_ids) if reads == "mask" else [*series_ids, reads]
    case_id = digest(named)[:ID_LETTERS]
    known = _by_id(change.connection, case_id)
    if known is not None:
        return known
    unique = _unique(change.connection, title.strip() or "Untitled")
    return insert_case(change, case_id, unique, series_ids, reads)


def insert_case(
    change: Change, case_id: str, title: str, series_ids: Sequence[str], reads: Reads
) -> Case:
    """Add the rows of a case that is new, under a title that is not taken."""
    change.connection.execute(
        insert(cases).values(case_id=case_id, title=title, created_at=change.now)
    )
    change.connection.execute(
        insert(case_series),
        [
            {"case_id": case_id, "position": position, "series_id": series_id}
            for position, series_id in enumerate(series_ids)
        ],
    )
    if reads == "tracing":
        change.connection.execute(insert(tracing_cases).values(case_id=case_id))
    change.log("add case", case_id=case_id, title=title, series_ids=list(series_ids), reads=reads)
    return Case(case_id=case_id, title=title, series_ids=tuple(series_ids), reads=reads)


def of_study(connection: Connection) -> tuple[Case, ...]:
    """Return the cases that are fused, reviewed and exported as masks: no repeats, no tracings."""
    return tuple(case for case in without_repeats(connection) if case.reads == "mask")


def traced(connection: Connection) -> tuple[Case, ...]:
    """Return the cases on which neurons are traced, in the order in which they came."""
    return tuple(case for case in without_repeats(connection) if case.reads == "tracing")


def without_repeats(connection: Connection) -> tuple[Case, ...]:
    """Return the cases that somebody reads for the first time, whatever is read on them."""
    repeated = set(connection.execute(select(repeat_cases.c.case_id)).scalars())
    return tuple(case for case in every(connection) if case.case_id not in repeated)


def every(connection: Connection) -> tuple[Case, ...]:
    """Return all cases, repeats too, in the order in which they came."""
    parts: dict[str, list[str]] = {}
    for case_id, series_id in connection.execute(
        select(case_series.c.case_id, case_series.c.series_id).order_by(
            case_series.c.case_id, case_series.c.position
        )
    ):
        parts.setdefault(case_id, []).append(series_id)
    rows = connection.execute(
        select(cases.c.case_id, cases.c.title).order_by(cases.c.created_at, cases.c.title)
    )
    is_traced = set(connection.execute(select(tracing_cases.c.case_id)).scalars())
    return tuple(
        Case(
            case_id=row.case_id,
            title=row.title,
            series_ids=tuple(parts.get(row.case_id, ())),
            reads="tracing" if row.case_id in is_traced else "mask",
        )
        for row in rows
    )


def read(connection: Connection, case_id_or_title: str) -> Case:
    """Return one case by id, by title, or by title in another case of letters."""
    found = _by_id(connection, case_id_or_title)
    if found is not None:
        return found
    known = every(connection)
    wanted = case_id_or_title.casefold()
    for matches in (
        [case for case in known if case.title == case_id_or_title],
        [case for case in known if case.title.casefold() == wanted],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            listed = ", ".join(f"{case.case_id} ({case.title})" for case in matches)
            raise AnnotatorError(
                f"case {case_id_or_title!r} could be any of {listed}; give the id instead"
            )
    raise UnknownNameError("case", case_id_or_title, [case.title for case in known])


def _by_id(connection: Connection, case_id: str) -> Case | None:
    """Return a case without looking at the others: what goes through all of them asks for each."""
    title = connection.execute(select(cases.c.title).where(cases.c.case_id == case_id)).scalar()
    if title is None:
        return None
    series_ids = connection.execute(
        select(case_series.c.series_id)
        .where(case_series.c.case_id == case_id)
        .order_by(case_series.c.position)
    ).scalars()
    tracing = select(tracing_cases.c.case_id).where(tracing_cases.c.case_id == case_id)
    is_traced = connection.execute(tracing).first() is not None
    return Case(
        case_id=case_id,
        title=title,
        series_ids=tuple(series_ids),
        reads="tracing" if is_traced else "mask",
    )


def read_of_study(connection: Connection, case_id_or_title: str) -> Case:
    """Return one case by id or title; raises AnnotatorError where it is a repeat or a tracing."""
    case = read_masked(connection, case_id_or_title)
    query = select(repeat_cases.c.case_id).where(repeat_cases.c.case_id == case.case_id)
    if connection.execute(query).first() is not None:
        raise AnnotatorError(
            f"{case.title!r} is a case that one rater reads for the second time: it is compared "
            "with their first reading (annotator repeats) and used for nothing else"
        )
    return case


def read_masked(connection: Connection, case_id_or_title: str) -> Case:
    """Return one case by id or title; raises AnnotatorError where neurons are traced on it."""
    case = read(connection, case_id_or_title)
    if case.reads != "mask":
        raise AnnotatorError(
            f"on {case.title!r} neurons are traced (--reads tracing): it has no masks. What is "
            "done with tracings: annotator add-tracing, trace-findings, export --format swc"
        )
    return case


def read_traced(connection: Connection, case_id_or_title: str) -> Case:
    """Return one case by id or title; raises AnnotatorError where masks are drawn on it."""
    case = read(connection, case_id_or_title)
    if case.reads != "tracing":
        raise AnnotatorError(
            f"on {case.title!r} masks are drawn, no neurons traced. Import its image once more "
            "with --reads tracing: it becomes a case of its own"
        )
    return case


def _unique(connection: Connection, title: str) -> str:
    wanted, number = title, 1
    while connection.execute(select(cases.c.case_id).where(cases.c.title == wanted)).first():
        number += 1
        wanted = f"{title} ({number})"
    return wanted
