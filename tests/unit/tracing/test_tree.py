"""Trees as arrays: orders, depths and the cable below a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.tracing.tree import (
    NO_PARENT,
    Tree,
    cable_below_um,
    child_lists,
    count_children,
    depths,
    edge_lengths,
    make_tree,
    number_subtrees,
    parents_first,
    sum_below,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


@st.composite
def forests(draw: st.DrawFn) -> Tree:
    """Trees and forests, their rows shuffled."""
    n_nodes = draw(st.integers(1, 30))
    parents = np.array(
        [draw(st.integers(NO_PARENT, row - 1)) if row else NO_PARENT for row in range(n_nodes)]
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    place = rng.permutation(n_nodes)
    shuffled = np.full(n_nodes, NO_PARENT)
    shuffled[place] = np.where(parents == NO_PARENT, NO_PARENT, place[parents])
    return make_tree(rng.uniform(0, 50, (n_nodes, 3)), shuffled)


@given(forests())
def test_depths_and_sums_are_those_of_networkx(tree: Tree) -> None:
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(tree)))
    graph.add_edges_from((int(up), row) for row, up in enumerate(tree.parents) if up != NO_PARENT)
    rows = range(len(tree))
    assert depths(tree).tolist() == [len(networkx.ancestors(graph, row)) for row in rows]
    assert count_children(tree).tolist() == [graph.out_degree(row) for row in rows]
    lengths = edge_lengths(tree)
    below = [sum(lengths[[row, *networkx.descendants(graph, row)]].tolist()) for row in rows]
    np.testing.assert_allclose(cable_below_um(tree), below)
    numbers = number_subtrees(tree)
    assert all(
        numbers.is_below(row, top) == (row == top or top in networkx.ancestors(graph, row))
        for row in rows
        for top in rows
    )
    place = np.argsort(parents_first(tree))
    assert all(place[up] < place[row] for row, up in enumerate(tree.parents) if up != NO_PARENT)


def test_a_loop_and_what_hangs_on_it_have_no_depth() -> None:
    tree = make_tree(np.zeros((5, 3)), np.array([NO_PARENT, 2, 1, 2, 0]))
    assert depths(tree).tolist() == [0, -1, -1, -1, 1]
    assert parents_first(tree).tolist() == [0, 4]
    assert sum_below(tree, np.ones(5)).tolist() == [2, 1, 1, 1, 1]


def everything_of(tree: Tree) -> list[NDArray[Any]]:
    numbers = number_subtrees(tree)
    found = [depths(tree), parents_first(tree), cable_below_um(tree), *child_lists(tree)]
    return [*found, numbers.firsts, numbers.lasts]


@given(st.lists(st.integers(-1, 11), min_size=12, max_size=12), st.integers(0, 99))
def test_both_ways_give_the_same(parents: list[int], seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 50, (12, 3))
    tree = make_tree(points, np.array(parents))
    fast = everything_of(tree)
    with kernels.without_kernels():
        slow = everything_of(tree)
    for one, other in zip(fast, slow, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


def test_children_are_listed_in_the_order_of_rows() -> None:
    tree = make_tree(np.zeros((5, 3)), np.array([2, NO_PARENT, 1, 2, 1]))
    starts, children = child_lists(tree)
    listed = [children[starts[row] : starts[row + 1]].tolist() for row in range(5)]
    assert listed == [[], [2, 4], [0, 3], [], []]
