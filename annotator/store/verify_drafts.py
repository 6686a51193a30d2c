"""Whether every draft is what its steps make of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.store import masks, steps
from annotator.store.tables import annotation_table, audit_log, slabs, step_slabs
from annotator.store.tables import drafts as draft_table
from annotator.store.tables import steps as step_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Row

    from annotator.store.words import Words

_Changes = dict[int, dict[int, tuple["int | None", "int | None"]]]
"""Step → slab number → (row before, row after)."""


def drafts(connection: Connection, words: Words) -> Iterator[str]:
    """Replay every draft from what it began with, and compare."""
    logged = _logged(connection)
    for draft in connection.execute(select(draft_table).order_by(draft_table.c.draft_id)):
        shown = words.reading("draft", draft.draft_id, draft.case_id, draft.rater_id)
        rows = {
            row.step_id: row
            for row in connection.execute(
                select(step_table).where(step_table.c.draft_id == draft.draft_id)
            )
        }
        changes = _changes(connection, draft.draft_id)
        yield from _unlogged(connection, changes, logged, shown)
        path = _path(rows, draft.head_step_id)
        if path is None:
            yield f"{shown}: a step that leads to its present state is gone"
            continue
        state = _beginning(connection, draft)
        for step_id in path:
            for index, (before, after) in changes.get(step_id, {}).items():
                if state.get(index) != before:
                    yield (
                        f"{shown}: step {step_id} does not begin where the step before it ended "
                        f"(slab {index})"
                    )
                state[index] = after
        kept = {
            index: slab.slab_id for index, slab in masks.placed(connection, draft.mask_id).items()
        }
        replayed = {index: slab_id for index, slab_id in state.items() if slab_id is not None}
        for index in sorted(kept.keys() | replayed.keys()):
            if kept.get(index) != replayed.get(index):
                yield f"{shown}: slab {index} is not what its steps make of it"


def _path(rows: Mapping[int, Row[Any]], head: int | None) -> list[int] | None:
    path: list[int] = []
    while head is not None:
        if head not in rows or len(path) > len(rows):
            return None
        path.append(head)
        head = rows[head].parent_step_id
    return path[::-1]


def _beginning(connection: Connection, draft: Row[Any]) -> dict[int, int | None]:
    if draft.parent_id is None:
        return {}
    mask_id = connection.execute(
        select(annotation_table.c.mask_id).where(
            annotation_table.c.annotation_id == draft.parent_id
        )
    ).scalar_one_or_none()
    if mask_id is None:
        return {}
    return {index: slab.slab_id for index, slab in masks.placed(connection, mask_id).items()}


def _changes(connection: Connection, draft_id: int) -> _Changes:
    found: _Changes = {}
    for row in connection.execute(
        select(step_slabs)
        .join_from(step_slabs, step_table)
        .where(step_table.c.draft_id == draft_id)
    ):
        found.setdefault(row.step_id, {})[row.slab_index] = (row.before_slab_id, row.after_slab_id)
    return found


def _logged(connection: Connection) -> dict[int, str]:
    found: dict[int, str] = {}
    for payload in connection.execute(
        select(audit_log.c.payload).where(audit_log.c.action == "step")
    ).scalars():
        try:
            entry = json.loads(payload)
        except ValueError:
            continue  # the check of the log names the row
        found[entry.get("step_id")] = entry.get("content", "")
    return found


def _unlogged(
    connection: Connection, changes: _Changes, logged: Mapping[int, str], shown: str
) -> Iterator[str]:
    wanted = {after for step in changes.values() for _, after in step.values() if after is not None}
    keys = {
        slab_id: bytes(key).hex()
        for slab_id, key in connection.execute(select(slabs.c.slab_id, slabs.c.key))
        if slab_id in wanted
    }
    for step_id, content in sorted(changes.items()):
        after = {
            index: None if slab_id is None else keys.get(slab_id, "gone")
            for index, (_, slab_id) in content.items()
        }
        if step_id in logged and steps.content_digest(after) != logged[step_id]:
            yield f"{shown}: step {step_id} is not what the audit log recorded"
