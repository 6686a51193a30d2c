from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.bent_phantoms import bent_pair
from annotator.analysis.propagation import round_trip_mm
from annotator.api import PlacedImage, no_progress
from annotator.domain.geometry import Geometry
from annotator_recipes.atlas_flow import AtlasFlowParameters
from tests.contract.propagator_contract import ends

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

pytestmark = pytest.mark.unit


def random_way(sides: tuple[int, ...], *, reach: float, seed: int = 0) -> Tensor:
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(
        random.standard_normal((len(sides), *sides)), (0, *[4] * len(sides))
    )
    made: Tensor = torch.from_numpy(reach * noise / np.abs(noise).max())[None].float()
    return made


def test_staying_where_one_is_changes_and_costs_nothing() -> None:
    from annotator_recipes.atlas_flow_net import bending, overlap_gap, return_gap, warped

    values = torch.rand(1, 2, 9, 7, generator=torch.Generator().manual_seed(1))
    stay = torch.zeros(1, 2, 9, 7)
    torch.testing.assert_close(warped(values, stay), values)
    assert bending(stay) == 0
    assert bending(stay + 3.0) == 0
    assert return_gap(stay, stay).abs().max() == 0
    labels = torch.stack([values[:, 0] > 0.5, values[:, 0] <= 0.5], dim=1).float()
    assert overlap_gap(labels, labels) == 0


def test_likeness_does_not_see_brightness() -> None:
    from annotator_recipes.atlas_flow_net import unlikeness

    random = torch.Generator().manual_seed(2)
    one = torch.rand(1, 1, 12, 12, 12, generator=random)
    other = torch.rand(1, 1, 12, 12, 12, generator=random)
    assert unlikeness(one, 3 - 2 * one) < 0.05
    assert unlikeness(one, other) > 0.8


@pytest.mark.parametrize("sides", [(24, 20), (14, 16, 12)])
def test_the_gap_is_that_of_arrays(sides: tuple[int, ...]) -> None:
    from annotator_recipes.atlas_flow_net import return_gap

    there, back = (random_way(sides, reach=2.0, seed=seed) for seed in (3, 4))
    gap = return_gap(there, back)[0].norm(dim=0).numpy()
    wanted = round_trip_mm(there[0].numpy(), back[0].numpy(), [1.0] * len(sides))
    np.testing.assert_allclose(gap, wanted, atol=1e-4)


def test_a_network_begins_where_images_lie() -> None:
    from annotator_recipes.atlas_flow_net import FlowNet

    torch.manual_seed(0)
    image = torch.rand(1, 1, 16, 16, 16)
    assert FlowNet((16, 16, 16), 4)(image, image.flip(2)).abs().max() < 0.05


def frame_of(direction: tuple[float, ...]) -> Geometry:
    d = direction
    return Geometry(
        shape=(4, 5, 6), direction=(d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8])
    )


def test_axes_are_laid_along_the_patient_and_back() -> None:
    from annotator_recipes.atlas_flow_learning import Frame

    values = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    same = Frame(frame_of((1, 0, 0, 0, 1, 0, 0, 0, 1)))
    np.testing.assert_array_equal(same.laid(values), values)
    # The array's x runs to the foot, its y to the right, its z to the back.
    turned = Frame(frame_of((0, -1, 0, 0, 0, 1, -1, 0, 0)))
    laid = turned.laid(values)
    assert laid.shape == (6, 4, 5)
    # Highest and leftmost first along LPS: z is -x, y is z, x is -y of the array.
    np.testing.assert_array_equal(laid, values.transpose(2, 0, 1)[::-1, :, ::-1])
    np.testing.assert_array_equal(turned.back(laid), values)


def learned_gap(cycle: float) -> tuple[float, float]:
    """Return the mean error of the way and the gap on coming back, in voxels, near the organ."""
    from annotator_recipes.atlas_flow_learning import learn_flow

    pair = bent_pair((1, 32, 32), seed=1, reach_mm=3.0)
    source, target = ends(pair)
    settings = AtlasFlowParameters(rounds=50, size=32, width=4, cycle=cycle, learning_rate=5e-3)
    carrier = learn_flow(source, pair.source_mask, [target], settings, no_progress)
    there, back = (way[0].numpy() for way in carrier.ways(target))
    near: NDArray[np.bool_] = ndimage.binary_dilation(pair.target_mask[0] > 0, iterations=2)
    error = np.linalg.norm(there - pair.there[1:, 0], axis=0)[near].mean()
    bent = np.linalg.norm(pair.there[1:, 0], axis=0)[near].mean()
    return float(error / bent), float(round_trip_mm(there, back, (1.0, 1.0))[near].mean())


def test_the_cycles_make_the_way_come_back() -> None:
    """The claim of the paper; how much truer the way gets by it stands in the study of recipes."""
    error, gap = learned_gap(1.0)
    _, gap_without = learned_gap(0.0)
    assert gap < 0.6 * gap_without
    assert error < 0.9


def test_the_drawing_stays_on_the_image_it_came_from() -> None:
    from annotator_recipes.atlas_flow_learning import learn_flow

    pair = bent_pair((1, 32, 32), seed=5)
    source, _ = ends(pair)
    settings = AtlasFlowParameters(rounds=20, size=32, width=4)
    found = learn_flow(source, pair.source_mask, [source], settings, no_progress).carry(
        source, no_progress
    )
    assert (found.mask != pair.source_mask).mean() < 0.01
    assert found.error_mm.max() < 0.5


def test_an_image_on_mirrored_axes_gets_a_mirrored_drawing() -> None:
    from annotator_recipes.atlas_flow_learning import learn_flow

    pair = bent_pair((8, 16, 16), seed=6)
    source, _ = ends(pair)
    flipped = Geometry(
        shape=(8, 16, 16),
        direction=(-1, 0, 0, 0, 1, 0, 0, 0, 1),
        origin_mm=(15.0, 0.0, 0.0),
    )
    mirrored = PlacedImage(image=pair.source[..., ::-1].copy(), geometry=flipped)
    settings = AtlasFlowParameters(rounds=2, size=16, width=4)
    found = learn_flow(source, pair.source_mask, [mirrored], settings, no_progress).carry(
        mirrored, no_progress
    )
    assert (found.mask != pair.source_mask[..., ::-1]).mean() < 0.02
