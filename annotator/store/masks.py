"""Masks as lists of slabs: what drafts, annotations, fusions and adjudications all refer to."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, delete, insert, select

from annotator.analysis.runs import MaskRuns, SlabGrid, SlabTable
from annotator.domain.errors import IntegrityError
from annotator.store import slabs
from annotator.store.facts import digest
from annotator.store.tables import mask_slabs, masks
from annotator.store.tables import slabs as slab_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Executable

    from annotator.store.slabs import StoredSlab

_LAST = 2**31 - 1

# Built once: putting a statement together costs more than running it.
_PLACED = (
    select(mask_slabs.c.slab_index, slab_table.c.slab_id, slab_table.c.key)
    .join_from(mask_slabs, slab_table)
    .where(
        mask_slabs.c.mask_id == bindparam("owner"),
        mask_slabs.c.slab_index.between(bindparam("first"), bindparam("last")),
    )
    .order_by(mask_slabs.c.slab_index)
)
_CONTENT = (
    select(mask_slabs.c.mask_id, mask_slabs.c.slab_index, slab_table.c.blob)
    .outerjoin_from(mask_slabs, slab_table)
    .where(mask_slabs.c.mask_id.in_(bindparam("mask_ids", expanding=True)))
    .order_by(mask_slabs.c.mask_id, mask_slabs.c.slab_index)
)
_GRIDS = select(masks).where(masks.c.mask_id.in_(bindparam("mask_ids", expanding=True)))
_TAKE_AWAY = delete(mask_slabs).where(
    mask_slabs.c.mask_id == bindparam("owner"), mask_slabs.c.slab_index == bindparam("at")
)


@cache
def _put_statement(dialect: str) -> Executable:
    # Only the dialect that the project is kept in: the other one takes long to import.
    own = import_module(f"sqlalchemy.dialects.{dialect}")
    statement = own.insert(mask_slabs)
    put: Executable = statement.on_conflict_do_update(
        index_elements=["mask_id", "slab_index"], set_={"slab_id": statement.excluded.slab_id}
    )
    return put


Placed = dict[int, "StoredSlab"]
"""Slab number → where its content lies."""


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
    found = connection.execute(
        _PLACED,
        {"owner": mask_id, "first": min(only), "last": max(only)}
        if only
        else {"owner": mask_id, "first": 0, "last": _LAST},
    )
    chosen = None if only is None else set(only)
    return {
        index: slabs.StoredSlab(slab_id, bytes(key))
        for index, slab_id, key in found
        if chosen is None or index in chosen
    }


def change(connection: Connection, mask_id: int, content: Mapping[int, int | None]) -> None:
    """Point slabs of a draft's mask at other rows; None takes the slab away."""
    gone = [
        {"owner": mask_id, "at": index} for index, slab_id in content.items() if slab_id is None
    ]
    put = [
        {"mask_id": mask_id, "slab_index": index, "slab_id": slab_id}
        for index, slab_id in content.items()
        if slab_id is not None
    ]
    if gone:
        connection.execute(_TAKE_AWAY, gone)
    if put:
        connection.execute(_put_statement(connection.dialect.name), put)


def grid_of(connection: Connection, mask_id: int) -> SlabGrid:
    """Return the grid of a mask."""
    row = connection.execute(
        select(masks.c.z_size, masks.c.y_size, masks.c.x_size).where(masks.c.mask_id == mask_id)
    ).one()
    return SlabGrid((row.z_size, row.y_size, row.x_size))


def read(connection: Connection, mask_ids: Sequence[int]) -> tuple[MaskRuns, ...]:
    """Return masks as runs, in the order given."""
    wanted = list(dict.fromkeys(mask_ids))
    grids = {
        row.mask_id: SlabGrid((row.z_size, row.y_size, row.x_size))
        for row in connection.execute(_GRIDS, {"mask_ids": wanted})
    }
    rows = connection.execute(_CONTENT, {"mask_ids": wanted}).all()
    for _, index, blob in rows:
        if blob is None:
            raise IntegrityError(
                f"slab {index} of a mask is gone from the project; "
                "run verify to see what else is missing"
            )
    ends, labels, first = slabs.unpack_joined([blob for _, _, blob in rows])
    owner = np.array([mask_id for mask_id, _, _ in rows], np.int64)
    number = np.array([index for _, index, _ in rows], np.int64)
    found = {}
    for mask_id in wanted:
        if mask_id not in grids:
            raise IntegrityError("a mask is gone from the project; run verify to see what else is")
        low, high = np.searchsorted(owner, [mask_id, mask_id + 1]).tolist()
        own = slice(first[low], first[high])
        table = SlabTable(
            number[low:high], first[low : high + 1] - first[low], ends[own], labels[own]
        )
        found[mask_id] = MaskRuns(grids[mask_id], table)
    return tuple(found[mask_id] for mask_id in mask_ids)


def content_of(grid: SlabGrid, content: Placed) -> list[object]:
    """Return what a mask adds to the identity of its owner: its grid and the keys of its slabs."""
    return [list(grid.shape), [[index, slab.key.hex()] for index, slab in sorted(content.items())]]


def mask_digest(grid: SlabGrid, content: Placed) -> str:
    """Return the SHA-256 of a mask's content."""
    return digest(content_of(grid, content))
