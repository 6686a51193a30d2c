"""Whatever is wrong with a tracing, it is measured and merged with others, or refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.tracing.consensus import merge_trees
from annotator.analysis.tracing.match_findings import find_disputes
from annotator.analysis.tracing.metrics import measure
from annotator.analysis.tracing.sound import sound_tree
from annotator.analysis.tracing.tree import NO_PARENT, Tree, depths, edge_lengths, make_tree
from annotator.domain.errors import AnnotatorError

pytestmark = pytest.mark.unit


@st.composite
def odd_trees(draw: st.DrawFn) -> Tree:
    """Trees with loops, several roots, nodes in one place, and places that are no numbers."""
    n_nodes = draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    parents = rng.integers(-1, n_nodes, n_nodes)
    points = np.round(rng.uniform(0, 12, (n_nodes, 3)))
    if draw(st.booleans()):
        points[rng.integers(0, n_nodes)] = points[0]
    if draw(st.booleans()):
        points[rng.integers(0, n_nodes), rng.integers(0, 3)] = rng.choice([np.nan, np.inf])
    return make_tree(points, np.where(parents == np.arange(n_nodes), NO_PARENT, parents))


@settings(max_examples=60)
@given(st.lists(odd_trees(), min_size=2, max_size=4), st.floats(0.5, 4))
def test_odd_trees_are_merged_and_compared(trees: list[Tree], tolerance: float) -> None:
    named = {str(number): tree for number, tree in enumerate(trees)}
    if any(edge_lengths(sound_tree(tree)).any() for tree in trees):
        made = merge_trees(named, tolerance=tolerance)
        assert (depths(made.tree) >= 0).all()
        assert np.isfinite(made.tree.points).all()
    else:
        with pytest.raises(AnnotatorError, match="nothing to merge"):
            merge_trees(named, tolerance=tolerance)
    for findings in find_disputes(named, tolerance=tolerance).values():
        assert all(np.isfinite(finding.at_stake_um) for finding in findings)


@settings(max_examples=60)
@given(odd_trees(), odd_trees())
def test_odd_trees_are_measured(test: Tree, gold: Tree) -> None:
    if not len(sound_tree(test)) or not len(sound_tree(gold)):
        with pytest.raises(AnnotatorError, match="nothing to measure"):
            measure(test, gold, tolerance=2.0)
        return
    numbers = measure(test, gold, tolerance=2.0).numbers()
    shares = [value for name, value in numbers.items() if name.endswith(("precision", "recall"))]
    assert all(value is None or 0 <= value <= 1 for value in shares)
    assert all(value is None or np.isfinite(value) for value in numbers.values())


def test_a_loop_is_cut_at_its_first_node() -> None:
    """Nodes 2, 3, 4 go round, node 1 hangs on them, node 0 is a root."""
    tree = make_tree(np.arange(15.0).reshape(5, 3), np.array([NO_PARENT, 3, 4, 2, 3]))
    assert sound_tree(tree).parents.tolist() == [NO_PARENT, 3, NO_PARENT, 2, 3]


def test_what_hung_on_a_lost_node_has_a_root() -> None:
    points = np.zeros((3, 3))
    points[1, 2] = np.nan
    sound = sound_tree(make_tree(points, np.array([NO_PARENT, 0, 1])))
    assert sound.ids.tolist() == [1, 3]
    assert sound.parents.tolist() == [NO_PARENT, NO_PARENT]
