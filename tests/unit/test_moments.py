from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.moments import label_moments
from annotator.analysis.runs import encode
from annotator.analysis.votes import merge_votes

pytestmark = pytest.mark.unit


@given(st.integers(0, 2**32), st.tuples(*[st.integers(1, 9)] * 3))
def test_moments_equal_sums_over_voxels(seed: int, shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(seed)
    masks = random.choice(np.array([0, 0, 1, 3], np.uint8), (3, *shape))
    spacing = (2.0, 0.5, 0.7)
    votes = merge_votes([encode(mask) for mask in masks], labels=[1, 3])
    found = label_moments(votes, spacing)
    z, y, x = np.meshgrid(
        *[
            (np.arange(size) - (size - 1) / 2) * step
            for size, step in zip(shape, spacing, strict=True)
        ],
        indexing="ij",
    )
    terms = np.stack([np.ones(shape), z, y, x, z * z, y * y, x * x, z * y, z * x, y * x])
    for rater, mask in enumerate(masks):
        for place, label in enumerate((1, 3)):
            expected = (terms * (mask == label)).sum(axis=(1, 2, 3))
            np.testing.assert_allclose(found[rater, place], expected, atol=1e-9)
