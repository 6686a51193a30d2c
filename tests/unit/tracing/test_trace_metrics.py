"""Metrics of two tracings: what they are by hand, and PyNeval's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from annotator.analysis.tracing.cable import Cable
from annotator.analysis.tracing.metrics_critical import critical_nodes
from annotator.analysis.tracing.metrics_edges import found_edges
from annotator.analysis.tracing.metrics_length import shared_length
from annotator.analysis.tracing.metrics_ssd import substantial_distance
from annotator.analysis.tracing.metrics_structure import structure_distance
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from tests.unit.tracing.bigneuron import needs_bigneuron, read_neuron

pytestmark = pytest.mark.unit

# What PyNeval 1.1.1 says of the gold and an automatic tracing, with its defaults:
# ssd score, recall, precision; length recall, precision; critical nodes paired, mean distance.
PYNEVAL = {
    ("12", "03_"): (
        4.200920030523711,
        0.5780141843971631,
        0.8129032258064516,
        0.43054169,
        0.70565264,
        8,
        1.4385865735748324,
    ),
    ("12", "09_"): (
        3.924203372733222,
        0.4042553191489362,
        0.7614678899082569,
        0.33281603,
        0.76823599,
        5,
        1.27357395418883,
    ),
    ("105", "01_"): (
        3.6403592512735963,
        0.7801801801801802,
        0.884297520661157,
        0.79157254,
        0.87805779,
        4,
        1.608116747176386,
    ),
    ("105", "20_"): (
        46.73750674830951,
        0.772972972972973,
        0.4403578528827038,
        0.75610092,
        0.40677975,
        8,
        0.3559127736630491,
    ),
}


def line(*points: tuple[float, float, float]) -> Tree:
    """Return an unbranched tree."""
    return make_tree(np.array(points, np.float64), np.arange(len(points)) - 1)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    n_nodes = draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    parents = np.array([NO_PARENT] + [rng.integers(0, row) for row in range(1, n_nodes)])
    return make_tree(rng.uniform(0, 20, (n_nodes, 3)), parents)


@needs_bigneuron
@pytest.mark.parametrize(("number", "name"), PYNEVAL)
def test_pynevals_numbers(number: str, name: str) -> None:
    gold, test = read_neuron(number, "gold"), read_neuron(number, name)
    spatial = substantial_distance(test, gold)
    edges = found_edges(test, gold)
    nodes = critical_nodes(test, gold)
    got = (
        spatial.score,
        spatial.recall,
        spatial.precision,
        edges.recall,
        edges.precision,
        nodes.n_paired,
        nodes.mean_distance,
    )
    assert got == pytest.approx(PYNEVAL[number, name], abs=1e-12)


@given(trees(), st.integers(0, 99))
def test_nearest_cable_is_the_nearest_of_all_edges(tree: Tree, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-5, 25, (30, 3))
    found = Cable(tree).nearest(points)
    ends = tree.points[tree.parents[1:]]
    starts = tree.points[1:]
    along = np.einsum("pex,ex->pe", points[:, None] - starts, ends - starts)
    along /= ((ends - starts) ** 2).sum(axis=1)
    feet = starts + np.clip(along, 0, 1)[..., None] * (ends - starts)
    expected = np.linalg.norm(points[:, None] - feet, axis=2).min(axis=1)
    np.testing.assert_allclose(found.distances, expected, atol=1e-9)
    here = tree.points[found.rows]
    way = tree.points[tree.parents[found.rows]] - here
    gaps = np.linalg.norm(here + found.fractions[:, None] * way - points, axis=1)
    np.testing.assert_allclose(gaps, found.distances, atol=1e-9)


@given(trees(), st.integers(0, 99))
def test_no_edge_within_reach_is_missing(tree: Tree, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, reaches = rng.uniform(0, 20, (10, 3)), rng.uniform(0, 8, 10)
    owners, edges = Cable(tree).pairs_within(points, reaches)
    pairs = set(zip(owners.tolist(), edges.tolist(), strict=True))
    assert len(pairs) == len(owners)
    for edge, row in enumerate(Cable(tree).rows):
        alone = make_tree(tree.points[[tree.parents[row], row]], np.array([NO_PARENT, 0]))
        gaps = Cable(alone).nearest(points).distances
        assert {(owner, edge) for owner in np.flatnonzero(gaps <= reaches).tolist()} <= pairs


def test_shared_length_of_a_missed_half() -> None:
    gold = line((0, 0, 0), (10, 0, 0), (20, 0, 0))
    half = line((0, 1, 0), (10, 1, 0))
    found = shared_length(half, gold, tolerance=1.5)
    assert found.precision == 1.0
    assert found.recall == pytest.approx((10 + np.sqrt(1.5**2 - 1)) / 20, abs=0.375 / 20)
    far = shared_length(half, gold, tolerance=0.5)
    assert (far.precision, far.recall, far.f1) == (0.0, 0.0, 0.0)


@given(trees(), trees(), st.floats(3, 9))
def test_shared_length_changes_sides(one: Tree, other: Tree, tolerance: float) -> None:
    there = shared_length(one, other, tolerance=tolerance)
    back = shared_length(other, one, tolerance=tolerance)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    same = shared_length(one, one, tolerance=tolerance)
    assert (same.precision, same.recall) == pytest.approx((1.0, 1.0))


def test_a_tree_of_one_node_has_no_length() -> None:
    dot = line((0, 0, 0))
    assert shared_length(dot, dot, tolerance=1).precision is None
    assert shared_length(dot, line((0, 0, 0), (4, 0, 0)), tolerance=1).recall == 0.25
    assert structure_distance(dot, dot).esa is None
    assert critical_nodes(dot, dot).recall == 1.0


def test_structure_distance_by_hand() -> None:
    """Two parallel lines 3 apart, the one twice as long as the other."""
    found = structure_distance(line((0, 3, 0), (4, 3, 0)), line((0, 0, 0), (4, 0, 0), (8, 0, 0)))
    back = [3.0] * 5 + [3.0, *np.hypot(3, [1, 2, 3, 4])]
    assert found.esa_test == 3.0
    assert found.esa_gold == pytest.approx(np.mean(back))
    assert found.esa == pytest.approx((3 + np.mean(back)) / 2)
    assert found.dsa == pytest.approx(found.esa)
    assert (found.pds_test, found.pds_gold, found.pds) == (1.0, 1.0, 1.0)


@given(trees(), trees())
def test_structure_distance_counts_in_voxels(one: Tree, other: Tree) -> None:
    fine = structure_distance(one, other)
    halved = [make_tree(tree.points / 2, tree.parents) for tree in (one, other)]
    coarse = structure_distance(*halved, voxel=0.5)
    assert fine.esa is not None
    assert coarse.esa == pytest.approx(fine.esa / 2)
    assert coarse.pds == pytest.approx(fine.pds)
    same = structure_distance(one, one)
    assert same.esa == pytest.approx(0, abs=1e-9)
    assert (same.dsa, same.pds) == (0.0, 0.0)


@given(trees(), trees(), st.floats(1, 8))
def test_as_many_critical_nodes_are_paired_as_can_be(
    gold: Tree, test: Tree, tolerance: float
) -> None:
    found = critical_nodes(test, gold, tolerance=tolerance)
    critical = []
    for tree in (gold, test):
        n_children = np.bincount(tree.parents[1:], minlength=len(tree))
        is_critical = n_children != 1
        is_critical[0] = n_children[0] != 2
        critical.append(tree.points[is_critical])
    gaps = np.linalg.norm(critical[0][:, None] - critical[1], axis=2)
    rows, columns = linear_sum_assignment(gaps > tolerance)
    assert (found.n_gold, found.n_test) == (len(critical[0]), len(critical[1]))
    assert found.n_paired == int((gaps[rows, columns] <= tolerance).sum())
    assert found.total_distance <= tolerance * found.n_paired


def test_an_edge_is_found_once_only() -> None:
    """Two gold lines beside one test line: the second finds the way taken."""
    test = line((0, 0, 0), (10, 0, 0))
    gold = make_tree(
        np.array([(0, 1, 0), (10, 1, 0), (0, -1, 0), (10, -1, 0)], np.float64),
        np.array([NO_PARENT, 0, NO_PARENT, 2]),
    )
    found = found_edges(test, gold)
    assert (found.recall, found.precision) == (0.5, 1.0)
    wide = found_edges(test, gold, radius_factor=None, tolerance=0.5)
    assert (wide.recall, wide.precision, wide.f1) == (0.0, 0.0, 0.0)


def test_a_way_round_is_not_the_edge() -> None:
    gold = line((0, 0, 0), (4, 0, 0))
    detour = line((0, 1, 0), (0, 6, 0), (4, 6, 0), (4, 1, 0))
    straight = line((0, 1, 0), (2, 1.2, 0), (4, 1, 0))
    assert found_edges(detour, gold).recall == 0.0
    assert found_edges(straight, gold).recall == 1.0
