"""Islands against SimpleITK's and cc3d's labelling."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.row_runs import number_runs, runs_of
from annotator.drawing.rules import MaskingRules
from tests.unit.drawing.asking import (
    SPACING,
    ask,
    made_labels,
    picture_of,
    reshaped,
    result_of,
    section,
    surface_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask

pytestmark = pytest.mark.unit

SPECKLED = 0.25
"""Share of voxels at which islands of all sizes appear."""


def speckled(seed: int) -> Mask:
    """Return label 1 in islands of many sizes, between those of label 2."""
    rng = np.random.default_rng(seed)
    mask = made_labels(seed, n_labels=2)
    mask[(mask == 1) & (rng.random(mask.shape) < SPECKLED)] = 0
    mask[:, :, 14:17][mask[:, :, 14:17] == 1] = 0
    return mask


def ranked_by_itk(region: NDArray[np.bool_], *, diagonal: bool, smallest: int = 0) -> NDArray[Any]:
    parts = sitk.ConnectedComponent(picture_of(region), diagonal)
    ranked = sitk.RelabelComponent(parts, minimumObjectSize=smallest, sortByObjectSize=True)
    return np.asarray(sitk.GetArrayFromImage(ranked)).reshape(region.shape)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_largest_and_small_ones(plane: int | None, diagonal: bool) -> None:
    mask = speckled(3)
    here = (slice(None),) * 3 if plane is None else section(plane, 8)
    how = {} if plane is None else {"plane": plane, "index": 8, "where": "slice"}
    ranked = ranked_by_itk(mask[here] == 1, diagonal=diagonal)
    sizes = np.bincount(ranked.reshape(-1))
    assert len(sizes) > 2
    assert sizes[1] > sizes[2]
    expected = mask.copy()
    expected[here] = reshaped(mask[here], 1, ranked == 1)
    surface = surface_of(mask)
    found = result_of("islands", surface, what="largest", diagonal=diagonal, **how)
    assert np.array_equal(found, expected)
    voxel = np.prod([step for axis, step in enumerate(SPACING) if axis != plane])
    large = ranked_by_itk(mask[here] == 1, diagonal=diagonal, smallest=3) > 0
    expected[here] = reshaped(mask[here], 1, large)
    smallest = float(2.5 * voxel)
    found = result_of("islands", surface, what="small", smallest=smallest, diagonal=diagonal, **how)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_picked_one(diagonal: bool) -> None:
    mask = speckled(4)
    parts = cc3d.connected_components(mask == 1, connectivity=26 if diagonal else 6)
    z, y, x = np.argwhere(parts == parts.max())[0].tolist()
    picked = parts == parts[z, y, x]
    surface = surface_of(mask)
    for what, region in (("picked", picked), ("remove picked", (mask == 1) & ~picked)):
        found = result_of("islands", surface, at=(z, y, x), what=what, diagonal=diagonal)
        assert np.array_equal(found, reshaped(mask, 1, region))
    elsewhere = np.argwhere(mask == 2)[0].tolist()
    for at in (None, tuple(elsewhere)):
        with pytest.raises(NothingToDoError, match="no island of label 1 under the crosshair"):
            ask("islands", surface, at=at, what="picked")


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.0, 0.003, 0.02, 0.3, 0.7, 1.0]),
    shape=st.tuples(st.integers(1, 8), st.integers(1, 12), st.integers(1, 70)),
    is_diagonal=st.booleans(),
)
def test_numbers_of_runs_are_those_of_cc3d(
    seed: int, share: float, shape: tuple[int, int, int], is_diagonal: bool
) -> None:
    region = np.random.default_rng(seed).random(shape) < share
    runs = runs_of(region)
    number = number_runs(region, runs, is_diagonal=is_diagonal)
    parts = np.zeros(shape, np.int64)
    voxels = runs.voxels(np.ones(len(number), bool), ((0, 0, 0), shape))
    parts.reshape(-1)[voxels] = np.repeat(number, runs.lengths) + 1
    assert np.array_equal(parts > 0, region)
    other = cc3d.connected_components(region, connectivity=26 if is_diagonal else 6)
    pairs = np.unique(np.stack([parts.reshape(-1), other.reshape(-1).astype(np.int64)]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    for place in np.ndindex(shape[0], shape[1], min(3, shape[2])):
        run = runs.run_at((place[0], place[1], place[2]))
        assert (0 if run is None else number[run] + 1) == parts[place]


def test_solid_and_ragged_regions_are_numbered_alike() -> None:
    ragged = np.random.default_rng(6).random((9, 30, 200)) < 0.3
    solid = np.kron(ragged, np.ones((1, 1, 40), bool))
    for is_diagonal, apart in itertools.product((False, True), repeat=2):
        few, many = (
            number_runs(region, runs_of(region), is_diagonal=is_diagonal, are_planes_apart=apart)
            for region in (solid, ragged)
        )
        assert np.array_equal(few, many)


def test_splitting_gives_the_next_labels_that_are_free() -> None:
    mask: Mask = np.zeros((6, 20, 40), np.uint8)
    for number, width in enumerate((3, 6, 4, 5)):
        mask[1:5, 2:18, 10 * number : 10 * number + width] = 7
    mask[0, 0, 0] = 9
    surface = surface_of(mask, rules=MaskingRules(locked=frozenset({10})))
    found = result_of("islands", surface, label=7, what="split", values=(3, 5, 7, 8, 9, 10, 12))
    ranked = ranked_by_itk(mask == 7, diagonal=False)
    expected = np.where(ranked > 0, np.array([0, 7, 8, 12, 3], np.uint8)[ranked], mask)
    assert np.array_equal(found, expected)
    with pytest.raises(AnnotatorError, match=r"takes 3 labels .* the schema has 2 \(8, 5\)"):
        ask("islands", surface, label=7, what="split", values=(5, 7, 8, 9))
    with pytest.raises(NothingToDoError, match="one island"):
        ask("islands", surface, label=9, what="split", values=(1, 9))


def test_words_where_everything_would_go() -> None:
    mask: Mask = np.zeros((4, 8, 8), np.uint8)
    mask[1:3, 2:5, 2:5] = 1
    with pytest.raises(NothingToDoError, match="smaller than 5000 mm³"):
        ask("islands", surface_of(mask), what="small", smallest=5000.0)
    with pytest.raises(NothingToDoError, match="one island"):
        ask("islands", surface_of(mask), what="remove picked", at=(1, 3, 3))
    assert ask("islands", surface_of(mask), what="largest") is None
