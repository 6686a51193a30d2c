from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.runs import decode, encode
from annotator.analysis.votes import (
    VoteRuns,
    bounding_box,
    count_near,
    merge_votes,
    profile,
    spread,
    to_dense,
)
from annotator.domain.errors import AnnotatorError, GeometryMismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def merge(masks: list[NDArray[np.uint16]], labels: list[int]) -> VoteRuns:
    return merge_votes([encode(mask) for mask in masks], labels=labels)


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[NDArray[np.uint16]], list[int]]:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 7)))
    labels = draw(st.lists(st.sampled_from([1, 2, 3, 255, 256, 65535]), max_size=4, unique=True))
    n_raters = draw(st.sampled_from([1, 2, 3, 7, 32]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    block = draw(st.integers(1, 4))
    values = np.array([0, *labels], np.uint16)
    masks = []
    for _ in range(n_raters):
        coarse = random.choice(values, [-(-size // block) for size in shape])
        fine = coarse.repeat(block, 0).repeat(block, 1).repeat(block, 2)
        mask = fine[: shape[0], : shape[1], : shape[2]].astype(np.uint16)
        mask[random.random(shape[0]) < 0.3] = 0
        masks.append(mask)
    return masks, labels


@given(readings())
@settings(deadline=None, max_examples=150)
def test_patterns_equal_the_dense_votes(drawn: tuple[list[NDArray[np.uint16]], list[int]]) -> None:
    masks, labels = drawn
    votes = merge(masks, labels)
    stacked = np.stack([mask.reshape(-1) for mask in masks], axis=1)

    runs = np.repeat(votes.index, np.diff(votes.ends, prepend=0))
    assert (votes.patterns[runs] == stacked).all()
    assert (votes.patterns[0] == 0).all()
    assert votes.counts.sum() == masks[0].size
    assert (votes.counts == np.bincount(runs, minlength=len(votes.patterns))).all()
    assert len(np.unique(votes.patterns, axis=0)) == len(votes.patterns)
    assert (votes.counts[1:] > 0).all()
    assert (votes.index[1:] != votes.index[:-1]).all()
    assert (np.diff(votes.ends, prepend=0) > 0).all()
    assert votes.labels == tuple(sorted({0, *labels}))


@given(readings())
@settings(deadline=None, max_examples=60)
def test_values_reach_the_voxels(drawn: tuple[list[NDArray[np.uint16]], list[int]]) -> None:
    masks, labels = drawn
    votes = merge(masks, labels)
    values = np.arange(len(votes.patterns)) * 3 % 65536
    dense = to_dense(votes, values, np.uint16)
    back = spread(votes, values)
    assert (decode(back, np.dtype(np.uint16)) == dense).all()
    assert set(back.slabs) == set(encode(dense).slabs)
    for slab, runs in encode(dense).slabs.items():
        assert back.slabs[slab].equals(runs)

    drawn_somewhere = (votes.patterns != 0).any(axis=1)
    union = np.any([mask != 0 for mask in masks], axis=0)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        assert (profile(votes, drawn_somewhere, axis) == union.sum(axis=others)).all()
    box = bounding_box(votes, drawn_somewhere)
    if box is None:
        assert not union.any()
        return
    inside = tuple(slice(low, high) for low, high in zip(*box, strict=True))
    assert union[inside].sum() == union.sum()
    assert (to_dense(votes, values, np.uint16, box) == dense[inside]).all()


@given(st.integers(0, 2**32), st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_near_voxels_equal_a_dense_dilation(seed: int, margin: int) -> None:
    from scipy.ndimage import maximum_filter

    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 24, 3))
    masks = [(random.random(shape) < 0.004).astype(np.uint16) for _ in range(2)]
    union = np.any([mask != 0 for mask in masks], axis=0)
    grown = maximum_filter(union, 2 * margin + 1, mode="constant")
    assert count_near(merge(masks, [1]), margin) == grown.sum()


@given(readings(), st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_slabs_merged_apart_give_the_same(
    drawn: tuple[list[NDArray[np.uint16]], list[int]], block: int
) -> None:
    masks, labels = drawn
    whole = merge(masks, labels)
    with kernels.without_kernels(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("annotator.analysis.merge_sorting._BLOCK", block)
        parts = merge(masks, labels)
    assert (parts.ends == whole.ends).all()
    assert (parts.index == whole.index).all()
    assert (parts.patterns == whole.patterns).all()


def test_full_slabs_hold_no_change() -> None:
    full = np.ones((4, 3, 3), np.uint16)
    with kernels.without_kernels(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("annotator.analysis.merge_sorting._BLOCK", 1)
        votes = merge([full, full], [1])
    assert votes.ends.tolist() == [36]
    assert votes.counts.tolist() == [0, 36]


def test_large_slabs_with_many_labels_need_long_numbers() -> None:
    random = np.random.default_rng(1)
    labels = list(range(1, 40))
    masks = [np.zeros((3, 512, 512), np.uint16) for _ in range(12)]
    for mask in masks:
        mask[:, 100:110, 100:110] = random.integers(0, 40, (3, 10, 10))
        mask[1, -1, -5:] = mask[2, 0, :5] = random.integers(0, 40)
    with kernels.without_kernels():
        votes = merge(masks, labels)
    runs = np.repeat(votes.index, np.diff(votes.ends, prepend=0))
    assert (votes.patterns[runs] == np.stack([m.reshape(-1) for m in masks], 1)).all()


def test_many_raters_and_labels_do_not_overflow() -> None:
    random = np.random.default_rng(0)
    labels = list(range(1, 40))
    masks = [random.integers(0, 40, (2, 5, 5)).astype(np.uint16) for _ in range(32)]
    with kernels.without_kernels():
        votes = merge(masks, labels)
    runs = np.repeat(votes.index, np.diff(votes.ends, prepend=0))
    assert (votes.patterns[runs] == np.stack([m.reshape(-1) for m in masks], 1)).all()


def test_all_empty_readings_are_one_pattern() -> None:
    votes = merge([np.zeros((2, 3, 4), np.uint16)] * 3, [1])
    assert votes.patterns.tolist() == [[0, 0, 0]]
    assert votes.counts.tolist() == [24]
    assert spread(votes, np.array([0])).slabs == {}
    assert bounding_box(votes, np.array([False])) is None
    assert count_near(votes) == 0


def test_all_full_readings_keep_the_background_pattern() -> None:
    votes = merge([np.full((2, 3, 4), 7, np.uint16)] * 2, [7])
    assert votes.patterns.tolist() == [[0, 0], [7, 7]]
    assert votes.counts.tolist() == [0, 24]


def test_unlisted_labels_are_named() -> None:
    with pytest.raises(AnnotatorError, match=r"\[9\]"):
        merge([np.full((1, 2, 2), 9, np.uint16)], [1, 2])


def test_other_grids_are_refused() -> None:
    with pytest.raises(GeometryMismatchError, match="different grids"):
        merge([np.zeros((1, 2, 2), np.uint16), np.zeros((1, 2, 3), np.uint16)], [1])


def test_no_readings_are_refused() -> None:
    with pytest.raises(AnnotatorError, match="at least one"):
        merge_votes([], labels=[1])
