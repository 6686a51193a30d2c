"""Agreement on marks, held against brute force, an optimiser, and numbers made by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from annotator.analysis.mark_agreement import (
    geometric_median,
    landmark_agreement,
    shares_within,
)
from annotator.analysis.mark_groups import group_marks, pairs_of
from annotator.analysis.mark_matching import (
    Found,
    box_overlap,
    line_distance,
    match_all,
    match_near,
    match_overlapping,
)
from annotator.domain.marks import Mark

pytestmark = pytest.mark.unit

_points = st.lists(st.tuples(*[st.integers(-9, 9)] * 3), min_size=1, max_size=7)


@given(_points)
@settings(max_examples=60)
def test_the_geometric_median_is_where_an_optimiser_finds_it(
    places: list[tuple[int, int, int]],
) -> None:
    points = np.array(places, np.float64)

    def total(at: np.ndarray) -> float:
        return float(np.linalg.norm(points - at, axis=1).sum())

    found = geometric_median(points)
    best = min(
        minimize(total, start, method="Nelder-Mead", options={"xatol": 1e-6}).fun
        for start in (points.mean(axis=0), points[0])
    )
    assert total(found) <= min(best, *map(total, points)) + 1e-4


def test_the_median_of_two_is_between_them_and_an_outlier_does_not_move_it() -> None:
    np.testing.assert_allclose(geometric_median(np.array([[0.0, 0, 0], [2, 4, 6]])), [1, 2, 3])
    square = np.array([[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0], [0, 0, 0]])
    np.testing.assert_allclose(geometric_median(square), 0, atol=1e-6)
    three = np.array([[0.0, 0, 0], [0, 0, 0], [500, 0, 0]])
    np.testing.assert_allclose(geometric_median(three), 0, atol=1e-6)


def test_a_landmark_is_compared_between_raters_and_missing_ones_are_counted() -> None:
    positions = np.full((4, 3, 3), np.nan)
    positions[0] = [[0, 0, 0], [3, 4, 0], [0, 0, 0]]
    positions[1, :2] = [[10, 0, 0], [10, 0, 2]]
    positions[2, 2] = [1, 1, 1]
    was_read = np.ones((4, 3), bool)
    was_read[1, 2] = False
    found = landmark_agreement(positions, was_read, np.ones(3, bool))
    assert found.n_cases == 2
    assert (found.n_read, found.n_missing) == (3 + 2 + 3, 2), "nobody set it in the last case"
    assert [one.tolist() for one in found.pair_distances] == [[5, 0, 5], [2], [], []]
    assert (found.pairs.n, found.pairs.mean, found.pairs.median) == (4, 3.0, 3.5)
    assert found.pairs.sd == pytest.approx(np.std([5, 0, 5, 2], ddof=1))
    np.testing.assert_allclose(found.consensus[0], 0, atol=1e-6)
    np.testing.assert_allclose(found.consensus[1], [10, 0, 1])
    np.testing.assert_allclose(found.to_consensus[1], [1, 1, np.nan])
    assert np.isnan(found.to_consensus[2:]).all(), "with nobody to agree with"
    ada, ben, cem = found.raters
    assert [(one.n_read, one.n_missing) for one in found.raters] == [(3, 1), (3, 1), (2, 0)]
    np.testing.assert_allclose(ben.distances, [5, 2, np.nan, np.nan], atol=1e-6)
    np.testing.assert_allclose(ada.distances[:2], [2.5, 2])
    assert shares_within(ben.distances) == (0.5, 0.5, 0.5, 0.5)
    assert ben.offset is not None
    offsets = np.array([[3.0, 4, 0], [0, 0, 2]])
    for axis, estimate in enumerate(ben.offset):
        peer = stats.ttest_1samp(offsets[:, axis], 0).confidence_interval(0.95)
        assert estimate.value == pytest.approx(offsets[:, axis].mean())
        assert (estimate.low, estimate.high) == pytest.approx((peer.low, peer.high))
    assert cem.offset is None, "of one case no interval can be told"
    people = np.array([True, True, False])
    model = landmark_agreement(positions, was_read, people)
    assert (model.pairs.n, model.pairs.mean) == (2, 3.5), "of the people"
    np.testing.assert_allclose(model.consensus[0], [1.5, 2, 0])
    np.testing.assert_allclose(model.raters[2].distances[:1], 2.5)
    np.testing.assert_allclose(model.raters[0].distances[:2], [5, 2])
    assert np.isnan(model.to_consensus[:, 2]).all()


def test_coordinates_have_an_intraclass_correlation_along_each_axis() -> None:
    rng = np.random.default_rng(5)
    true = rng.normal(0, 10, (30, 1, 3))
    positions = true + rng.normal(0, [0.1, 10.0, 1.0], (30, 4, 3))
    x, y, z = (
        table.form("A,1").value
        for table in landmark_agreement(positions, np.ones((30, 4), bool), np.ones(4, bool)).icc
    )
    assert x is not None
    assert y is not None
    assert z is not None
    assert x > 0.99
    assert 0.3 < y < 0.7
    assert 0.95 < z < 0.999


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 10_000))
@settings(max_examples=60)
def test_points_are_matched_as_trying_everything_would(n: int, m: int, seed: int) -> None:
    distances = np.random.default_rng(seed).uniform(0, 10, (n, m))
    limit = 6.0
    ways: list[list[tuple[int, int]]] = [[]]
    for size in range(1, min(n, m) + 1):
        ways += [
            list(zip(rows, columns, strict=True))
            for rows in itertools.combinations(range(n), size)
            for columns in itertools.permutations(range(m), size)
            if all(distances[pair] <= limit for pair in zip(rows, columns, strict=True))
        ]
    best = min(ways, key=lambda way: (-len(way), sum(distances[pair] for pair in way)))
    assert sorted(match_near(distances, limit)) == sorted(best)
    overlaps = np.maximum(0.0, 1 - distances / 5)
    most = max(sum(overlaps[pair] for pair in way) for way in ways)
    matched = match_overlapping(overlaps)
    assert sum(overlaps[pair] for pair in matched) == pytest.approx(most)
    assert all(overlaps[pair] > 0 for pair in matched)


def test_what_is_found_is_told_as_shares() -> None:
    found = Found(n_first=4, n_second=5, n_matched=3)
    assert (found.precision, found.recall, found.f1) == (3 / 5, 3 / 4, 6 / 9)
    nothing = Found(n_first=0, n_second=0, n_matched=0)
    assert nothing.precision is nothing.recall is nothing.f1 is None


def test_marks_of_several_raters_make_groups() -> None:
    places = [[0.0, 10.0], [10.4, 0.3, 30.0], [29.0], [0.1, 9.8]]

    def distance(rater: int, mark: int, other: int, place: int) -> float:
        return abs(places[rater][mark] - places[other][place])

    assert match_all([len(own) for own in places], distance, partial(match_near, limit=2.0)) == [
        {0: 0, 1: 1, 3: 0},
        {0: 1, 1: 0, 3: 1},
        {1: 2, 2: 0},
    ]


def test_lines_are_as_far_apart_as_many_places_on_them() -> None:
    flat = np.array([[0.0, 0, 0], [0, 0, 10]])
    assert line_distance(flat, flat + np.array([0, 3, 0])) == pytest.approx(3.0)
    assert line_distance(flat, flat[::-1]) == pytest.approx(0.0)
    rng = np.random.default_rng(1)
    one, other = rng.uniform(0, 20, (4, 3)), rng.uniform(0, 20, (3, 3))

    def dense(line: np.ndarray) -> np.ndarray:
        parts = [
            first + (second - first) * (np.arange(n) / n)[:, None]
            for first, second in itertools.pairwise(line)
            for n in [round(100 * float(np.linalg.norm(second - first)))]
        ]
        return np.concatenate(parts)

    apart = cdist(dense(one), dense(other))
    expected = (apart.min(axis=0).mean() + apart.min(axis=1).mean()) / 2
    assert line_distance(one, other) == pytest.approx(expected, rel=0.01)


def test_boxes_overlap_as_their_voxels_do() -> None:
    spacing = np.array([2.0, 0.5, 0.7])
    one = np.array([[0.5, 2.5, 9.5], [4.5, 8.5, 3.5]])
    other = np.array([[2.5, 0.5, 5.5], [6.5, 6.5, 20.5]])
    grid = np.zeros((2, 8, 10, 22), bool)
    grid[0, 1:5, 3:9, 4:10] = True
    grid[1, 3:7, 1:7, 6:21] = True
    expected = (grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum()
    assert box_overlap(one, other, spacing) == pytest.approx(expected)
    flat = np.array([[3.0, 2.5, 3.5], [3.0, 8.5, 9.5]])
    assert box_overlap(flat, flat, spacing) == 1.0
    assert box_overlap(flat, one, spacing) == pytest.approx(1 / 4)
    assert box_overlap(flat, flat + np.array([1.0, 0, 0]), spacing) == 0.0


def test_marks_of_a_case_are_grouped_by_what_they_mean() -> None:
    def point(number: int, *place: float, kind: str = "point", name: str = "") -> Mark:
        return Mark(mark_id=number, kind=kind, name=name, places=(place,))  # type: ignore[arg-type]

    spur = partial(point, kind="landmark", name="spur")
    box = Mark(mark_id=9, kind="box", places=((0.0, 0.0, 0.0), (4.0, 4.0, 4.0)))
    readings = {
        "a": (spur(1, 0.0, 0, 0), point(2, 1.0, 5, 5), box),
        "b": (spur(1, 9.0, 9, 9), spur(3, 0.0, 0, 4), point(2, 1.0, 6, 5), replace(box, label=1)),
        "c": (point(1, 9.0, 9, 9), replace(box, places=((2.0, 0.0, 0.0), (4.0, 4.0, 4.0)))),
    }
    spacing = (2.0, 1.0, 0.5)
    found = group_marks(readings, spacing, limit=3.0)
    assert [(group.key.kind, group.key.label, sorted(group.marks)) for group in found] == [
        ("box", 0, ["a", "c"]),
        ("box", 1, ["b"]),
        ("landmark", 0, ["a", "b"]),
        ("point", 0, ["a", "b"]),
        ("point", 0, ["c"]),
    ]
    landmark, pair = found[2], found[3]
    assert landmark.marks["b"].mark_id == 3, "the one that was set last"
    assert landmark.consensus == (0.0, 0.0, 2.0)
    assert landmark.distances == {"a": 1.0, "b": 1.0}, "in mm"
    assert pair.consensus == (1.0, 5.5, 5.0)
    assert found[0].consensus is None
    boxes = [readings["a"][2], readings["c"][1]]
    assert pairs_of("box", boxes[:1], boxes[1:], spacing, 0.0) == [(0, 0, 0.5)]
