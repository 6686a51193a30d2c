"""Whether trees match their keys, tracings their steps, and signed-off tracings their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.analysis.tracing.editable import EditableTree
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.store import steps, trace_reviews, tree_steps
from annotator.store import trees as tree_rows
from annotator.store.facts import digest
from annotator.store.tables import (
    annotation_table,
    annotation_trees,
    draft_trees,
    drafts,
    step_trees,
    trace_findings,
    trace_sign_offs,
    tracing_cases,
    trees,
)
from annotator.store.tables import steps as step_table
from annotator.store.verify_log import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row

    from annotator.analysis.tracing.tree import Tree
    from annotator.store.words import Words


def tracing(connection: Connection, words: Words) -> Iterator[str]:
    """Check everything that is kept of tracings."""
    damaged: set[int] = set()
    for row in connection.execute(select(trees).order_by(trees.c.tree_id)):
        try:
            is_sound = tree_rows.tree_key(tree_rows.of_row(row)) == bytes(row.key)
            reason = "its content does not match its hash"
        except IntegrityError as error:
            is_sound, reason = False, str(error)
        if not is_sound:
            damaged.add(row.tree_id)
            yield f"tree {row.tree_id} ({bytes(row.key).hex()[:12]}) is damaged: {reason}"
    yield from _against_log(connection, words)
    yield from _drafts(connection, words, damaged)
    yield from _sign_offs(connection, words)


def _against_log(connection: Connection, words: Words) -> Iterator[str]:
    reads: dict[str, bool] = {}
    found: dict[tuple[str, str], str] = {}
    logged: dict[int, str] = {}
    for action, _, entry in entries(connection):
        if action == "add case" and "case_id" in entry:
            reads[entry["case_id"]] = entry.get("reads", "mask") == "tracing"
        elif action == "put trace findings" and "case_id" in entry:
            found[entry["case_id"], entry.get("findings_key", "")] = entry.get("content", "")
        elif action == "step" and "step_id" in entry:
            logged[entry["step_id"]] = entry.get("content", "")
    traced = set(connection.execute(select(tracing_cases.c.case_id)).scalars())
    for case_id, is_traced in reads.items():
        if is_traced != (case_id in traced):
            yield f"{words.case(case_id)}: whether it is traced is not what the audit log recorded"
    kept = {
        (row.case_id, row.findings_key): row.content
        for row in connection.execute(select(trace_findings))
    }
    for key in sorted(kept.keys() | found.keys()):
        if key not in kept or digest(kept[key]) != found.get(key):
            yield (
                f"what was found in the tracings of {words.case(key[0])} is not what the audit "
                "log recorded last; find it again"
            )
    for row in connection.execute(select(step_trees)):
        if logged.get(row.step_id) != steps.edit_digest(row.content):
            yield f"step {row.step_id} of a tracing is not what the audit log recorded"


def _drafts(connection: Connection, words: Words, damaged: set[int]) -> Iterator[str]:
    submitted = {
        entry["draft_id"]: entry.get("annotation_id")
        for action, _, entry in entries(connection)
        if action == "submit" and "draft_id" in entry
    }
    for row in connection.execute(
        select(drafts, draft_trees.c.tree_id)
        .join_from(drafts, draft_trees)
        .order_by(drafts.c.draft_id)
    ):
        shown = words.reading("draft", row.draft_id, row.case_id, row.rater_id)
        if row.tree_id in damaged:
            continue  # named as a tree
        if row.parent_id is not None and row.tree_id != _tree_id(connection, row.parent_id):
            yield f"{shown}: it does not begin with its parent's tree"
        try:
            key = tree_rows.tree_key(_replayed(connection, row))
        except AnnotatorError as error:
            yield f"{shown}: its steps cannot be replayed: {error}"
            continue
        annotation_id = submitted.get(row.draft_id)
        if annotation_id is not None and _key(connection, annotation_id) not in (key, None):
            yield f"{shown}: what was submitted is not what its steps make of it"


def _replayed(connection: Connection, draft: Row[Any]) -> Tree:
    parents = {
        row.step_id: row.parent_step_id
        for row in connection.execute(
            select(step_table).where(step_table.c.draft_id == draft.draft_id)
        )
    }
    path: list[int] = []
    at = draft.head_step_id
    while at is not None:
        if at not in parents or len(path) > len(parents):
            raise IntegrityError("a step that leads to its present state is gone")
        path.append(at)
        at = parents[at]
    tree = EditableTree(tree_rows.read(connection, draft.tree_id))
    for edit in tree_steps.edits(connection, reversed(path)):
        tree.apply(edit)
    return tree.tree()


def _tree_id(connection: Connection, annotation_id: str) -> int | None:
    found: int | None = connection.execute(
        select(annotation_trees.c.tree_id).where(annotation_trees.c.annotation_id == annotation_id)
    ).scalar_one_or_none()
    return found


def _key(connection: Connection, annotation_id: str) -> bytes | None:
    key = connection.execute(
        select(trees.c.key)
        .join_from(annotation_trees, trees)
        .where(annotation_trees.c.annotation_id == annotation_id)
    ).scalar_one_or_none()
    return None if key is None else bytes(key)


def _sign_offs(connection: Connection, words: Words) -> Iterator[str]:
    for row in connection.execute(
        select(trace_sign_offs, trees.c.key).join_from(trace_sign_offs, trees)
    ):
        if trace_reviews.identity(row._asdict(), bytes(row.key)) != row.sign_off_id:
            yield (
                f"signed-off tracing {row.sign_off_id[:12]} ({words.case(row.case_id)}) does not "
                "match its id: its tree, findings, verdicts or diagnosis was changed"
            )
    traced = select(tracing_cases.c.case_id)
    for row in connection.execute(
        select(annotation_table)
        .outerjoin_from(annotation_table, annotation_trees)
        .where(annotation_table.c.case_id.in_(traced), annotation_trees.c.tree_id.is_(None))
    ):
        shown = words.reading("annotation", row.annotation_id, row.case_id, row.rater_id)
        yield f"{shown}: its tree is gone"
