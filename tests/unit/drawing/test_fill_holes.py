"""Filled holes against scipy and SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from annotator.drawing.gesture import NothingToDoError
from tests.unit.drawing.asking import (
    SPACING,
    ask,
    made_labels,
    picture_of,
    result_of,
    section,
    surface_of,
)

pytestmark = pytest.mark.unit


def porous(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    """Return a mask of label 1 with holes, some of them with label 2 inside."""
    mask = made_labels(seed, n_labels=2)
    mask[mask == 0] = 1
    rng = np.random.default_rng(seed)
    mask[rng.random(mask.shape) < 0.12] = 0
    return mask


@pytest.mark.parametrize("over_labels", [False, True])
def test_in_the_volume(over_labels: bool) -> None:
    mask = porous(3)
    own = mask == 1
    closed = ndimage.binary_fill_holes(own)
    assert np.array_equal(
        closed, sitk.GetArrayFromImage(sitk.BinaryFillhole(picture_of(own), False, 1))
    )
    holes = closed & ~own & (over_labels | (mask == 0))
    assert 20 < holes.sum() < (mask == 0).sum()
    found = result_of("fill holes", surface_of(mask), over_labels=over_labels)
    assert np.array_equal(found, np.where(holes, 1, mask))


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_in_slices(plane: int) -> None:
    mask = porous(4).astype(np.uint16)
    expected = mask.copy()
    for index in range(mask.shape[plane]):
        here = section(plane, index)
        own = mask[here] == 1
        flat = ndimage.binary_fill_holes(np.squeeze(own, plane))
        expected[here][np.expand_dims(flat, plane) & (mask[here] == 0)] = 1
    surface = surface_of(mask)
    found = result_of("fill holes", surface, plane=plane, index=5, where="slices")
    assert np.array_equal(found, expected)
    here = section(plane, 5)
    single = mask.copy()
    single[here] = expected[here]
    found = result_of("fill holes", surface, plane=plane, index=5, where="slice")
    assert np.array_equal(found, single)


@pytest.mark.parametrize("where", ["volume", "slices"])
def test_only_small_holes(where: str) -> None:
    mask = porous(5)
    mask[mask == 2] = 0
    own = mask == 1
    structure = ndimage.generate_binary_structure(3, 1)
    if where == "slices":
        structure[[0, 2]] = False
    padded = np.pad(
        ~own, ((0, 0) if where == "slices" else (1, 1), (1, 1), (1, 1)), constant_values=True
    )
    parts, n_parts = ndimage.label(padded, structure)
    sizes = ndimage.sum_labels(padded, parts, np.arange(n_parts + 1))
    is_small = (sizes > 0) & (sizes <= 2)
    middle = parts if where == "slices" else parts[1:-1]
    holes = is_small[middle[:, 1:-1, 1:-1]]
    voxel = np.prod(SPACING) if where == "volume" else SPACING[1] * SPACING[2]
    surface = surface_of(mask)
    found = result_of("fill holes", surface, where=where, largest=float(2.2 * voxel))
    assert np.array_equal(found, np.where(holes, 1, mask))
    assert not np.array_equal(found, result_of("fill holes", surface, where=where))


def test_words_where_there_is_no_hole() -> None:
    mask = np.zeros((6, 9, 9), np.uint8)
    mask[1:5, 2:7, 2:7] = 3
    mask[2, 4, 4] = 0
    surface = surface_of(mask)
    with pytest.raises(NothingToDoError, match="Label 3 has no holes in this slice"):
        ask("fill holes", surface, label=3, plane=0, index=3, where="slice")
    with pytest.raises(NothingToDoError, match="no holes that small"):
        ask("fill holes", surface, label=3, largest=0.5)
    mask[2, 4, 4] = 2
    assert ask("fill holes", surface, label=3) is None


@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_cavities_of_a_solid_body(plane: int | None) -> None:
    """Here holes are told apart by runs; in ragged regions, by voxels."""
    mask = np.zeros((40, 70, 90), np.uint8)
    mask[5:35, 5:65, 5:85] = 1
    mask[10:20, 20:30, 20:50] = mask[25, 40, 60] = 0
    mask[12:15, 5:25, 30:32] = 0
    mask[22:24, 50:60, 70:80] = 2
    own = mask == 1
    if plane is None:
        closed = ndimage.binary_fill_holes(own)
    else:
        parts = [ndimage.binary_fill_holes(part) for part in np.moveaxis(own, plane, 0)]
        closed = np.stack(parts, axis=plane)
    where = "volume" if plane is None else "slices"
    found = result_of(
        "fill holes", surface_of(mask), where=where, plane=plane or 0, over_labels=True
    )
    assert np.array_equal(found == 1, closed)
    assert closed.sum() > own.sum() + 100
