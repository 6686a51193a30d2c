"""The DIADEM metric: what its description says of small trees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.tracing.metrics_diadem import DiademLimits, diadem
from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from tests.unit.tracing.test_consensus import DOWN, STEM, UP, grown

pytestmark = pytest.mark.unit

FULL = grown(STEM, UP, DOWN)
"""Two forks, three tips: weights 3 and 2, and 1 for each tip."""


def shuffled(tree: Tree, seed: int) -> Tree:
    place = np.random.default_rng(seed).permutation(len(tree))
    parents = np.full(len(tree), NO_PARENT)
    parents[place] = np.where(tree.parents == NO_PARENT, NO_PARENT, place[tree.parents])
    points = np.empty_like(tree.points)
    points[place] = tree.points
    return make_tree(points, parents)


def shifted(*step: float) -> Tree:
    return make_tree(FULL.points + np.array(step), FULL.parents)


def test_weights_are_tips_led_to() -> None:
    found = diadem(FULL, FULL)
    assert (found.score, found.gold, found.excess) == (1.0, 3 + 2 + 1 + 1 + 1, 0.0)


def test_a_missing_tip_costs_its_weight_and_the_fork_is_a_continuation() -> None:
    found = diadem(grown(STEM, UP), FULL)
    assert found.n_continuations == 1
    assert found.found == found.gold - 1
    assert found.score == pytest.approx(7 / 8)


def test_a_missing_half_of_the_tree() -> None:
    """Of the first fork only the way up is left: the second fork and its tips are lost."""
    found = diadem(grown([(0.0, 0.0), (20.0, 0.0)], UP), FULL)
    assert found.found == 3 + 1
    assert found.n_continuations == 1


def test_what_is_in_excess_counts_against_it() -> None:
    found = diadem(FULL, grown(STEM, UP))
    assert (found.found, found.gold, found.excess) == (4.0, 4.0, 1.0)
    assert found.score == pytest.approx(4 / 5)


def test_a_branch_that_hangs_elsewhere_is_not_found() -> None:
    """The tip is in its place, but its way leaves the stem early and is longer."""
    gold = grown(STEM, [(30.0, 0.0), (30.0, 20.0)])
    moved = grown(STEM, [(10.0, 0.0), (10.0, 30.0), (30.0, 30.0), (30.0, 20.0)])
    found = diadem(moved, gold)
    assert found.found < found.gold
    assert found.score is not None
    assert found.score < 0.8


def test_within_the_cylinder_is_in_place() -> None:
    assert diadem(shifted(0.5, 0.5, 0.9), FULL).score == 1.0
    assert diadem(shifted(0, 0, 1.5), FULL).score != 1.0
    assert diadem(shifted(1.5, 0, 1.5), FULL, DiademLimits(xy=3, z=3)).score == 1.0


@settings(max_examples=10)
@given(st.integers(0, 50), st.integers(0, 99))
def test_neither_order_nor_root_of_the_test_matters(seed: int, shuffle: int) -> None:
    gold = grow_neuron(seed, n_sections=9)
    test = trace_as(gold, TracerSkill(sensitivity=0.8, n_false=2, jitter_um=0.1), shuffle)
    found = diadem(test, gold)
    assert found.score is not None
    assert 0 <= found.score <= 1
    again = diadem(shuffled(test, shuffle), shuffled(gold, shuffle + 1))
    assert again.score == pytest.approx(found.score)
    assert diadem(gold, gold).score == 1.0


def test_without_forks_and_tips() -> None:
    dot = make_tree(np.zeros((1, 3)), np.array([NO_PARENT]))
    assert diadem(dot, dot).score is None
    assert diadem(dot, FULL).score == 0.0
