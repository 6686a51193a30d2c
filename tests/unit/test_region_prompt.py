"""The built-in prompt model: what each kind of hint does, and the random walk under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.segmentation import random_walker

from annotator.analysis.prompt_region import MOST_VOXELS, cut_region
from annotator.analysis.random_walk import walk
from annotator.api import Prompt, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.geometry import Geometry
from annotator.domain.schema import LabelSchema
from annotator.domain.study import Series
from annotator_builtins.region_prompt import RegionPrompt
from tests.contract.prompt_contract import dice, spread
from tests.phantoms import blob

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import PromptKind

    Voxels = tuple[tuple[int, int, int], ...]

pytestmark = pytest.mark.unit

SHAPE = (20, 64, 64)
SPACING_MM = (2.0, 1.0, 1.0)


def hint(kind: PromptKind, voxels: Voxels, *, positive: bool = True, plane: int = 0) -> Prompt:
    return Prompt(kind=kind, is_positive=positive, voxels=voxels, plane=plane)


def draw(
    image: NDArray[np.float32],
    *prompts: Prompt,
    is_3d: bool = True,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
) -> NDArray[np.bool_]:
    model = RegionPrompt(is_3d=is_3d)
    answer = model.take_in(image, spacing_mm, no_progress).answer(prompts)
    return spread(answer, image.shape[:3])


def two_balls() -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return an image of two balls that touch, equally bright, and each of them."""
    image, left = blob(SHAPE, (10, 32, 22), 10.0, spacing_mm=SPACING_MM)
    _, right = blob(SHAPE, (10, 32, 42), 10.0, spacing_mm=SPACING_MM)
    return np.where(right & ~left, image + 80, image).astype(np.float32), left, right & ~left


def test_one_click_finds_a_plain_object() -> None:
    image, truth = blob(SHAPE, (10, 30, 34), 12.0, spacing_mm=SPACING_MM)
    assert dice(draw(image, hint("click", ((10, 30, 34),))), truth) > 0.9


@pytest.mark.parametrize("kind", ["click", "scribble", "lasso", "box"])
def test_what_is_not_meant_is_taken_away(kind: PromptKind) -> None:
    image, left, right = two_balls()
    clicks = [hint("click", ((10, 32, x),)) for x in (18, 26)]
    assert dice(draw(image, *clicks, hint("click", ((10, 32, 42),))), left | right) > 0.85
    away: dict[str, Voxels] = {
        "click": ((10, 32, 42),),
        "scribble": ((10, 26, 42), (10, 38, 42)),
        "box": ((10, 24, 35), (10, 40, 50)),
        "lasso": ((10, 24, 35), (10, 24, 50), (10, 40, 50), (10, 40, 35)),
    }
    found = draw(image, *clicks, hint(kind, away[kind], positive=False))
    assert not found[10, 30:35, 42].any()
    assert dice(found[10:11], left[10:11]) > 0.85


@pytest.mark.parametrize("kind", ["scribble", "lasso"])
def test_a_line_shows_the_object(kind: PromptKind) -> None:
    image, truth = blob(SHAPE, (10, 30, 34), 12.0, spacing_mm=SPACING_MM)
    turn = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    around = tuple((10, round(30 + 12 * np.sin(t)), round(34 + 12 * np.cos(t))) for t in turn)
    line = ((10, 26, 28), (10, 34, 40))
    found = draw(image, hint(kind, around if kind == "lasso" else line))
    assert dice(found, truth) > 0.85


def test_a_slice_is_drawn_alone_along_any_axis() -> None:
    image, truth = blob(SHAPE, (10, 30, 34), 12.0, spacing_mm=SPACING_MM)
    for plane in range(3):
        found = draw(image, hint("click", ((10, 30, 34),), plane=plane), is_3d=False)
        at = (10, 30, 34)[plane]
        assert dice(found.take(at, plane), truth.take(at, plane)) > 0.9
        assert found.sum() == found.take(at, plane).sum()


def test_two_slices_are_drawn_apart() -> None:
    image, _ = blob(SHAPE, (10, 30, 34), 12.0, spacing_mm=SPACING_MM)
    clicks = [hint("click", ((z, 30, 34),)) for z in (8, 12)]
    found = draw(image, *clicks, is_3d=False)
    assert found[8].any()
    assert found[12].any()
    assert not found[9:12].any()


def test_an_object_larger_than_the_first_region_is_followed() -> None:
    image, truth = blob((40, 120, 120), (20, 60, 60), 45.0, spacing_mm=(3.0, 1.0, 1.0))
    found = draw(image, hint("click", ((20, 60, 60),)), spacing_mm=(3.0, 1.0, 1.0))
    assert dice(found, truth) > 0.85


def test_colours_tell_objects_apart() -> None:
    noise = np.random.default_rng(1).normal(0, 5, (1, 64, 64, 3))
    image = np.full((1, 64, 64, 3), 120.0) + noise
    truth = np.zeros((1, 64, 64), np.bool_)
    truth[0, 20:44, 24:48] = True
    image[truth] += (60, -30, -30)  # brighter red, equal on average
    found = draw(image.astype(np.float32), hint("click", ((0, 30, 30),)), spacing_mm=(1, 1, 1))
    assert dice(found, truth) > 0.9


def test_a_flat_image_answers_or_refuses_in_words() -> None:
    image = np.zeros((1, 32, 32), np.float32)
    found = draw(image, hint("click", ((0, 16, 16),)), spacing_mm=(1, 1, 1))
    assert found[0, 16, 16]
    with pytest.raises(AnnotatorError, match="ruled out"):
        draw(
            image,
            hint("box", ((0, 10, 10), (0, 20, 20))),
            hint("box", ((0, 8, 8), (0, 22, 22)), positive=False),
        )


def test_clicks_have_the_last_word() -> None:
    image, _ = blob(SHAPE, (10, 30, 34), 12.0, spacing_mm=SPACING_MM)
    found = draw(
        image,
        hint("click", ((10, 30, 34),)),
        hint("click", ((10, 5, 5),)),
        hint("click", ((10, 30, 40),), positive=False),
    )
    assert found[10, 30, 34]
    assert found[10, 5, 5]
    assert not found[10, 30, 40]


def test_a_video_is_no_volume() -> None:
    schema = LabelSchema(name="s", title="S", labels=())
    geometry = Geometry(shape=(5, 8, 8))
    series = Series(
        series_id="v",
        kind="video",
        modality="US",
        description="",
        geometry=geometry,
        dtype="uint8",
    )
    assert "video" in (RegionPrompt(is_3d=True).refuses(series, schema) or "")
    assert RegionPrompt(is_3d=False).refuses(series, schema) is None


def test_walks_end_where_those_of_scikit_image_do() -> None:
    """Against Grady's own weights there, where both see the same edge and no noise."""
    _, truth = blob((9, 40, 40), (4, 20, 20), 8.0)
    image = truth.astype(np.float32)
    seeds = np.zeros(image.shape, np.int8)
    seeds[4, 20, 20] = 1
    seeds[:, (0, -1)] = 2
    seeds[:, :, (0, -1)] = 2
    found = walk(image[..., None], (1.0, 1.0, 1.0), seeds, np.zeros_like(image), 0.0) > 0.5
    peer = random_walker(image, seeds.astype(int), beta=130, mode="bf") == 1
    assert dice(peer, truth) > 0.99
    assert dice(found, peer) > 0.99


def test_the_walk_solves_its_equations() -> None:
    """The coarse start only saves steps: the end is the same as from nothing."""
    image, _ = blob((6, 30, 30), (3, 15, 15), 8.0)
    values = (image / np.float32(200))[..., None]
    seeds = np.zeros(image.shape, np.int8)
    seeds[3, 15, 15], seeds[:, 0] = 1, 2
    prior = np.full(image.shape, 0.3, np.float32)
    found = walk(values, (1.0, 1.0, 1.0), seeds, prior, 0.05)
    assert found[3, 15, 15] > 0.9
    assert found[:, 0].max() < 0.1
    assert 0 <= found.min() <= found.max() <= 1
    flat = walk(values, (1.0, 1.0, 1.0), np.zeros_like(seeds), prior, 0.05)
    np.testing.assert_allclose(flat, 0.3, atol=0.01)


def test_a_region_is_thinned_and_spread_again() -> None:
    image = np.add.outer(np.arange(90.0), np.zeros((90, 90))).astype(np.float32)
    region = cut_region(image, (1.0, 1.0, 1.0), ((0, 0, 0), (90, 90, 90)))
    assert np.prod(region.shape) <= MOST_VOXELS
    assert max(region.steps) > 1
    back = region.to_image(region.values[..., 0])
    assert back.shape == image.shape
    inner = slice(6, -6)
    slope = np.polyfit(image[inner, 45, 45], back[inner, 45, 45], 1)[0]
    np.testing.assert_allclose(np.diff(back[inner, 45, 45]), slope, atol=0.2 * slope)
    assert tuple(region.to_grid(np.array([[89, 0, 0]]))[0]) == (region.shape[0] - 1, 0, 0)
    assert not len(region.to_grid(np.array([[90, 0, 0]])))
