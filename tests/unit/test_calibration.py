"""Calibration of probabilities, and the band in which it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis.band import count_in_band, find_band
from annotator.analysis.calibration import (
    Cells,
    bin_sums,
    brier_score,
    calibration_error,
    equal_mass_edges,
    equal_width_edges,
    error_against_each,
    join_cells,
    log_loss,
    reliability,
    sums_of_raters,
)
from annotator.analysis.runs import encode
from annotator.analysis.votes import merge_votes, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def random_cells(seed: int) -> Cells:
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 60))
    return Cells(
        probability=random.random(n),
        observed=(random.random(n) < 0.5).astype(np.float64),
        counts=random.integers(1, 9, n).astype(np.float64),
    )


def spread(cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probability and truth voxel by voxel."""
    times = cells.counts.astype(int)
    return cells.probability.repeat(times), cells.observed.repeat(times)


@given(st.integers(0, 2**32))
def test_error_equals_a_loop_over_voxels(seed: int) -> None:
    cells = random_cells(seed)
    p, y = spread(cells)
    total = 0.0
    for low in np.arange(10) / 10:
        inside = (p >= low) & ((p < low + 0.1) | (low == 0.9))
        if inside.any():
            total += inside.sum() * abs(p[inside].mean() - y[inside].mean())
    found = calibration_error(bin_sums(cells, equal_width_edges()))
    assert found == pytest.approx(total / len(p), abs=1e-9)
    brier, loss = brier_score(cells), log_loss(cells)
    assert brier == pytest.approx(((p - y) ** 2).mean())
    assert loss == pytest.approx(-np.log(np.where(y == 1, p, 1 - p)).mean())


@pytest.mark.filterwarnings("ignore")  # of netcal about torch
@pytest.mark.parametrize("seed", range(3))
def test_error_of_netcal(seed: int) -> None:
    peer = pytest.importorskip("netcal.metrics", reason="netcal is not installed")
    random = np.random.default_rng(seed)
    p = random.random(4000)
    y = (random.random(4000) < p**1.5).astype(int)
    cells = Cells(probability=p, observed=y.astype(np.float64), counts=np.ones(4000))
    ours = calibration_error(bin_sums(cells, equal_width_edges()))
    assert ours == pytest.approx(float(peer.ECE(10).measure(p, y)), abs=1e-9)


@given(st.integers(0, 2**32))
def test_bins_of_equal_mass_hold_about_equally_many(seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = Cells(probability=random.random(500), observed=np.zeros(500), counts=np.ones(500))
    sums = bin_sums(cells, equal_mass_edges(cells))
    assert len(sums) == 10
    assert sums[:, 0].sum() == 500
    assert np.abs(sums[:, 0] - 50).max() <= 1


@given(st.integers(0, 2**32))
def test_sums_of_cases_add_up(seed: int) -> None:
    first, second = random_cells(seed), random_cells(seed + 1)
    edges = equal_width_edges()
    np.testing.assert_allclose(
        bin_sums(join_cells([first, second]), edges),
        bin_sums(first, edges) + bin_sums(second, edges),
    )


def test_a_believed_probability_has_no_error() -> None:
    cells = Cells(
        probability=np.array([0.25, 0.25, 0.75, 0.75]),
        observed=np.array([0.0, 1.0, 0.0, 1.0]),
        counts=np.array([75.0, 25.0, 10.0, 30.0]),
    )
    assert calibration_error(bin_sums(cells, equal_width_edges())) == pytest.approx(0.0)
    assert [entry.frequency for entry in reliability(cells)] == pytest.approx([0.25, 0.75])
    assert [entry.n_voxels for entry in reliability(cells)] == [100.0, 40.0]


def test_raters_in_turn_and_their_mean_are_two_numbers() -> None:
    """One rater always draws, one never: each is far from one half, their mean is not."""
    probability, counts = np.full(4, 0.5), np.full(4, 10)
    said = np.stack([np.ones(4, np.bool_), np.zeros(4, np.bool_)], axis=1)
    assert error_against_each(sums_of_raters(probability, said, counts)) == pytest.approx(0.5)
    mean = Cells(probability=probability, observed=said.mean(axis=1), counts=counts.astype(float))
    assert calibration_error(bin_sums(mean, equal_width_edges())) == pytest.approx(0.0)


@given(st.integers(0, 2**32))
def test_each_rater_is_never_easier_than_their_mean(seed: int) -> None:
    random = np.random.default_rng(seed)
    probability, counts = random.random(40), random.integers(1, 9, 40)
    said = random.random((40, 3)) < probability[:, None]
    mean = Cells(probability=probability, observed=said.mean(axis=1), counts=counts.astype(float))
    together = calibration_error(bin_sums(mean, equal_width_edges()))
    each = error_against_each(sums_of_raters(probability, said, counts))
    assert together is not None
    assert each is not None
    assert each >= together - 1e-12


def test_nothing_is_none() -> None:
    empty = join_cells([])
    assert calibration_error(bin_sums(empty, equal_width_edges())) is None
    assert (brier_score(empty), log_loss(empty)) == (None, None)
    assert reliability(empty) == ()
    nobody = sums_of_raters(np.zeros(0), np.zeros((0, 3), np.bool_), np.zeros(0, int))
    assert error_against_each(nobody) is None


def test_a_sure_error_is_not_infinite() -> None:
    cells = Cells(probability=np.ones(1), observed=np.zeros(1), counts=np.ones(1))
    assert log_loss(cells) == pytest.approx(-np.log(1e-6))


@given(st.integers(0, 2**32), st.floats(0.3, 4.0))
@settings(max_examples=60)
def test_band_equals_a_distance_transform(seed: int, within_mm: float) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 14, 3).tolist())
    spacing = tuple(random.choice([0.5, 0.7, 1.0, 2.5], 3).tolist())
    values = np.array([0] * 8 + [3, 7])
    masks = [random.choice(values, shape).astype(np.uint16) for _ in range(2)]
    votes = merge_votes([encode(mask) for mask in masks], labels=[3, 7])
    said = [mask == 3 for mask in masks]
    band = find_band(votes, 3, spacing, within_mm)
    if not np.any(said):
        assert band is None
        return
    seed_voxels = said[0] != said[1]
    for mask in said:
        padded = np.pad(mask, 1, mode="edge")
        low, high = ndimage.minimum_filter, ndimage.maximum_filter
        cross = ndimage.generate_binary_structure(3, 1)
        edge = low(padded, footprint=cross) != high(padded, footprint=cross)
        seed_voxels |= edge[1:-1, 1:-1, 1:-1]
    expected = np.zeros(shape, np.bool_)
    if seed_voxels.any():
        distance = ndimage.distance_transform_edt(~seed_voxels, sampling=spacing)
        expected = distance <= within_mm + 1e-9
    assert band is not None
    found = np.zeros(shape, np.bool_)
    found.reshape(-1)[band.positions(shape)] = True
    np.testing.assert_array_equal(found, expected)
    index = to_dense(votes, np.arange(len(votes.patterns)), np.int32)
    np.testing.assert_array_equal(
        count_in_band(votes, band), np.bincount(index[expected], minlength=len(votes.patterns))
    )
