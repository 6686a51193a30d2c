"""Whether slabs match their keys, and annotations, fusions and adjudications their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from annotator.domain.errors import IntegrityError
from annotator.store import adjudications as adjudication_rows
from annotator.store import fits as fit_rows
from annotator.store import fusions as fusion_rows
from annotator.store import masks, readings
from annotator.store import slabs as slab_rows
from annotator.store.tables import (
    adjudications as adjudication_table,
)
from annotator.store.tables import (
    annotation_marks,
    annotation_table,
    annotation_trees,
    mask_slabs,
    metadata,
)
from annotator.store.tables import fits as fit_table
from annotator.store.tables import fusions as fusion_table
from annotator.store.tables import slabs as slab_table
from annotator.store.tables import trees as tree_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from annotator.store.masks import Placed
    from annotator.store.words import Words

_SLABS_AT_A_TIME = 500


def dangling(connection: Connection, words: Words) -> Iterator[str]:
    """Check that every row that another one refers to is there."""
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            target, name = key.column.table.name, key.parent.name
            # In words of the driver: to build and compile these as expressions takes far longer
            # than to run them.
            rows = connection.exec_driver_sql(
                f"SELECT source.* FROM {table.name} AS source LEFT JOIN {target} AS target "
                f"ON source.{name} = target.{key.column.name} "
                f"WHERE source.{name} IS NOT NULL AND target.{key.column.name} IS NULL"
            )
            for row in rows:
                wanted = row._mapping[name]
                yield (
                    f"{_shown(table.name, row._mapping, words)} refers to "
                    f"{target} {str(wanted)[:12]} ({name}), which is gone"
                )


def slabs(connection: Connection, words: Words) -> Iterator[str]:
    """Check that every slab still hashes to its key."""
    last = -1
    while True:
        rows = connection.execute(
            select(slab_table)
            .where(slab_table.c.slab_id > last)
            .order_by(slab_table.c.slab_id)
            .limit(_SLABS_AT_A_TIME)
        ).all()
        if not rows:
            return
        for row in rows:
            try:
                reason = (
                    None
                    if slab_rows.slab_key(slab_rows.unpack([row.blob])[0]) == bytes(row.key)
                    else "its content does not match its hash"
                )
            except IntegrityError as error:
                reason = str(error)
            if reason:
                yield (
                    f"slab {row.slab_id} ({bytes(row.key).hex()[:12]}) is damaged: {reason}; "
                    f"{words.slab_users(row.slab_id)}"
                )
        last = rows[-1].slab_id


def submitted(connection: Connection, words: Words) -> Iterator[str]:
    """Check that every annotation's content hashes to its id."""
    keys = {
        row.annotation_id: bytes(row.key)
        for row in connection.execute(
            select(annotation_trees.c.annotation_id, tree_table.c.key).join_from(
                annotation_trees, tree_table
            )
        )
    }
    marks = {row.annotation_id: row.content for row in connection.execute(select(annotation_marks))}
    for row in connection.execute(select(annotation_table)):
        content = _whole(connection, row.mask_id)
        if content is None:
            continue
        grid = masks.grid_of(connection, row.mask_id)
        tree_key, marked = keys.get(row.annotation_id), marks.get(row.annotation_id)
        found = readings.identity(row._asdict(), grid, content, tree_key, marked)
        if found != row.annotation_id:
            yield (
                words.reading("annotation", row.annotation_id, row.case_id, row.rater_id)
                + " does not match its id: its content, diagnosis or origin was changed"
            )


def fusions(connection: Connection, words: Words) -> Iterator[str]:
    """Check that every fusion's content hashes to its id."""
    for row in connection.execute(select(fusion_table)):
        labels = _whole(connection, row.labels_mask_id)
        patterns = _whole(connection, row.patterns_mask_id)
        shown = f"fusion {row.fusion_id[:12]} ({words.case(row.case_id)})"
        try:
            probability = fusion_rows.probability_bytes(row)
        except IntegrityError as error:
            yield f"{shown} is damaged: {error}"
            continue
        if labels is None or patterns is None:
            continue
        grid = masks.grid_of(connection, row.labels_mask_id)
        weights = {
            rater_id: _whole(connection, mask_id)
            for rater_id, mask_id in fusion_rows.weight_masks(connection, row.fusion_id).items()
        }
        whole = {rater_id: found for rater_id, found in weights.items() if found is not None}
        if len(whole) < len(weights):
            continue
        found = fusion_rows.identity(row._asdict(), grid, labels, patterns, probability, whole)
        if found != row.fusion_id:
            yield (
                f"{shown} does not match its id: its recipe, labels, probability or performance "
                "was changed"
            )


def fits(connection: Connection, _: Words) -> Iterator[str]:
    """Check that everything that was learned hashes to its id."""
    for row in connection.execute(select(fit_table)):
        shown = f"fit {row.fit_id[:12]}"
        try:
            content = fit_rows.content_of(row)
        except IntegrityError as error:
            yield f"{shown} is damaged: {error}"
            continue
        if fit_rows.identity(row._asdict(), content) != row.fit_id:
            yield f"{shown} does not match its id: its recipe or what it learned was changed"


def adjudications(connection: Connection, words: Words) -> Iterator[str]:
    """Check that every adjudication's content hashes to its id."""
    for row in connection.execute(select(adjudication_table)):
        mask = _whole(connection, row.mask_id)
        origin = _whole(connection, row.origin_mask_id)
        if mask is None or origin is None:
            continue
        grid = masks.grid_of(connection, row.mask_id)
        if adjudication_rows.identity(row._asdict(), grid, mask, origin) != row.adjudication_id:
            yield (
                f"adjudication {row.adjudication_id[:12]} ({words.case(row.case_id)}) does not "
                "match its id: its mask, verdicts or diagnosis was changed"
            )


def _whole(connection: Connection, mask_id: int) -> Placed | None:
    """Return the slabs of a mask; None where one is gone, which `dangling` names."""
    content = masks.placed(connection, mask_id)
    n_listed = len(
        connection.execute(
            select(mask_slabs.c.slab_index).where(mask_slabs.c.mask_id == mask_id)
        ).all()
    )
    return content if len(content) == n_listed else None


def _shown(table_name: str, row: Any, words: Words) -> str:  # noqa: ANN401 - a row's mapping
    if table_name == "mask_slabs":
        return f"{words.mask_owner(row['mask_id'])}, slab {row['slab_index']},"
    first, value = next(iter(row.items()))
    return f"a row of {table_name} ({first} {str(value)[:12]})"
