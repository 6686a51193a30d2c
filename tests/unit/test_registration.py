from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis.bent_phantoms import bent_pair
from annotator.analysis.propagation import folded_share, jacobian, outline_doubt, round_trip_mm
from annotator.api import PlacedImage, no_progress
from annotator.domain.geometry import Geometry
from annotator_builtins.registration import RegistrationParameters, RegistrationPropagator
from tests.contract.propagator_contract import dice, ends

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Propagated

pytestmark = pytest.mark.unit

QUARTER = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
MIRRORED = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def carry(
    source: PlacedImage, mask: NDArray[np.unsignedinteger], target: PlacedImage
) -> Propagated:
    propagator = RegistrationPropagator()
    parameters = RegistrationParameters(rounds=30)
    return propagator.take_in(source, mask, (), parameters, no_progress).carry(target, no_progress)


def auroc(scores: NDArray[np.floating], wrong: NDArray[np.bool_]) -> float:
    """Return how often a wrong voxel scores above a right one."""
    order = np.sort(scores[~wrong])
    above = np.searchsorted(order, scores[wrong], "left") + np.searchsorted(
        order, scores[wrong], "right"
    )
    return float(above.mean() / 2 / len(order))


def test_a_way_back_that_undoes_the_way_there_leaves_no_error() -> None:
    there = np.zeros((2, 20, 20))
    there[0] = 3.0
    np.testing.assert_allclose(round_trip_mm(there, -there, (1.5, 1.0)), 0.0, atol=1e-6)
    np.testing.assert_allclose(round_trip_mm(there, there, (1.5, 1.0)), 6.0, atol=1e-6)


@given(st.floats(-0.9, 3.0), st.floats(0.2, 4.0))
def test_jacobian_of_a_stretch_is_its_volume(stretch: float, step: float) -> None:
    index = np.indices((5, 6, 7)) * np.array([step, 1.0, 1.0]).reshape(3, 1, 1, 1)
    field = np.zeros((3, 5, 6, 7))
    field[0] = stretch * index[0]
    np.testing.assert_allclose(jacobian(field, (step, 1.0, 1.0)), 1 + stretch, rtol=1e-9)


def test_a_fold_is_seen_and_a_picture_has_two_axes() -> None:
    field = np.zeros((3, 1, 8, 8))
    assert folded_share(field, (1.0, 1.0, 1.0)) == 0.0
    field[2] = -2.0 * np.arange(8)
    assert folded_share(field, (1.0, 1.0, 1.0)) == 1.0


def test_doubt_is_greatest_on_the_outline_and_grows_with_the_error() -> None:
    mask = np.zeros((1, 41, 41), np.uint8)
    mask[0, 10:31, 10:31] = 1
    spacing = (1.0, 1.0, 1.0)
    small, large = (outline_doubt(mask, np.full(mask.shape, e), spacing) for e in (0.5, 4.0))
    assert small[0, 10, 20] > 0.3
    assert small[0, 20, 20] < 1e-6
    assert (large >= small).all()
    assert large[0, 14, 20] > 10 * small[0, 14, 20]
    assert not outline_doubt(np.zeros_like(mask), large, spacing).any()
    assert np.ptp(outline_doubt(mask + 1, large, spacing)[0, 20, :5]) > 0


def test_doubt_is_the_share_of_outlines_that_lie_beyond() -> None:
    """Outlines shifted at random by a normal error leave each voxel on the wrong side as often."""
    mask = np.zeros((1, 1, 60), np.uint8)
    mask[..., 30:] = 1
    shifts = np.random.default_rng(1).normal(0, 3.0, 20_000)
    outlines = 29.5 + shifts
    wrong = [((outlines > x) == (x >= 30)).mean() for x in range(60)]
    doubt = outline_doubt(mask, np.full(mask.shape, 3.0), (1.0, 1.0, 1.0))[0, 0] / 2
    near = slice(22, 38)
    np.testing.assert_allclose(doubt[near], wrong[near], atol=0.02)


def test_the_same_image_gives_the_same_drawing() -> None:
    pair = bent_pair((1, 48, 48), seed=1)
    source, _ = ends(pair)
    found = carry(source, pair.source_mask, source)
    assert dice(found.mask, pair.source_mask) > 0.999
    assert found.error_mm[found.mask > 0].max() < 0.5
    assert found.folded == 0


@pytest.mark.parametrize("shape", [(1, 64, 64), (20, 24, 24)])
def test_a_known_way_is_found(shape: tuple[int, int, int]) -> None:
    from annotator_builtins.registration_images import Pair
    from annotator_builtins.registration_steps import match

    pair = bent_pair(shape, seed=2, reach_mm=4.0)
    for image in (pair.source, pair.target):
        image[:, :3] = np.nan  # as in files that hold numbers of the body only
    both = Pair.of(*ends(pair))
    way = match(both.target, both.source, no_progress, smoothness=1.0, rounds=30)
    found = both.way_mm(way).reshape(-1, *shape)
    truth = pair.there[-len(found) :]
    near = ndimage.binary_dilation(pair.target_mask > 0, iterations=2)
    error = np.linalg.norm(found - truth, axis=0)[near].mean()
    assert error < 0.4 * np.linalg.norm(truth, axis=0)[near].mean()
    assert dice(both.carried(pair.source_mask, way), pair.target_mask) > 0.93


@pytest.mark.parametrize("direction", [QUARTER, MIRRORED])
@pytest.mark.parametrize("shape", [(1, 48, 48), (12, 24, 24)])
def test_turned_and_mirrored_grids_are_laid_right(
    shape: tuple[int, int, int], direction: tuple[float, ...]
) -> None:
    """The target lies in other directions, as its grid says; its content is the same body."""
    pair = bent_pair(shape, seed=7, reach_mm=1.0)
    source, target = ends(pair)
    turn = np.array(direction).reshape(3, 3)
    # The array is reordered so that it shows the same body on a grid of these directions.
    image, mask = target.image[..., ::-1], pair.target_mask[..., ::-1]
    if direction is QUARTER:
        image = np.rot90(target.image, -1, axes=(1, 2))
        mask = np.rot90(pair.target_mask, -1, axes=(1, 2))
    middle = (np.array(shape[::-1]) - 1) / 2
    origin = middle - turn @ middle
    geometry = Geometry(
        shape=shape, origin_mm=tuple(origin.tolist()), direction=tuple(turn.ravel().tolist())
    )
    found = carry(source, pair.source_mask, PlacedImage(image=image.copy(), geometry=geometry))
    assert dice(found.mask, mask) > 0.9
    assert found.folded < 0.01


def test_a_finer_grid_of_other_steps_gets_a_drawing_of_its_own() -> None:
    pair = bent_pair((10, 30, 30), seed=8, spacing_mm=(3.0, 1.0, 1.0), reach_mm=2.0)
    source, _ = ends(pair)
    fine = ndimage.zoom(pair.target, (2, 1, 1), order=1, grid_mode=True, mode="nearest")
    truth = ndimage.zoom(pair.target_mask, (2, 1, 1), order=0, grid_mode=True, mode="nearest")
    geometry = Geometry(shape=(20, 30, 30), spacing_mm=(1.5, 1.0, 1.0), origin_mm=(0, 0, -0.75))
    found = carry(source, pair.source_mask, PlacedImage(image=fine, geometry=geometry))
    assert dice(found.mask, truth) > 0.9


@pytest.mark.parametrize("scale", [0.01, 40.0])
def test_units_do_not_matter(scale: float) -> None:
    """A section of a cell and a photograph without a spacing are matched as a head is."""
    pair = bent_pair((1, 48, 40), seed=4, reach_mm=3.0)
    found = []
    for step in (1.0, scale):
        geometry = Geometry(shape=(1, 48, 40), spacing_mm=(step, step, step))
        source, target = (
            PlacedImage(image=image, geometry=geometry) for image in (pair.source, pair.target)
        )
        found.append(carry(source, pair.source_mask, target))
    assert dice(found[0].mask, found[1].mask) > 0.99
    np.testing.assert_allclose(found[1].error_mm / scale, found[0].error_mm, atol=0.1)


def test_thin_volumes_and_colour_are_taken() -> None:
    pair = bent_pair((3, 32, 32), seed=9, reach_mm=2.0)
    source, target = ends(pair)
    coloured = [
        PlacedImage(image=np.repeat(one.image[..., None], 3, axis=-1), geometry=one.geometry)
        for one in (source, target)
    ]
    grey = carry(source, pair.source_mask, target)
    np.testing.assert_array_equal(grey.mask, carry(coloured[0], pair.source_mask, coloured[1]).mask)


def test_error_there_and_back_tells_where_images_could_not_be_matched() -> None:
    """One half of the target shows another body: there, and only there, the way cannot be found."""
    scores, wrong = [], []
    doubts, plain, mislabelled = [], [], []
    for seed in range(4):
        shape = (1, 64, 64)
        pair = bent_pair(shape, seed=seed, reach_mm=4.0)
        source, target = ends(pair)
        image = target.image.copy()
        image[..., 32:] = bent_pair(shape, seed=seed + 100).source[..., 32:]
        found = carry(source, pair.source_mask, PlacedImage(image=image, geometry=target.geometry))
        near = ndimage.binary_dilation((found.mask > 0) | (pair.target_mask > 0), iterations=2)
        other = np.broadcast_to(np.arange(64) >= 32, shape)
        scores.append(found.error_mm[near])
        wrong.append(other[near])
        doubts.append(outline_doubt(found.mask, found.error_mm, pair.spacing_mm)[near])
        same = np.full(shape, 0.8)
        plain.append(outline_doubt(found.mask, same, pair.spacing_mm)[near])
        mislabelled.append((found.mask != pair.target_mask)[near])
    assert auroc(np.concatenate(scores), np.concatenate(wrong)) > 0.8
    by_doubt, by_outline = (
        auroc(np.concatenate(one), np.concatenate(mislabelled)) for one in (doubts, plain)
    )
    assert by_doubt > by_outline + 0.03
