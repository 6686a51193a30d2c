from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis.belief import (
    belief_in_box,
    belief_of_patterns,
    belief_of_voxels,
    mean_belief,
)
from annotator.analysis.changes import (
    ADDED,
    RELABELLED,
    REMOVED,
    find_changes,
    find_changes_from_majority,
    majority_mask,
)
from annotator.analysis.runs import decode, encode
from annotator.analysis.votes import spread, to_dense
from annotator.domain.errors import GeometryMismatchError
from annotator_builtins.majority import MajorityVote
from annotator_builtins.staple import Staple
from tests.unit.fused_phantoms import case_of, merged, two_good_three_bad

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

TOUCHING = np.ones((3, 3, 3))


@given(st.integers(0, 2**32), st.sampled_from([0.05, 0.3, 0.9]))
@settings(deadline=None, max_examples=40)
def test_changes_equal_those_of_the_dense_masks(seed: int, density: float) -> None:
    random = np.random.default_rng(seed)
    before, after = (
        (random.integers(1, 4, (4, 6, 7)) * (random.random((4, 6, 7)) < density)).astype(np.uint8)
        for _ in range(2)
    )
    found = find_changes(encode(before), encode(after), [1, 2, 3], 0.5)
    differs = before != after
    assert (found.n_voxels, found.mm3) == (differs.sum(), 0.5 * differs.sum())
    assert found.n_regions == ndimage.label(differs, TOUCHING)[1]
    expected = np.select(
        [~differs, before == 0, after == 0], [0, ADDED, REMOVED], default=RELABELLED
    )
    assert np.array_equal(decode(found.map), expected)
    for row in found.labels:
        was, is_now = before == row.label, after == row.label
        assert (row.n_before, row.n_after) == (was.sum(), is_now.sum())
        assert (row.n_gained, row.n_lost) == ((is_now & ~was).sum(), (was & ~is_now).sum())
        assert row.n_after - row.n_before == row.n_gained - row.n_lost
        assert (row.gained_mm3, row.lost_mm3) == (0.5 * row.n_gained, 0.5 * row.n_lost)
        assert row.n_regions == ndimage.label(was != is_now, TOUCHING)[1]


def test_a_fusion_is_compared_with_the_majority() -> None:
    _, masks = two_good_three_bad(0)
    votes, case = merged(masks), case_of(masks)
    voted = MajorityVote().fuse(case.votes, MajorityVote().parameters())
    assert np.array_equal(decode(majority_mask(votes)), to_dense(votes, voted.chosen, np.uint8))
    nothing = find_changes_from_majority(votes, spread(votes, voted.chosen), 1.0)
    assert (nothing.n_voxels, nothing.n_regions, nothing.labels[0].n_regions) == (0, 0, 0)
    assert not decode(nothing.map).any()
    fused = Staple().fuse(case.votes, Staple().parameters())
    found = find_changes_from_majority(votes, spread(votes, fused.chosen), 2.0)
    assert found.n_voxels == case.votes.counts[fused.chosen != voted.chosen].sum() > 0
    assert found.mm3 == 2.0 * found.n_voxels


def test_other_grids_are_refused() -> None:
    one, other = (encode(np.ones(shape, np.uint8)) for shape in ((2, 3, 4), (2, 3, 5)))
    with pytest.raises(GeometryMismatchError):
        find_changes(one, other, [1], 1.0)


# belief


def beliefs() -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    patterns = np.array([[0, 0], [2, 0], [2, 5], [5, 5]], np.uint16)
    probability = np.array([[1, 0, 0], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7], [0, 0, 1]])
    return patterns, probability


def test_belief_is_the_probability_of_what_was_said() -> None:
    patterns, probability = beliefs()
    found = belief_of_patterns(patterns, probability, (0, 2, 5))
    assert found.tolist() == [[1, 1], [0.6, 0.3], [0.2, 0.7], [1, 1]]
    counts = np.array([900, 10, 30, 50])
    mean = mean_belief(patterns, counts, probability, (0, 2, 5))
    np.testing.assert_allclose(mean, [(6 + 6) / 40, (3 + 21) / 40])
    agreed = mean_belief(patterns[[0, 3]], counts[[0, 3]], probability[[0, 3]], (0, 2, 5))
    assert agreed.tolist() == [1, 1]


def test_belief_is_the_same_by_pattern_and_by_voxel() -> None:
    _, masks = two_good_three_bad(2)
    votes, case = merged(masks), case_of(masks)
    fused = Staple().fuse(case.votes, Staple().parameters())
    box = ((5, 10, 10), (20, 40, 30))
    part = tuple(slice(low, high) for low, high in zip(*box, strict=True))
    dense = np.stack(
        [to_dense(votes, fused.probability[:, place], np.float32, box) for place in range(2)]
    )
    voxels = belief_of_voxels(np.stack([mask[part] for mask in masks]), dense, votes.labels)
    for rater in range(5):
        own = belief_in_box(votes, fused.probability, rater, box)
        assert own.dtype == np.float32
        np.testing.assert_array_equal(own, voxels[rater])
    assert belief_in_box(votes, fused.probability, 0).shape == case.shape


def test_the_good_are_believed() -> None:
    _, masks = two_good_three_bad(3)
    case = case_of(masks)
    fused = Staple().fuse(case.votes, Staple().parameters())
    mean = mean_belief(case.votes.patterns, case.votes.counts, fused.probability, case.votes.labels)
    assert mean[:2].min() > mean[2:].max()
