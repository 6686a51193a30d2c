"""Smoothing against SimpleITK's filters, and that labels smoothed together leave no gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import NothingToDoError
from tests.unit.drawing.asking import (
    SPACING,
    ask,
    distance_to,
    made_labels,
    picture_of,
    reshaped,
    result_of,
    section,
    surface_of,
)

if TYPE_CHECKING:
    from annotator.drawing.edit import Mask

pytestmark = pytest.mark.unit


def median_by_itk(region: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], mm: float) -> Mask:
    steps = [step for step, size in zip(SPACING, region.shape, strict=True) if size > 1]
    found = sitk.Median(picture_of(region), [int(mm / step) for step in steps[::-1]])
    return sitk.GetArrayFromImage(found).reshape(region.shape)


@pytest.mark.parametrize("mm", [1.2, 2.6, 5.1])
def test_median_in_the_volume(mm: float) -> None:
    mask = made_labels(5)
    expected = reshaped(mask, 1, median_by_itk(mask == 1, mm) > 0)
    assert np.array_equal(result_of("smooth", surface_of(mask), method="median", mm=mm), expected)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_median_in_a_slice(plane: int) -> None:
    mask = made_labels(6, dtype=np.uint16)
    here = section(plane, 5)
    expected = mask.copy()
    expected[here] = reshaped(mask[here], 2, median_by_itk(mask[here] == 2, 2.6) > 0)
    found = result_of(
        "smooth", surface_of(mask), label=2, plane=plane, index=5, where="slice", mm=2.6
    )
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("mm", [0.75, 1.45, 2.65])
def test_opening_and_closing_with_a_ball(mm: float) -> None:
    mask = made_labels(7)
    own = mask == 1
    surface = surface_of(mask)
    left = distance_to(~own) > mm
    assert left.any()
    opened = reshaped(mask, 1, distance_to(left) <= mm)
    assert np.array_equal(result_of("smooth", surface, method="opening", mm=mm), opened)
    closed = reshaped(mask, 1, distance_to(~(distance_to(own) <= mm)) > mm)
    assert np.array_equal(result_of("smooth", surface, method="closing", mm=mm), closed)


def test_opening_and_closing_settle_and_keep_to_their_side() -> None:
    mask = (made_labels(8) == 1).astype(np.uint8)
    for method in ("opening", "closing"):
        once = result_of("smooth", surface_of(mask), method=method, mm=1.6)
        assert ((once <= mask) if method == "opening" else (once >= mask)).all()
        assert not np.array_equal(once, mask)
        assert ask("smooth", surface_of(once), method=method, mm=1.6) is None


def test_opening_takes_off_a_bridge_and_closing_fills_a_crack() -> None:
    mask: Mask = np.zeros((20, 40, 60), np.uint8)
    mask[4:16, 8:32, 5:25] = mask[4:16, 8:32, 35:55] = 1
    mask[9:11, 19:21, 25:35] = 1
    apart = result_of("smooth", surface_of(mask), method="opening", mm=3.0)
    assert ndimage.label(mask)[1] == 1
    assert ndimage.label(apart)[1] == 2
    mask[9:11, 8:32, 10:20] = 0
    filled = result_of("smooth", surface_of(mask), method="closing", mm=3.0)
    assert filled[9:11, 13:27, 14:16].all()


@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_gaussian(plane: int | None) -> None:
    """SimpleITK's Gaussian is a discrete one: the two differ where it is undecided."""
    mask = made_labels(9)
    here = (slice(None),) * 3 if plane is None else section(plane, 8)
    region = mask[here] == 1
    blurred = sitk.DiscreteGaussian(
        sitk.Cast(picture_of(region), sitk.sitkFloat32),
        variance=[2.8**2] * (3 if plane is None else 2),
        maximumKernelWidth=64,
        maximumError=0.001,
        useImageSpacing=True,
    )
    shares = sitk.GetArrayFromImage(blurred).reshape(region.shape)
    how = {} if plane is None else {"plane": plane, "index": 8, "where": "slice"}
    found = result_of("smooth", surface_of(mask), method="gaussian", mm=2.8, **how)
    is_sure = np.abs(shares - 0.5) > 0.02
    assert is_sure.mean() > 0.9
    assert np.array_equal((found[here] == 1)[is_sure], shares[is_sure] > 0.5)
    untouched = np.ones(mask.shape, bool)
    untouched[here] = False
    assert np.array_equal(found[untouched], mask[untouched])


@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_labels_smoothed_together(plane: int | None) -> None:
    """By linearity, what is drawn is what smoothing all labels as one would draw: no gap more."""
    mask = made_labels(10, n_labels=4, dtype=np.uint16)
    mask[mask == 4] = 4000
    here = (slice(None),) * 3 if plane is None else section(plane, 6)
    sigma = [0 if n == 1 else 1.5 / step for n, step in zip(mask[here].shape, SPACING, strict=True)]

    def blurred(region: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Mask:
        found: Mask = ndimage.gaussian_filter(
            region.astype(np.float64), sigma, mode="nearest", radius=[int(3 * s) for s in sigma]
        )
        return found

    values = [1, 2, 3, 4000]
    shares = np.stack([blurred(mask[here] == value) for value in values])
    drawn = blurred(mask[here] != 0)
    ranked = np.sort(shares, axis=0)
    is_sure = (np.abs(drawn - 0.5) > 1e-5) & (ranked[-1] - ranked[-2] > 1e-5)
    assert is_sure.mean() > 0.99
    expected = np.where(drawn > 0.5, np.array(values)[shares.argmax(axis=0)], 0)
    how = {} if plane is None else {"plane": plane, "index": 6, "where": "slice"}
    found = result_of("smooth", surface_of(mask), method="joint", mm=1.5, **how)
    assert np.array_equal(found[here][is_sure], expected[is_sure])
    assert not np.array_equal(found, mask)


def test_neighbours_stay_neighbours_where_alone_they_would_part() -> None:
    mask: Mask = np.zeros((24, 60, 60), np.uint8)
    place = np.stack(np.meshgrid(*map(np.arange, mask.shape), indexing="ij"), axis=-1)
    radius = np.linalg.norm(place - (11.5, 29.5, 29.5), axis=-1)
    angle = np.arctan2(place[..., 1] - 29.5, place[..., 2] - 29.5)
    inside = radius < 11
    mask[inside] = 1 + ((angle[inside] + np.pi) / (2 * np.pi) * 5).astype(np.uint8).clip(0, 4)
    core = radius < 8
    together = result_of("smooth", surface_of(mask, spacing_mm=(1, 1, 1)), method="joint", mm=3.0)
    assert set(np.unique(together[core]).tolist()) == {1, 2, 3, 4, 5}
    alone = mask
    for label in range(1, 6):
        surface = surface_of(alone, spacing_mm=(1, 1, 1))
        alone = result_of("smooth", surface, label=label, method="gaussian", mm=3.0)
    assert (alone[core] == 0).any()


def test_words_where_nothing_can_be_smoothed() -> None:
    mask: Mask = np.zeros((5, 6, 7), np.uint8)
    with pytest.raises(NothingToDoError, match="Nothing is drawn"):
        ask("smooth", surface_of(mask), method="joint")
    mask[2, 3, 3] = 1
    with pytest.raises(NothingToDoError, match="too thin for 3 mm"):
        ask("smooth", surface_of(mask), method="median", mm=3.0)
    with pytest.raises(AnnotatorError, match="less than one voxel"):
        ask("smooth", surface_of(mask), method="closing", mm=0.5)
