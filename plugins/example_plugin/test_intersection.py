"""The test of the example plugin; it needs annotator and numpy, no window and no project."""

import numpy as np
import pytest
from annotator_intersection import Intersection, IntersectionParameters

from annotator.api import VotePatterns


@pytest.mark.parametrize(("may_miss", "expected"), [(0, [0, 0, 2]), (1, [0, 1, 2])])
def test_keeps_what_everyone_drew(may_miss: int, expected: list[int]) -> None:
    votes = VotePatterns(
        rater_ids=("a", "b", "c"),
        patterns=np.array([[0, 0, 0], [1, 0, 1], [2, 2, 2]], np.uint16),
        counts=np.array([90, 6, 4]),
        labels=(0, 1, 2),
        voxel_mm3=1.0,
    )
    fused = Intersection().fuse(votes, IntersectionParameters(may_miss=may_miss))
    assert fused.chosen.tolist() == expected
    assert fused.probability.sum(axis=1).tolist() == [1.0, 1.0, 1.0]
    assert {entry.rater_id for entry in fused.performance} == {"a", "b", "c"}
