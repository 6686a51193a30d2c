"""Several tracings as one: what is certain by hand, and simulated tracers of known skill."""

from __future__ import annotations

from itertools import pairwise, permutations

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.tracing.consensus import Consensus, merge_trees
from annotator.analysis.tracing.match import match_trees
from annotator.analysis.tracing.metrics_length import shared_length
from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.tree import NO_PARENT, Tree, depths, edge_lengths, make_tree
from annotator.domain.errors import AnnotatorError
from tests.unit.tracing.bigneuron import needs_bigneuron, read_neuron

pytestmark = pytest.mark.unit

TOLERANCE = 3.0


def edges_of(tree: Tree) -> set[frozenset[tuple[float, ...]]]:
    """Return the edges by the places of their ends."""
    places = [tuple(place) for place in np.round(tree.points, 6).tolist()]
    return {
        frozenset((places[row], places[parent]))
        for row, parent in enumerate(tree.parents.tolist())
        if parent != NO_PARENT
    }


def polyline(*corners: tuple[float, float]) -> list[tuple[float, float, float]]:
    """Return nodes 1 µm apart along a way in the plane, the first corner left out."""
    points: list[tuple[float, float, float]] = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        n_steps = round(float(np.hypot(x1 - x0, y1 - y0)))
        for step in range(1, n_steps + 1):
            points.append((x0 + (x1 - x0) * step / n_steps, y0 + (y1 - y0) * step / n_steps, 0.0))
    return points


def grown(*ways: list[tuple[float, float]]) -> Tree:
    """Return a tree from a root at (0, 0); each way begins at a place that is already there."""
    points, parents = [(0.0, 0.0, 0.0)], [NO_PARENT]
    for way in ways:
        last = points.index((*way[0], 0.0))
        for point in polyline(*way):
            points.append(point)
            parents.append(last)
            last = len(points) - 1
    return make_tree(np.array(points), np.array(parents))


STEM = [(0.0, 0.0), (40.0, 0.0)]
UP = [(20.0, 0.0), (20.0, 30.0)]
DOWN = [(30.0, 0.0), (30.0, -30.0)]


def f1(tree: Tree, truth: Tree) -> float:
    found = shared_length(tree, truth, tolerance=TOLERANCE).f1
    assert found is not None
    return found


def tracings(truth: Tree, skills: list[TracerSkill], seed: int) -> dict[str, Tree]:
    return {
        f"tracer {number}": trace_as(truth, skill, 100 * seed + number)
        for number, skill in enumerate(skills)
    }


@settings(max_examples=8)
@given(st.integers(0, 999), st.integers(1, 4), st.floats(1, 6))
def test_identical_trees_give_themselves(seed: int, n_tracers: int, tolerance: float) -> None:
    truth = grow_neuron(seed, n_sections=7, section_um=30)
    made = merge_trees({str(number): truth for number in range(n_tracers)}, tolerance=tolerance)
    assert edges_of(made.tree) == edges_of(truth)
    assert len(made.tree) == len(truth)
    assert (made.support > 0.99).all()
    assert made.traced_by.all()
    np.testing.assert_array_equal(made.tree.points[made.tree.parents == NO_PARENT][0], [0, 0, 0])
    assert all(performance.sensitivity == 1.0 for performance in made.performances)


@settings(max_examples=12)
@given(st.integers(0, 99), st.permutations(range(4)))
def test_the_order_of_tracers_does_not_matter(seed: int, order: list[int]) -> None:
    truth = grow_neuron(seed, n_sections=7, section_um=20)
    trees = [trace_as(truth, TracerSkill(sensitivity=0.8, n_false=2), n) for n in range(4)]
    made = merge_trees({str(n): tree for n, tree in enumerate(trees)}, tolerance=TOLERANCE)
    renamed = {str(new): trees[old] for new, old in enumerate(order)}
    again = merge_trees(renamed, tolerance=TOLERANCE)
    np.testing.assert_array_equal(again.tree.points, made.tree.points)
    np.testing.assert_array_equal(again.tree.parents, made.tree.parents)
    np.testing.assert_array_equal(again.support, made.support)
    np.testing.assert_array_equal(again.traced_by, made.traced_by[:, order])


@settings(max_examples=12)
@given(st.integers(0, 999), st.integers(2, 5), st.floats(0.3, 1), st.integers(0, 5))
def test_a_consensus_is_a_forest(
    seed: int, n_tracers: int, sensitivity: float, n_false: int
) -> None:
    truth = grow_neuron(seed % 50, n_sections=7, section_um=20)
    skill = TracerSkill(sensitivity=sensitivity, n_false=n_false, false_um=15, jitter_um=0.8)
    made = merge_trees(tracings(truth, [skill] * n_tracers, seed), tolerance=TOLERANCE)
    assert (depths(made.tree) >= 0).all()
    assert (made.tree.parents < np.arange(len(made.tree))).all()
    assert ((made.support >= 0) & (made.support <= 1)).all()
    assert made.traced_by.any(axis=1).all()
    assert edge_lengths(made.tree).max() <= 4 * TOLERANCE


def test_a_branch_of_two_in_three_stays_and_one_of_one_goes() -> None:
    trees = {
        "a": grown(STEM, UP, DOWN),
        "b": grown(STEM, UP),
        "c": grown(STEM, UP),
        "d": grown(STEM),
    }
    made = merge_trees(trees, tolerance=TOLERANCE)
    assert edges_of(made.tree) == edges_of(trees["b"])
    is_up = made.tree.points[:, 1] > TOLERANCE
    assert made.traced_by[is_up].tolist() == [[True, True, True, False]] * int(is_up.sum())
    by_name = {performance.name: performance for performance in made.performances}
    assert by_name["b"].sensitivity == pytest.approx(1.0, abs=0.02)
    assert by_name["a"].precision is not None
    assert by_name["a"].precision < 0.75
    assert by_name["d"].sensitivity is not None
    assert by_name["d"].sensitivity < 0.65


def test_two_tracers_keep_what_both_have() -> None:
    made = merge_trees({"a": grown(STEM, UP), "b": grown(STEM, DOWN)}, tolerance=TOLERANCE)
    assert edges_of(made.tree) == edges_of(grown(STEM))


def test_a_crossing_is_joined_as_most_join_it() -> None:
    """Two neurites cross; one tracer of three takes the crossing for two turns."""
    root = [(0.0, 0.0), (0.0, 20.0)], [(0.0, 0.0), (0.0, -20.0)]
    ahead = [
        [(0.0, 20.0), (20.0, 0.0), (40.0, -20.0)],
        [(0.0, -20.0), (20.0, 0.0), (40.0, 20.0)],
    ]
    turned = [
        [(0.0, 20.0), (19.0, 1.0), (39.0, 21.0)],
        [(0.0, -20.0), (19.0, -1.0), (39.0, -21.0)],
    ]
    right, wrong = grown(*root, *ahead), grown(*root, *turned)
    for trees in ([right, right, wrong], [wrong, right, right]):
        made = merge_trees({str(n): tree for n, tree in enumerate(trees)}, tolerance=TOLERANCE)
        graph = networkx.Graph(
            [(row, int(parent)) for row, parent in enumerate(made.tree.parents) if parent >= 0]
        )
        assert networkx.is_tree(graph)

        def node(x: float, y: float, made: Consensus = made) -> int:
            return int(np.linalg.norm(made.tree.points - [x, y, 0], axis=1).argmin())

        path = networkx.shortest_path(graph, node(10, 10), node(30, -10))
        assert len(path) < 45
        assert node(0, 0) not in path
        around = networkx.shortest_path(graph, node(10, 10), node(30, 10))
        assert node(0, 0) in around


@pytest.mark.parametrize("seed", range(3))
def test_a_consensus_is_better_than_its_tracers(seed: int) -> None:
    truth = grow_neuron(seed)
    skills = [TracerSkill(sensitivity=0.9, n_false=n, jitter_um=0.4) for n in (1, 2, 3, 4, 5)]
    trees = tracings(truth, skills, seed)
    made = merge_trees(trees, tolerance=TOLERANCE)
    scores = [f1(tree, truth) for tree in trees.values()]
    assert f1(made.tree, truth) >= max(float(np.mean(scores)), 0.9)
    assert (made.tree.parents == NO_PARENT).sum() == 1


def test_a_spammer_is_not_believed() -> None:
    truth = grow_neuron(3, n_sections=15)
    skills = [TracerSkill(sensitivity=0.95, n_false=1)] * 3
    skills.append(TracerSkill(sensitivity=0.3, n_false=40, jitter_um=0.8))
    trees = tracings(truth, skills, 3)
    made = merge_trees(trees, tolerance=TOLERANCE)
    good, spam = made.performances[:3], made.performances[3]
    assert spam.precision is not None
    assert spam.precision < 0.3 < min(performance.precision or 0 for performance in good)
    assert f1(made.tree, truth) > 0.95
    for performance, tree in zip(made.performances, trees.values(), strict=True):
        found = shared_length(tree, truth, tolerance=TOLERANCE)
        assert performance.precision == pytest.approx(found.precision, abs=0.12)
        low, high = performance.precision_interval or (1.0, 0.0)
        assert low <= (performance.precision or 0.0) <= high


def test_rooting_and_direction_do_not_part_trees() -> None:
    tree = grown(STEM, UP)
    stem_end = 40
    graph = networkx.Graph([(row, int(tree.parents[row])) for row in range(1, len(tree))])
    parent_of = dict(networkx.bfs_predecessors(graph, stem_end))
    turned = make_tree(
        tree.points, np.array([parent_of.get(row, NO_PARENT) for row in range(len(tree))])
    )
    matched = match_trees([tree, turned], tolerance=TOLERANCE)
    shares = matched.share_lengths()
    np.testing.assert_allclose(shares, shares[0, 0])


def test_what_only_passes_by_is_not_shared() -> None:
    across = make_tree(np.array([(10.0, y, 0.0) for y in range(-20, 21)]), np.arange(41) - 1)
    matched = match_trees([grown(STEM), across], tolerance=TOLERANCE)
    assert not matched.shared[0][:, 1].any()
    assert not matched.shared[1][:, 0].any()


def test_nothing_to_merge() -> None:
    with pytest.raises(AnnotatorError, match="at least one"):
        merge_trees({}, tolerance=1)
    dot = make_tree(np.zeros((1, 3)), np.array([NO_PARENT]))
    with pytest.raises(AnnotatorError, match="any cable"):
        merge_trees({"a": dot, "b": dot}, tolerance=1)


@needs_bigneuron
def test_programs_merged_come_nearer_the_gold_than_one_of_them() -> None:
    names = ("01_", "03_", "05_", "07_", "09_", "11_")
    trees = {name: read_neuron("12", name) for name in names}
    gold = read_neuron("12", "gold")
    made = merge_trees(trees, tolerance=4.0)
    scores = [shared_length(tree, gold, tolerance=4.0).f1 or 0.0 for tree in trees.values()]
    assert (shared_length(made.tree, gold, tolerance=4.0).f1 or 0.0) > np.mean(scores)


def test_every_order_of_a_few_is_tried() -> None:
    trees = [grown(STEM, UP), grown(STEM, DOWN), grown(STEM, UP, DOWN)]
    made = [
        merge_trees({str(n): tree for n, tree in enumerate(order)}, tolerance=TOLERANCE).tree
        for order in permutations(trees)
    ]
    for tree in made:
        np.testing.assert_array_equal(tree.points, made[0].points)
