"""Whether marks are what the audit log recorded, and what the steps of drafts make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.domain.errors import AnnotatorError
from annotator.store import mark_steps
from annotator.store.facts import digest
from annotator.store.tables import annotation_marks, drafts, step_marks
from annotator.store.tables import steps as step_table
from annotator.store.verify_log import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from annotator.store.words import Words


def marks(connection: Connection, words: Words) -> Iterator[str]:
    """Check everything that is kept of marks; of readings their ids are checked elsewhere."""
    logged: dict[int, str] = {}
    submitted: dict[int, str] = {}
    for action, _, entry in entries(connection):
        if action == "step" and "marks" in entry and "step_id" in entry:
            logged[entry["step_id"]] = entry["marks"]
        elif action == "submit" and "draft_id" in entry:
            submitted[entry["draft_id"]] = entry.get("annotation_id", "")
    kept = {row.step_id: row.content for row in connection.execute(select(step_marks))}
    for step_id in sorted(kept.keys() | logged.keys()):
        if step_id not in kept:
            yield f"what step {step_id} did to marks is gone; the audit log says that it did"
        elif digest(kept[step_id]) != logged.get(step_id):
            yield f"what step {step_id} did to marks is not what the audit log recorded"
    yield from _drafts(connection, words, submitted)


def _drafts(connection: Connection, words: Words, submitted: dict[int, str]) -> Iterator[str]:
    """Replay the drafts that have marks, and hold what was submitted against them."""
    marked = (
        select(step_table.c.draft_id)
        .join_from(step_table, step_marks)
        .union(
            select(drafts.c.draft_id).join(
                annotation_marks, annotation_marks.c.annotation_id == drafts.c.parent_id
            )
        )
    )
    numbers = set(connection.execute(marked).scalars())
    with_marks = {
        row.annotation_id: row.content for row in connection.execute(select(annotation_marks))
    }
    numbers |= {draft_id for draft_id, given in submitted.items() if given in with_marks}
    for row in connection.execute(select(drafts).order_by(drafts.c.draft_id)):
        if row.draft_id not in numbers:
            continue
        shown = words.reading("draft", row.draft_id, row.case_id, row.rater_id)
        try:
            found = mark_steps.content_of(mark_steps.read(connection, row.draft_id))
        except (AnnotatorError, ValueError, TypeError, LookupError) as error:
            yield f"{shown}: its marks cannot be replayed: {error}"
            continue
        annotation_id = submitted.get(row.draft_id)
        if annotation_id is not None and with_marks.get(annotation_id) != found:
            yield f"{shown}: the marks that were submitted are not what its steps make of them"
