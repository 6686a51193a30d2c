"""What was found in tracings, and tracings that a reviewer signed off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select

from annotator.domain.errors import AccessDeniedError, ConflictError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.domain.trace_review import FoundTraces, TraceSignOff, TraceVerdict
from annotator.store import cases, findings, raters, trees
from annotator.store.facts import digest, from_json, list_from_json, list_to_json, to_json
from annotator.store.tables import trace_findings, trace_sign_offs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from annotator.analysis.tracing.tree import Tree
    from annotator.store.database import Change


def identity(row: Mapping[str, Any], tree_key: bytes) -> str:
    """Return the id of a sign-off: SHA-256 over what was decided, by whom, from what."""
    return digest(
        [
            row["case_id"],
            row["reviewer_id"],
            row["base_id"],
            row["findings_key"],
            row["replaces_id"],
            row["found"],
            row["verdicts"],
            row["diagnosis"],
            tree_key.hex(),
        ]
    )


def put(change: Change, found: FoundTraces) -> None:
    """Keep what was found in a tracing, in place of what was found before under its key."""
    case = cases.read_traced(change.connection, found.case_id)
    content = to_json(found)
    known = _row(change.connection, case.case_id, found.findings_key)
    if known is not None and known.content == content:
        return
    change.connection.execute(
        delete(trace_findings).where(
            trace_findings.c.case_id == case.case_id,
            trace_findings.c.findings_key == found.findings_key,
        )
    )
    change.connection.execute(
        insert(trace_findings).values(
            case_id=case.case_id,
            findings_key=found.findings_key,
            content=content,
            created_at=change.now,
        )
    )
    change.log(
        "put trace findings",
        case_id=case.case_id,
        findings_key=found.findings_key,
        n_items=len(found.items),
        content=digest(content),
    )


def read(
    connection: Connection, case_id: str, findings_key: str | None = None
) -> FoundTraces | None:
    """Return what was found under a key, or last in a tracing of a case; None: nothing was."""
    row = _row(connection, case_id, findings_key)
    return None if row is None else from_json(FoundTraces, row.content)


def _row(connection: Connection, case_id: str, findings_key: str | None) -> Row[Any] | None:
    query = select(trace_findings).where(trace_findings.c.case_id == case_id)
    if findings_key is not None:
        query = query.where(trace_findings.c.findings_key == findings_key)
    return connection.execute(
        query.order_by(trace_findings.c.created_at.desc(), trace_findings.c.findings_key).limit(1)
    ).first()


def sign_off(
    change: Change,
    found: FoundTraces,
    *,
    reviewer_id: str,
    verdicts: Sequence[TraceVerdict],
    diagnosis: Diagnosis,
    tree: Tree,
) -> TraceSignOff:
    """Keep the decided tree, with the verdicts that made it; a later one replaces an earlier."""
    connection = change.connection
    case = cases.read_traced(connection, found.case_id)
    reviewer = raters.read(connection, reviewer_id)
    if not reviewer.may_review:
        raise AccessDeniedError(f"{reviewer.name} may not sign cases off: not a reviewer")
    held = findings.holding(connection, case.case_id, found.findings_key, TraceVerdict)
    if tuple(verdicts) != held:
        raise ConflictError(
            f"verdicts on {case.title!r} were changed by somebody else just now; "
            "open the case again, look at them, then sign off"
        )
    before = _latest(connection, case.case_id)
    tree_id, tree_key = trees.put(connection, tree)
    row: dict[str, Any] = {
        "case_id": case.case_id,
        "reviewer_id": reviewer.rater_id,
        "base_id": found.base_id,
        "findings_key": found.findings_key,
        "replaces_id": before.sign_off_id if before else None,
        "found": to_json(found),
        "verdicts": list_to_json(verdicts),
        "diagnosis": to_json(diagnosis),
    }
    sign_off_id = identity(row, tree_key)
    last: int = connection.execute(
        select(func.coalesce(func.max(trace_sign_offs.c.row), 0))
    ).scalar_one()
    connection.execute(
        insert(trace_sign_offs).values(
            sign_off_id=sign_off_id,
            row=last + 1,
            tree_id=tree_id,
            created_at=change.now,
            **row,
        )
    )
    change.log(
        "sign off tracing",
        sign_off_id=sign_off_id,
        case_id=case.case_id,
        reviewer_id=reviewer.rater_id,
        base_id=found.base_id,
        replaces_id=row["replaces_id"],
    )
    return _fact(_row_of(connection, sign_off_id))


def of_case(connection: Connection, case_id: str) -> TraceSignOff | None:
    """Return the sign-off that holds, or None where the tracing is not signed off."""
    row = _latest(connection, case_id)
    return None if row is None else _fact(row)


def every_of_case(connection: Connection, case_id: str) -> tuple[TraceSignOff, ...]:
    """Return all sign-offs of a tracing case, the one that holds last."""
    rows = connection.execute(
        select(trace_sign_offs)
        .where(trace_sign_offs.c.case_id == case_id)
        .order_by(trace_sign_offs.c.row)
    )
    return tuple(_fact(row) for row in rows)


def read_tree(connection: Connection, sign_off_id: str) -> Tree:
    """Return the tree that was signed off."""
    return trees.read(connection, _row_of(connection, sign_off_id).tree_id)


def _row_of(connection: Connection, sign_off_id: str) -> Row[Any]:
    row = connection.execute(
        select(trace_sign_offs).where(trace_sign_offs.c.sign_off_id == sign_off_id)
    ).first()
    if row is None:
        known = connection.execute(select(trace_sign_offs.c.sign_off_id)).scalars()
        raise UnknownNameError("signed-off tracing", sign_off_id, known)
    return row


def _latest(connection: Connection, case_id: str) -> Row[Any] | None:
    return connection.execute(
        select(trace_sign_offs)
        .where(trace_sign_offs.c.case_id == case_id)
        .order_by(trace_sign_offs.c.row.desc())
        .limit(1)
    ).first()


def _fact(row: Row[Any]) -> TraceSignOff:
    return TraceSignOff(
        sign_off_id=row.sign_off_id,
        case_id=row.case_id,
        reviewer_id=row.reviewer_id,
        found=from_json(FoundTraces, row.found),
        verdicts=list_from_json(TraceVerdict, row.verdicts),
        diagnosis=from_json(Diagnosis, row.diagnosis),
        created_at=row.created_at,
    )
