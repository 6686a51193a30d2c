"""A box that is written into runs gives the runs of the mask that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotator.analysis import sparse_array, vote_bands
from annotator.analysis.edges import find_edges
from annotator.analysis.run_boxes import replace_box
from annotator.analysis.runs import LARGE_SLAB_VOXELS, SlabGrid, encode, encode_slab
from annotator.analysis.surface import DEFINITIONS, surface_distances
from annotator.analysis.votes import merge_votes, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

shapes = st.tuples(st.integers(1, 6), st.integers(1, 8))
labels = st.sampled_from([0, 0, 0, 1, 2, 300])


@given(data=st.data(), shape=shapes)
def test_a_box_is_written_as_into_the_voxels(data: st.DataObject, shape: tuple[int, int]) -> None:
    slab = data.draw(hnp.arrays(np.uint16, shape, elements=labels))
    rows = sorted(
        data.draw(st.lists(st.integers(0, shape[0]), min_size=2, max_size=2, unique=True))
    )
    columns = sorted(
        data.draw(st.lists(st.integers(0, shape[1]), min_size=2, max_size=2, unique=True))
    )
    written = data.draw(
        hnp.arrays(np.uint16, (rows[1] - rows[0], columns[1] - columns[0]), elements=labels)
    )
    found = replace_box(encode_slab(slab), *shape, (rows[0], columns[0]), written)
    slab[rows[0] : rows[1], columns[0] : columns[1]] = written
    wanted = encode_slab(slab)
    if wanted is None:
        assert found is None
    else:
        assert found is not None
        assert found.equals(wanted)
        assert found.ends.dtype == np.uint32


def test_only_slides_are_cut_into_large_slabs() -> None:
    assert SlabGrid((300, 512, 512)).band_rows == 512
    assert SlabGrid((2000, 4096, 4096)).band_rows == 64
    assert SlabGrid((1, 16_384, 32_768)).band_rows == 8
    assert SlabGrid((1, 80_000, 100_000)).band_rows == LARGE_SLAB_VOXELS // 100_000 == 41


def _readings() -> list[NDArray[np.uint8]]:
    found = []
    rows, columns = np.mgrid[:97, :120]
    for number in range(3):
        mask = np.zeros((1, 97, 120), np.uint8)
        mask[0][(rows - 30 - number) ** 2 + (columns - 40) ** 2 < (15 + number) ** 2] = 1
        mask[0][(rows - 70) ** 2 + (columns - 90 - 2 * number) ** 2 < 20**2] = 2
        mask[0, 0:5, 0 : 7 + number] = 1
        mask[0, 90:97, 110 - number : 120] = 2
        found.append(mask)
    return found


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_surfaces_by_bands_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    votes = merge_votes([encode(mask) for mask in _readings()], labels=(1, 2))
    numbers = np.arange(len(votes.patterns))

    def measured() -> list[float]:
        return [
            value
            for label in (1, 2)
            for definition in DEFINITIONS
            for pair in surface_distances(
                votes, label, (1, 0.5, 0.7), definition=definition, tolerance_mm=1.0
            )
            for value in (pair.hd95_mm or 0.0, pair.mean_mm or 0.0, pair.surface_dice or 0.0)
        ]

    edges, whole = find_edges(votes, votes.patterns == 1), measured()
    dense = to_dense(votes, numbers, np.float32)
    monkeypatch.setattr(sparse_array, "LARGE_SLICE", 1000)
    monkeypatch.setattr(vote_bands, "BAND_VOXELS", 120 * rows)
    banded = find_edges(votes, votes.patterns == 1)
    np.testing.assert_array_equal(banded.union, edges.union)
    for own, wanted in zip(banded.raters, edges.raters, strict=True):
        np.testing.assert_array_equal(own, wanted)
    np.testing.assert_allclose(measured(), whole, rtol=1e-9)
    np.testing.assert_array_equal(to_dense(votes, numbers, np.float32), dense)
    box = ((0, 3, 5), (1, 90, 100))
    np.testing.assert_array_equal(to_dense(votes, numbers, np.float32, box), dense[:, 3:90, 5:100])
