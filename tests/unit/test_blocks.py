from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotator.analysis.blocks import FEWEST_BLOCKS, N_BLOCKS, count_blocks, draw_blocks
from annotator.analysis.performance import judge_confusion, judge_patterns
from annotator.analysis.runs import encode
from annotator.analysis.votes import VoteRuns, merge_votes, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def merged(masks: list[NDArray[np.uint8]]) -> VoteRuns:
    return merge_votes([encode(mask) for mask in masks], labels=[1, 2])


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(1, 7)),
    st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=80)
def test_blocks_hold_every_drawn_voxel_once(
    shape: tuple[int, int, int], density: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    masks = [
        ((random.random(shape) < density) * random.integers(1, 3, shape)).astype(np.uint8)
        for _ in range(2)
    ]
    votes = merged(masks)
    found = count_blocks(votes)
    expected = np.where((votes.patterns != 0).any(axis=1), votes.counts, 0)
    assert found.dtype == np.int64
    assert found.sum(axis=0).tolist() == expected.tolist()
    assert found.any(axis=1).all()
    # Blocks follow each other: cut at their sizes, the drawn voxels give the same counts.
    numbers = to_dense(votes, np.arange(len(votes.patterns)), np.int64).reshape(-1)
    drawn = numbers[expected[numbers] > 0]
    cuts = np.split(drawn, np.cumsum(found.sum(axis=1))[:-1])
    again = [np.bincount(part, minlength=len(votes.patterns)) for part in cuts]
    if len(found):
        assert np.array_equal(np.array(again), found)


@pytest.mark.parametrize("shape", [(300, 20, 20), (40, 20, 20), (3, 200, 30), (1, 500, 30)])
def test_there_are_enough_blocks(shape: tuple[int, int, int]) -> None:
    found = count_blocks(merged([np.ones(shape, np.uint8), np.zeros(shape, np.uint8)]))
    assert N_BLOCKS / 2 <= len(found) <= N_BLOCKS + 3
    assert found.sum(axis=1).max() <= 2 * np.median(found.sum(axis=1))


def test_nothing_drawn_has_no_blocks() -> None:
    assert count_blocks(merged([np.zeros((3, 4, 5), np.uint8)])).shape == (0, 1)


def test_draws_are_the_same_each_time() -> None:
    drawn = draw_blocks(7)
    assert drawn.tobytes() == draw_blocks(7).tobytes()
    assert (drawn.sum(axis=1) == 7).all()


def random_blocks(seed: int) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Three raters who are better in some blocks than in others."""
    random = np.random.default_rng(seed)
    patterns = np.array(
        [[0, 0, 0], [1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0]], np.uint16
    )
    sizes = random.gamma(2.0, [0, 90, 20, 8, 5, 4], (25, 6))
    return patterns, sizes.astype(np.int64)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_equal_those_of_scipy(seed: int) -> None:
    patterns, blocks = random_blocks(seed)
    counts = blocks.sum(axis=0)
    counts[0] = 5000
    truth = np.eye(2)[[0, 1, 1, 1, 1, 0]]
    found = judge_patterns(patterns, counts, (0, 1), truth, blocks)
    assert found.sensitivity_ends is not None
    assert found.specificity_ends is not None
    there = blocks @ truth[:, 1]
    for rater in range(3):
        said = patterns[:, rater] == 1
        hits = blocks @ (truth[:, 1] * said)

        def sensitivity(hits: NDArray[np.int64], there: NDArray[np.int64]) -> float:
            return float(hits.sum() / there.sum())

        peer = stats.bootstrap(
            (hits, there),
            sensitivity,
            paired=True,
            vectorized=False,
            n_resamples=4000,
            method="percentile",
            rng=5,
        ).confidence_interval
        spread = max(peer.high - peer.low, 1e-6)
        low, high = found.sensitivity_ends[:, rater, 0]
        assert found.sensitivity[rater, 0] == pytest.approx(hits.sum() / there.sum())
        assert low == pytest.approx(peer.low, abs=0.15 * spread)
        assert high == pytest.approx(peer.high, abs=0.15 * spread)
        low, high = found.specificity_ends[:, rater, 0]
        assert low <= found.specificity[rater, 0] <= high <= 1.0


def test_intervals_hold_the_true_skill_as_often_as_they_should() -> None:
    """Skill differs from block to block; the interval must hold what the blocks come from."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(150):
        skill = random.beta(8, 2, 24)
        hits = random.binomial(60, skill)
        blocks = np.stack([np.zeros(24, int), hits, 60 - hits], axis=1)
        patterns = np.array([[0], [1], [0]])
        counts = np.array([500, hits.sum(), (60 - hits).sum()])
        truth = np.eye(2)[[0, 1, 1]]
        ends = judge_patterns(patterns, counts, (0, 1), truth, blocks).sensitivity_ends
        assert ends is not None
        held += ends[0, 0, 0] <= 0.8 <= ends[1, 0, 0]
    assert 0.86 <= held / 150 <= 0.99


def test_too_few_blocks_give_no_interval() -> None:
    patterns, blocks = random_blocks(1)
    few = blocks[: FEWEST_BLOCKS - 1]
    found = judge_patterns(patterns, few.sum(axis=0), (0, 1), np.eye(2)[patterns[:, 0]], few)
    assert found.sensitivity_ends is None
    row = found.rows(("a", "b", "c"), (0, 1), np.zeros((3, 1)))[0]
    assert (row.sensitivity_interval, row.weight) == (None, None)


def test_a_label_in_few_blocks_has_an_interval_all_the_same() -> None:
    patterns, blocks = random_blocks(1)
    blocks[1:, 1:] = 0
    blocks[1:, 5] = 9
    found = judge_patterns(patterns, blocks.sum(axis=0), (0, 1), np.eye(2)[[0, 1, 1, 1, 1, 0]],
                           blocks)  # fmt: skip
    ends = found.rows(("a", "b", "c"), (0, 1), np.zeros((3, 1)))[0].sensitivity_interval
    assert ends is not None
    assert 0 <= ends[0] <= ends[1] <= 1


def test_informed_shares_sum_to_one() -> None:
    patterns, blocks = random_blocks(4)
    found = judge_patterns(patterns, blocks.sum(axis=0), (0, 1), np.eye(2)[patterns[:, 0]], blocks)
    assert found.informed.sum() == pytest.approx(1.0)
    assert found.informed[0, 0] > found.informed[1:, 0].max()


def test_confusion_counts_are_judged_like_patterns() -> None:
    patterns, blocks = random_blocks(6)
    truth = np.eye(2)[[0, 1, 1, 1, 1, 0]]
    counts = blocks.sum(axis=0)
    one_hot = patterns[:, :, None] == np.array([0, 1])
    said = np.einsum("bp,pks,pt->bkst", blocks, one_hot.astype(float), truth)
    by_pattern = judge_patterns(patterns, counts, (0, 1), truth, blocks)
    by_confusion = judge_confusion(said)
    np.testing.assert_allclose(by_confusion.sensitivity, by_pattern.sensitivity)
    np.testing.assert_allclose(by_confusion.specificity, by_pattern.specificity)
    assert by_confusion.sensitivity_ends is not None
    assert by_pattern.sensitivity_ends is not None
    np.testing.assert_allclose(by_confusion.sensitivity_ends, by_pattern.sensitivity_ends)
