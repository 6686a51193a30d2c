"""Drafts of tracings: the tree that each began with, and the edits that its steps keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from annotator.analysis.tracing.editable import NO_NODES, EditableTree, TraceEdit, replacing
from annotator.analysis.tracing.tree import Tree
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.store import drafts as draft_rows
from annotator.store import steps, trees
from annotator.store.tables import (
    annotation_table,
    annotation_trees,
    draft_trees,
    step_trees,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Row

    from annotator.domain.reading import Box, Step
    from annotator.store.database import Change
    from annotator.store.drafts import DraftRow, SeenHead

NO_TREE = Tree(
    ids=NO_NODES.ids,
    types=NO_NODES.types,
    points=NO_NODES.points,
    radii=NO_NODES.radii,
    parents=NO_NODES.parent_ids,
)
_NO_BOX: Box = ((0, 0, 0), (0, 0, 0))
"""Steps of tracings change no voxels."""


def begin(change: Change, draft_id: int, parent: Row[Any] | None) -> None:
    """Keep what a new draft begins with: its parent's tree, or an empty one."""
    connection = change.connection
    if parent is None:
        tree_id, _ = trees.put(connection, NO_TREE)
    else:
        tree_id = tree_id_of(connection, parent.annotation_id)
    connection.execute(insert(draft_trees).values(draft_id=draft_id, tree_id=tree_id))


def tree_id_of(connection: Connection, annotation_id: str) -> int:
    """Return the row of a submitted tracing's tree."""
    found = connection.execute(
        select(annotation_trees.c.tree_id).where(annotation_trees.c.annotation_id == annotation_id)
    ).scalar_one_or_none()
    if found is None:
        raise AnnotatorError(f"annotation {annotation_id[:12]} is no tracing; it has a mask")
    tree_id: int = found
    return tree_id


def is_traced(connection: Connection, draft_id: int) -> bool:
    """Whether a draft is a tracing."""
    query = select(draft_trees.c.draft_id).where(draft_trees.c.draft_id == draft_id)
    return connection.execute(query).first() is not None


def read_tree(connection: Connection, draft_id: int) -> Tree:
    """Return what the steps in effect make of the tree that a draft began with."""
    path = [step.step_id for step in steps.in_effect(connection, draft_id)]
    tree = EditableTree(first_tree(connection, draft_id))
    for edit in edits(connection, path):
        tree.apply(edit)
    return tree.tree()


def first_tree(connection: Connection, draft_id: int) -> Tree:
    """Return the tree that a draft began with."""
    tree_id = connection.execute(
        select(draft_trees.c.tree_id).where(draft_trees.c.draft_id == draft_id)
    ).scalar_one_or_none()
    if tree_id is None:
        raise AnnotatorError(f"draft {draft_id} is no tracing; it has a mask")
    return trees.read(connection, tree_id)


def edits(connection: Connection, step_ids: Iterable[int]) -> Iterator[TraceEdit]:
    """Yield what steps changed, in the order given."""
    for step_id in step_ids:
        content = connection.execute(
            select(step_trees.c.content).where(step_trees.c.step_id == step_id)
        ).scalar_one_or_none()
        if content is None:
            raise IntegrityError(f"what step {step_id} changed is gone; run verify")
        yield trees.unpack_edit(content)


def record(change: Change, draft_id: int, tool: str, edit: TraceEdit, seen: SeenHead) -> Step:
    """Append an edit under the head.

    That it fits the tree is for the caller to see to; submitting and `verify` replay all steps.
    """
    draft = draft_rows.read_open(change.connection, draft_id, seen)
    if not is_traced(change.connection, draft_id):
        raise AnnotatorError(f"draft {draft_id} is no tracing; it has a mask")
    return _append(change, draft, tool, edit, draft.started_from_id)


def undo(change: Change, draft_id: int, seen: SeenHead) -> tuple[Step, TraceEdit] | None:
    """Move the head to its parent; return the step taken back and the edit that takes it back."""
    moved = steps.undo(change, draft_id, seen)
    if moved is None:
        return None
    (edit,) = edits(change.connection, [moved[0].step_id])
    return moved[0], edit.inverse


def redo(change: Change, draft_id: int, seen: SeenHead) -> tuple[Step, TraceEdit] | None:
    """Move the head to its newest child; return that step and its edit."""
    moved = steps.redo(change, draft_id, seen)
    if moved is None:
        return None
    (edit,) = edits(change.connection, [moved[0].step_id])
    return moved[0], edit


def start_from(change: Change, draft_id: int, annotation_id: str, seen: SeenHead) -> Step:
    """Replace the draft's tree by an annotation's, as one step that undo takes back."""
    connection = change.connection
    draft = draft_rows.read_open(connection, draft_id, seen)
    case_id = connection.execute(
        select(annotation_table.c.case_id).where(annotation_table.c.annotation_id == annotation_id)
    ).scalar_one_or_none()
    if case_id != draft.case_id:
        raise AnnotatorError(
            f"no annotation {annotation_id[:12]!r} of case {draft.case_id} to start from"
        )
    source = trees.read(connection, tree_id_of(connection, annotation_id))
    edit = replacing(read_tree(connection, draft_id), source)
    return _append(change, draft, steps.START_FROM, edit, annotation_id)


def replace_tree(change: Change, draft_id: int, tree: Tree, tool: str) -> Step:
    """Replace the draft's tree by one from elsewhere, as one step that undo takes back."""
    draft = draft_rows.read_open(change.connection, draft_id)
    edit = replacing(read_tree(change.connection, draft_id), tree)
    return _append(change, draft, tool, edit, draft.started_from_id)


def carry_over(change: Change, draft_id: int, source: DraftRow) -> Step:
    """Replace the draft's tree by that of another draft, as one step that undo takes back."""
    connection = change.connection
    draft = draft_rows.read_open(connection, draft_id)
    edit = replacing(read_tree(connection, draft_id), read_tree(connection, source.draft_id))
    return _append(change, draft, steps.CARRY_OVER, edit, source.started_from_id)


def _append(
    change: Change, draft: DraftRow, tool: str, edit: TraceEdit, started_from_id: str | None
) -> Step:
    return steps.append(
        change,
        draft,
        steps.NewStep(
            tool=tool,
            box=_NO_BOX,
            after={},
            started_from_id=started_from_id,
            edit=trees.pack_edit(edit),
        ),
    )
