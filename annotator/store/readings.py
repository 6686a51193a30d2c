"""Annotations: submitted readings, immutable, addressed by their content."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, insert, select

from annotator.analysis.runs import SlabGrid
from annotator.domain.errors import (
    AnnotatorError,
    ConflictError,
    GeometryMismatchError,
    UnknownNameError,
)
from annotator.domain.reading import Annotation, Diagnosis
from annotator.store import (
    acceptances,
    cases,
    drafts,
    mark_steps,
    masks,
    opening,
    projects,
    raters,
    series,
    tree_steps,
    trees,
)
from annotator.store.facts import digest, from_json, to_json
from annotator.store.tables import annotation_table, annotation_trees, repeat_cases, tracing_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Row, Select

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.acceptance import Offer
    from annotator.domain.marks import Mark
    from annotator.domain.reading import Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.store.database import Change
    from annotator.store.masks import Placed


def identity(
    row: Mapping[str, Any],
    grid: SlabGrid,
    content: Placed,
    tree_key: bytes | None,
    marks: str | None,
) -> str:
    """Return the id of an annotation: SHA-256 over what was said, by whom, of what.

    ``tree_key`` is that of its tree where it is a tracing, ``marks`` its marks where it has any:
    readings of masks alone have the ids that they had before there were marks.
    """
    said: list[object] = [
        row["case_id"],
        row["series_id"],
        row["rater_id"],
        row["revision"],
        row["parent_id"],
        row["started_from_id"],
        row["diagnosis"],
        masks.content_of(grid, content),
    ]
    if tree_key is not None:
        said.append(tree_key.hex())
    if marks is not None:
        said.append({"marks": marks})
    return digest(said)


def submit(change: Change, draft_id: int, offer: Offer | None) -> Annotation:
    """Make an annotation of a draft, and close the draft; ``offer`` is kept with how it was made.

    Raises ConflictError where the rater's last reading is not the one that the draft corrects.
    """
    draft = drafts.read_open(change.connection, draft_id)
    if draft.purpose != "reading":
        raise AnnotatorError(
            f"draft {draft_id} is a reviewer's redrawing; it ends with the sign-off of the case"
        )
    last = drafts.latest_annotation(change.connection, draft.case_id, draft.rater_id)
    if last is not None and last.annotation_id != draft.parent_id:
        raise ConflictError(
            f"this was not submitted: another reading of the case by the same rater, revision "
            f"{last.revision}, was added after this drawing was begun, and would be replaced "
            "unseen. Close the case here and open it again: what is drawn is carried over onto "
            "that reading, as one step that undo takes back; then submit it"
        )
    content = masks.placed(change.connection, draft.mask_id)
    facts = {
        "case_id": draft.case_id,
        "rater_id": draft.rater_id,
        "started_from_id": draft.started_from_id,
        "diagnosis": draft.diagnosis,
    }
    is_traced = tree_steps.is_traced(change.connection, draft_id)
    tree = tree_steps.read_tree(change.connection, draft_id) if is_traced else None
    marks = () if is_traced else mark_steps.read(change.connection, draft_id)
    drafts.close(change, draft_id)
    known = acceptances.content_of(change, draft_id, offer)
    found = _insert(
        change,
        "submit",
        facts,
        draft.grid,
        content,
        tree,
        mark_steps.content_of(marks),
        draft_id=draft_id,
        acceptance=known,
    )
    acceptances.add(change, found.annotation_id, known)
    return found


def add(
    change: Change,
    case_id: str,
    rater_id: str,
    *,
    mask: MaskRuns,
    diagnosis: Diagnosis,
    started_from_id: str | None,
    fit_schema: Callable[[LabelSchema], LabelSchema] | None,
    only_new: bool,
    marks: Sequence[Mark] | None,
) -> Annotation:
    """Keep a reading that was drawn elsewhere; a new revision where the rater has one.

    Without ``marks`` it keeps those of the rater's last reading.
    """
    case = cases.read_masked(change.connection, case_id)
    rater = raters.read(change.connection, rater_id)
    shape = series.read(change.connection, case.series_ids[0]).geometry.shape
    if mask.grid.shape != shape:
        raise GeometryMismatchError(
            f"the mask has shape (z, y, x) {mask.grid.shape}; case {case.title!r} has {shape}"
        )
    if started_from_id is not None:
        row_of(change.connection, started_from_id)
    if fit_schema is not None:
        projects.fit_schema(change, fit_schema)
    stored = masks.put_slabs(change.connection, mask)
    last = drafts.latest_annotation(change.connection, case.case_id, rater.rater_id)
    marked_before = mark_steps.content_of(
        () if last is None else mark_steps.of_annotation(change.connection, last.annotation_id)
    )
    marked = marked_before if marks is None else mark_steps.content_of(marks)
    if (
        only_new
        and last is not None
        and last.diagnosis == to_json(diagnosis)
        and marked == marked_before
        and masks.placed(change.connection, last.mask_id) == stored
    ):
        return _fact(last)
    _require_finished(change.connection, case, rater)
    facts = {
        "case_id": case.case_id,
        "rater_id": rater.rater_id,
        "started_from_id": started_from_id,
        "diagnosis": to_json(diagnosis),
    }
    return _insert(change, "add annotation", facts, mask.grid, stored, None, marked)


def add_tree(
    change: Change,
    case_id: str,
    rater_id: str,
    *,
    tree: Tree,
    diagnosis: Diagnosis,
    started_from_id: str | None,
    only_new: bool,
) -> Annotation:
    """Keep a tracing that was made elsewhere; a new revision where the rater has one."""
    connection = change.connection
    case = cases.read_traced(connection, case_id)
    rater = raters.read(connection, rater_id)
    if started_from_id is not None:
        row_of(connection, started_from_id)
    last = drafts.latest_annotation(connection, case.case_id, rater.rater_id)
    tree_id, _ = trees.put(connection, tree)
    if (
        only_new
        and last is not None
        and last.diagnosis == to_json(diagnosis)
        and tree_steps.tree_id_of(connection, last.annotation_id) == tree_id
    ):
        return _fact(last)
    _require_finished(connection, case, rater)
    grid = SlabGrid(series.read(connection, case.series_ids[0]).geometry.shape)
    facts = {
        "case_id": case.case_id,
        "rater_id": rater.rater_id,
        "started_from_id": started_from_id,
        "diagnosis": to_json(diagnosis),
    }
    return _insert(change, "add annotation", facts, grid, {}, tree, None)


def _require_finished(connection: Connection, case: Case, rater: Rater) -> None:
    draft_id = opening.unfinished(connection, case.case_id, rater.rater_id)
    if draft_id is not None:
        raise ConflictError(
            f"{rater.name} has drawn in {case.title!r} and not submitted it (draft {draft_id}); "
            f"a reading from elsewhere would get in between. Let {rater.name} open the case and "
            "submit, or undo, what is drawn; then add this reading"
        )


def every(
    connection: Connection, case_id: str | None, *, is_latest: bool
) -> tuple[Annotation, ...]:
    """Return annotations by case, rater and revision; only last revisions where asked.

    Of all cases, repeats and tracings are left out.
    """
    query = _every_statement(is_of_case=case_id is not None, is_latest=is_latest)
    owner = {} if case_id is None else {"owner": cases.read(connection, case_id).case_id}
    return tuple(_fact(row) for row in connection.execute(query, owner))


@cache
def _every_statement(*, is_of_case: bool, is_latest: bool) -> Select[Any]:
    # Built once: putting a statement together costs more than running it.
    query = select(annotation_table).order_by(
        annotation_table.c.case_id, annotation_table.c.rater_id, annotation_table.c.revision
    )
    if is_of_case:
        query = query.where(annotation_table.c.case_id == bindparam("owner"))
    else:
        for left_out in (repeat_cases, tracing_cases):
            query = query.where(annotation_table.c.case_id.not_in(select(left_out.c.case_id)))
    if is_latest:
        last = (
            select(
                annotation_table.c.case_id,
                annotation_table.c.rater_id,
                func.max(annotation_table.c.revision).label("revision"),
            )
            .group_by(annotation_table.c.case_id, annotation_table.c.rater_id)
            .subquery()
        )
        query = query.join(
            last,
            and_(
                last.c.case_id == annotation_table.c.case_id,
                last.c.rater_id == annotation_table.c.rater_id,
                last.c.revision == annotation_table.c.revision,
            ),
        )
    return query


def read(connection: Connection, annotation_id: str) -> Annotation:
    """Return one annotation."""
    return _fact(row_of(connection, annotation_id))


def row_of(connection: Connection, annotation_id: str) -> Row[Any]:
    """Return the row of an annotation."""
    row = connection.execute(
        select(annotation_table).where(annotation_table.c.annotation_id == annotation_id)
    ).first()
    if row is None:
        known = connection.execute(select(annotation_table.c.annotation_id)).scalars()
        raise UnknownNameError("annotation", annotation_id, known)
    return row


def read_masks(connection: Connection, annotation_ids: Sequence[str]) -> tuple[MaskRuns, ...]:
    """Return the masks of annotations, in the order given."""
    rows = connection.execute(
        select(annotation_table.c.annotation_id, annotation_table.c.mask_id).where(
            annotation_table.c.annotation_id.in_(list(annotation_ids))
        )
    )
    mask_ids = {row.annotation_id: row.mask_id for row in rows}
    for annotation_id in annotation_ids:
        if annotation_id not in mask_ids:
            row_of(connection, annotation_id)
    return masks.read(connection, [mask_ids[entry] for entry in annotation_ids])


def read_tree(connection: Connection, annotation_id: str) -> Tree:
    """Return the tree of an annotation; raises AnnotatorError where it has a mask."""
    row_of(connection, annotation_id)
    return trees.read(connection, tree_steps.tree_id_of(connection, annotation_id))


def _insert(
    change: Change,
    action: str,
    facts: dict[str, Any],
    grid: SlabGrid,
    content: Placed,
    tree: Tree | None,
    marks: str | None,
    **payload: object,
) -> Annotation:
    connection = change.connection
    parent = drafts.latest_annotation(connection, facts["case_id"], facts["rater_id"])
    case = cases.read(connection, facts["case_id"])
    row = {
        **facts,
        "series_id": case.series_ids[0],
        "revision": parent.revision + 1 if parent else 1,
        "parent_id": parent.annotation_id if parent else None,
        "created_at": change.now,
    }
    tree_id, tree_key = (None, None) if tree is None else trees.put(connection, tree)
    row["annotation_id"] = identity(row, grid, content, tree_key, marks)
    row["mask_id"] = masks.add_placed(connection, grid, content)
    connection.execute(insert(annotation_table).values(**row))
    if tree_id is not None:
        connection.execute(
            insert(annotation_trees).values(annotation_id=row["annotation_id"], tree_id=tree_id)
        )
    mark_steps.put(connection, row["annotation_id"], marks)
    change.log(
        action,
        annotation_id=row["annotation_id"],
        case_id=row["case_id"],
        rater_id=row["rater_id"],
        revision=row["revision"],
        **payload,
    )
    return read(connection, row["annotation_id"])


def _fact(row: Row[Any]) -> Annotation:
    return Annotation(
        annotation_id=row.annotation_id,
        case_id=row.case_id,
        rater_id=row.rater_id,
        revision=row.revision,
        parent_id=row.parent_id,
        started_from_id=row.started_from_id,
        diagnosis=from_json(Diagnosis, row.diagnosis),
        created_at=row.created_at,
    )
