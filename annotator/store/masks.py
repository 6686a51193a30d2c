"""Masks as lists of slabs: what drafts, annotations, fusions and adjudications all refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from annotator.analysis.runs import MaskRuns, SlabGrid, SlabRuns
from annotator.domain.errors import IntegrityError
from annotator.store import slabs
from annotator.store.facts import digest
from annotator.store.tables import mask_slabs, masks
from annotator.store.tables import slabs as slab_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from annotator.store.slabs import StoredSlab

Placed = dict[int, "StoredSlab"]
"""Slab number → where its content lies."""


def add(connection: Connection, mask: MaskRuns) -> tuple[int, Placed]:
    """Keep a new mask; return its row and its slabs."""
    content = put_slabs(connection, mask)
    return add_placed(connection, mask.grid, content), content


def put_slabs(connection: Connection, mask: MaskRuns) -> Placed:
    """Keep the slabs of a mask; return where they lie."""
    ordered = sorted(mask.slabs.items())
    stored = slabs.put(connection, (runs for _, runs in ordered), mask.grid.shape[2])
    return {index: slab for (index, _), slab in zip(ordered, stored, strict=True)}


def add_placed(connection: Connection, grid: SlabGrid, placed: Placed) -> int:
    """Keep a new mask of slabs that are already there; return its row."""
    z_size, y_size, x_size = grid.shape
    mask_id: int = connection.execute(
        insert(masks).values(z_size=z_size, y_size=y_size, x_size=x_size).returning(masks.c.mask_id)
    ).scalar_one()
    if placed:
        connection.execute(
            insert(mask_slabs),
            [
                {"mask_id": mask_id, "slab_index": index, "slab_id": slab.slab_id}
                for index, slab in placed.items()
            ],
        )
    return mask_id


def placed(connection: Connection, mask_id: int, only: Sequence[int] | None = None) -> Placed:
    """Return where the slabs of a mask lie, in order; those of the numbers in ``only``."""
    query = (
        select(mask_slabs.c.slab_index, slab_table.c.slab_id, slab_table.c.key)
        .join_from(mask_slabs, slab_table)
        .where(mask_slabs.c.mask_id == mask_id)
        .order_by(mask_slabs.c.slab_index)
    )
    if only is not None:
        query = query.where(mask_slabs.c.slab_index.between(min(only), max(only)))
    chosen = None if only is None else set(only)
    return {
        index: slabs.StoredSlab(slab_id, bytes(key))
        for index, slab_id, key in connection.execute(query)
        if chosen is None or index in chosen
    }


def change(connection: Connection, mask_id: int, content: Mapping[int, int | None]) -> None:
    """Point slabs of a draft's mask at other rows; None takes the slab away."""
    gone = [index for index, slab_id in content.items() if slab_id is None]
    put = [
        {"mask_id": mask_id, "slab_index": index, "slab_id": slab_id}
        for index, slab_id in content.items()
        if slab_id is not None
    ]
    for index in gone:
        connection.execute(
            delete(mask_slabs).where(
                mask_slabs.c.mask_id == mask_id, mask_slabs.c.slab_index == index
            )
        )
    if put:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(mask_slabs)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["mask_id", "slab_index"],
                set_={"slab_id": statement.excluded.slab_id},
            ),
            put,
        )


def grid_of(connection: Connection, mask_id: int) -> SlabGrid:
    """Return the grid of a mask."""
    row = connection.execute(
        select(masks.c.z_size, masks.c.y_size, masks.c.x_size).where(masks.c.mask_id == mask_id)
    ).one()
    return SlabGrid((row.z_size, row.y_size, row.x_size))


def read(connection: Connection, mask_ids: Sequence[int]) -> tuple[MaskRuns, ...]:
    """Return masks as runs, in the order given."""
    found: list[MaskRuns] = []
    for mask_id in mask_ids:
        rows = connection.execute(
            select(mask_slabs.c.slab_index, slab_table.c.blob)
            .outerjoin_from(mask_slabs, slab_table)
            .where(mask_slabs.c.mask_id == mask_id)
        ).all()
        content: dict[int, SlabRuns] = {}
        for index, blob in rows:
            if blob is None:
                raise IntegrityError(
                    f"slab {index} of a mask is gone from the project; "
                    "run verify to see what else is missing"
                )
            content[index] = slabs.unpack(blob)
        found.append(MaskRuns(grid_of(connection, mask_id), content))
    return tuple(found)


def content_of(grid: SlabGrid, content: Placed) -> list[object]:
    """Return what a mask adds to the identity of its owner: its grid and the keys of its slabs."""
    return [list(grid.shape), [[index, slab.key.hex()] for index, slab in sorted(content.items())]]


def mask_digest(grid: SlabGrid, content: Placed) -> str:
    """Return the SHA-256 of a mask's content."""
    return digest(content_of(grid, content))
