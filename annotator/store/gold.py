"""Gold cases: a known truth for a case, which raters never see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from annotator.domain.errors import AnnotatorError, GeometryMismatchError, UnknownNameError
from annotator.domain.quality import GoldCase
from annotator.domain.reading import Diagnosis
from annotator.store import cases, masks, repeats, series
from annotator.store.facts import from_json, to_json
from annotator.store.tables import gold_cases

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from annotator.analysis.runs import MaskRuns
    from annotator.store.database import Change


def put(
    change: Change, case_id: str, *, mask: MaskRuns, diagnosis: Diagnosis, source: str
) -> GoldCase:
    """Keep the truth of a case in place of the one before; the same again writes nothing."""
    connection = change.connection
    case = cases.read_masked(connection, case_id)
    if repeats.of_case(connection, case.case_id) is not None:
        raise AnnotatorError(f"{case.title!r} is a repeat; mark the case that it repeats")
    shape = series.read(connection, case.series_ids[0]).geometry.shape
    if mask.grid.shape != shape:
        raise GeometryMismatchError(
            f"the true mask has shape (z, y, x) {mask.grid.shape}; case {case.title!r} has {shape}"
        )
    placed = masks.put_slabs(connection, mask)
    row: dict[str, Any] = {"diagnosis": to_json(diagnosis), "source": source}
    known = _row(connection, case.case_id)
    if (
        known is not None
        and (known.diagnosis, known.source) == (row["diagnosis"], source)
        and masks.placed(connection, known.mask_id) == placed
    ):
        return _fact(known)
    connection.execute(delete(gold_cases).where(gold_cases.c.case_id == case.case_id))
    connection.execute(
        insert(gold_cases).values(
            case_id=case.case_id,
            mask_id=masks.add_placed(connection, mask.grid, placed),
            created_at=change.now,
            **row,
        )
    )
    change.log(
        "put gold", case_id=case.case_id, mask_sha256=masks.mask_digest(mask.grid, placed), **row
    )
    return _fact(row_of(connection, case.case_id))


def remove(change: Change, case_id: str) -> None:
    """Make a gold case a case like any other; the log keeps that it was one."""
    row = row_of(change.connection, cases.read(change.connection, case_id).case_id)
    change.connection.execute(delete(gold_cases).where(gold_cases.c.case_id == row.case_id))
    change.log("remove gold", case_id=row.case_id)


def every(connection: Connection) -> tuple[GoldCase, ...]:
    """Return all gold cases in the order in which they were marked."""
    query = select(gold_cases).order_by(gold_cases.c.created_at, gold_cases.c.case_id)
    return tuple(_fact(row) for row in connection.execute(query))


def read_mask(connection: Connection, case_id: str) -> MaskRuns:
    """Return the true mask of a gold case."""
    return masks.read(connection, [row_of(connection, case_id).mask_id])[0]


def row_of(connection: Connection, case_id: str) -> Row[Any]:
    """Return the row of a gold case."""
    row = _row(connection, case_id)
    if row is None:
        known = connection.execute(select(gold_cases.c.case_id)).scalars()
        raise UnknownNameError("gold case", case_id, known)
    return row


def _row(connection: Connection, case_id: str) -> Row[Any] | None:
    return connection.execute(select(gold_cases).where(gold_cases.c.case_id == case_id)).first()


def _fact(row: Row[Any]) -> GoldCase:
    return GoldCase(
        case_id=row.case_id,
        diagnosis=from_json(Diagnosis, row.diagnosis),
        source=row.source,
        created_at=row.created_at,
    )
