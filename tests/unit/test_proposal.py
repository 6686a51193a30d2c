from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.drawing.proposal import Proposal

pytestmark = pytest.mark.unit

SHAPE = (4, 12, 12)


def region(box: tuple[tuple[int, int, int], tuple[int, int, int]]) -> np.ndarray:
    return np.ones(np.subtract(box[1], box[0]), np.bool_)


def drawn(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, SHAPE, dtype=np.uint8)


def test_the_next_proposal_takes_the_place_of_the_last() -> None:
    mask = drawn()
    before = mask.copy()
    proposal = Proposal(mask, value=7)
    first, second = ((0, 1, 1), (2, 6, 6)), ((1, 4, 4), (3, 9, 9))
    edit = proposal.show(first, region(first))
    assert edit is not None
    assert edit.box == first
    assert (edit.after == 7).all()
    np.testing.assert_array_equal(edit.before, before[0:2, 1:6, 1:6])
    edit = proposal.show(second, region(second))
    assert edit is not None
    expected = before.copy()
    expected[1:3, 4:9, 4:9] = 7
    np.testing.assert_array_equal(mask, expected)
    assert proposal.show(second, region(second)) is None, "nothing changes"


def test_what_is_withdrawn_leaves_nothing() -> None:
    mask = drawn()
    before = mask.copy()
    proposal = Proposal(mask, value=7)
    assert proposal.withdraw() is None
    box = ((0, 1, 1), (2, 6, 6))
    proposal.show(box, region(box))
    assert proposal.withdraw() is not None
    np.testing.assert_array_equal(mask, before)


@given(st.lists(st.tuples(*(st.integers(0, size - 1) for size in SHAPE * 2)), max_size=5))
def test_edits_follow_each_other(corners: list[tuple[int, ...]]) -> None:
    """Replaying the edits backwards, as undo does, brings every state back."""
    mask = drawn(1)
    proposal = Proposal(mask, value=1)
    states, edits = [mask.copy()], []
    for six in corners:
        low = tuple(min(a, b) for a, b in zip(six[:3], six[3:], strict=True))
        high = tuple(max(a, b) + 1 for a, b in zip(six[:3], six[3:], strict=True))
        box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        edit = proposal.show(box, region(box))
        if edit is not None:
            edits.append(edit)
            states.append(mask.copy())
    for edit, state in zip(reversed(edits), reversed(states[:-1]), strict=True):
        inside = tuple(slice(*ends) for ends in zip(*edit.box, strict=True))
        np.testing.assert_array_equal(mask[inside], edit.after)
        mask[inside] = edit.before
        np.testing.assert_array_equal(mask, state)
