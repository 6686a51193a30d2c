from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.disagreement import normalised_entropy, vote_entropy
from annotator.analysis.overlap import mean_entropy_bits, measure_overlap, voxel_kappa
from annotator.analysis.runs import encode
from annotator.analysis.votes import VoteRuns, merge_votes, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def random_votes(seed: int) -> tuple[list[NDArray[np.uint16]], VoteRuns]:
    random = np.random.default_rng(seed)
    n_labels, n_raters = int(random.integers(1, 5)), int(random.integers(1, 7))
    shape = tuple(random.integers(1, 8, 3))
    labels = sorted(random.choice(np.arange(1, 500), n_labels, False).tolist())
    values = np.array([0, 0, 0, *labels[: random.integers(0, n_labels + 1)]], np.uint16)
    masks = [random.choice(values, shape).astype(np.uint16) for _ in range(n_raters)]
    return masks, merge_votes([encode(mask) for mask in masks], labels=labels)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=80)
def test_every_pair_equals_dense_numpy(seed: int) -> None:
    masks, votes = random_votes(seed)
    found = measure_overlap(votes, 0.5)
    for place, label in enumerate(found.labels):
        for first, one in enumerate(masks):
            a = one == label
            assert found.volumes_mm3[place, first] == a.sum() * 0.5
            for second, other in enumerate(masks):
                b = other == label
                dice, iou = found.pair(label, first, second)
                if not (a | b).any():
                    assert (dice, iou) == (None, None)
                    assert found.dice[place, first, second] == 1.0
                    assert not found.is_defined[place, first, second]
                    continue
                assert dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-9)
                assert iou == pytest.approx((a & b).sum() / (a | b).sum(), abs=1e-9)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_entropy_and_kappa_equal_dense_numpy(seed: int) -> None:
    masks, votes = random_votes(seed)
    said = np.stack([mask.reshape(-1) for mask in masks], axis=1)
    share = np.stack([(said == label).mean(axis=1) for label in votes.labels], axis=1)
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    entropy = -(share * logs).sum(axis=1)
    dense = to_dense(votes, vote_entropy(votes), np.float64).reshape(-1)
    np.testing.assert_allclose(dense, entropy, atol=1e-12)
    assert mean_entropy_bits(votes) == pytest.approx(entropy.mean(), abs=1e-9)
    scaled = normalised_entropy(votes)
    assert scaled.min() >= 0
    assert scaled.max() <= 1 + 1e-12


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_voxel_kappa_equals_statsmodels(seed: int) -> None:
    oracle = pytest.importorskip("statsmodels.stats.inter_rater")
    masks, votes = random_votes(seed)
    said = np.stack([mask.reshape(-1) for mask in masks], axis=1)
    tally = np.stack([(said == label).sum(axis=1) for label in votes.labels], axis=1)
    kappa = voxel_kappa(votes)
    if len(masks) < 2 or (tally.sum(axis=0) > 0).sum() < 2:
        assert kappa is None
        return
    assert kappa == pytest.approx(oracle.fleiss_kappa(tally), abs=1e-9)


def test_an_even_split_has_full_entropy() -> None:
    masks = [np.full((1, 1, 2), value, np.uint16) for value in (0, 0, 1, 1)]
    votes = merge_votes([encode(mask) for mask in masks], labels=[1])
    assert normalised_entropy(votes)[1] == pytest.approx(1.0)
    assert mean_entropy_bits(votes) == pytest.approx(1.0)


def test_mean_dice_leaves_undefined_pairs_out() -> None:
    empty = np.zeros((1, 2, 2), np.uint16)
    votes = merge_votes([encode(empty), encode(empty)], labels=[1])
    assert measure_overlap(votes, 1.0).mean_dice() is None
