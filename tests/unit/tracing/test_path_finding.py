"""Ridges against the library's own, and paths that follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.spatial import cKDTree
from skimage.filters import sato

from annotator.analysis.tracing.path_finding import find_path
from annotator.analysis.tracing.ridge import _two_lowest, measure_ridge, ridge_blocks
from annotator.api.tracing import TracedImage
from annotator.domain.errors import AnnotatorError
from tests.unit.tracing.tube_images import draw_tubes, straight

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def curve() -> NDArray[np.float64]:
    """Return a bent line, ``(point, 3)``."""
    along = np.linspace(0, 1, 300)
    return np.stack([8 + 48 * along, 20 + 8 * np.sin(5 * along), 8 + 8 * along], axis=1)


def largest_distance(points: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Return how far the points are from the others at most."""
    return float(np.max(cKDTree(others).query(points)[0]))


def test_eigenvalues_are_those_of_the_library() -> None:
    rng = np.random.default_rng(1)
    half = rng.normal(size=(200, 3, 3))
    matrices = half + half.transpose(0, 2, 1)
    entries = {(i, j): matrices[:, i, j].astype(np.float32) for i in range(3) for j in range(i, 3)}
    low, middle = _two_lowest(entries)
    expected = np.linalg.eigvalsh(matrices)
    np.testing.assert_allclose(np.c_[low, middle], expected[:, :2], atol=1e-4)


def test_a_ridge_in_2d_is_satos() -> None:
    image = draw_tubes([straight((8, 12, 0), (56, 50, 0), 200)], (1, 64, 64))
    ours = measure_ridge(image.voxels, (1.0, 1.0, 1.0), [3.0])[0]
    theirs = sato(  # type: ignore[no-untyped-call]
        image.voxels[0].astype(float), sigmas=[3.0], black_ridges=False, mode="nearest"
    )
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
    assert ours.max() == pytest.approx(theirs.max(), rel=0.1)


def test_spacing_makes_no_other_ridge() -> None:
    line = curve()
    fine = draw_tubes([line], (24, 48, 64), radius=2.0)
    coarse = TracedImage(voxels=fine.voxels[::2], spacing_um=(2.0, 1.0, 1.0))
    scales = [2.0, 3.0]
    one = measure_ridge(fine.voxels, fine.spacing_um, scales)[::2]
    other = measure_ridge(coarse.voxels, coarse.spacing_um, scales)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95


def test_blocks_say_the_same_as_the_whole() -> None:
    image = draw_tubes([straight((10, 10, 10), (110, 60, 20), 400)], (30, 80, 120), noise=4.0)
    whole = measure_ridge(image.voxels, image.spacing_um, [1.5])
    points = straight((10, 10, 10), (110, 60, 20), 60)
    n_voxels = 0
    for block in ridge_blocks(
        image.voxels, image.spacing_um, points, reach_um=4.0, scales_um=[1.5]
    ):
        part = tuple(
            slice(low, low + size)
            for low, size in zip(block.corner, block.ridge.shape, strict=True)
        )
        np.testing.assert_allclose(block.ridge, whole[part], atol=1e-3)
        n_voxels += block.ridge.size
    assert 0 < n_voxels < whole.size


@pytest.mark.parametrize("spacing_um", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.5)])
def test_a_path_follows_the_tube(spacing_um: tuple[float, float, float]) -> None:
    line = curve()
    shape = tuple(int(n) for n in np.array([24, 48, 64]) / np.asarray(spacing_um))
    image = draw_tubes([line], (shape[0], shape[1], shape[2]), noise=8.0, spacing_um=spacing_um)
    path = find_path(image, line[0], line[-1])
    assert np.allclose(path[[0, -1]], line[[0, -1]])
    assert largest_distance(path, line) < 2.5
    assert largest_distance(line, path) < 3.5


def test_the_box_grows_for_a_way_round() -> None:
    corner = np.concatenate(
        [
            straight((10, 50, 0), (10, 15, 0), 100),
            straight((10, 15, 0), (40, 15, 0), 100),
            straight((40, 15, 0), (40, 50, 0), 100),
        ]
    )
    image = draw_tubes([corner], (1, 64, 64))
    path = find_path(image, (10, 50, 0), (40, 50, 0))
    assert largest_distance(path, corner) < 3.0
    assert path[:, 1].min() < 18


def test_points_outside_are_refused() -> None:
    image = draw_tubes([curve()], (24, 48, 64))
    with pytest.raises(AnnotatorError, match="outside of the image"):
        find_path(image, (0, 0, 0), (0, 0, 30))
    huge = TracedImage(
        voxels=np.broadcast_to(np.uint8(0), (400, 400, 400)), spacing_um=(1.0, 1.0, 1.0)
    )
    with pytest.raises(AnnotatorError, match="Click once more"):
        find_path(huge, (0, 0, 0), (399, 399, 399))
