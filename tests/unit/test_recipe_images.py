"""Working pixels keep what is drawn, and the way back keeps the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator_recipes.images import Frame, as_channels, normalise_intensity

pytestmark = pytest.mark.unit

sides = st.integers(1, 40)
spacings = st.sampled_from([0.3, 0.7, 1.0, 2.5])


@given(sides, sides, spacings, spacings, st.sampled_from([8, 16, 32]), st.integers(0, 99))
def test_what_sums_to_one_still_does(
    rows: int, columns: int, row_mm: float, column_mm: float, size: int, seed: int
) -> None:
    frame = Frame.around((rows, columns), (row_mm, column_mm), size=size)
    share = np.random.default_rng(seed).dirichlet(np.ones(3), (rows, columns))
    values = np.moveaxis(share, -1, 0).astype(np.float32)
    working = frame.to_working(values, beyond="edge")
    assert working.shape == (3, size, size)
    np.testing.assert_allclose(working.sum(axis=0), 1.0, atol=1e-5)
    back = frame.to_grid(working)
    assert back.shape == values.shape
    np.testing.assert_allclose(back.sum(axis=0), 1.0, atol=1e-5)


def test_same_pixels_come_back_exactly() -> None:
    frame = Frame.around((32, 32), (0.5, 0.5), size=32)
    values = np.random.default_rng(0).random((2, 32, 32), dtype=np.float32)
    np.testing.assert_array_equal(frame.to_working(values, beyond="nothing"), values)
    np.testing.assert_array_equal(frame.to_grid(values), values)


def test_area_is_kept_whatever_the_grid() -> None:
    disc_mm2 = np.pi * 10**2
    for spacing in ((0.25, 0.25), (0.5, 1.0), (1.0, 0.4)):
        shape = (round(64 / spacing[0]), round(64 / spacing[1]))
        y = (np.arange(shape[0]) - (shape[0] - 1) / 2) * spacing[0]
        x = (np.arange(shape[1]) - (shape[1] - 1) / 2) * spacing[1]
        disc = (np.hypot(y[:, None], x) <= 10).astype(np.float32)
        frame = Frame.around(shape, spacing, size=32)
        working = frame.to_working(disc, beyond="nothing")
        assert working.sum() * frame.step_mm**2 == pytest.approx(disc_mm2, rel=0.02)


def test_a_line_of_one_voxel_is_not_lost() -> None:
    thin = np.zeros((512, 512), np.float32)
    thin[203] = 1
    working = Frame.around((512, 512), (1.0, 1.0), size=32).to_working(thin, beyond="nothing")
    assert working.sum(axis=0).min() * 16 == pytest.approx(1.0, rel=1e-3)


def test_beyond_the_slice_lies_its_edge_or_nothing() -> None:
    frame = Frame.around((8, 32), (1.0, 1.0), size=32)
    ones = np.ones((8, 32), np.float32)
    np.testing.assert_allclose(frame.to_working(ones, beyond="edge"), 1.0)
    padded = frame.to_working(ones, beyond="nothing")
    assert padded.sum() == pytest.approx(8 * 32)
    assert padded[:11].max() == 0


def test_channels_and_intensity() -> None:
    grey = np.random.default_rng(1).normal(40, 300, (2, 20, 20)).astype(np.float32)
    assert as_channels(grey, 3).shape == (2, 3, 20, 20)
    colour = np.stack([grey, grey + 3, grey - 3], axis=-1)
    assert as_channels(colour, 3).shape == (2, 3, 20, 20)
    np.testing.assert_allclose(as_channels(colour, 1)[:, 0], grey, atol=1e-3)
    scaled = normalise_intensity(grey)
    assert np.percentile(scaled, [1, 99]) == pytest.approx([-1, 1], abs=1e-3)
    np.testing.assert_allclose(normalise_intensity(3 * grey - 7), scaled, atol=1e-4)
    np.testing.assert_array_equal(normalise_intensity(np.full((1, 4, 4), 7, np.float32)), 0)
