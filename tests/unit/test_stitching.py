from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.stitching import Finished, Stitcher, stitching_places
from annotator.analysis.window_grid import axis_weights, least_weight, window_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Volume = NDArray[np.float32]

pytestmark = pytest.mark.unit

SIDES = st.tuples(*[st.integers(1, 11)] * 3)
PATCHES = st.tuples(*[st.integers(1, 7)] * 3)
OVERLAPS = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.6, 0.75, 0.9])


def stitch(
    image: Volume,
    patch: tuple[int, int, int],
    overlap: float,
    predict: Callable[[Volume], Volume],
    *,
    n_labels: int,
) -> tuple[Volume, NDArray[np.uint8]]:
    """Return means ``(label, z, y, x)`` and which is highest; each voxel is told once."""
    shape = (image.shape[1], image.shape[2], image.shape[3])
    means = np.full((n_labels, *shape), np.nan, np.float32)
    highest = np.full(shape, 255, np.uint8)

    def keep(part: Finished) -> None:
        assert np.isnan(means[(slice(None), *part.part)]).all(), "told twice"
        means[(slice(None), *part.part)] = part.values()
        part.write_highest(highest)

    grid = window_grid(shape, patch, overlap)
    stitcher = Stitcher(grid, n_labels, keep, weighed=True)
    assert len(stitching_places(grid)) == grid.n_windows
    for place in stitching_places(grid):
        stitcher.add(predict(grid.cut(image, place)))
    assert not np.isnan(means).any(), "a voxel was left out"
    return means, highest


def uneven(window: Volume) -> Volume:
    """Give out what depends on where in the window a voxel lies, as networks do."""
    ramp = np.linspace(-1, 1, window.shape[-1], dtype=np.float32)
    return np.concatenate([window * ramp, window**2, np.cos(7 * window) - ramp])


@settings(max_examples=30)
@given(shape=SIDES, patch=PATCHES, overlap=OVERLAPS, in_numpy=st.booleans())
def test_windows_are_blended_as_monai_blends_them(
    shape: tuple[int, int, int], patch: tuple[int, int, int], overlap: float, in_numpy: bool
) -> None:
    pytest.importorskip("monai", reason="MONAI is the peer")
    import torch
    from monai.inferers.utils import sliding_window_inference

    image = np.random.default_rng(1).normal(size=(1, *shape)).astype(np.float32)
    with kernels.without_kernels() if in_numpy else nullcontext():
        means, highest = stitch(image, patch, overlap, uneven, n_labels=3)
    found = sliding_window_inference(
        torch.from_numpy(image)[None],
        patch,
        1,
        lambda window: torch.from_numpy(uneven(window[0].numpy()))[None],
        overlap=overlap,
        mode="gaussian",
    )[0].numpy()
    np.testing.assert_allclose(means, found, atol=1e-5)
    runner_up, best = np.sort(found, axis=0)[-2:]
    is_clear = best - runner_up > 1e-5
    np.testing.assert_array_equal(highest[is_clear], found.argmax(axis=0)[is_clear])


@settings(max_examples=25)
@given(shape=SIDES, patch=PATCHES, overlap=OVERLAPS)
def test_a_constant_stays_constant_and_an_image_itself(
    shape: tuple[int, int, int], patch: tuple[int, int, int], overlap: float
) -> None:
    image = np.random.default_rng(2).normal(size=(1, *shape)).astype(np.float32)
    steady = np.array([0.25, 0.5, 0.125], np.float32)[:, None, None, None]
    means, highest = stitch(
        image, patch, overlap, lambda one: steady * np.ones_like(one), n_labels=3
    )
    np.testing.assert_allclose(means, np.broadcast_to(steady, means.shape), rtol=1e-5)
    assert (highest == 1).all()
    same, _ = stitch(image, patch, overlap, lambda one: one, n_labels=1)
    np.testing.assert_allclose(same, image, atol=1e-5)


@pytest.mark.parametrize("in_numpy", [False, True])
def test_windows_that_are_left_out_leave_background_to_the_rest(in_numpy: bool) -> None:
    shape, patch = (1, 6, 20), (1, 4, 8)
    grid = window_grid(shape, patch, 0.5)
    highest = np.full(shape, 9, np.uint8)
    open_highest = highest.copy()
    weight = np.full(shape, np.nan, np.float32)

    def keep(part: Finished) -> None:
        assert part.weights is not None
        weight[part.part] = part.weights
        part.write_highest(highest)
        part.write_highest(open_highest, above=0.0)

    with kernels.without_kernels() if in_numpy else nullcontext():
        stitcher = Stitcher(grid, 2, keep, weighed=True)
        for place in stitching_places(grid):
            if place[2] >= 8:
                stitcher.skip()
            else:
                stitcher.add(np.stack([np.zeros(patch), np.ones(patch)]).astype(np.float32))
    assert (highest[..., :12] == 1).all()
    assert (highest[..., 12:] == 0).all()
    assert (open_highest[..., :12] == 2).all()
    assert (open_highest[..., 12:] == 0).all()
    assert ((weight > 0) == (highest > 0)).all()


def test_little_is_held_of_a_large_volume() -> None:
    grid = window_grid((300, 512, 512), (96, 96, 96), 0.5)
    stitcher = Stitcher(grid, 1, lambda _: None, weighed=False)
    assert stitcher.n_bytes < 300 * 512 * 512 * 4 / 6


def test_what_does_not_fit_is_refused() -> None:
    grid = window_grid((4, 4, 4), (4, 4, 4), 0.5)
    stitcher = Stitcher(grid, 2, lambda _: None, weighed=False)
    with pytest.raises(ValueError, match="is needed"):
        stitcher.add(np.zeros((1, 4, 4, 4), np.float32))
    stitcher.skip()
    with pytest.raises(ValueError, match="no more than 1 windows"):
        stitcher.skip()
    with pytest.raises(ValueError, match="overlap"):
        window_grid((4, 4, 4), (4, 4, 4), 1.0)


def test_only_windows_that_reach_what_is_wanted_are_told() -> None:
    grid = window_grid((4, 4, 12), (4, 4, 4), 0.0)
    is_wanted = np.zeros((4, 4, 12), np.bool_)
    is_wanted[1, 2, 5] = True
    assert [grid.reaches(is_wanted, place) for place in grid.places()] == [False, True, False]


def test_weights_fall_off_evenly_on_both_sides() -> None:
    weights = axis_weights(9)
    np.testing.assert_allclose(weights, weights[::-1], rtol=1e-6)
    assert weights[4] == 1.0
    assert least_weight((9, 9, 9)) == 1e-3
    assert least_weight((1, 1, 1)) == 1.0
