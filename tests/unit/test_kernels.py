"""Compiled and numpy ways give the same, bit for bit, whatever the masks look like."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.runs import MaskRuns, SlabRuns, SlabTable, decode, encode, labels_in
from annotator.analysis.votes import (
    VoteRuns,
    bounding_box,
    count_near,
    merge_votes,
    spread,
    to_dense,
)
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(kernels.library() is None, reason="the kernels are not compiled here"),
]


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[NDArray[np.unsignedinteger]], list[int]]:
    """Return masks from empty to full, with objects of one voxel to whole slabs."""
    shape = draw(
        st.one_of(
            st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 70)),
            # Slabs of several windows of changes, and slices of several slabs.
            st.sampled_from([(2, 70, 100), (1, 600, 500), (1, 2, 300_000)]),
        )
    )
    labels = draw(st.lists(st.sampled_from([1, 2, 3, 255, 256, 65535]), max_size=5, unique=True))
    n_raters = draw(st.sampled_from([1, 2, 3, 10, 20]))
    dtype = np.uint8 if max(labels, default=0) < 256 and draw(st.booleans()) else np.uint16
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from([0.0, 0.001, 0.1, 1.0]))
    values = np.array(labels or [0], dtype)
    masks = []
    for _ in range(n_raters):
        mask = np.full(shape, random.choice(np.append(0, values)), dtype)
        noise = random.random(shape) < share
        mask[noise] = random.choice(values, int(noise.sum()))
        mask[random.random(shape[0]) < 0.3] = 0
        masks.append(mask)
    return masks, labels


def alike(first: MaskRuns, second: MaskRuns) -> bool:
    return (
        first.grid == second.grid
        and list(first.slabs) == list(second.slabs)
        and all(first.slabs[slab].equals(second.slabs[slab]) for slab in first.slabs)
    )


def assert_alike(first: VoteRuns, second: VoteRuns) -> None:
    for name in ("patterns", "counts", "ends", "index"):
        left, right = getattr(first, name), getattr(second, name)
        assert left.dtype == right.dtype
        assert np.array_equal(left, right), name
    assert first.labels == second.labels


@given(readings(), st.integers(1, 4))
@settings(deadline=None, max_examples=120)
def test_both_ways_give_the_same(
    drawn: tuple[list[NDArray[np.unsignedinteger]], list[int]], margin: int
) -> None:
    masks, labels = drawn
    with kernels.without_kernels():
        assert kernels.library() is None
        slow_runs = [encode(mask) for mask in masks]
        slow = merge_votes(slow_runs, labels=labels)
        values = np.arange(len(slow.patterns)) * 7 % 65536
        drawn_by_any = (slow.patterns != 0).any(axis=1)
        slow_spread = spread(slow, values)
        box = bounding_box(slow, drawn_by_any)
        slow_dense = [to_dense(slow, values, kind) for kind in ("u1", "u2", "f4", "i8", "?")]
        slow_box = to_dense(slow, values, np.uint16, box)
        slow_near = count_near(slow, margin)
    runs = [encode(mask) for mask in masks]
    assert all(alike(one, other) for one, other in zip(runs, slow_runs, strict=True))
    for mask, coded in zip(masks, runs, strict=True):
        assert np.array_equal(decode(coded, mask.dtype), mask)
    fast = merge_votes(runs, labels=labels)
    assert_alike(fast, slow)
    assert_alike(merge_votes(slow_runs, labels=labels), slow)
    assert alike(spread(fast, values), slow_spread)
    assert bounding_box(fast, drawn_by_any) == box
    for dense in slow_dense:
        assert np.array_equal(to_dense(fast, values, dense.dtype), dense)
    assert np.array_equal(to_dense(fast, values, np.uint16, box), slow_box)
    assert count_near(fast, margin) == slow_near


@given(readings(), st.integers(2, 5))
@settings(deadline=None, max_examples=40)
def test_parts_of_a_grid_give_what_the_whole_gives(
    drawn: tuple[list[NDArray[np.unsignedinteger]], list[int]], n_threads: int
) -> None:
    masks, labels = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "N_THREADS", 1)
        runs = [encode(mask) for mask in masks]
        whole = merge_votes(runs, labels=labels)
        dense = to_dense(whole, np.arange(len(whole.patterns)), np.uint32)
        patch.setattr(kernels, "N_THREADS", n_threads)
        patch.setattr("annotator.analysis.runs._PART", 1)
        patch.setattr("annotator.analysis.vote_kernels._MANY", 0)
        patch.setattr("annotator.analysis.vote_kernels._LARGE", 1)
        assert all(alike(encode(mask), one) for mask, one in zip(masks, runs, strict=True))
        parts = merge_votes(runs, labels=labels)
        assert_alike(parts, whole)
        assert np.array_equal(to_dense(parts, np.arange(len(parts.patterns)), np.uint32), dense)


def test_more_digits_than_a_word_holds() -> None:
    random = np.random.default_rng(0)
    labels = list(range(1, 60))
    masks = [encode(random.integers(0, 60, (3, 40, 50)).astype(np.uint8)) for _ in range(70)]
    fast = merge_votes(masks, labels=labels)
    with kernels.without_kernels():
        assert_alike(fast, merge_votes(masks, labels=labels))


def test_a_mask_of_many_runs_outgrows_its_room() -> None:
    mask = np.random.default_rng(0).integers(0, 200, (9, 512, 512)).astype(np.uint8)
    fast = encode(mask)
    with kernels.without_kernels():
        assert alike(fast, encode(mask))


@pytest.mark.parametrize(
    ("ends", "labels"),
    [
        ([3, 2, 12], [0, 1, 0]),  # not ascending
        ([3, 3, 12], [0, 1, 0]),  # empty
        ([3, 13], [0, 1]),  # beyond the slab
        ([3, 4], [0, 1]),  # short of it
    ],
)
def test_runs_that_cannot_be_are_left_to_numpy(ends: list[int], labels: list[int]) -> None:
    from annotator.analysis import vote_kernels

    good = encode(np.eye(3, 4, dtype=np.uint8)[None])
    bad = SlabTable.of({0: SlabRuns(np.array(ends, np.uint32), np.array(labels, np.uint16))})
    tables = [SlabTable.of(good.slabs), bad]
    assert vote_kernels.merge(tables, good.grid, (0, 1), [np.arange(2)]) is None


def test_slabs_beyond_the_grid_are_left_to_numpy() -> None:
    from annotator.analysis import vote_kernels

    mask = encode(np.eye(3, 4, dtype=np.uint8)[None])
    beyond = SlabTable.of({5: mask.slabs[0]})
    assert vote_kernels.merge([beyond], mask.grid, (0, 1), [np.arange(1)]) is None


def test_labels_that_are_not_listed_are_named() -> None:
    with pytest.raises(AnnotatorError, match=r"\[9\]"):
        merge_votes([encode(np.full((1, 2, 2), 9, np.uint8))], labels=[1])


def test_labels_that_occur() -> None:
    mask = np.zeros((3, 2, 2), np.uint16)
    mask[1, 0, 0] = 300
    assert labels_in([encode(mask), encode(np.full_like(mask, 2))]) == (0, 2, 300)
    assert labels_in([encode(np.zeros_like(mask))]) == ()


def test_they_can_be_switched_off() -> None:
    code = "from annotator.analysis import kernels; print(kernels.library())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ANNOTATOR_KERNELS": "off", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "None"
