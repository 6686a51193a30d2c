"""Findings of cases, and the verdicts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, insert, select, update

from annotator.domain.review import CaseScore, Finding, Verdict
from annotator.domain.trace_review import TraceVerdict
from annotator.store import cases
from annotator.store.facts import digest, from_json, list_from_json, list_to_json, to_json
from annotator.store.tables import case_findings, verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from annotator.store.database import Change


AnyVerdict = TypeVar("AnyVerdict", Verdict, TraceVerdict)


def put(
    change: Change,
    case_id: str,
    findings_key: str,
    *,
    score: CaseScore,
    found: Sequence[Finding],
) -> None:
    """Replace the findings of a case."""
    case = cases.read(change.connection, case_id)
    row: dict[str, Any] = {
        "findings_key": findings_key,
        "score": score.score,
        "case_score": to_json(score),
        "findings": list_to_json(found),
    }
    known = change.connection.execute(
        select(case_findings).where(case_findings.c.case_id == case.case_id)
    ).first()
    if known is not None and all(known._mapping[name] == value for name, value in row.items()):
        return
    change.connection.execute(delete(case_findings).where(case_findings.c.case_id == case.case_id))
    change.connection.execute(insert(case_findings).values(case_id=case.case_id, **row))
    change.log(
        "put findings",
        case_id=case.case_id,
        findings_key=findings_key,
        n_findings=len(found),
        score=score.score,
        content=content_digest(row["case_score"], row["findings"]),
    )


def content_digest(case_score: str, found: str) -> str:
    """Return what the audit log keeps of findings: a hash over both texts (hex)."""
    return digest([case_score, found])


def read(connection: Connection, case_id: str) -> tuple[str, tuple[Finding, ...]] | None:
    """Return the key of the findings of a case, and the findings; None where there are none."""
    row = connection.execute(
        select(case_findings).where(case_findings.c.case_id == case_id)
    ).first()
    return None if row is None else (row.findings_key, list_from_json(Finding, row.findings))


def scores(connection: Connection) -> tuple[CaseScore, ...]:
    """Return the scores of all cases that have one, hardest first."""
    texts = connection.execute(
        select(case_findings.c.case_score).order_by(
            case_findings.c.score.desc(), case_findings.c.case_id
        )
    ).scalars()
    return tuple(from_json(CaseScore, text) for text in texts)


def score_of(connection: Connection, case_id: str) -> CaseScore | None:
    """Return the score of a case, or None where it has none."""
    text = connection.execute(
        select(case_findings.c.case_score).where(case_findings.c.case_id == case_id)
    ).scalar_one_or_none()
    return None if text is None else from_json(CaseScore, text)


def add_verdict(change: Change, verdict: Verdict | TraceVerdict, findings_key: str) -> None:
    """Append a verdict; it holds until it is undone or another one is given."""
    case = cases.read(change.connection, verdict.case_id)
    text = to_json(verdict)
    verdict_id: int = change.connection.execute(
        insert(verdicts)
        .values(
            case_id=case.case_id,
            findings_key=findings_key,
            region=verdict.region,
            verdict=text,
            is_undone=False,
        )
        .returning(verdicts.c.verdict_id)
    ).scalar_one()
    change.log(
        "add verdict",
        verdict_id=verdict_id,
        case_id=case.case_id,
        findings_key=findings_key,
        verdict=text,
    )


def undo_verdict(
    change: Change,
    case_id: str,
    findings_key: str,
    reviewer_id: str,
    kind: type[AnyVerdict],
) -> AnyVerdict | None:
    """Take back a reviewer's newest verdict; the one before it on that region holds again."""
    for row in reversed(_standing(change.connection, case_id, findings_key)):
        verdict = from_json(kind, row.verdict)
        if verdict.reviewer_id == reviewer_id:
            change.connection.execute(
                update(verdicts)
                .where(verdicts.c.verdict_id == row.verdict_id)
                .values(is_undone=True)
            )
            change.log(
                "undo verdict", case_id=case_id, verdict_id=row.verdict_id, region=row.region
            )
            return verdict
    return None


def holding(
    connection: Connection, case_id: str, findings_key: str, kind: type[AnyVerdict]
) -> tuple[AnyVerdict, ...]:
    """Return the verdicts that hold: the newest of each region, by region."""
    newest = {row.region: row.verdict for row in _standing(connection, case_id, findings_key)}
    return tuple(from_json(kind, newest[region]) for region in sorted(newest))


def _standing(connection: Connection, case_id: str, findings_key: str) -> list[Row[Any]]:
    rows = connection.execute(
        select(verdicts)
        .where(
            verdicts.c.case_id == case_id,
            verdicts.c.findings_key == findings_key,
            verdicts.c.is_undone.is_(False),
        )
        .order_by(verdicts.c.verdict_id)
    )
    return list(rows)
