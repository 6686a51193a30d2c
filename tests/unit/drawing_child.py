"""A process that draws until it is killed, saying before each stroke what and after it that."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import SlabGrid, decode, encode
from annotator.store import Store

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from annotator.domain.reading import Box

Move = tuple[str, "Box | None", int]
"""``paint``, ``undo`` or ``redo``; the box and the label of a stroke."""


def draw(location: str, draft_id: int, seed: int, pipe: Connection) -> None:
    """Make random moves in a draft, for ever."""
    chance = random.Random(seed)
    with Store.open(location) as store:
        runs = store.draft_mask(draft_id)
        mask = decode(runs, np.dtype(np.uint16)).astype(np.uint16)
        grid = runs.grid
        while True:
            move = _next_move(chance, grid.shape)
            pipe.send(("begins", move))
            _make(store, draft_id, mask, move)
            pipe.send(("is done", move))


def _next_move(chance: random.Random, shape: tuple[int, int, int]) -> Move:
    kind = chance.choices(["paint", "undo", "redo"], [6, 3, 2])[0]
    if kind != "paint":
        return kind, None, 0
    depth = chance.choice([1, 1, 1, shape[0]])
    z, y, x = (chance.randrange(size) for size in shape)
    size = chance.choice([3, 8, 60])
    end = (min(z + depth, shape[0]), min(y + size, shape[1]), min(x + size, shape[2]))
    return kind, ((z, y, x), end), chance.choice([0, 1, 300])


def _make(
    store: Store, draft_id: int, mask: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], move: Move
) -> None:
    kind, box, value = move
    grid = SlabGrid((mask.shape[0], mask.shape[1], mask.shape[2]))
    if box is None:
        answer = (store.undo if kind == "undo" else store.redo)(draft_id, actor="drawer")
        for slab, runs in (answer[1] if answer else {}).items():
            z, first, last = grid.rows(slab)
            mask[z, first:last] = 0
            if runs is not None:
                lengths = np.diff(runs.ends, prepend=0)
                mask[z, first:last] = np.repeat(runs.labels, lengths).reshape(last - first, -1)
        return
    (z0, y0, x0), (z1, y1, x1) = box
    mask[z0:z1, y0:y1, x0:x1] = value
    touched = list(grid.touched(box))
    found = encode(mask, touched).slabs
    store.record_step(
        draft_id,
        tool="brush",
        box=box,
        slabs={slab: found.get(slab) for slab in touched},
        actor="drawer",
    )
