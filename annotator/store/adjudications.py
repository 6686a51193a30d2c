"""Adjudications: cases that a reviewer signed off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from annotator.domain.errors import (
    AccessDeniedError,
    ConflictError,
    GeometryMismatchError,
    UnknownNameError,
)
from annotator.domain.reading import Diagnosis
from annotator.domain.review import Adjudication, Verdict
from annotator.store import cases, findings, fusions, masks, raters
from annotator.store.facts import digest, from_json, list_from_json, list_to_json, to_json
from annotator.store.tables import adjudications

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from annotator.analysis.runs import MaskRuns, SlabGrid
    from annotator.domain.study import Case
    from annotator.store.database import Change
    from annotator.store.masks import Placed


def identity(row: Mapping[str, Any], grid: SlabGrid, mask: Placed, origin: Placed) -> str:
    """Return the id of an adjudication: SHA-256 over what was decided, by whom, from what."""
    return digest(
        [
            row["case_id"],
            row["reviewer_id"],
            row["fusion_id"],
            row["findings_key"],
            row["replaces_id"],
            row["verdicts"],
            row["diagnosis"],
            masks.content_of(grid, mask),
            masks.content_of(grid, origin),
        ]
    )


def sign_off(
    change: Change,
    case_id: str,
    *,
    reviewer_id: str,
    fusion_id: str,
    findings_key: str,
    verdicts: Sequence[Verdict],
    diagnosis: Diagnosis,
    mask: MaskRuns,
    origin: MaskRuns,
) -> Adjudication:
    """Keep the decided mask, with the verdicts that made it; a later one replaces an earlier."""
    connection = change.connection
    case = cases.read(connection, case_id)
    reviewer = raters.read(connection, reviewer_id)
    if not reviewer.may_review:
        raise AccessDeniedError(f"{reviewer.name} may not sign cases off: not a reviewer")
    grid = fusions.read_labels(connection, fusion_id).grid
    for given in (mask.grid, origin.grid):
        if given != grid:
            raise GeometryMismatchError(
                f"the decided mask has shape (z, y, x) {given.shape}; the fusion has {grid.shape}"
            )
    _require_held(connection, case, findings_key, verdicts)
    placed_mask = masks.put_slabs(connection, mask)
    placed_origin = masks.put_slabs(connection, origin)
    before = _latest(connection, case.case_id)
    row: dict[str, Any] = {
        "case_id": case.case_id,
        "reviewer_id": reviewer.rater_id,
        "fusion_id": fusion_id,
        "findings_key": findings_key,
        "replaces_id": before.adjudication_id if before else None,
        "verdicts": list_to_json(verdicts),
        "diagnosis": to_json(diagnosis),
    }
    adjudication_id = identity(row, grid, placed_mask, placed_origin)
    last: int = connection.execute(
        select(func.coalesce(func.max(adjudications.c.row), 0))
    ).scalar_one()
    connection.execute(
        insert(adjudications).values(
            adjudication_id=adjudication_id,
            row=last + 1,
            mask_id=masks.add_placed(connection, grid, placed_mask),
            origin_mask_id=masks.add_placed(connection, grid, placed_origin),
            created_at=change.now,
            **row,
        )
    )
    change.log(
        "sign off",
        adjudication_id=adjudication_id,
        case_id=case.case_id,
        reviewer_id=reviewer.rater_id,
        replaces_id=row["replaces_id"],
    )
    return _fact(row_of(connection, adjudication_id))


def _require_held(
    connection: Connection, case: Case, findings_key: str, verdicts: Sequence[Verdict]
) -> None:
    if tuple(verdicts) != findings.holding(connection, case.case_id, findings_key, Verdict):
        raise ConflictError(
            f"verdicts on {case.title!r} were changed by somebody else just now; "
            "open the case again, look at them, then sign off"
        )


def of_case(connection: Connection, case_id: str) -> Adjudication | None:
    """Return the adjudication that holds, or None where the case is not signed off."""
    row = _latest(connection, case_id)
    return None if row is None else _fact(row)


def every_of_case(connection: Connection, case_id: str) -> tuple[Adjudication, ...]:
    """Return all adjudications of a case, the one that holds last."""
    rows = connection.execute(
        select(adjudications)
        .where(adjudications.c.case_id == case_id)
        .order_by(adjudications.c.row)
    )
    return tuple(_fact(row) for row in rows)


def read(connection: Connection, adjudication_id: str) -> Adjudication:
    """Return one adjudication, whether it still holds or not."""
    return _fact(row_of(connection, adjudication_id))


def row_of(connection: Connection, adjudication_id: str) -> Row[Any]:
    """Return the row of an adjudication."""
    row = connection.execute(
        select(adjudications).where(adjudications.c.adjudication_id == adjudication_id)
    ).first()
    if row is None:
        known = connection.execute(select(adjudications.c.adjudication_id)).scalars()
        raise UnknownNameError("adjudication", adjudication_id, known)
    return row


def read_masks(connection: Connection, adjudication_id: str) -> tuple[MaskRuns, MaskRuns]:
    """Return the decided mask, and per voxel the region that it was decided by (0: undisputed)."""
    row = row_of(connection, adjudication_id)
    mask, origin = masks.read(connection, [row.mask_id, row.origin_mask_id])
    return mask, origin


def _latest(connection: Connection, case_id: str) -> Row[Any] | None:
    return connection.execute(
        select(adjudications)
        .where(adjudications.c.case_id == case_id)
        .order_by(adjudications.c.row.desc())
        .limit(1)
    ).first()


def _fact(row: Row[Any]) -> Adjudication:
    return Adjudication(
        adjudication_id=row.adjudication_id,
        case_id=row.case_id,
        reviewer_id=row.reviewer_id,
        fusion_id=row.fusion_id,
        verdicts=list_from_json(Verdict, row.verdicts),
        diagnosis=from_json(Diagnosis, row.diagnosis),
        created_at=row.created_at,
    )
