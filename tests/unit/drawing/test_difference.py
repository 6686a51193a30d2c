"""The change between two masks is the smallest that makes one of the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.drawing.difference import change_to
from annotator.drawing.edit import EditRecorder

pytestmark = pytest.mark.unit


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.sampled_from([0.0, 0.002, 0.05, 0.6]))
def test_applying_it_gives_what_is_wanted(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    now = random.integers(0, 3, (5, 9, 7)).astype(np.uint8)
    wanted = now.copy()
    wanted[random.random(now.shape) < share] = 7
    change = change_to(wanted, now)
    differing = np.argwhere(wanted != now)
    if change is None:
        assert not differing.size
        return
    assert change.box == (tuple(differing.min(axis=0)), tuple(differing.max(axis=0) + 1))
    EditRecorder(now).put(change.box, change.labels)
    np.testing.assert_array_equal(now, wanted)
