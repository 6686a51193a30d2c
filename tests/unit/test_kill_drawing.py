"""A window that is killed while strokes wait for the disk loses the last of them and no others."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode
from annotator.store import Store
from tests.unit.drawing import replay
from tests.unit.project_builder import add_case, make_session
from tests.unit.stroking_child import SHAPE, SPACING, acts, draw

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from annotator.drawing.edit import Mask
    from tests.unit.stroking_child import Act

pytestmark = pytest.mark.unit

N_KILLS = 8
LONGEST_S = 0.2


@dataclass(slots=True)
class Tree:
    """The states of a mask that undo and redo move over, in plain arrays."""

    masks: list[Mask] = field(default_factory=lambda: [np.zeros(SHAPE, np.uint8)])
    parents: list[int] = field(default_factory=lambda: [-1])
    head: int = 0

    def act(self, act: Act) -> bool:
        """Do what a person did; False where it changed nothing."""
        if act.word == "undo":
            head = self.parents[self.head] if self.head else self.head
        elif act.word == "redo":
            newer = [n for n, parent in enumerate(self.parents) if parent == self.head]
            head = newer[-1] if newer else self.head
        else:
            mask = self.masks[self.head].copy()
            mask[_inside(act)] = act.label
            if np.array_equal(mask, self.masks[self.head]):
                return False
            self.masks.append(mask)
            self.parents.append(self.head)
            head = len(self.masks) - 1
        has_moved, self.head = head != self.head, head
        return has_moved

    def cut(self, n_states: int, head: int) -> None:
        """Forget what came after a state."""
        del self.masks[n_states:], self.parents[n_states:]
        self.head = head


@pytest.mark.timeout(240)
def test_a_kill_loses_only_what_was_not_on_disk_and_leaves_a_state_that_was_drawn(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    session = make_session(tmp_path)
    case = add_case(session, 1, SHAPE)
    rater = session.add_rater("Ada").rater_id
    location = str(tmp_path / "project")
    draft_id = session.store.open_draft(case.case_id, rater, actor=rater).draft_id
    session.close()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["annotator.store", "tests.unit.stroking_child"])
    chance, tree = random.Random(4), Tree()
    n_kept = n_lost = 0
    for kill in range(N_KILLS):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=draw, args=(location, draft_id, kill, sender))
        child.start()
        sender.close()
        assert receiver.poll(30)
        time.sleep(chance.uniform(0, LONGEST_S))
        child.kill()
        child.join()
        assert child.exitcode == -9
        writes, n_certain = _writes(tree, kill, _heard(receiver))
        with Store.open(location) as store:
            kept = decode(store.draft_mask(draft_id), np.dtype(np.uint8))
            history = store.history(draft_id)
            assert store.verify() == ()
        on_disk = (len(history.steps) + 1, len(history.path(history.head_step_id)))
        possible = [
            number
            for number, (n_states, head) in enumerate(writes)
            if number >= n_certain
            and (n_states, _depth(tree, head)) == on_disk
            and np.array_equal(kept, tree.masks[head])
        ]
        assert possible, f"kill {kill}: what is on disk is none of the states it may be in"
        n_states, head = writes[possible[-1]]
        n_kept, n_lost = n_kept + possible[-1], n_lost + len(writes) - 1 - possible[-1]
        tree.cut(n_states, head)
    record_property("writes on disk", n_kept)
    record_property("writes lost in the queue", n_lost)
    assert n_kept > 0
    assert n_lost > 0, "no kill met a queue: the test would not see what it is for"


def _writes(tree: Tree, seed: int, pending: list[int]) -> tuple[list[tuple[int, int]], int]:
    """Replay what a killed process did, and perhaps one act more that it could not tell of.

    Returns the number of states and the head after each write, the first one that of the
    beginning, and how many writes were on disk for certain.
    """
    writes, n_certain = [(len(tree.masks), tree.head)], 0
    for number, act in enumerate(itertools.islice(acts(seed), len(pending))):
        if tree.act(act):
            writes.append((len(tree.masks), tree.head))
        if number < len(pending) - 1:
            n_certain = max(n_certain, len(writes) - 1 - pending[number + 1])
    return writes, n_certain


def _heard(receiver: Connection) -> list[int]:
    """Return how many writes waited after each act, and first, before any, 0."""
    heard: list[int] = []
    with receiver:
        while True:
            try:
                heard.append(receiver.recv())
            except EOFError:
                return heard


def _depth(tree: Tree, head: int) -> int:
    depth = 0
    while head:
        head, depth = tree.parents[head], depth + 1
    return depth


def _inside(act: Act) -> replay.Inside:
    """Return the voxels of a stroke."""
    return replay.swept(
        SHAPE,
        SPACING,
        act.places,
        radius_mm=act.diameter_mm / 2,
        plane=None if act.is_3d else 0,
    )
