"""Masks as runs: what goes in comes out, and slabs tile the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotator.analysis import runs
from annotator.analysis.runs import (
    MaskRuns,
    SlabGrid,
    SlabRuns,
    decode,
    decode_slab,
    encode,
    encode_slab,
    mask_dtype,
    write_slabs,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

shapes = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
labels = st.sampled_from([0, 0, 0, 1, 2, 255])
masks = shapes.flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=labels))
wide_masks = shapes.flatmap(
    lambda shape: hnp.arrays(np.uint16, shape, elements=st.sampled_from([0, 0, 1, 256, 65535]))
)


@pytest.fixture(autouse=True, scope="module")
def small_slabs() -> Any:  # noqa: ANN401 - a fixture's generator
    """Cut slices into bands of two or three rows, so that small masks have many slabs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SLAB_VOXELS", 20)
        yield


@given(mask=st.one_of(masks, wide_masks))
@example(mask=np.zeros((2, 3, 4), np.uint8))
@example(mask=np.full((2, 3, 4), 7, np.uint8))
def test_a_mask_comes_back(mask: NDArray[np.unsignedinteger[Any]]) -> None:
    mask.flags.writeable = False
    encoded = encode(mask)
    np.testing.assert_array_equal(decode(encoded), mask)
    assert decode(encoded).dtype == mask_dtype(int(mask.max()))
    np.testing.assert_array_equal(decode(encoded, np.dtype(np.uint16)), mask)


@given(mask=masks)
def test_runs_are_ascending_whole_and_distinct(mask: NDArray[np.uint8]) -> None:
    encoded = encode(mask)
    for slab, content in encoded.slabs.items():
        assert content.ends.dtype == np.uint32
        assert content.labels.dtype == np.uint16
        assert content.ends[-1] == encoded.grid.n_voxels(slab)
        assert np.all(np.diff(content.ends.astype(np.int64)) > 0)
        assert content.ends[0] > 0
        assert np.all(content.labels[1:] != content.labels[:-1])
        assert content.labels.any()


@given(mask=masks)
def test_empty_slabs_do_not_exist(mask: NDArray[np.uint8]) -> None:
    encoded = encode(mask)
    for slab in range(encoded.grid.n_slabs):
        z, first, last = encoded.grid.rows(slab)
        assert (slab in encoded.slabs) == bool(mask[z, first:last].any())


@given(mask=masks, order=st.sampled_from(["reversed", "transposed", "every other"]))
def test_the_layout_in_memory_does_not_matter(mask: NDArray[np.uint8], order: str) -> None:
    view = {
        "reversed": mask[::-1, ::-1, ::-1],
        "transposed": mask.transpose(2, 0, 1),
        "every other": mask[:, ::2],
    }[order]
    np.testing.assert_array_equal(decode(encode(view)), view)


@given(shape=shapes)
def test_slabs_tile_the_grid(shape: tuple[int, int, int]) -> None:
    grid = SlabGrid(shape)
    number = np.arange(np.prod(shape)).reshape(shape)
    at = 0
    for slab in range(grid.n_slabs):
        z, first, last = grid.rows(slab)
        content = number[z, first:last].reshape(-1)
        assert grid.offset(slab) == at == content[0]
        assert grid.n_voxels(slab) == content.size
        at += content.size
    assert at == number.size


@given(shape=shapes, data=st.data())
def test_a_box_touches_the_slabs_that_it_changes(
    shape: tuple[int, int, int], data: st.DataObject
) -> None:
    low = [data.draw(st.integers(0, size - 1)) for size in shape]
    high = [data.draw(st.integers(first + 1, size)) for first, size in zip(low, shape, strict=True)]
    box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    mask = np.zeros(shape, np.uint8)
    mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 1
    grid = SlabGrid(shape)
    assert sorted(grid.touched(box)) == sorted(encode(mask).slabs)


@given(mask=masks, data=st.data())
def test_only_the_named_slabs_are_encoded(mask: NDArray[np.uint8], data: st.DataObject) -> None:
    whole = encode(mask)
    named = data.draw(st.sets(st.integers(0, whole.grid.n_slabs - 1)))
    part = encode(mask, sorted(named))
    assert set(part.slabs) == named & set(whole.slabs)
    assert all(part.slabs[slab].equals(whole.slabs[slab]) for slab in part.slabs)


@settings(max_examples=40)
@given(mask=masks, data=st.data())
def test_only_the_listed_slabs_are_written(mask: NDArray[np.uint8], data: st.DataObject) -> None:
    whole = encode(mask)
    named = data.draw(st.sets(st.sampled_from([-1, *whole.slabs])))
    listed = {slab: whole.slabs[slab] for slab in named if slab >= 0}
    before = np.full(mask.shape, 3, np.uint8)
    expected = before.copy()
    for slab in listed:
        z, first, last = whole.grid.rows(slab)
        expected[z, first:last] = mask[z, first:last]
    for live in (before.copy(), np.asfortranarray(before)):
        write_slabs(MaskRuns(whole.grid, listed), live)
        np.testing.assert_array_equal(live, expected)


@settings(max_examples=30)
@given(values=hnp.arrays(np.uint8, st.integers(1, 60), elements=labels))
def test_a_slab_comes_back(values: NDArray[np.uint8]) -> None:
    content = encode_slab(values)
    if content is None:
        assert not values.any()
        return
    np.testing.assert_array_equal(decode_slab(content, np.dtype(np.uint8)), values)
    other = encode_slab(np.where(values == 0, 9, values))
    assert content.equals(content)
    assert other is not None
    assert content.equals(other) == (not (values == 0).any())


def test_an_empty_mask_is_small_to_hold() -> None:
    empty = MaskRuns(SlabGrid((2, 3, 4)), {})
    assert decode(empty).shape == (2, 3, 4)
    assert decode(empty).dtype == np.uint8
    assert not decode(empty).any()


def test_a_slab_of_one_label_is_one_run() -> None:
    content = encode_slab(np.full(7, 3, np.uint8))
    assert content is not None
    assert content.equals(SlabRuns(np.array([7], np.uint32), np.array([3], np.uint16)))


def test_a_slice_of_a_scanner_is_one_slab_and_a_photograph_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "SLAB_VOXELS", 1 << 18)
    assert SlabGrid((300, 512, 512)).n_slabs == 300
    assert SlabGrid((1, 3000, 4000)).band_rows == 65
    assert SlabGrid((1, 2, 1 << 20)).n_slabs == 2
