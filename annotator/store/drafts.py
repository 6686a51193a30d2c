"""Drafts: readings that are being drawn. Their steps are in `steps`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import bindparam, func, insert, select, update

from annotator.analysis.runs import MaskRuns, SlabGrid
from annotator.domain.errors import AnnotatorError, ConflictError, UnknownNameError
from annotator.domain.reading import Diagnosis, Draft
from annotator.store import masks, series
from annotator.store.facts import from_json, to_json
from annotator.store.raters import NO_DIAGNOSIS
from annotator.store.tables import annotation_table, drafts, steps
from annotator.store.tables import masks as mask_table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from annotator.domain.study import Case
    from annotator.store.database import Change

Purpose = Literal["reading", "redraw"]
SeenHead = int | None | Literal["any"]
"""The last step that a writer knows of (None: no step yet), or that it does not matter."""


# Built once: putting a statement together costs more than running it.
_OPEN = (
    select(
        drafts,
        mask_table.c.z_size,
        mask_table.c.y_size,
        mask_table.c.x_size,
        steps.c.started_from_id.label("head_started_from"),
    )
    .join_from(drafts, mask_table)
    .outerjoin(steps, steps.c.step_id == drafts.c.head_step_id)
    .where(drafts.c.draft_id == bindparam("draft"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """What a write to a draft needs of it."""

    draft_id: int
    case_id: str
    rater_id: str
    purpose: Purpose
    grid: SlabGrid
    mask_id: int
    head_step_id: int | None
    parent_id: str | None
    started_from_id: str | None
    diagnosis: str


def open_one(connection: Connection, case_id: str, rater_id: str, purpose: Purpose) -> int | None:
    """Return the draft of a rater on a case that is open, or None."""
    found: int | None = connection.execute(
        select(drafts.c.draft_id).where(
            drafts.c.case_id == case_id,
            drafts.c.rater_id == rater_id,
            drafts.c.purpose == purpose,
            drafts.c.is_open,
        )
    ).scalar_one_or_none()
    return found


def begin(
    change: Change,
    case: Case,
    rater_id: str,
    purpose: Purpose,
    *,
    parent: Row[Any] | None,
    replaces: int | None,
) -> int:
    """Open a draft that begins as its parent's reading; return its number.

    ``replaces`` is the draft that was closed for it.
    """
    grid = SlabGrid(series.read(change.connection, case.series_ids[0]).geometry.shape)
    base = masks.placed(change.connection, parent.mask_id) if parent else {}
    draft_id: int = change.connection.execute(
        insert(drafts)
        .values(
            case_id=case.case_id,
            rater_id=rater_id,
            purpose=purpose,
            is_open=True,
            mask_id=masks.add_placed(change.connection, grid, base),
            parent_id=parent.annotation_id if parent else None,
            started_from_id=parent.started_from_id if parent else None,
            diagnosis=parent.diagnosis if parent else NO_DIAGNOSIS,
            created_at=change.now,
        )
        .returning(drafts.c.draft_id)
    ).scalar_one()
    change.log(
        "open draft",
        draft_id=draft_id,
        case_id=case.case_id,
        rater_id=rater_id,
        purpose=purpose,
        parent_id=parent.annotation_id if parent else None,
        **({} if replaces is None else {"replaces_id": replaces}),
    )
    return draft_id


def latest_annotation(connection: Connection, case_id: str, rater_id: str) -> Row[Any] | None:
    """Return the row of a rater's last revision on a case, or None."""
    return connection.execute(
        select(annotation_table)
        .where(annotation_table.c.case_id == case_id, annotation_table.c.rater_id == rater_id)
        .order_by(annotation_table.c.revision.desc())
        .limit(1)
    ).first()


def read(connection: Connection, draft_id: int) -> Draft:
    """Return the state of a draft."""
    head = steps.alias("head")
    child = steps.alias("child")
    can_redo = (
        select(func.count())
        .where(
            child.c.draft_id == drafts.c.draft_id,
            child.c.parent_step_id.is_not_distinct_from(drafts.c.head_step_id),
        )
        .scalar_subquery()
    )
    row = connection.execute(
        select(drafts, head.c.started_from_id.label("head_started_from"), can_redo.label("n_next"))
        .outerjoin_from(drafts, head, head.c.step_id == drafts.c.head_step_id)
        .where(drafts.c.draft_id == draft_id)
    ).first()
    if row is None:
        raise _unknown(connection, draft_id)
    started_from_id = row.started_from_id if row.head_step_id is None else row.head_started_from
    return Draft(
        draft_id=row.draft_id,
        case_id=row.case_id,
        rater_id=row.rater_id,
        started_from_id=started_from_id,
        parent_id=row.parent_id,
        diagnosis=from_json(Diagnosis, row.diagnosis),
        head_step_id=row.head_step_id,
        can_undo=row.is_open and row.head_step_id is not None,
        can_redo=row.is_open and row.n_next > 0,
    )


def mask_id_of(connection: Connection, draft_id: int) -> int:
    """Return the row of the draft's current mask."""
    mask_id = connection.execute(
        select(drafts.c.mask_id).where(drafts.c.draft_id == draft_id)
    ).scalar_one_or_none()
    if mask_id is None:
        raise _unknown(connection, draft_id)
    found: int = mask_id
    return found


def read_mask(connection: Connection, draft_id: int) -> MaskRuns:
    """Return the draft's current mask."""
    (found,) = masks.read(connection, [mask_id_of(connection, draft_id)])
    return found


def read_open(connection: Connection, draft_id: int, seen: SeenHead = "any") -> DraftRow:
    """Return what a write needs; raises where the draft was submitted or has moved on."""
    row = connection.execute(_OPEN, {"draft": draft_id}).first()
    if row is None:
        raise _unknown(connection, draft_id)
    if not row.is_open:
        raise AnnotatorError(
            f"draft {draft_id} was submitted, or replaced by a newer one, and cannot be changed; "
            "open the case again to draw a correction"
        )
    if seen not in ("any", row.head_step_id):
        raise ConflictError(
            f"draft {draft_id} was changed in another window since it was opened in this one; "
            "close the case here and open it again to go on from there"
        )
    return DraftRow(
        draft_id=row.draft_id,
        case_id=row.case_id,
        rater_id=row.rater_id,
        purpose=row.purpose,
        grid=SlabGrid((row.z_size, row.y_size, row.x_size)),
        mask_id=row.mask_id,
        head_step_id=row.head_step_id,
        parent_id=row.parent_id,
        started_from_id=(
            row.started_from_id if row.head_step_id is None else row.head_started_from
        ),
        diagnosis=row.diagnosis,
    )


def set_diagnosis(change: Change, draft_id: int, diagnosis: Diagnosis) -> None:
    """Keep what the rater says of the case so far."""
    set_diagnosis_text(change, draft_id, to_json(diagnosis))


def set_diagnosis_text(change: Change, draft_id: int, text: str) -> None:
    """Keep a diagnosis that is JSON already."""
    draft = read_open(change.connection, draft_id)
    if text == draft.diagnosis:
        return
    change.connection.execute(
        update(drafts).where(drafts.c.draft_id == draft_id).values(diagnosis=text)
    )
    change.log("set diagnosis", draft_id=draft_id, diagnosis=text)


def close(change: Change, draft_id: int) -> None:
    """Take the draft out of the open ones; its steps stay as history."""
    change.connection.execute(
        update(drafts).where(drafts.c.draft_id == draft_id).values(is_open=False)
    )


def _unknown(connection: Connection, draft_id: int) -> UnknownNameError:
    known = connection.execute(select(drafts.c.draft_id)).scalars()
    return UnknownNameError("draft", str(draft_id), [str(entry) for entry in known])
