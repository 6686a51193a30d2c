"""The history of a draft: all its steps, and what its mask was after any of them."""

from __future__ import annotations

from itertools import takewhile
from operator import eq
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.analysis.runs import MaskRuns
from annotator.domain.errors import UnknownNameError
from annotator.domain.reading import History
from annotator.store import drafts as draft_rows
from annotator.store import masks, slabs, steps
from annotator.store.tables import drafts, step_slabs
from annotator.store.tables import steps as step_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

_IDS_A_QUERY = 500


def read(connection: Connection, draft_id: int) -> History:
    """Return all steps of a draft, also those that were taken back, and where it stands."""
    draft_rows.mask_id_of(connection, draft_id)
    head = connection.execute(
        select(drafts.c.head_step_id).where(drafts.c.draft_id == draft_id)
    ).scalar_one()
    rows = connection.execute(
        select(step_table).where(step_table.c.draft_id == draft_id).order_by(step_table.c.step_id)
    )
    return History(steps=tuple(steps.from_row(row) for row in rows), head_step_id=head)


def mask_after(
    connection: Connection,
    draft_id: int,
    step_id: int | None,
    only: Collection[int] | None = None,
) -> MaskRuns:
    """Return what a draft's mask was after a step; None stands for the state it began with.

    ``only`` limits it to some slabs: the others are left out. Raises UnknownNameError for a step
    of another draft.
    """
    history = read(connection, draft_id)
    known = {step.step_id for step in history.steps}
    if step_id is not None and step_id not in known:
        raise UnknownNameError("step", str(step_id), [str(entry) for entry in sorted(known)])
    mask_id = draft_rows.mask_id_of(connection, draft_id)
    placed: dict[int, int | None] = {
        index: slab.slab_id for index, slab in masks.placed(connection, mask_id).items()
    }
    there, here = history.path(step_id), history.path(history.head_step_id)
    n_common = sum(takewhile(bool, map(eq, there, here)))
    back, forth = here[n_common:][::-1], there[n_common:]
    changes = _changes(connection, (*back, *forth), only)
    for number in back:
        placed.update({index: before for index, (before, _) in changes.get(number, {}).items()})
    for number in forth:
        placed.update({index: after for index, (_, after) in changes.get(number, {}).items()})
    wanted = {
        index: slab_id
        for index, slab_id in sorted(placed.items())
        if slab_id is not None and (only is None or index in only)
    }
    found = slabs.get(connection, wanted.values())
    return MaskRuns(
        masks.grid_of(connection, mask_id),
        {index: found[slab_id] for index, slab_id in wanted.items()},
    )


def _changes(
    connection: Connection, step_ids: Sequence[int], only: Collection[int] | None
) -> Mapping[int, Mapping[int, tuple[int | None, int | None]]]:
    """Return, by step and slab, the row of the slab's content before and after."""
    found: dict[int, dict[int, tuple[int | None, int | None]]] = {}
    for start in range(0, len(step_ids), _IDS_A_QUERY):
        wanted = step_ids[start : start + _IDS_A_QUERY]
        rows = select(step_slabs).where(step_slabs.c.step_id.in_(wanted))
        if only is not None:
            rows = rows.where(step_slabs.c.slab_index.in_(sorted(only)))
        for row in connection.execute(rows):
            entry = (row.before_slab_id, row.after_slab_id)
            found.setdefault(row.step_id, {})[row.slab_index] = entry
    return found
