"""Labels that superpixels soften: laws of the paper's function, and where nothing may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis.calibration import Cells, bin_sums, calibration_error, equal_width_edges
from annotator.analysis.phantom_shapes import disc_cup_case, organ_case
from annotator.analysis.soft_labels import cut_superpixels, soften_labels, softness

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit
SQUARE = (1.0, 1.0, 1.0)


def _calibration(said: NDArray[np.float32], is_so: NDArray[np.bool_]) -> float:
    cells = Cells(
        probability=said.astype(np.float64),
        observed=is_so.astype(np.float64),
        counts=np.ones(len(said)),
    )
    found = calibration_error(bin_sums(cells, equal_width_edges()))
    assert found is not None
    return found


def soften(mask: NDArray[np.uint8], image: NDArray[np.float32]) -> NDArray[np.float32]:
    labels = tuple(range(int(mask.max()) + 1))
    return soften_labels(mask, image, SQUARE, labels, superpixel_mm=5.0, width_mm=1.0)


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.floats(-1e6, 1e6, allow_subnormal=False),
)
def test_softness_is_half_on_the_outline_and_rises(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ends = softness(np.array([low, 0.0, high, -high]))
    assert ends[1] == 0.5
    assert 0.0 <= ends[0] <= ends[2] <= 1.0
    assert ends[2] + ends[3] == pytest.approx(1.0)


@given(st.integers(0, 50))
def test_own_label_stays_the_greatest_and_shares_sum_to_one(seed: int) -> None:
    phantom = disc_cup_case(seed=seed, size=40)
    soft = soften(phantom.truth, phantom.image)
    assert np.allclose(soft.sum(axis=0), 1.0, atol=1e-6)
    assert (soft.argmax(axis=0) == phantom.truth).all()
    two = (phantom.truth > 0).astype(np.uint8)
    soft = soften(two, phantom.image)
    assert ((soft[1] > 0.5) == (two == 1)).all()


@given(st.integers(0, 50))
def test_complement_gets_the_rest(seed: int) -> None:
    phantom = disc_cup_case(seed=seed, size=40)
    mask = (phantom.truth > 0).astype(np.uint8)
    ours, rest = soften(mask, phantom.image)[1], soften(1 - mask, phantom.image)[1]
    assert np.allclose(ours, 1.0 - rest, atol=1e-6)


def test_only_superpixels_on_the_outline_change() -> None:
    phantom = disc_cup_case(seed=3, size=64)
    mask = (phantom.truth > 0).astype(np.uint8)
    soft = soften(mask, phantom.image)[1]
    changed = soft != mask
    assert changed.any()
    farthest = np.abs(
        ndimage.distance_transform_edt(mask) + ndimage.distance_transform_edt(1 - mask)
    )[changed].max()
    assert farthest < 15.0
    assert 0.05 < changed.mean() < 0.5


def test_a_superpixel_within_one_label_is_left_alone() -> None:
    image = np.zeros((1, 20, 20), np.float32)
    image[:, :, 10:] = 1.0
    mask = np.zeros((1, 20, 20), np.uint8)
    mask[:, :, 10:] = 1
    superpixels = cut_superpixels(image, SQUARE, 5.0)
    assert not set(np.unique(superpixels[mask == 0])) & set(np.unique(superpixels[mask == 1]))
    assert (soften(mask, image)[1] == mask).all()
    shifted = np.roll(mask, 2, axis=2)
    shifted[:, :, :2] = 0
    assert ((soften(shifted, image)[1] != shifted).sum()) > 0


def test_mask_of_one_label_stays_hard() -> None:
    image = np.random.default_rng(0).normal(size=(1, 16, 16)).astype(np.float32)
    ones = np.ones((1, 16, 16), np.uint8)
    assert (soften(ones, image)[1] == 1.0).all()


def test_slices_twice_as_thick_say_the_same() -> None:
    """A cylinder along z, sampled every 2 mm and every 1 mm."""
    flat = disc_cup_case(seed=5, size=40)
    mask, image = (flat.truth > 0).astype(np.uint8), flat.image
    found = [
        soften_labels(
            np.repeat(mask, n, axis=0),
            np.repeat(image, n, axis=0),
            (step, 1.0, 1.0),
            (0, 1),
            superpixel_mm=8.0,
            width_mm=1.0,
        )[1]
        for n, step in ((4, 2.0), (8, 1.0))
    ]
    thick, thin = found[0], found[1][::2]
    both = (thick != mask) & (thin != mask)
    assert both.mean() > 0.05
    assert np.allclose(thick[both], thin[both], atol=1e-6)


def test_volume_with_channels_is_cut_into_blocks() -> None:
    phantom = organ_case(seed=1, size=32)
    image = np.stack([phantom.image, -phantom.image], axis=-1)
    superpixels = cut_superpixels(image, phantom.spacing_mm, 9.0)
    assert superpixels.shape == phantom.truth.shape
    assert superpixels.max() > 10


def test_blurred_edges_are_told_better_than_by_the_mask() -> None:
    """The true share of a pixel is the step, blurred; one rater drew a hard outline."""
    random = np.random.default_rng(4)
    gain = []
    for seed in range(5):
        truth = (disc_cup_case(seed=seed, size=64).truth > 0).astype(np.float32)
        share = ndimage.gaussian_filter(truth, (0, 2.0, 2.0))
        image = share + random.normal(0, 0.05, share.shape).astype(np.float32)
        drawn = random.random(share.shape) < share
        near = (share > 0.02) & (share < 0.98)
        soft = soften(truth.astype(np.uint8), image)[1]
        errors = [_calibration(told[near], drawn[near]) for told in (soft, truth)]
        gain.append(errors[1] - errors[0])
    assert min(gain) > 0.02
