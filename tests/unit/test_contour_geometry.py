"""Contours: where points lie, which way is out, how far off, and what is wrong in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis.contour_deviation import signed_deviation_mm
from annotator.analysis.contour_events import find_stretches, stretch_voxels, true_stretches
from annotator.analysis.contour_faults import FAULT_KINDS, plant_fault, waver
from annotator.analysis.contour_points import contour_points, tangents
from annotator.analysis.contour_scores import (
    ScoredContour,
    alerts_per_mm,
    detect,
    found_stretches,
    threshold_at,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.contour_faults import FaultKind
    from annotator.analysis.contour_points import Spacing

pytestmark = pytest.mark.unit

FLAT: Spacing = (1.0, 1.0, 1.0)
SPACINGS = st.sampled_from([(1.0, 1.0, 1.0), (2.0, 0.7, 0.7), (1.5, 1.0, 0.5)])


def ball(
    radius_mm: float, spacing_mm: Spacing, *, is_flat: bool, off_mm: float = 0.0
) -> NDArray[np.bool_]:
    """Return a ball, or a disc, moved along x, on a grid with room around it."""
    half = [0 if is_flat else int(14 / spacing_mm[0]), *(int(14 / s) for s in spacing_mm[1:])]
    axes = np.ogrid[tuple(slice(-size, size + 1) for size in half)]
    squared = sum(
        (axis * step - shift) ** 2
        for axis, step, shift in zip(axes, spacing_mm, (0.0, 0.0, off_mm), strict=True)
    )
    return np.asarray(squared <= radius_mm**2)


@settings(max_examples=20)
@given(st.floats(4.0, 7.0), st.floats(-2.5, 2.5), SPACINGS, st.booleans())
def test_a_ball_that_is_larger_deviates_by_what_it_is_larger(
    radius_mm: float, more_mm: float, spacing_mm: Spacing, is_flat: bool
) -> None:
    truth = ball(radius_mm, spacing_mm, is_flat=is_flat)
    points = contour_points(ball(radius_mm + more_mm, spacing_mm, is_flat=is_flat), spacing_mm)
    off = signed_deviation_mm(points, truth)
    voxel = max(spacing_mm[1:] if is_flat else spacing_mm)
    assert off.mean() == pytest.approx(more_mm, abs=0.5 * voxel)
    assert np.abs(off - more_mm).max() <= 1.5 * voxel


@settings(max_examples=20)
@given(st.floats(4.0, 7.0), st.floats(-3.0, 3.0), SPACINGS, st.booleans())
def test_a_ball_that_was_moved_deviates_by_the_move_along_the_normal(
    radius_mm: float, move_mm: float, spacing_mm: Spacing, is_flat: bool
) -> None:
    truth = ball(radius_mm, spacing_mm, is_flat=is_flat)
    drawn = ball(radius_mm, spacing_mm, is_flat=is_flat, off_mm=move_mm)
    points = contour_points(drawn, spacing_mm)
    off = signed_deviation_mm(points, truth)
    middle = (np.asarray(truth.shape) - 1) / 2 * np.asarray(spacing_mm)
    expected = np.linalg.norm(points.at_mm - middle, axis=1) - radius_mm
    voxel = max(spacing_mm[1:] if is_flat else spacing_mm)
    assert np.abs(off - expected).max() <= 1.5 * voxel
    radial = points.at_mm - middle - (0.0, 0.0, move_mm)
    radial /= np.linalg.norm(radial, axis=1, keepdims=True)
    assert np.median((points.normal * radial).sum(axis=1)) > 0.95


@settings(max_examples=15)
@given(st.integers(0, 10_000), SPACINGS, st.booleans())
def test_any_two_masks_agree_with_distance_maps(
    seed: int, spacing_mm: Spacing, is_flat: bool
) -> None:
    sitk = pytest.importorskip("SimpleITK")
    random = np.random.default_rng(seed)
    shape = (1 if is_flat else 9, 16, 18)
    drawn, truth = (
        ndimage.gaussian_filter(random.random(shape), [0 if is_flat else 1.5, 2, 2]) > 0.5
        for _ in range(2)
    )
    points = contour_points(drawn, spacing_mm)
    if not len(points) or not len(contour_points(truth, spacing_mm)):
        return
    assert (signed_deviation_mm(contour_points(truth, spacing_mm), truth) == 0).all()
    off = signed_deviation_mm(points, truth)
    image = sitk.GetImageFromArray(truth.astype(np.uint8))
    image.SetSpacing(tuple(reversed(spacing_mm)))
    by_itk = sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    )
    at = by_itk[tuple(points.inner.T)]
    # The map is measured from centres of border voxels to centres of voxels, ours between faces.
    voxel = float(np.linalg.norm(spacing_mm[1:] if is_flat else spacing_mm))
    assert np.abs(off - at).max() <= 1.5 * voxel


def test_a_stack_of_discs_has_the_contour_of_the_disc() -> None:
    disc = ball(6.0, FLAT, is_flat=True)
    flat = contour_points(disc, FLAT)
    stack = contour_points(np.repeat(disc, 7, axis=0), (3.0, 1.0, 1.0))
    in_middle = stack.inner[:, 0] == 3
    np.testing.assert_array_equal(stack.inner[in_middle][:, 1:], flat.inner[:, 1:])
    np.testing.assert_allclose(stack.normal[in_middle], flat.normal, atol=1e-5)
    assert (stack.size_mm[in_middle] == 3.0).all()
    assert (flat.size_mm == 1.0).all()
    truth = ball(4.0, FLAT, is_flat=True)
    by_stack = signed_deviation_mm(stack, np.repeat(truth, 7, axis=0))
    np.testing.assert_allclose(by_stack[in_middle], signed_deviation_mm(flat, truth))
    for directions in tangents(stack):
        np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
        np.testing.assert_allclose((directions * stack.normal).sum(axis=1), 0.0, atol=1e-9)


def test_a_thinned_contour_stands_for_all_of_it_and_the_end_of_the_grid_is_none() -> None:
    mask = ball(9.0, FLAT, is_flat=False)
    whole, thinned = contour_points(mask, FLAT), contour_points(mask, FLAT, most=300)
    assert len(thinned) <= 300 < len(whole)
    assert thinned.size_mm.sum() == whole.size_mm.sum()
    assert len(find_stretches(thinned, np.ones(len(thinned)), np.zeros(len(thinned)), least=1)) == 1
    half = np.ones((1, 8, 8), np.bool_)
    half[:, :, 4:] = False
    assert (contour_points(half, FLAT).at[:, 2] == 3.5).all()
    assert len(contour_points(np.ones((4, 4, 4), np.bool_), FLAT)) == 0
    nowhere = signed_deviation_mm(whole, np.zeros_like(mask))
    assert (nowhere == np.inf).all()


def test_stretches_are_told_apart_by_place_and_direction() -> None:
    truth = np.zeros((1, 40, 60), np.bool_)
    truth[:, 10:30, 10:50] = True
    drawn = truth.copy()
    drawn[:, 30:34, 15:22] = True
    drawn[:, 10:13, 35:41] = False
    points = contour_points(drawn, FLAT)
    off = signed_deviation_mm(points, truth)
    out, inward = true_stretches(points, off, 2.0)
    assert (out.direction, inward.direction) == ("out", "in")
    assert out.size_mm == pytest.approx(7 + 2 * 2)
    depths = np.asarray(points.at[out.centre])
    assert depths[1] == pytest.approx(33.5)
    taken = np.zeros(drawn.size, np.bool_)
    taken[stretch_voxels(points, out, off, drawn)] = True
    added = drawn & ~truth
    assert (taken.reshape(drawn.shape) & ~drawn).sum() == 0
    assert (taken.reshape(drawn.shape) & added).sum() >= 0.9 * added.sum()
    missing = np.zeros(drawn.size, np.bool_)
    missing[stretch_voxels(points, inward, off, drawn)] = True
    assert (missing.reshape(drawn.shape) & drawn).sum() == 0
    assert (missing.reshape(drawn.shape) & truth & ~drawn).sum() >= 0.9 * 18


def test_scores_of_a_case_counted_by_hand() -> None:
    contour = ScoredContour(
        score=np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]),
        is_wrong=np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0], np.bool_),
        size_mm=np.array([1, 1, 1, 2, 1, 1, 1, 1, 1, 1], np.float64),
        stretches=(np.array([0, 1]), np.array([3])),
    )
    strict = threshold_at([contour], 0.0)
    assert 0.7 < strict <= 0.8
    assert found_stretches(contour, strict).tolist() == [True, False]
    loose = threshold_at([contour], 1 / 7)
    found = detect([contour], loose)
    assert (found.found, found.point_recall) == (1.0, 1.0)
    assert found.false_alerts == pytest.approx(1 / 7)
    assert found.precision == pytest.approx(4 / 5)
    assert found.alerted_share == pytest.approx(5 / 11)
    assert alerts_per_mm(2, [contour]) == pytest.approx(2 / 11)
    tied = ScoredContour(
        score=np.zeros(4), is_wrong=np.zeros(4, np.bool_), size_mm=np.ones(4), stretches=()
    )
    assert detect([tied], threshold_at([tied], 0.5)).false_alerts == 0.0


@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("is_flat", [True, False])
def test_an_error_that_is_put_in_is_one_place_and_the_same_by_seed(
    kind: FaultKind, is_flat: bool
) -> None:
    mask = ball(9.0, FLAT, is_flat=is_flat)
    random = np.random.default_rng(3)
    image = (10.0 * mask + random.standard_normal(mask.shape)).astype(np.float32)
    image[..., : mask.shape[2] // 2] = 10.0
    first, again = (
        plant_fault(kind, mask, image, FLAT, 3.0, np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    changed = first != mask
    assert 0 < changed.sum() < 0.5 * mask.sum()
    points = contour_points(first, FLAT)
    off = signed_deviation_mm(points, mask)
    assert np.abs(off).max() >= 1.0
    assert (np.abs(off) <= 0.5).mean() > 0.2
    steady = waver(mask, FLAT, 0.3, 4.0, random)
    assert np.abs(signed_deviation_mm(contour_points(steady, FLAT), mask)).mean() < 1.0
