"""Whether the schema has a label for every value that was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.domain.errors import IntegrityError
from annotator.domain.label_groups import MaskValues
from annotator.domain.schema import LabelSchema
from annotator.store import slabs as slab_rows
from annotator.store.facts import from_json
from annotator.store.tables import (
    adjudications,
    annotation_table,
    drafts,
    gold_cases,
    mask_slabs,
    project,
    slabs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from annotator.store.words import Words

_SLABS_AT_A_TIME = 500


def drawn_values(connection: Connection, words: Words) -> Iterator[str]:
    """Check annotations, open drafts, decided and true masks; fusions hold what is annotated."""
    text = connection.execute(select(project.c.schema)).scalar_one_or_none()
    if text is None:
        return  # the check of last values names it
    schema = from_json(LabelSchema, text)
    known = {*MaskValues(schema).known}
    owners = {
        mask_id
        for query in (
            select(annotation_table.c.mask_id),
            select(drafts.c.mask_id).where(drafts.c.is_open),
            select(adjudications.c.mask_id),
            select(gold_cases.c.mask_id),
        )
        for mask_id in connection.execute(query).scalars()
    }
    users: dict[int, list[int]] = {}
    for mask_id, slab_id in connection.execute(select(mask_slabs.c.mask_id, mask_slabs.c.slab_id)):
        if mask_id in owners:
            users.setdefault(slab_id, []).append(mask_id)
    unknown: dict[int, set[int]] = {}
    for slab_id, values in _values(connection, sorted(users)):
        if values - known:
            for mask_id in users[slab_id]:
                unknown.setdefault(mask_id, set()).update(values - known)
    for mask_id, values in sorted(unknown.items()):
        listed = ", ".join(str(value) for value in sorted(values))
        yield (
            f"{words.mask_owner(mask_id)}: the schema {schema.name!r} has no label for the drawn "
            f"values {listed}; adding such a reading again with --extend makes them"
        )


def _values(connection: Connection, slab_ids: Sequence[int]) -> Iterator[tuple[int, set[int]]]:
    for start in range(0, len(slab_ids), _SLABS_AT_A_TIME):
        rows = connection.execute(
            select(slabs.c.slab_id, slabs.c.blob).where(
                slabs.c.slab_id.in_(slab_ids[start : start + _SLABS_AT_A_TIME])
            )
        ).all()
        for row in rows:
            try:
                (runs,) = slab_rows.unpack([row.blob])
            except IntegrityError:
                continue  # the check of slabs names it
            yield row.slab_id, set(runs.labels.tolist())
