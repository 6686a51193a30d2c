"""Opening a draft: a new one, the open one, or one that goes on where the open one cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.store import cases, drafts, mark_steps, raters, steps, tree_steps
from annotator.store.tables import annotation_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.domain.reading import Draft
    from annotator.store.database import Change
    from annotator.store.drafts import DraftRow, Purpose


def open_draft(change: Change, case_id: str, rater_id: str, purpose: Purpose) -> Draft:
    """Open a draft, or return the open one; after a submission it starts from the last revision.

    An open draft that is older than the rater's last revision could not be submitted: it is closed,
    and what was drawn and answered in it goes on in a new draft that starts from that revision.
    """
    connection = change.connection
    case = cases.read(connection, case_id)
    rater = raters.read(connection, rater_id)
    known = drafts.open_one(connection, case.case_id, rater.rater_id, purpose)
    parent = None
    if purpose == "reading":
        parent = drafts.latest_annotation(connection, case.case_id, rater.rater_id)
    old = None if known is None else drafts.read_open(connection, known)
    if old is not None:
        if parent is None or old.parent_id == parent.annotation_id:
            return drafts.read(connection, old.draft_id)
        drafts.close(change, old.draft_id)
    draft_id = drafts.begin(change, case, rater.rater_id, purpose, parent=parent, replaces=known)
    is_traced = case.reads == "tracing"
    if is_traced:
        tree_steps.begin(change, draft_id, parent)
    if old is not None:
        if old.head_step_id is not None:
            if is_traced:
                tree_steps.carry_over(change, draft_id, old)
            else:
                marks = mark_steps.carried(connection, draft_id, old.draft_id)
                steps.carry_over(change, draft_id, old, marks)
        if _is_answered(connection, old):
            drafts.set_diagnosis_text(change, draft_id, old.diagnosis)
    return drafts.read(connection, draft_id)


def unfinished(connection: Connection, case_id: str, rater_id: str) -> int | None:
    """Return the open draft in which a rater has drawn or answered something, or None."""
    known = drafts.open_one(connection, case_id, rater_id, "reading")
    if known is None:
        return None
    draft = drafts.read_open(connection, known)
    return known if draft.head_step_id is not None or _is_answered(connection, draft) else None


def _is_answered(connection: Connection, draft: DraftRow) -> bool:
    """Whether the answers are others than those that the draft began with."""
    began_with = raters.NO_DIAGNOSIS
    if draft.parent_id is not None:
        began_with = connection.execute(
            select(annotation_table.c.diagnosis).where(
                annotation_table.c.annotation_id == draft.parent_id
            )
        ).scalar_one()
    return draft.diagnosis != began_with
