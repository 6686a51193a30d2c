"""Checks by shape: each sees what was made wrong, where it was made, and nothing in clean trees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.shape_contacts import find_contacts, find_meetings
from annotator.analysis.tracing.shape_crossings import check_contacts, find_crossings
from annotator.analysis.tracing.shape_sizes import (
    check_constant_radii,
    check_fork_distance,
    check_fork_radius,
    check_loose_parts,
    check_rising_radius,
    check_soma_distance,
    check_twigs,
)
from annotator.analysis.tracing.shape_turns import (
    check_contraction,
    check_depth,
    check_forks,
    check_turns,
)
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS
from annotator.analysis.tracing.tree import NO_PARENT, SOMA, Tree, make_tree
from tests.unit.tracing.test_course import random_tree, walk_to_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.tracing import TraceFinding

pytestmark = pytest.mark.unit

LIMITS = DEFAULT_THRESHOLDS
CHECKS = (
    check_turns,
    check_forks,
    check_contraction,
    check_depth,
    check_twigs,
    check_fork_distance,
    check_fork_radius,
    check_rising_radius,
    check_constant_radii,
    check_soma_distance,
    check_loose_parts,
    check_contacts,
)


class Sketch:
    """A tree that is drawn branch by branch; nodes are 1 µm apart and taper outwards."""

    def __init__(self, start: Sequence[float] = (0, 0, 0)) -> None:
        self.points: list[list[float]] = [[float(v) for v in start]]
        self.parents: list[int] = [NO_PARENT]
        self.radii: list[float] = [3.0]
        self.types: list[int] = [SOMA]

    def to(self, end: Sequence[float], source: int | None = None, thinner: float = 0.99) -> int:
        """Draw a straight branch from a row, the last one where None; return its last row."""
        at = len(self.points) - 1 if source is None else source
        begin = np.asarray(self.points[at])
        n_steps = max(1, round(float(np.linalg.norm(np.asarray(end) - begin))))
        for step in range(1, n_steps + 1):
            self.points.append(list(begin + (np.asarray(end) - begin) * step / n_steps))
            self.parents.append(at)
            self.radii.append(self.radii[at] * thinner)
            self.types.append(3)
            at = len(self.points) - 1
        return at

    def tree(self) -> Tree:
        """Return what was drawn."""
        return make_tree(
            np.array(self.points),
            np.array(self.parents),
            radii=np.array(self.radii),
            types=np.array(self.types, np.int32),
        )


def clean() -> Sketch:
    """Return a tree with two forks and some depth, in which nothing is wrong."""
    sketch = Sketch()
    fork = sketch.to((30, 0, 5))
    sketch.to((60, 25, 12))
    other = sketch.to((60, -25, 10), fork)
    sketch.to((90, -20, 20), other)
    sketch.to((80, -60, 0), other)
    return sketch


def found(check: object, tree: Tree) -> list[TraceFinding]:
    """Return what one check finds."""
    assert callable(check)
    findings: list[TraceFinding] = check(tree, trace_course(tree), LIMITS)
    return findings


def test_nothing_is_found_in_a_clean_tree() -> None:
    tree = clean().tree()
    assert [finding.check for check in CHECKS for finding in found(check, tree)] == []


def test_empty_and_broken_trees_are_borne() -> None:
    empty = make_tree(np.zeros((0, 3)), np.zeros(0, np.int64))
    single = make_tree(np.zeros((1, 3)), np.array([NO_PARENT]))
    broken = random_tree(3, 30)
    points = broken.points.copy()
    points[4] = np.nan
    parents = broken.parents.copy()
    parents[np.flatnonzero(parents == NO_PARENT)[0]] = 7
    ring = make_tree(points, parents, radii=np.zeros(30))
    for tree in (empty, single, ring):
        for check in CHECKS:
            found(check, tree)


def test_a_turn_is_one_event_at_its_apex() -> None:
    sketch = Sketch()
    apex = sketch.to((30, 0, 0))
    sketch.to((2, 8, 0))
    (finding,) = found(check_turns, sketch.tree())
    assert finding.check == "sharp-turn"
    assert abs(finding.node_id - (apex + 1)) <= 1
    assert finding.severity == "error"
    assert finding.value is not None
    assert finding.value == pytest.approx(164, abs=5)
    assert finding.impact_um == pytest.approx(29, abs=2)


def test_shaking_nodes_are_no_turn() -> None:
    tree = clean().tree()
    shake = np.random.default_rng(0).normal(0, 0.25, tree.points.shape)
    assert found(check_turns, replace(tree, points=tree.points + shake)) == []


def test_a_branch_that_leaves_straight_back_is_told_once() -> None:
    sketch = Sketch()
    fork = sketch.to((30, 0, 0))
    sketch.to((60, 0, 0))
    sketch.to((5, 4, 0), fork)
    (finding,) = found(check_forks, sketch.tree())
    assert finding.check == "branch-direction"
    assert finding.node_ids[1] == fork + 1


def test_branches_too_near_are_found_and_those_of_the_soma_are_not() -> None:
    sketch = Sketch()
    fork = sketch.to((30, 0, 0))
    sketch.to((60, 1, 0))
    sketch.to((60, -1, 0), fork)
    (finding,) = found(check_forks, sketch.tree())
    assert (finding.check, finding.unit) == ("branch-angle", "°")
    assert finding.value == pytest.approx(3.8, abs=0.5)
    at_soma = Sketch()
    at_soma.to((30, 1, 0))
    at_soma.to((30, -1, 0), 0)
    assert found(check_forks, at_soma.tree()) == []


def test_a_winding_branch_of_a_straight_one_is_a_hint() -> None:
    sketch = Sketch()
    fork = sketch.to((40, 0, 0))
    sketch.to((80, 20, 0))
    at = fork
    for step in range(1, 9):
        at = sketch.to((40 + 4 * step, -6 * (step % 2) - 2, 0), at)
    (finding,) = found(check_contraction, sketch.tree())
    assert finding.severity == "hint"
    assert finding.value is not None
    assert finding.value > LIMITS.contraction_gap


def test_depth_is_missed_in_branches_and_in_trees() -> None:
    sketch = Sketch()
    fork = sketch.to((20, 0, 8))
    sketch.to((40, 20, 20))
    sketch.to((90, -30, 8), fork)
    (finding,) = found(check_depth, sketch.tree())
    assert (finding.check, len(finding.node_ids)) == ("flat", 76)
    squeezed = clean().tree()
    flat = replace(squeezed, points=squeezed.points * [1, 1, 0.01])
    assert [f.check for f in found(check_depth, flat)] == ["flat"]
    projection = replace(squeezed, points=squeezed.points * [1, 1, 0])
    assert found(check_depth, projection) == []


def test_short_twigs_and_near_forks() -> None:
    sketch = Sketch()
    one = sketch.to((30, 0, 0))
    two = sketch.to((33, 0, 0))
    sketch.to((60, 20, 5))
    sketch.to((33, -1.2, 0), two)
    sketch.to((40, -30, 5), one)
    tree = sketch.tree()
    (twig,) = found(check_twigs, tree)
    assert twig.impact_um == pytest.approx(1.2)
    (forks,) = found(check_fork_distance, tree)
    assert forks.node_ids == (one + 1, two + 1)
    assert forks.value == pytest.approx(3.0)


def test_three_forks_at_one_place_are_one_cluster() -> None:
    sketch = Sketch()
    at = sketch.to((30, 0, 0))
    for step in range(3):
        sketch.to((40 + 9 * step, 30, 9), at)
        at = sketch.to((30 + 6 * (step + 1), 0, 0), at)
    sketch.to((90, -5, 0), at)
    (finding,) = found(check_fork_distance, sketch.tree())
    assert len(finding.node_ids) == 3
    assert finding.why.startswith("3 forks")


def test_radii_that_jump_at_forks_rise_or_never_change() -> None:
    sketch = Sketch()
    fork = sketch.to((30, 0, 5))
    sketch.to((60, 20, 9))
    sketch.to((60, -20, 3), fork)
    tree = sketch.tree()
    thick = tree.radii.copy()
    thick[-36:] *= 4
    (finding,) = found(check_fork_radius, replace(tree, radii=thick))
    assert finding.value == pytest.approx(4, rel=0.1)
    rising = tree.radii.copy()
    rising[5:20] = np.linspace(1, 3, 15)
    (rise,) = found(check_rising_radius, replace(tree, radii=rising))
    assert (rise.node_id, rise.value) == (6, 14)
    (constant,) = found(check_constant_radii, replace(tree, radii=np.ones(len(tree))))
    assert constant.impact_um == 0


def two_parts(gap_um: float, start: Sequence[float]) -> Tree:
    """Return a line along x and another part that begins further on."""
    main, part = Sketch(), Sketch(start)
    main.to((60, 0, 0))
    part.to((start[0] + 30, start[1], start[2]))
    one, other = main.tree(), part.tree()
    types = np.concatenate([one.types, np.full(len(other), 3, np.int32)])
    parents = np.where(other.parents == NO_PARENT, NO_PARENT, other.parents + len(one))
    return make_tree(
        np.concatenate([one.points, other.points]),
        np.concatenate([one.parents, parents]),
        types=types,
    )


def test_a_loose_part_that_points_at_a_tip_may_be_joined() -> None:
    near = two_parts(8, (68, 0, 0))
    (finding,) = found(check_loose_parts, near)
    assert finding.node_ids == (62, 61)
    assert finding.value == pytest.approx(8)
    assert finding.impact_um == pytest.approx(30)
    assert found(check_loose_parts, two_parts(8, (60, 18, 0))) == []
    assert found(check_soma_distance, near) == []
    (far,) = found(check_soma_distance, two_parts(700, (760, 0, 0)))
    assert far.value == pytest.approx(760)


@given(seed=st.integers(0, 500), n_nodes=st.integers(2, 40))
def test_branches_meet_where_their_ways_to_the_root_do(seed: int, n_nodes: int) -> None:
    tree = random_tree(seed, n_nodes)
    course = trace_course(tree)
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, n_nodes, (2, 12))
    meetings = find_meetings(course, one, other)
    for a, b, meeting in zip(one, other, meetings, strict=True):
        way = walk_to_root(tree, int(b))
        assert meeting == next(row for row in walk_to_root(tree, int(a)) if row in way)


def crossing_tree(*, is_exchanged: bool) -> Tree:
    """Return two branches that cross at (60, 0): rightly, or with their far sides exchanged."""
    sketch = Sketch()
    sketch.to((20, 30, 0))
    sketch.to((60, 0.4, 0))
    ends = [(100, -30, 4), (100, 30, 4)]
    sketch.to(ends[1] if is_exchanged else ends[0])
    sketch.to((20, -30, 0), 0)
    sketch.to((60, -0.4, 0))
    sketch.to(ends[0] if is_exchanged else ends[1])
    return sketch.tree()


def test_exchanged_partners_at_a_crossing_are_one_event() -> None:
    tree = crossing_tree(is_exchanged=True)
    (finding,) = found(check_contacts, tree)
    assert finding.check == "crossing-bend"
    assert abs(finding.point_um[0] - 60) < 3
    assert finding.value is not None
    assert finding.value > 60
    right = crossing_tree(is_exchanged=False)
    assert found(check_contacts, right) == []
    (crossing,) = find_crossings(trace_course(right), LIMITS)
    assert crossing.gain_deg < 0


def test_long_edges_hide_no_contact() -> None:
    points = np.array([[0, 0, 0], [40, 40, 0], [0, 40, 0], [40, 0, 0]], float)
    tree = make_tree(points, np.array([NO_PARENT, 0, NO_PARENT, 2]))
    (contact,) = find_contacts(trace_course(tree), 2.0, 30.0)
    assert contact.distance_um < 1.0


def test_a_branch_traced_twice_is_a_bundle() -> None:
    sketch = Sketch()
    fork = sketch.to((30, 0, 0))
    sketch.to((100, 0, 0))
    side = sketch.to((35, 40, 0), fork)
    sketch.to((50, 1.5, 0), side)
    sketch.to((80, 1.5, 0))
    (finding,) = found(check_contacts, sketch.tree())
    assert finding.check == "bundle"
    assert finding.impact_um == pytest.approx(31, abs=3)


def test_a_tip_that_touches_a_stranger_is_found() -> None:
    sketch = Sketch()
    fork = sketch.to((30, 0, 0))
    sketch.to((100, 0, 0))
    side = sketch.to((45, 40, 0), fork)
    tip = sketch.to((70, 2, 0), side)
    (finding,) = found(check_contacts, sketch.tree())
    assert (finding.check, finding.node_id) == ("touching-tip", tip + 1)
