"""What became of a model's voxels, counted from runs, against a plain count of voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from annotator.analysis.acceptance import (
    ADDED,
    CHANGED,
    KEPT,
    PROVENANCE,
    REMOVED,
    changed_share,
    compare_with_model,
    provenance,
)
from annotator.analysis.runs import decode, encode
from annotator.domain.geometry import Geometry
from annotator.store.acceptances import active_s

pytestmark = pytest.mark.unit

SHAPE = (2, 4, 5)
GEOMETRY = Geometry(shape=SHAPE, spacing_mm=(2.0, 0.5, 0.5))
MASK = arrays.arrays(np.uint8, SHAPE, elements=st.integers(0, 2))


@given(model=MASK, final=MASK)
def test_counts_are_those_of_voxels(model: np.ndarray, final: np.ndarray) -> None:
    found = compare_with_model(encode(model), encode(final), (1, 2), GEOMETRY, with_surface=False)
    assert [one.label for one in found.labels] == [
        label for label in (1, 2) if (model == label).any() or (final == label).any()
    ]
    for one in found.labels:
        was, is_now = model == one.label, final == one.label
        assert one.n_kept == (was & is_now).sum()
        assert one.n_changed == (was & ~is_now & (final > 0)).sum()
        assert one.n_removed == (was & (final == 0)).sum()
        assert one.n_added == (is_now & ~was).sum()
        assert (one.n_model, one.n_final) == (was.sum(), is_now.sum())
        assert one.mm3 == pytest.approx(0.5 * (was != is_now).sum())
    either = (model > 0) | (final > 0)
    wanted = (model != final).sum() / either.sum() if either.any() else 0.0
    assert found.changed == pytest.approx(wanted)
    assert changed_share(encode(model), encode(final), (1, 2)) == found.changed


@given(model=MASK, final=MASK)
def test_provenance_says_whose_each_voxel_is(model: np.ndarray, final: np.ndarray) -> None:
    found = decode(provenance(encode(model), encode(final), (1, 2)), np.dtype(np.uint8))
    for was, is_now, said in zip(model.flat, final.flat, found.flat, strict=True):
        wanted = {
            (False, False): 0,
            (False, True): ADDED,
            (True, False): REMOVED,
            (True, True): KEPT if was == is_now else CHANGED,
        }[bool(was), bool(is_now)]
        assert said == wanted
    assert set(np.unique(found)) <= {0, *PROVENANCE}


def test_an_outline_that_was_moved_is_told_in_mm() -> None:
    model, final = np.zeros((20, 30, 30), np.uint8), np.zeros((20, 30, 30), np.uint8)
    model[5:15, 5:25, 5:25] = 1
    final[5:15, 5:25, 7:25] = 1
    geometry = Geometry(shape=(20, 30, 30), spacing_mm=(1.0, 1.0, 1.0))
    (one,) = compare_with_model(encode(model), encode(final), (1,), geometry).labels
    assert one.moved_p95_mm == pytest.approx(2.0)
    assert one.moved_mm is not None
    assert 0.1 < one.moved_mm < 1.0
    assert one.dice == pytest.approx(2 * 18 / 38)
    (same,) = compare_with_model(encode(model), encode(model), (1,), geometry).labels
    assert (same.moved_mm, same.moved_p95_mm, same.mm3) == (0.0, 0.0, 0.0)


def test_lengths_are_left_out_where_they_are_not_known() -> None:
    model = np.ones(SHAPE, np.uint8)
    picture = Geometry(shape=SHAPE, is_calibrated=False)
    (one,) = compare_with_model(encode(model), encode(model), (1,), picture).labels
    assert one.moved_mm is None
    (gone,) = compare_with_model(encode(model), encode(0 * model), (1,), GEOMETRY).labels
    assert (gone.moved_mm, gone.n_removed, gone.dice) == (None, model.size, 0.0)


def test_pauses_of_more_than_a_minute_are_no_work() -> None:
    at = "2026-01-01T10:{}+00:00"
    times = [at.format(clock) for clock in ("00:00", "00:30", "01:30", "02:31", "02:40")]
    assert active_s(times) == pytest.approx(30 + 60 + 9)
    assert active_s(times[::-1]) == active_s(times)
    assert active_s(times[:1]) == 0.0
