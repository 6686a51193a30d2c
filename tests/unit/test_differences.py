from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.session.differences import find_differences

pytestmark = pytest.mark.unit


def test_places_come_largest_first_with_both_labels() -> None:
    first, second = np.zeros((2, 5, 20, 20), np.uint8)
    first[1:4, 2:6, 2:6] = 2
    second[1:4, 2:6, 2:6] = 1
    second[0, 15, 15] = 1
    large, small = find_differences(first, second)
    assert (large.n_voxels, large.label, large.other) == (48, 2, 1)
    assert large.box == ((1, 2, 2), (4, 6, 6))
    assert (small.n_voxels, small.label, small.other, small.centre) == (1, 0, 1, (0, 15, 15))


@given(st.integers(0, 2**32), st.tuples(*[st.integers(1, 7)] * 3))
def test_places_partition_what_differs(seed: int, shape: tuple[int, int, int]) -> None:
    first, second = np.random.default_rng(seed).choice(3, (2, *shape), p=[0.8, 0.1, 0.1])
    found = find_differences(first.astype(np.uint8), second.astype(np.uint8))
    assert sum(entry.n_voxels for entry in found) == (first != second).sum()
    for entry in found:
        assert (first != second)[entry.centre]
        low, high = entry.box
        assert all(a <= b < c for a, b, c in zip(low, entry.centre, high, strict=True))
