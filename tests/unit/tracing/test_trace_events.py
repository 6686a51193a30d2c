"""Where wrong parts begin: the labelling of least cost, its events, and how they are scored."""

from __future__ import annotations

from itertools import permutations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.tracing.course import Course, trace_course
from annotator.analysis.tracing.events import find_wrong_parts, label_wrong
from annotator.analysis.tracing.events_scoring import (
    EventScore,
    distance_along,
    recall_at,
    score_events,
    share_seen,
    true_starts,
)
from annotator.analysis.tracing.tree import NO_PARENT, make_tree

pytestmark = pytest.mark.unit


@st.composite
def forests(draw: st.DrawFn, most: int = 9) -> Course:
    """Return the course of a small forest whose rows are in any order."""
    n_nodes = draw(st.integers(1, most))
    above = [NO_PARENT] + [draw(st.integers(-1, row - 1)) for row in range(1, n_nodes)]
    order = np.array(draw(st.permutations(range(n_nodes))))
    parents = np.full(n_nodes, NO_PARENT)
    for row, parent in enumerate(above):
        parents[order[row]] = NO_PARENT if parent < 0 else order[parent]
    seed = draw(st.integers(0, 2**16))
    points = np.random.default_rng(seed).integers(0, 20, (n_nodes, 3)).astype(np.float64)
    return trace_course(make_tree(points, parents))


def cost_of(
    course: Course, wrong: tuple[bool, ...], cost: list[float], b: float, e: float
) -> float:
    total = sum(one for one, is_wrong in zip(cost, wrong, strict=True) if is_wrong)
    for row, parent in enumerate(course.tree.parents.tolist()):
        if parent != NO_PARENT and wrong[row] != wrong[parent]:
            total += b if wrong[row] else e
    return total


@given(forests(), st.data())
def test_no_labelling_costs_less(course: Course, data: st.DataObject) -> None:
    n_nodes = len(course.tree)
    prices = st.floats(-5, 5).map(lambda one: round(one, 2))
    cost = data.draw(st.lists(prices, min_size=n_nodes, max_size=n_nodes))
    begin, end = data.draw(st.tuples(st.floats(0, 3), st.floats(0, 3)))
    found = label_wrong(course, np.array(cost), begin_cost=begin, end_cost=end)
    least = min(
        cost_of(course, wrong, cost, begin, end) for wrong in product((False, True), repeat=n_nodes)
    )
    assert cost_of(course, tuple(found.tolist()), cost, begin, end) == pytest.approx(least)


@given(forests(most=40), st.data())
def test_events_are_connected_parts_that_begin_on_the_childs_side(
    course: Course, data: st.DataObject
) -> None:
    n_nodes = len(course.tree)
    drawn = data.draw(st.lists(st.floats(0, 1), min_size=n_nodes, max_size=n_nodes))
    parts = find_wrong_parts(course, np.array(drawn))
    rows = [row for part in parts for row in part.rows.tolist()]
    assert len(rows) == len(set(rows))
    wrong = set(rows)
    for part in parts:
        own = set(part.rows.tolist())
        parent = int(course.tree.parents[part.start])
        assert parent == NO_PARENT or parent not in wrong
        assert all(int(course.tree.parents[row]) in own for row in own - {part.start})
        assert 0 <= part.score <= 1


def chain(n_nodes: int = 60) -> Course:
    """Return a straight line of nodes 3 µm apart."""
    points = np.zeros((n_nodes, 3))
    points[:, 0] = 3.0 * np.arange(n_nodes)
    return trace_course(make_tree(points, np.arange(-1, n_nodes - 1)))


def test_single_nodes_neither_make_nor_break_a_part() -> None:
    judged = np.full(60, 0.05)
    judged[20:40] = 0.8
    judged[30] = 0.2
    judged[50] = 0.6
    judged[10] = np.nan
    (part,) = find_wrong_parts(chain(), judged)
    assert part.rows.tolist() == list(range(20, 40))
    assert part.score == pytest.approx(0.8)


def test_a_loop_has_no_events_and_makes_none_fail() -> None:
    course = trace_course(make_tree(np.eye(4)[:, :3], np.array([1, 2, 0, -1])))
    (part,) = find_wrong_parts(course, np.full(4, 0.99), begin_cost=0.0)
    assert part.rows.tolist() == [3]


@given(forests(most=25))
def test_distance_along_the_tree_is_that_of_the_graph(course: Course) -> None:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(course.tree)))
    for row, parent in enumerate(course.tree.parents.tolist()):
        if parent != NO_PARENT:
            graph.add_edge(row, parent, weight=float(course.lengths[row]))
    rows = np.arange(len(course.tree))
    found = distance_along(course, rows, rows)
    known = dict(nx.all_pairs_dijkstra_path_length(graph))
    wanted = [[known[one].get(other, np.inf) for other in rows] for one in rows.tolist()]
    assert np.allclose(found, wanted)


@given(forests(most=12), st.data())
def test_as_many_errors_as_possible_are_hit_one_by_one(course: Course, data: st.DataObject) -> None:
    nodes = st.lists(st.integers(0, len(course.tree) - 1), max_size=5, unique=True)
    alerts, starts = (np.array(data.draw(nodes), np.int64) for _ in range(2))
    wrong = np.zeros(len(course.tree), np.bool_)
    wrong[starts] = True
    score = score_events(course, alerts, starts, wrong, within_um=15.0)
    is_near = distance_along(course, alerts, starts) <= 15.0
    few = is_near if len(alerts) <= len(starts) else is_near.T
    most = max(
        (
            sum(bool(few[one, other]) for one, other in enumerate(chosen))
            for chosen in permutations(range(few.shape[1]), few.shape[0])
        ),
        default=0,
    )
    assert score.n_hit == most
    assert score.n_hit + score.n_inside + score.n_false == score.n_alerts == len(alerts)
    assert all(off <= 15.0 for off in score.off_um)


def test_scores_add_up_and_say_what_they_mean() -> None:
    course = chain()
    wrong = np.zeros(60, np.bool_)
    wrong[10:20], wrong[40:50] = True, True
    starts = true_starts(course, wrong)
    assert starts.tolist() == [10, 40]
    assert not len(true_starts(course, wrong, least_um=31.0))
    alerts = np.array([12, 15, 30])
    score = score_events(course, alerts, starts, wrong, within_um=6.0)
    assert (score.n_hit, score.n_inside, score.n_false) == (1, 1, 1)
    assert score.off_um == (6.0,)
    both = score + score_events(course, starts, starts, wrong, within_um=6.0)
    assert both.recall == pytest.approx(3 / 4)
    assert both.precision == pytest.approx(3 / 5)
    assert both.false_per_mm == pytest.approx(1000 / (2 * 59 * 3))
    assert both.alerts_per_mm == pytest.approx(5000 / (2 * 59 * 3))
    assert recall_at([score, both], 2.0) == 0.0
    assert recall_at([score, both], 3.0) == pytest.approx(3 / 4)
    assert np.isnan(EventScore().recall)
    assert np.isnan(EventScore().precision)


@given(forests(most=30), st.data())
def test_a_reviewer_sees_more_the_more_is_checked(course: Course, data: st.DataObject) -> None:
    n_nodes = len(course.tree)
    order = np.array(data.draw(st.permutations(range(n_nodes))))
    rows = st.lists(st.integers(0, n_nodes - 1), max_size=4, unique=True)
    starts = np.array(data.draw(rows), np.int64)
    shares = np.linspace(0, 1, 6)
    seen = share_seen(course, order, starts, around_um=8.0, shares=shares)
    assert (np.diff(seen) >= 0).all()
    assert seen[-1] == len(starts)


def test_a_reviewer_who_goes_to_the_right_places_sees_all_at_once() -> None:
    course, starts = chain(), np.array([20, 40])
    shares = np.array([0.05, 0.1, 0.2])
    first = share_seen(course, np.array([40, 20, 5]), starts, around_um=6.0, shares=shares)
    assert first.tolist() == [0, 1, 2]
    last = share_seen(course, np.arange(60), starts, around_um=6.0, shares=shares)
    assert last.tolist() == [0, 0, 0]
