"""Steps of a draft: a tree that only grows; undo and redo move the draft's head over it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from annotator.domain.errors import AnnotatorError, GeometryMismatchError
from annotator.domain.reading import Step
from annotator.store import drafts as draft_rows
from annotator.store import masks, repeats, slabs
from annotator.store.facts import canonical, digest
from annotator.store.tables import (
    annotation_table,
    drafts,
    step_marks,
    step_slabs,
    step_trees,
    steps,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from annotator.analysis.runs import SlabGrid, SlabRuns
    from annotator.domain.reading import Box
    from annotator.store.database import Change
    from annotator.store.drafts import DraftRow, SeenHead
    from annotator.store.masks import Placed

Content = dict[int, "SlabRuns | None"]
"""Slab number → its runs, None where it is empty."""

# Built once: putting a statement together costs more than running it.
_ADD = insert(steps).returning(steps.c.step_id)
_ADD_SLABS = insert(step_slabs)
_MOVE_HEAD = (
    update(drafts)
    .where(drafts.c.draft_id == bindparam("draft"))
    .values(head_step_id=bindparam("head_step_id"))
)

START_FROM = "start from"
"""The tool's name of the step that copies another reading into a draft."""
CARRY_OVER = "carry over"
"""The tool's name of the step that copies a draft that could not be submitted into a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """A step that is to be appended: what it made of slabs, or how it edited a tree or marks.

    ``marks`` is a list of mark edits as JSON.
    """

    tool: str
    box: Box
    after: Mapping[int, slabs.StoredSlab | None]
    started_from_id: str | None
    edit: bytes | None = None
    marks: str | None = None


def record(
    change: Change,
    draft_id: int,
    *,
    tool: str,
    box: Box,
    content: Mapping[int, SlabRuns | None],
    seen: SeenHead,
) -> Step:
    """Append a step under the head: the new content of the slabs that it changed."""
    draft = draft_rows.read_open(change.connection, draft_id, seen)
    filled = {index: runs for index, runs in content.items() if not _is_empty(runs)}
    for index, runs in filled.items():
        _check(draft.grid, index, runs)
    for index in content.keys() - filled.keys():
        _check_index(draft.grid, index)
    stored = slabs.put(
        change.connection, (runs for runs in filled.values() if runs), draft.grid.shape[2]
    )
    after: dict[int, slabs.StoredSlab | None] = dict.fromkeys(content)
    after.update(zip(filled, stored, strict=True))
    return append(
        change,
        draft,
        NewStep(tool=tool, box=box, after=after, started_from_id=draft.started_from_id),
    )


def start_from(change: Change, draft_id: int, annotation_id: str, seen: SeenHead) -> Step:
    """Replace the draft's mask by an annotation's, as one step that undo takes back."""
    connection = change.connection
    draft = draft_rows.read_open(connection, draft_id, seen)
    source = connection.execute(
        select(annotation_table.c.mask_id, annotation_table.c.case_id).where(
            annotation_table.c.annotation_id == annotation_id
        )
    ).first()
    if source is None:
        raise AnnotatorError(f"no annotation {annotation_id!r} to start draft {draft_id} from")
    repeat = repeats.of_case(connection, draft.case_id)
    if source.case_id not in {draft.case_id, repeat.original_id if repeat else draft.case_id}:
        raise AnnotatorError(
            f"annotation {annotation_id[:12]} is of case {source.case_id}; "
            f"draft {draft_id} is of case {draft.case_id}"
        )
    current = masks.placed(connection, draft.mask_id)
    after: dict[int, slabs.StoredSlab | None] = dict.fromkeys(current)
    after.update(masks.placed(connection, source.mask_id))
    return append(
        change,
        draft,
        NewStep(
            tool=START_FROM,
            box=((0, 0, 0), draft.grid.shape),
            after=after,
            started_from_id=annotation_id,
        ),
    )


def carry_over(change: Change, draft_id: int, source: DraftRow, marks: str | None = None) -> Step:
    """Replace the draft's mask by that of another draft, as one step that undo takes back.

    ``marks`` are the edits of marks that belong to the same step, as JSON.
    """
    connection = change.connection
    draft = draft_rows.read_open(connection, draft_id)
    after: dict[int, slabs.StoredSlab | None] = dict.fromkeys(
        masks.placed(connection, draft.mask_id)
    )
    after.update(masks.placed(connection, source.mask_id))
    return append(
        change,
        draft,
        NewStep(
            tool=CARRY_OVER,
            box=((0, 0, 0), draft.grid.shape),
            after=after,
            started_from_id=source.started_from_id,
            marks=marks,
        ),
    )


def undo(change: Change, draft_id: int, seen: SeenHead) -> tuple[Step, Content] | None:
    """Move the head to its parent; return the step taken back and what its slabs hold now."""
    draft = draft_rows.read_open(change.connection, draft_id, seen)
    if draft.head_step_id is None:
        return None
    step = _read(change.connection, draft.head_step_id)
    content = _slab_ids(change.connection, step.step_id, is_after=False)
    _move(change, draft, step.parent_id, content)
    change.log("undo", draft_id=draft_id, step_id=step.step_id)
    return step, _runs(change.connection, content)


def redo(change: Change, draft_id: int, seen: SeenHead) -> tuple[Step, Content] | None:
    """Move the head to its newest child; return that step and what its slabs hold now."""
    draft = draft_rows.read_open(change.connection, draft_id, seen)
    child = change.connection.execute(
        select(steps.c.step_id)
        .where(
            steps.c.draft_id == draft_id,
            steps.c.parent_step_id.is_not_distinct_from(draft.head_step_id),
        )
        .order_by(steps.c.step_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if child is None:
        return None
    step = _read(change.connection, child)
    content = _slab_ids(change.connection, child, is_after=True)
    _move(change, draft, child, content)
    change.log("redo", draft_id=draft_id, step_id=child)
    return step, _runs(change.connection, content)


def in_effect(connection: Connection, draft_id: int) -> tuple[Step, ...]:
    """Return the steps that led to the draft's present state, first one first."""
    draft_rows.mask_id_of(connection, draft_id)
    head = connection.execute(
        select(drafts.c.head_step_id).where(drafts.c.draft_id == draft_id)
    ).scalar_one()
    rows = {
        row.step_id: row
        for row in connection.execute(select(steps).where(steps.c.draft_id == draft_id))
    }
    found: list[Step] = []
    while head is not None:
        found.append(from_row(rows[head]))
        head = found[-1].parent_id
    return tuple(reversed(found))


def content_digest(content: Mapping[int, str | None]) -> str:
    """Return what the audit log keeps of a step: a hash over slab numbers and keys (hex)."""
    return digest([[index, key] for index, key in sorted(content.items())])


def edit_digest(edit: bytes) -> str:
    """Return what the audit log keeps of an edit of a tree: a hash over its bytes (hex)."""
    return hashlib.sha256(edit).hexdigest()


def append(change: Change, draft: DraftRow, new: NewStep) -> Step:
    """Append a step under the head of a draft."""
    connection = change.connection
    before: Placed = masks.placed(connection, draft.mask_id, tuple(new.after)) if new.after else {}
    step_id: int = connection.execute(
        _ADD,
        {
            "draft_id": draft.draft_id,
            "parent_step_id": draft.head_step_id,
            "tool": new.tool,
            "box": canonical(new.box),
            "started_from_id": new.started_from_id,
            "created_at": change.now,
        },
    ).scalar_one()
    changed: dict[int, int | None] = {}
    rows: list[dict[str, int | None]] = []
    for index, slab in new.after.items():
        old = before.get(index)
        old_id, new_id = (old.slab_id if old else None), (slab.slab_id if slab else None)
        if old_id != new_id:
            changed[index] = new_id
            rows.append(
                {
                    "step_id": step_id,
                    "slab_index": index,
                    "before_slab_id": old_id,
                    "after_slab_id": new_id,
                }
            )
    if rows:
        connection.execute(_ADD_SLABS, rows)
    _move(change, draft, step_id, changed)
    if new.edit is None:
        keys = {index: slab.key.hex() if slab else None for index, slab in new.after.items()}
        content = content_digest({index: keys[index] for index in changed})
    else:
        connection.execute(insert(step_trees).values(step_id=step_id, content=new.edit))
        content = edit_digest(new.edit)
    marks: dict[str, str] = {}
    if new.marks is not None:
        connection.execute(insert(step_marks).values(step_id=step_id, content=new.marks))
        marks["marks"] = digest(new.marks)
    change.log(
        "step", draft_id=draft.draft_id, step_id=step_id, tool=new.tool, content=content, **marks
    )
    return Step(
        step_id=step_id,
        parent_id=draft.head_step_id,
        tool=new.tool,
        box=new.box,
        created_at=change.now,
    )


def _move(
    change: Change, draft: DraftRow, head: int | None, content: Mapping[int, int | None]
) -> None:
    masks.change(change.connection, draft.mask_id, content)
    change.connection.execute(_MOVE_HEAD, {"draft": draft.draft_id, "head_step_id": head})


def _read(connection: Connection, step_id: int) -> Step:
    return from_row(connection.execute(select(steps).where(steps.c.step_id == step_id)).one())


def from_row(row: Row[Any]) -> Step:
    """Return a row of the table as a step."""
    return Step(
        step_id=row.step_id,
        parent_id=row.parent_step_id,
        tool=row.tool,
        box=_box(row.box),
        created_at=row.created_at,
    )


def _slab_ids(connection: Connection, step_id: int, *, is_after: bool) -> dict[int, int | None]:
    column = step_slabs.c.after_slab_id if is_after else step_slabs.c.before_slab_id
    rows = connection.execute(
        select(step_slabs.c.slab_index, column).where(step_slabs.c.step_id == step_id)
    )
    return {row.slab_index: row[1] for row in rows}


def _runs(connection: Connection, content: Mapping[int, int | None]) -> Content:
    if not content:  # a step of a tracing, or one that changed nothing
        return {}
    found = slabs.get(connection, (slab_id for slab_id in content.values() if slab_id is not None))
    return {
        index: None if slab_id is None else found[slab_id] for index, slab_id in content.items()
    }


def _is_empty(runs: SlabRuns | None) -> bool:
    return runs is None or (runs.labels.size == 1 and runs.labels[0] == 0)


def _check_index(grid: SlabGrid, index: int) -> None:
    if not 0 <= index < grid.n_slabs:
        raise GeometryMismatchError(
            f"the draft's grid {grid.shape} has slabs 0 to {grid.n_slabs - 1}; got slab {index}"
        )


def _check(grid: SlabGrid, index: int, runs: SlabRuns | None) -> None:
    _check_index(grid, index)
    if runs is not None and int(runs.ends[-1]) != grid.n_voxels(index):
        raise GeometryMismatchError(
            f"slab {index} of a grid {grid.shape} has {grid.n_voxels(index)} voxels; "
            f"the runs given cover {int(runs.ends[-1])}"
        )


def _box(text: str) -> Box:
    (z0, y0, x0), (z1, y1, x1) = json.loads(text)
    return (z0, y0, x0), (z1, y1, x1)
