"""How large the thing under a click is: made balls of known size, and what one click draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.prompt_scale import CLEAR, size_at
from annotator.api import Prompt, no_progress
from annotator_builtins.region_prompt import RegionPrompt
from tests.contract.prompt_contract import dice, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SPACING_MM = (2.0, 1.0, 1.0)


def ball(
    radius_mm: float, contrast: float, seed: int, *, depth: int = 28
) -> tuple[NDArray[np.float32], NDArray[np.bool_], tuple[int, int, int]]:
    """Return a blurred ball ``contrast`` deviations above noise, where it is, and its middle."""
    shape, at = (depth, 72, 72), (depth // 2, 34, 38)
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    squared = sum(((a - c) * mm) ** 2 for a, c, mm in zip(axes, at, SPACING_MM, strict=True))
    truth = np.broadcast_to(squared <= radius_mm**2, shape)
    noise = np.random.default_rng(seed).standard_normal(shape)
    image = ndimage.gaussian_filter(contrast * truth, [0.5, 1, 1]) + noise
    return image.astype(np.float32), truth, at


def whole(image: NDArray[np.float32]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    depth, height, width = image.shape[:3]
    return (0, 0, 0), (depth, height, width)


def one_click(
    image: NDArray[np.float32], at: tuple[int, int, int], *, is_3d: bool = True
) -> NDArray[np.bool_]:
    prompt = Prompt(kind="click", is_positive=True, voxels=(at,))
    taken = RegionPrompt(is_3d=is_3d).take_in(image, SPACING_MM, no_progress)
    return spread(taken.answer((prompt,)), image.shape[:3])


@pytest.mark.parametrize("radius_mm", [4.0, 6.0, 9.0, 15.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_size_of_a_ball_is_found(radius_mm: float, sign: int) -> None:
    image, _, at = ball(radius_mm, 6.0 * sign, seed=3)
    found = size_at(image, SPACING_MM, at, whole(image))
    assert found.clearness > CLEAR
    assert 0.65 < found.radius_mm / radius_mm < 1.75  # white noise fades with size


def test_on_a_slice_it_is_the_size_of_a_disc() -> None:
    image, _, (z, y, x) = ball(9.0, 6.0, seed=3)
    low, high = whole(image)
    slice_only = ((z, *low[1:]), (z + 1, *high[1:]))
    found = size_at(image, SPACING_MM, (z, y, x), slice_only)
    assert 0.65 < found.radius_mm / 9.0 < 1.75


def test_the_unit_of_intensity_does_not_matter() -> None:
    image, _, at = ball(6.0, 4.0, seed=2)
    one, other = (size_at(i, SPACING_MM, at, whole(i)) for i in (image, 40 * image - 900))
    assert other == pytest.approx(one, rel=1e-3)


def test_nothing_but_noise_is_unclear_or_at_least_rare() -> None:
    """Nine of ten clicks into noise find nothing that is clear."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((24, 64, 64)).astype(np.float32)
    clicks = rng.integers((4, 12, 12), (20, 52, 52), (20, 3)).tolist()
    clear = [size_at(noise, SPACING_MM, tuple(at), whole(noise)).clearness for at in clicks]
    assert np.mean(np.array(clear) < 2 * CLEAR) >= 0.9
    assert np.median(clear) < 1.5 * CLEAR


def test_one_click_on_a_small_faint_thing_draws_about_that_thing() -> None:
    overlaps, shares = [], []
    for seed in range(8):
        image, truth, at = ball(4.0, 3.0, seed)
        found = one_click(image, at)
        overlaps.append(dice(found, truth))
        shares.append(found.sum() / truth.sum())
    assert np.mean(overlaps) > 0.6
    assert max(shares) < 4


def test_one_click_on_a_large_thing_draws_all_of_it() -> None:
    image, truth, at = ball(16.0, 2.0, seed=1, depth=40)
    assert dice(one_click(image, at), truth) > 0.85


def test_colours_have_a_size_too() -> None:
    image, truth, (z, y, x) = ball(8.0, 8.0, seed=4)
    coloured = np.stack([image, np.zeros_like(image), -image], axis=-1)[z : z + 1]
    assert dice(one_click(coloured, (0, y, x), is_3d=False), truth[z : z + 1]) > 0.8
