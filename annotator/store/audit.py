"""The log of every change, each row hashing the one before."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from annotator.store.facts import canonical
from annotator.store.tables import audit_head, audit_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

FIRST_HASH = "0" * 64
"""What the first row names as the hash before it."""


# Built once: putting a statement together costs more than running it.
_HEAD = select(audit_head.c.sequence, audit_head.c.hash)
_ADD = insert(audit_log)
_MOVE_HEAD = update(audit_head)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One change of the project.

    ``payload`` is canonical JSON; ``hash`` is the SHA-256 over the other fields, ``prev_hash``
    that of the row before.
    """

    sequence: int
    created_at: str
    actor: str
    action: str
    payload: str
    prev_hash: str
    hash: str

    def computed_hash(self) -> str:
        """Return what ``hash`` should be."""
        content = [
            self.sequence,
            self.created_at,
            self.actor,
            self.action,
            self.payload,
            self.prev_hash,
        ]
        return hashlib.sha256(canonical(content).encode()).hexdigest()


def append(
    connection: Connection, *, now: str, actor: str, action: str, payload: Mapping[str, object]
) -> None:
    """Append one row. Must be called while the write lock of the project is held."""
    sequence, prev_hash = connection.execute(_HEAD).one()
    row = AuditRow(
        sequence=sequence + 1,
        created_at=now,
        actor=actor,
        action=action,
        payload=canonical(payload),
        prev_hash=prev_hash,
        hash="",
    )
    found = row.computed_hash()
    connection.execute(_ADD, {**asdict(row), "hash": found})
    connection.execute(_MOVE_HEAD, {"sequence": row.sequence, "hash": found})


def rows(connection: Connection) -> tuple[AuditRow, ...]:
    """Return the whole log, oldest first."""
    found = connection.execute(select(audit_log).order_by(audit_log.c.sequence))
    return tuple(AuditRow(**row._mapping) for row in found)
