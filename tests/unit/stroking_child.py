"""A process that draws as the window does, faster than the disk can follow, until it is killed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.drawing.brush import Brush
from annotator.drawing.eraser import Eraser
from annotator.drawing.surface import Surface
from annotator.session.access import DraftAccess
from annotator.session.draft import DraftSession
from annotator.store import Store
from tests.unit.drawing.hands import stroke, take_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from annotator.drawing.edit import Point

SHAPE = (4, 40, 36)
SPACING = (2.0, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Act:
    """A stroke of brush or eraser, or an undo or redo that has no places."""

    word: Literal["brush", "eraser", "undo", "redo"]
    places: tuple[Point, ...] = ()
    label: int = 0
    diameter_mm: float = 0.0
    is_3d: bool = False


def acts(seed: int) -> Iterator[Act]:
    """Yield what a person does, for ever; the same for the same seed."""
    chance = random.Random(seed)
    words: tuple[Literal["brush", "eraser", "undo", "redo"], ...] = (
        "brush",
        "eraser",
        "undo",
        "redo",
    )
    while True:
        word = chance.choices(words, [6, 2, 3, 2])[0]
        if word in ("undo", "redo"):
            yield Act(word)
            continue
        z = chance.randrange(SHAPE[0])
        places = tuple(
            (float(z), chance.uniform(-2, SHAPE[1] + 2), chance.uniform(-2, SHAPE[2] + 2))
            for _ in range(chance.randint(1, 3))
        )
        label = 0 if word == "eraser" else chance.randint(1, 2)
        yield Act(word, places, label, chance.choice([0.4, 3.0, 12.0]), chance.random() < 0.3)


def draw(location: str, draft_id: int, seed: int, pipe: Connection) -> None:
    """Act for ever; after each act say how many writes wait for the disk, never wait for it."""
    with Store.open(location) as store:
        draft = store.draft(draft_id)
        access = DraftAccess(store, draft, draft.rater_id)
        drawing = DraftSession(access, np.dtype(np.uint8))
        pipe.send(0)
        for act in acts(seed):
            if act.word == "undo":
                drawing.undo()
            elif act.word == "redo":
                drawing.redo()
            else:
                gesture = take_up(
                    Eraser if act.word == "eraser" else Brush,
                    Surface(mask=drawing.mask, spacing_mm=SPACING),
                    label=act.label,
                    diameter_mm=act.diameter_mm,
                    index=int(act.places[0][0]),
                    is_3d=act.is_3d,
                )
                edit = stroke(gesture, *act.places)
                if edit is not None:
                    drawing.record(gesture.name, edit)
            pipe.send(drawing.n_pending)
