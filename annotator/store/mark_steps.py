"""Marks of drafts and readings: what each step changed, and what a submitted reading holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.domain.marks import (
    Mark,
    MarkEdit,
    apply_edits,
    box_of_edit,
    edits_between,
    in_order,
    sound_mark,
)
from annotator.store import drafts as draft_rows
from annotator.store import steps, tree_steps
from annotator.store.facts import list_to_json
from annotator.store.tables import (
    annotation_marks,
    annotation_table,
    drafts,
    step_marks,
)
from annotator.store.tables import steps as step_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from annotator.domain.reading import Step
    from annotator.store.database import Change
    from annotator.store.drafts import SeenHead

_IDS_A_QUERY = 500


def read(connection: Connection, draft_id: int) -> tuple[Mark, ...]:
    """Return the marks of a draft as it is now, by id."""
    draft_rows.mask_id_of(connection, draft_id)
    head = connection.execute(
        select(drafts.c.head_step_id).where(drafts.c.draft_id == draft_id)
    ).scalar_one()
    return after(connection, draft_id, head)


def after(connection: Connection, draft_id: int, step_id: int | None) -> tuple[Mark, ...]:
    """Return what a draft's marks were after a step of it; None: when it began.

    Raises AnnotatorError for a step of another draft, and where the steps do not fit each other.
    """
    marks = first_marks(connection, draft_id)
    edits = _edits(connection, draft_id)
    if not edits:
        return in_order(marks)
    parents = {
        row.step_id: row.parent_step_id
        for row in connection.execute(
            select(step_table.c.step_id, step_table.c.parent_step_id).where(
                step_table.c.draft_id == draft_id
            )
        )
    }
    path: list[int] = []
    while step_id is not None:
        if step_id not in parents or len(path) > len(parents):
            raise IntegrityError(f"step {step_id} is none of draft {draft_id}, or leads nowhere")
        path.append(step_id)
        step_id = parents[step_id]
    for number in reversed(path):
        marks = apply_edits(marks, edits.get(number, ()))
    return in_order(marks)


def first_marks(connection: Connection, draft_id: int) -> dict[int, Mark]:
    """Return the marks that a draft began with, by id: those of the reading that it corrects."""
    parent_id = connection.execute(
        select(drafts.c.parent_id).where(drafts.c.draft_id == draft_id)
    ).scalar_one_or_none()
    if parent_id is None:
        return {}
    return {mark.mark_id: mark for mark in of_annotation(connection, parent_id)}


def of_annotation(connection: Connection, annotation_id: str) -> tuple[Mark, ...]:
    """Return the marks of a submitted reading, by id."""
    return of_annotations(connection, [annotation_id]).get(annotation_id, ())


def of_annotations(
    connection: Connection, annotation_ids: Sequence[str]
) -> dict[str, tuple[Mark, ...]]:
    """Return the marks of those submitted readings that have any, by the readings' ids."""
    found: dict[str, tuple[Mark, ...]] = {}
    for start in range(0, len(annotation_ids), _IDS_A_QUERY):
        wanted = annotation_ids[start : start + _IDS_A_QUERY]
        rows = select(annotation_marks).where(annotation_marks.c.annotation_id.in_(wanted))
        for row in connection.execute(rows):
            found[row.annotation_id] = tuple(map(_mark, json.loads(row.content)))
    return found


def next_id(connection: Connection, draft_id: int) -> int:
    """Return the number of a draft's next mark: none of the rater's on the case ever had it."""
    draft = connection.execute(
        select(drafts.c.case_id, drafts.c.rater_id).where(drafts.c.draft_id == draft_id)
    ).one()
    steps_of = (
        select(step_marks.c.content)
        .join_from(step_marks, step_table)
        .join(drafts, drafts.c.draft_id == step_table.c.draft_id)
        .where(drafts.c.case_id == draft.case_id, drafts.c.rater_id == draft.rater_id)
    )
    known = {
        (edit["after"] or edit["before"])["mark_id"]
        for content in connection.execute(steps_of).scalars()
        for edit in json.loads(content)
    }
    readings_of = (
        select(annotation_marks.c.content)
        .join_from(annotation_marks, annotation_table)
        .where(
            annotation_table.c.case_id == draft.case_id,
            annotation_table.c.rater_id == draft.rater_id,
        )
    )
    known |= {
        mark["mark_id"]
        for content in connection.execute(readings_of).scalars()
        for mark in json.loads(content)
    }
    return max(known, default=0) + 1


def record(change: Change, draft_id: int, *, tool: str, edit: MarkEdit, seen: SeenHead) -> Step:
    """Append an edit of a mark under the head of a draft.

    That it fits the marks is for the caller to see to; submitting and `verify` replay all steps.
    """
    draft = draft_rows.read_open(change.connection, draft_id, seen)
    if tree_steps.is_traced(change.connection, draft_id):
        raise AnnotatorError(f"draft {draft_id} is a tracing; marks are kept beside masks only")
    edit.mark_id  # noqa: B018 - raises for an edit of no mark, or of two
    before, after = (
        None if mark is None else sound_mark(mark) for mark in (edit.before, edit.after)
    )
    edit = MarkEdit(before=before, after=after)
    return steps.append(
        change,
        draft,
        steps.NewStep(
            tool=tool,
            box=box_of_edit(edit, draft.grid.shape),
            after={},
            started_from_id=draft.started_from_id,
            marks=list_to_json([edit]),
        ),
    )


def carried(connection: Connection, draft_id: int, source_id: int) -> str | None:
    """Return the edits that give a draft the marks of another one, as JSON; None where none do."""
    here = {mark.mark_id: mark for mark in read(connection, draft_id)}
    there = {mark.mark_id: mark for mark in read(connection, source_id)}
    edits = edits_between(here, there)
    return list_to_json(edits) if edits else None


def put(connection: Connection, annotation_id: str, content: str | None) -> None:
    """Keep the marks of a new reading, as `content_of` gives them."""
    if content is not None:
        connection.execute(
            insert(annotation_marks).values(annotation_id=annotation_id, content=content)
        )


def content_of(marks: Iterable[Mark]) -> str | None:
    """Return the marks of a reading as they are kept, and part of its id; None for none."""
    sound = [sound_mark(mark) for mark in marks]
    by_id = {mark.mark_id: mark for mark in sound}
    if len(by_id) < len(sound):
        raise AnnotatorError("two marks of a reading have the same number")
    return list_to_json(in_order(by_id)) if by_id else None


def _edits(connection: Connection, draft_id: int) -> Mapping[int, tuple[MarkEdit, ...]]:
    rows = connection.execute(
        select(step_marks)
        .join_from(step_marks, step_table)
        .where(step_table.c.draft_id == draft_id)
    )
    return {row.step_id: tuple(map(_edit, json.loads(row.content))) for row in rows}


# By hand: a draft may have thousands of edits, and `from_json` would take seconds over them.
def _edit(given: dict[str, Any]) -> MarkEdit:
    before, after = given["before"], given["after"]
    return MarkEdit(
        before=None if before is None else _mark(before),
        after=None if after is None else _mark(after),
    )


def _mark(given: dict[str, Any]) -> Mark:
    return Mark(
        mark_id=given["mark_id"],
        kind=given["kind"],
        places=tuple((z, y, x) for z, y, x in given["places"]),
        name=given.get("name", ""),
        label=given.get("label", 0),
    )
