"""Compiled metrics of tracings and those in Python give the same, bit for bit, on any trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.tracing.metric_kernels import measure_apart, pair_critical, take_edges
from annotator.analysis.tracing.metrics_critical import critical_nodes
from annotator.analysis.tracing.metrics_edges import found_edges
from annotator.analysis.tracing.metrics_ssd import substantial_distance
from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from annotator.analysis.tracing.visiting import visiting_order

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(kernels.library() is None, reason="the kernels are not compiled here"),
]

METRICS: tuple[Callable[[Tree, Tree], object], ...] = (
    substantial_distance,
    found_edges,
    critical_nodes,
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Return trees with all that is odd but loops, in any order of rows."""
    n_nodes = draw(st.sampled_from([1, 2, 3, 8, 30, 60]))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    back = draw(st.sampled_from([1, 3, 200]))
    parents = np.array(
        [rng.integers(max(row - back, 0), row) if row else -1 for row in range(n_nodes)]
    )
    parents[rng.random(n_nodes) < draw(st.sampled_from([0.0, 0.1, 1.0]))] = NO_PARENT
    # Steps of a lattice make ties, places that coincide and edges of no length.
    step = draw(st.sampled_from([0.0, 0.005, 0.5, 1.0, 4.0]))
    points = np.cumsum(rng.integers(-1, 2, (n_nodes, 3)), axis=0).astype(np.float64) * step
    points += rng.normal(0, draw(st.sampled_from([0.0, 0.0, 1.0, 8.0])), points.shape)
    points += draw(st.sampled_from([0.0, 1e6]))
    shuffled = rng.permutation(n_nodes) if draw(st.booleans()) else np.arange(n_nodes)
    place = np.append(np.argsort(shuffled), NO_PARENT)
    return make_tree(
        points[shuffled],
        place[parents[shuffled]],
        radii=rng.choice([0.0, 0.5, 1.0, 3.0, 40.0, -1.0], n_nodes),
        ids=np.arange(n_nodes) + draw(st.integers(0, 1)),
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """Return trees of which the second is often about the first."""
    gold = draw(trees())
    if draw(st.booleans()):
        return draw(trees()), gold
    noise = np.random.default_rng(draw(st.integers(0, 99))).normal(
        0, draw(st.sampled_from([0.0, 0.3])), gold.points.shape
    )
    return make_tree(gold.points + noise, gold.parents, ids=gold.ids), gold


@given(pairs(), st.sampled_from([0.0, 0.7, 2.0, 9.0]), st.sampled_from([0.3, 2.0]))
def test_both_ways_give_the_same(pair: tuple[Tree, Tree], tolerance: float, spacing: float) -> None:
    test, gold = pair

    def everything() -> tuple[object, ...]:
        return (
            visiting_order(gold).tolist(),
            substantial_distance(test, gold, threshold=tolerance, spacing=spacing),
            found_edges(test, gold),
            found_edges(test, gold, radius_factor=None, tolerance=tolerance),
            critical_nodes(test, gold, tolerance=tolerance),
        )

    assert measure_apart(test, gold, spacing, 100.0) is not None
    assert take_edges(test, gold, gold.radii, 0.2) is not None
    assert pair_critical(gold, test, tolerance) is not None
    fast = everything()
    with kernels.without_kernels():
        assert everything() == fast


def test_both_ways_give_the_same_on_a_neuron() -> None:
    """Large enough for boxes in boxes, and for more partners than there was room for."""
    gold = grow_neuron(3, n_sections=60)
    test = trace_as(gold, TracerSkill(sensitivity=0.9, n_false=10, jitter_um=0.8), 5)
    fast = [metric(test, gold) for metric in METRICS]
    many = critical_nodes(test, gold, tolerance=300.0)
    with kernels.without_kernels():
        assert [metric(test, gold) for metric in METRICS] == fast
        assert critical_nodes(test, gold, tolerance=300.0) == many


@given(st.lists(st.integers(-1, 5), min_size=6, max_size=6))
def test_both_ways_leave_out_the_same_loops(parents: list[int]) -> None:
    gold = make_tree(np.arange(18.0).reshape(6, 3), np.arange(6) - 1)
    looped = make_tree(gold.points + 0.5, np.array(parents))
    fast = visiting_order(looped).tolist(), critical_nodes(looped, gold), found_edges(gold, looped)
    with kernels.without_kernels():
        assert (
            visiting_order(looped).tolist(),
            critical_nodes(looped, gold),
            found_edges(gold, looped),
        ) == fast
    has_loop = len(fast[0]) < len(looped)
    assert (take_edges(looped, gold, gold.radii, 0.2) is None) == has_loop


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 2])
def test_places_that_are_no_numbers_are_left_to_python(value: float, row: int) -> None:
    good = make_tree(np.arange(9.0).reshape(3, 3), np.arange(3) - 1)
    points = good.points.copy()
    points[row, 1] = value
    bad = make_tree(points, good.parents)
    for one, other in ((good, bad), (bad, good)):
        assert measure_apart(one, other, 2.0, 100.0) is None
        assert take_edges(one, other, other.radii, 0.2) is None
        assert pair_critical(one, other, 2.0) is None
    with pytest.raises(ValueError, match="finite"):
        critical_nodes(good, bad)
    with pytest.raises(ValueError, match="finite"):
        found_edges(good, bad)


def test_trees_without_nodes_are_left_to_python() -> None:
    nothing = make_tree(np.zeros((0, 3)), np.zeros(0, np.int64))
    line = make_tree(np.arange(9.0).reshape(3, 3), np.arange(3) - 1)
    assert measure_apart(line, nothing, 2.0, 100.0) is None
    assert take_edges(nothing, line, line.radii, 0.2) is None
    assert pair_critical(nothing, line, 2.0) is None
    assert critical_nodes(nothing, line).n_gold == 2
    assert found_edges(nothing, line).recall == 0.0


@pytest.mark.parametrize(("x", "low", "high"), [(0.145, 0.14, 0.15), (0.125, 0.12, 0.13)])
def test_halves_are_rounded_by_their_exact_value(x: float, low: float, high: float) -> None:
    """0.145 is a little less than it says; 0.125 is a half, and goes to the even."""
    # Only by its rounded place is the lower one nearer.
    gold = make_tree(np.array([(low, 0.003, 0), (high, 0, 0)]), np.array([NO_PARENT, NO_PARENT]))
    test = make_tree(np.array([(x, 0.0, 0.0)]), np.array([NO_PARENT]))
    found = measure_apart(test, gold, 2.0, 100.0)
    assert found is not None
    assert found[0][0] == pytest.approx(np.hypot(x - low, 0.003), abs=1e-12)
    score = substantial_distance(test, gold, threshold=0.0).score
    with kernels.without_kernels():
        assert substantial_distance(test, gold, threshold=0.0).score == score
