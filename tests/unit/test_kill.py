"""No finished stroke is lost, and nothing is left half-written, however the program ends."""

from __future__ import annotations

import multiprocessing
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.store import Store
from tests.contract.store_world import ME, SCHEMA, Replay, add_case, dense
from tests.unit.drawing_child import draw

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.unit.drawing_child import Move

pytestmark = pytest.mark.unit

N_KILLS = 50
LONGEST_S = 0.25


@pytest.mark.timeout(240)
def test_every_finished_stroke_survives_a_kill(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    location = str(tmp_path / "project")
    with Store.create(location, title="Killed", schema=SCHEMA, seed=1) as store:
        case = add_case(store, 1)
        rater = store.add_rater("Anna", actor=ME)
        draft_id = store.open_draft(case.case_id, rater.rater_id, actor=ME).draft_id
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["annotator.store", "tests.unit.drawing_child"])
    chance = random.Random(20)
    replay = Replay()
    n_finished = n_in_flight = 0
    for kill in range(N_KILLS):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=draw, args=(location, draft_id, kill, sender))
        child.start()
        sender.close()
        receiver.poll(30)
        time.sleep(chance.uniform(0, LONGEST_S))
        child.kill()
        child.join()
        assert child.exitcode == -9
        finished, in_flight = heard(receiver)
        for move in finished:
            make(replay, move)
        n_finished += len(finished)
        with Store.open(location) as store:
            kept = dense(store.draft_mask(draft_id))
            n_steps = len(store.steps(draft_id))
            problems = store.verify()
        if in_flight and depth_after(replay, in_flight) == n_steps != replay.depth:
            make(replay, in_flight)
            n_in_flight += 1
        assert n_steps == replay.depth
        np.testing.assert_array_equal(kept, replay.mask)
        assert problems == ()
    assert n_finished > N_KILLS
    record_property("finished strokes", n_finished)
    record_property("strokes complete without an answer", n_in_flight)


def heard(receiver: Connection) -> tuple[list[Move], Move | None]:
    """Return the moves that a killed process finished, and the one that it had begun."""
    finished: list[Move] = []
    begun: Move | None = None
    with receiver:
        while True:
            try:
                word, move = receiver.recv()
            except EOFError:
                return finished, begun
            if word == "is done":
                finished.append(move)
                begun = None
            else:
                begun = move


def make(replay: Replay, move: Move) -> None:
    kind, box, value = move
    if box is not None:
        replay.paint(box, value)
    elif kind == "undo":
        replay.undo()
    else:
        replay.redo()


def depth_after(replay: Replay, move: Move) -> int:
    kind, _, _ = move
    if kind == "paint":
        return replay.depth + 1
    if kind == "undo":
        return max(0, replay.depth - 1)
    return replay.depth + replay.can_redo
