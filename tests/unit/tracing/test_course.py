"""The course of a tree: sections, distances and events, against walks from node to node."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.tracing.course import (
    angles_deg,
    climb,
    group_events,
    reach_out,
    trace_course,
)
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree

pytestmark = pytest.mark.unit


def random_tree(seed: int, n_nodes: int) -> Tree:
    """Return a tree whose parents come in any order."""
    rng = np.random.default_rng(seed)
    parents = np.array([NO_PARENT, *(rng.integers(max(0, k - 3), k) for k in range(1, n_nodes))])
    order = rng.permutation(n_nodes)
    place = np.argsort(order)
    shuffled = parents[order]
    shuffled = np.where(shuffled == NO_PARENT, NO_PARENT, place[shuffled])
    return make_tree(rng.normal(0, 5, (n_nodes, 3)), shuffled)


def walk_to_root(tree: Tree, row: int) -> list[int]:
    """Return the row and all above it."""
    rows = [row]
    while tree.parents[rows[-1]] != NO_PARENT:
        rows.append(int(tree.parents[rows[-1]]))
    return rows


@given(seed=st.integers(0, 1000), n_nodes=st.integers(1, 40))
def test_sections_part_the_tree_at_its_forks(seed: int, n_nodes: int) -> None:
    tree = random_tree(seed, n_nodes)
    course = trace_course(tree)
    seen = []
    for section in range(course.n_sections):
        rows = course.section_rows(section)
        assert (tree.parents[rows[1:]] == rows[:-1]).all()
        assert (course.n_children[rows[1:-1]] == 1).all()
        head = rows[0]
        assert course.n_children[head] > 1 or tree.parents[head] == NO_PARENT
        assert course.n_children[rows[-1]] != 1
        seen.extend(rows[1:].tolist())
    assert sorted(seen) == np.flatnonzero(tree.parents != NO_PARENT).tolist()
    assert course.section_um().sum() == pytest.approx(course.lengths.sum())


@given(seed=st.integers(0, 1000), n_nodes=st.integers(2, 40), reach=st.floats(0.0, 60.0))
def test_climbing_stops_at_the_first_ancestor_far_enough(
    seed: int, n_nodes: int, reach: float
) -> None:
    tree = random_tree(seed, n_nodes)
    course = trace_course(tree)
    found = climb(course, np.arange(n_nodes), reach)
    for row in range(n_nodes):
        way = walk_to_root(tree, row)
        goal = course.root_um[row] - reach
        expected = next((r for r in way if course.root_um[r] <= goal), way[-1])
        assert found[row] == expected


def test_reaching_out_stays_in_the_section() -> None:
    line = np.c_[np.arange(8.0), np.zeros(8), np.zeros(8)]
    tree = make_tree(line, np.array([NO_PARENT, 0, 1, 2, 3, 3, 5, 6]))
    course = trace_course(tree)
    assert reach_out(course, 1.5)[1] == 2
    assert reach_out(course, 50.0)[1] == 3
    assert reach_out(course, 0.1)[1] == 2
    assert reach_out(course, 50.0)[5] == 7


def test_loops_and_missing_numbers_are_left_out() -> None:
    points = np.arange(18.0).reshape(6, 3)
    points[2] = np.nan
    tree = make_tree(points, np.array([NO_PARENT, 0, 1, 5, 3, 4]))
    course = trace_course(tree)
    assert course.section.tolist() == [-1, 0, 0, -1, -1, -1]
    assert course.is_edge.tolist() == [False, True, False, True, True, True]
    assert np.isfinite(course.lengths).all()
    assert np.isfinite(course.root_um).all()


def test_events_are_joined_along_the_tree_only() -> None:
    tree = make_tree(np.zeros((7, 3)), np.array([NO_PARENT, 0, 1, 2, 3, 2, 5]))
    course = trace_course(tree)
    flagged = np.array([False, True, False, True, False, False, True])
    assert [rows.tolist() for rows in group_events(course, flagged)] == [[1], [3], [6]]
    assert [rows.tolist() for rows in group_events(course, flagged, bridge=1)] == [[1, 3, 6]]
    assert group_events(course, np.zeros(7, bool)) == []


def test_angles_of_vectors_without_length_are_zero() -> None:
    one = np.array([[1.0, 0, 0], [1.0, 0, 0], [0.0, 0, 0]])
    other = np.array([[0.0, 2, 0], [-3.0, 0, 0], [1.0, 0, 0]])
    assert angles_deg(one, other).tolist() == [90.0, 180.0, 0.0]
