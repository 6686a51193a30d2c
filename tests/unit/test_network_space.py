from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.body_region import body_region, varied_region
from annotator.analysis.network_space import network_space
from annotator.domain.geometry import IDENTITY, Geometry
from tests.phantoms import chest

if TYPE_CHECKING:
    from annotator.analysis.network_space import NetworkSpace

pytestmark = pytest.mark.unit

SHAPES = st.tuples(*[st.integers(1, 23)] * 3)
SPACINGS = st.tuples(*[st.floats(0.3, 4.0)] * 3)
ORIENTATIONS = ["".join(one) for one in product("RL", "AP", "SI")]


def turned_by(seed: int) -> Any:  # noqa: ANN401
    """Return the direction of an oblique volume, row by row."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return tuple(axes.reshape(-1).tolist())


def there_and_back(space: NetworkSpace, volume: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    found = np.full(space.shape, np.nan, np.float32)
    for first, planes in space.from_network(space.to_network(volume)):
        space.turn(found)[first : first + len(planes)] = planes
    return found


@settings(max_examples=60)
@given(
    shape=SHAPES,
    spacing_mm=SPACINGS,
    wanted_mm=SPACINGS,
    orientation=st.sampled_from([None, *ORIENTATIONS]),
    seed=st.integers(0, 50),
)
def test_a_volume_comes_back_to_its_own_grid(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    wanted_mm: tuple[float, float, float],
    orientation: str | None,
    seed: int,
) -> None:
    geometry = Geometry(shape=shape, spacing_mm=spacing_mm, direction=turned_by(seed))
    space = network_space(geometry, orientation=orientation, spacing_mm=wanted_mm)
    ramp = np.linspace(0, 1, shape[2], dtype=np.float32) + np.arange(shape[1])[:, None] / 7
    volume = np.broadcast_to(ramp, shape) + np.zeros(shape)
    back = there_and_back(space, volume)
    assert back.shape == shape
    assert not np.isnan(back).any()
    assert volume.min() - 1e-5 <= back.min()
    assert back.max() <= volume.max() + 1e-5
    np.testing.assert_array_equal(space.turn_back(space.turn(volume)), volume)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_axes_lead_where_the_network_wants_them(orientation: str, seed: int) -> None:
    """Each axis, however oblique the volume, leads nearer to what is wanted than the others do."""
    direction = np.array(turned_by(seed)).reshape(3, 3)
    geometry = Geometry(shape=(4, 5, 6), direction=turned_by(seed))
    space = network_space(geometry, orientation=orientation, spacing_mm=None)
    sense = {"R": -1, "L": 1, "A": -1, "P": 1, "I": -1, "S": 1}
    score = 0.0
    for place, letter in enumerate(reversed(orientation)):
        leads = direction[:, 2 - space.axes[place]] * (-1 if space.flipped[place] else 1)
        along = leads[2 - place] * sense[letter]
        assert along > 0
        score += along
    assert (
        score
        >= max(
            sum(abs(direction[2 - place, 2 - axis]) for place, axis in enumerate(axes))
            for axes in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        )
        - 1e-9
    )


def test_orientation_agrees_with_nibabel() -> None:
    nibabel = pytest.importorskip("nibabel")
    for seed in range(8):
        geometry = Geometry(shape=(4, 5, 6), direction=turned_by(seed))
        to_ras = np.diag([-1.0, -1.0, 1.0]) @ np.array(geometry.direction).reshape(3, 3)
        affine = np.eye(4)
        affine[:3, :3] = to_ras
        volume = np.arange(120.0).reshape(4, 5, 6)
        image = nibabel.Nifti1Image(volume.transpose(2, 1, 0), affine)
        expected = np.asarray(nibabel.as_closest_canonical(image).dataobj).transpose(2, 1, 0)
        space = network_space(geometry, orientation="RAS", spacing_mm=None)
        if "".join(nibabel.aff2axcodes(affine)) == "".join(nearest(to_ras)):
            np.testing.assert_array_equal(space.to_network(volume), expected)


def nearest(to_ras: np.ndarray[Any, Any]) -> list[str]:
    """Return where each axis leads most, where that is clear: no direction is taken twice."""
    rows = np.abs(to_ras).argmax(axis=0)
    if len(set(rows.tolist())) < 3:
        return []
    return [("LR", "PA", "IS")[row][int(to_ras[row, axis] > 0)] for axis, row in enumerate(rows)]


def test_a_smooth_image_survives_the_way_there_and_back() -> None:
    shape = (21, 40, 33)
    axes = np.meshgrid(*[np.linspace(0, 2, size) for size in shape], indexing="ij")
    volume = np.sum([np.sin(axis) for axis in axes], axis=0)
    geometry = Geometry(shape=shape, spacing_mm=(2.0, 1.0, 1.0))
    space = network_space(geometry, orientation=None, spacing_mm=(1.3, 1.3, 1.3))
    assert space.size == (32, 31, 25)
    assert np.abs(there_and_back(space, volume) - volume)[1:-1, 1:-1, 1:-1].max() < 0.01


def test_what_cannot_be_resampled_is_left() -> None:
    flat = Geometry(shape=(1, 20, 30), spacing_mm=(9.0, 0.5, 0.5))
    assert network_space(flat, orientation="RAS", spacing_mm=(1, 1, 1)).size == (1, 10, 15)
    photograph = Geometry(shape=(1, 20, 30), is_calibrated=False)
    assert network_space(photograph, orientation=None, spacing_mm=(1, 2, 2)).size == (1, 20, 30)
    video = Geometry(shape=(7, 20, 30), is_time=True)
    space = network_space(video, orientation="LPS", spacing_mm=(0.5, 2, 2))
    assert (space.size, space.axes) == ((7, 10, 15), (0, 1, 2))
    slices = Geometry(shape=(7, 20, 30), direction=IDENTITY)
    assert network_space(slices, orientation=None, spacing_mm=(None, 2, 2)).size == (7, 10, 15)


def test_the_region_of_a_body_holds_all_of_it_and_little_air() -> None:
    voxels, _, lungs, body = chest((24, 128, 128))
    for view in (voxels, voxels[:, 30:, 25:90]):
        cut = np.s_[:] if view is voxels else np.s_[:, 30:, 25:90]
        region = body_region(view)
        assert region[body[cut]].all(), "the body may touch the border"
        assert region[lungs[cut]].all()
    assert body_region(voxels).mean() < 0.75
    assert not body_region(np.full((5, 6, 7), -1000, np.int16)).any()


def test_the_region_that_varies_leaves_out_the_lowest_value() -> None:
    image = np.zeros((9, 20, 33))
    image[4, 10, 20] = 0.5
    region = varied_region(image)
    assert region[4, 10, 20]
    assert region.mean() < 0.5
    assert not varied_region(np.ones((3, 3, 3))).any()
