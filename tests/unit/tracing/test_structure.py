"""Checks of a tree's structure: each error is one event at its node, with and without kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.tracing.checks import STRUCTURE_CHECKS, check_file, check_tree
from annotator.analysis.tracing.structure import look
from annotator.analysis.tracing.structure_beside import find_partners
from annotator.analysis.tracing.structure_scan import scan_tree
from annotator.analysis.tracing.swc import read_swc
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from annotator.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.tracing import TraceFinding

pytestmark = pytest.mark.unit

NAMES = tuple(STRUCTURE_CHECKS)


def fork() -> Tree:
    """Return a trunk of 40 nodes along x, 1 µm apart, that forks into two branches of 30."""
    trunk = np.column_stack([np.arange(40.0), np.zeros(40), np.zeros(40)])
    steps = np.arange(1.0, 31.0)[:, None]
    up = trunk[-1] + steps * [0.8, 0.6, 0.0]
    down = trunk[-1] + steps * [0.8, -0.6, 0.0]
    parents = np.concatenate([np.arange(-1, 39), [39], np.arange(40, 69), [39], np.arange(70, 99)])
    types = np.full(100, 3, np.int32)
    types[0] = 1
    radii = np.full(100, 0.4)
    return make_tree(np.vstack([trunk, up, down]), parents, radii=radii, types=types)


def found(tree: Tree) -> list[tuple[str, int]]:
    """Return checks and nodes of the findings; both ways must find the same."""
    findings = check_tree(tree, names=NAMES)
    with kernels.without_kernels():
        slow = check_tree(tree, names=NAMES)
    assert [repr(one) for one in findings] == [repr(one) for one in slow]
    assert all(0 < one.probability <= 1 and one.why.endswith(".") for one in findings)
    return [(one.check, one.node_id) for one in findings]


def with_one(tree: Tree, name: str, row: int | slice, value: object) -> Tree:
    changed = getattr(tree, name).copy()
    changed[row] = value
    return replace(tree, **{name: changed})


def extended(tree: Tree, points: list[list[float]], parents: list[int]) -> Tree:
    n_more = len(parents)
    return make_tree(
        np.vstack([tree.points, points]),
        np.append(tree.parents, parents),
        radii=np.append(tree.radii, np.full(n_more, 0.4)),
        types=np.append(tree.types, np.full(n_more, 3, np.int32)),
    )


def test_a_sound_tree_has_no_findings() -> None:
    assert not found(fork())


@pytest.mark.parametrize(
    ("name", "row", "value", "check", "node"),
    [
        ("parents", 20, 30, "loop", 21),
        ("parents", 50, 50, "loop", 51),
        ("parents", 60, NO_PARENT, "fragment", 61),
        ("points", 20, [19.0, 0, 0], "zero-length", 21),
        ("points", 20, [np.nan, 0, 0], "not-finite", 21),
        ("points", 20, [19.95, np.inf, 0], "not-finite", 21),
        ("radii", 50, 0.0, "no-radius", 51),
        ("radii", 50, np.nan, "no-radius", 51),
        ("radii", 50, 4.8, "radius-jump", 51),
        ("radii", 50, 0.04, "radius-jump", 51),
        ("types", 50, 2, "type-change", 51),
        ("types", 50, 1, "several-somata", 51),
    ],
)
def test_an_error_of_one_node(name: str, row: int, value: object, check: str, node: int) -> None:
    assert found(with_one(fork(), name, row, value)) == [(check, node)]


def test_a_gap() -> None:
    tree = fork()
    points = tree.points.copy()
    points[80:] += [0.0, -60.0, 0.0]
    assert found(replace(tree, points=points)) == [("gap", 81)]


def test_a_node_with_four_children_and_a_spur() -> None:
    more = extended(fork(), [[10, 2, 0], [10, -2, 0], [10, 0, 2]], [10, 10, 10])
    longer = extended(more, [[10, 3, 0], [10, -3, 0], [10, 0, 3]], [100, 101, 102])
    assert found(longer) == [("multifurcation", 11)]
    assert found(extended(fork(), [[10, 0.3, 0]], [10])) == [("spur", 101)]


def test_the_end_of_a_neurite_is_no_spur_however_near_its_last_twig_is() -> None:
    end, aside = [63.24, 18.18, 0], [62.7, 19.0, 0]
    assert not found(extended(with_one(fork(), "radii", 69, 0.5), [end, aside], [69, 69]))
    told = found(extended(fork(), [[10, 0.3, 0], [10, 1.6, 0]], [10, 100]))
    assert told == [], "two nodes are no spur"


def test_a_side_branch_that_begins_inside_a_thick_neurite_has_no_gap() -> None:
    aside = [[20.0, 4.0 + step, 0] for step in range(12)]
    branched = extended(fork(), aside, [20, *range(100, 111)])
    assert found(branched) == [("gap", 101)]
    thick = with_one(branched, "radii", slice(15, 26), 2.5)
    assert found(thick) == []
    absurd = with_one(branched, "radii", slice(15, 26), 400.0)
    points = absurd.points.copy()
    points[100:] += [0.0, 60.0, 0.0]
    assert found(replace(absurd, points=points)) == [("gap", 101)]


def test_where_edges_differ_widely_a_long_one_is_usual() -> None:
    steps = np.exp(np.random.default_rng(0).normal(0.0, 0.9, 600))
    steps[300] = 200.0
    points = np.column_stack([np.cumsum(steps), np.zeros(600), np.zeros(600)])
    tree = make_tree(points, np.arange(-1, 599), radii=np.full(600, 0.2))
    assert found(tree) == [("gap", 301)]


def test_radii_of_one_step_and_of_four_are_no_jump() -> None:
    tree = fork()
    radii = np.full(100, 0.14)
    radii[20], radii[60] = 0.56, 1.4
    assert found(replace(tree, radii=radii)) == [("radius-jump", 61)]


def test_a_path_that_goes_back() -> None:
    tree = fork()
    points = tree.points.copy()
    points[20] = [21.3, 0.05, 0]
    points[21] = [19.6, -0.05, 0]
    assert found(replace(tree, points=points)) == [("back-track", 21)]


def test_a_neurite_that_was_traced_twice() -> None:
    tree = fork()
    again = tree.points[45:60] + np.array([0.0, 0.1, 0.15])
    parents = [44, *range(100, 114)]
    assert found(extended(tree, again.tolist(), parents)) == [("double-trace", 101)]


@pytest.mark.parametrize("width_um", [4.0, 12.0, 400.0])
def test_partners_are_those_of_all_pairs(width_um: float) -> None:
    rng = np.random.default_rng(int(width_um))
    n_nodes = 500
    ways = 0.3 * rng.normal(size=(n_nodes, 3))
    parents = np.arange(-1, n_nodes - 1)
    parents[50::60] -= 30
    parents[300] = 340
    points = np.zeros((n_nodes, 3))
    for row in range(1, n_nodes):
        ways[row] += ways[row - 1]
        ways[row] /= np.linalg.norm(ways[row])
        points[row] = points[max(0, parents[row])] + ways[row]
    folded = np.abs(points % (2 * width_um) - width_um)
    tree = make_tree(folded, parents, radii=rng.uniform(0.1, 1.5, n_nodes))
    fast = find_partners(look(tree))
    with kernels.without_kernels():
        slow = find_partners(look(tree))
    assert np.count_nonzero(fast >= 0) > 3
    assert np.array_equal(fast, slow)


def test_nodes_at_one_place() -> None:
    tree = fork()
    assert found(extended(tree, [tree.points[50].tolist()], [5])) == [
        ("gap", 101),
        ("coincident", 101),
    ]


def crossing() -> tuple[Tree, NDArray[np.int64]]:
    """Return two straight branches that cross at 70°, and the rows behind the crossing of each."""
    steps = np.arange(30.0)[:, None]
    trunk = np.array([[-40.0, 0, 0]])
    one = np.array([-14.5, 0, 0]) + steps * [1, 0, 0]
    way = np.array([np.cos(1.22), np.sin(1.22), 0])
    other = np.array([0.2, 0.1, 0.6]) + (steps - 14.4) * way
    points = np.vstack([trunk, one, other])
    parents = np.concatenate([[NO_PARENT, 0], np.arange(1, 30), [0], np.arange(31, 60)])
    types = np.full(61, 3, np.int32)
    types[0] = 1
    tree = make_tree(points, parents, radii=np.full(61, 0.2), types=types)
    return tree, np.array([16, 46])


def test_partners_of_a_crossing_exchanged() -> None:
    tree, behind = crossing()
    assert not found(tree)
    parents = tree.parents.copy()
    parents[behind] = tree.parents[behind[::-1]]
    exchanged = replace(tree, parents=parents)
    ((check, node),) = found(exchanged)
    assert check == "wrong-crossing"
    assert node - 1 in behind
    assert check_tree(exchanged, names=NAMES)[0].severity == "error"


def test_a_side_branch_that_goes_back_along_its_neurite_is_no_crossing() -> None:
    tree = fork()
    steps = np.arange(0.0, 15.0)[:, None]
    back = np.array([29.2, 0.3, 0.2]) + steps * [-0.5, 0.86, 0.0]
    aside = np.array([30.0, -0.9, 0.0]) + steps * [0.5, -0.86, 0.0]
    parents = [30, *range(100, 114), 29, *range(115, 129)]
    told = found(extended(tree, [*back.tolist(), *aside.tolist()], parents))
    assert "wrong-crossing" not in {check for check, _ in told}


def test_a_soma_of_three_nodes_is_one() -> None:
    tree = fork()
    types = tree.types.copy()
    types[:3] = 1
    assert not found(replace(tree, types=types))


def test_a_change_that_is_taken_back_is_one_event() -> None:
    tree = fork()
    types = tree.types.copy()
    types[50:54] = 2
    assert found(replace(tree, types=types)) == [("type-change", 51)]


def test_findings_of_a_file_tell_lines() -> None:
    text = b"# a\n1 1 0 0 0 1 -1\n2 3 1 0 0 0 1\n3 3 2 0 0 1 2\n4 3 3 0 0 1 9\n5 3 4 0 0 1 4\n"
    told = {(one.check, one.line, one.node_id) for one in check_file(read_swc(text))}
    assert told == {("no-radius", 3, 2), ("missing-parent", 5, 4), ("loose-part", 5, 4)}


def test_a_check_that_does_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'loop'"):
        check_tree(fork(), names=["lop"])


def test_many_events_of_a_kind_are_cut_short() -> None:
    points = np.random.default_rng(0).uniform(0, 1000, (1500, 3))
    findings: tuple[TraceFinding, ...] = check_tree(
        make_tree(points, np.full(1500, NO_PARENT)), names=["fragment"]
    )
    assert len(findings) == 1000
    assert "499 more" in findings[-1].why or any("499 more" in one.why for one in findings)


@given(
    st.lists(st.integers(-1, 14), min_size=15, max_size=15),
    st.integers(0, 99),
    st.sampled_from([0.0, 1.0, np.nan, np.inf]),
)
def test_anything_is_told_alike_both_ways(parents: list[int], seed: int, value: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 4, (15, 3)).astype(np.float64)
    points[rng.integers(0, 15), 0] = value
    radii = rng.choice([0.0, 0.5, 1.0, 9.0, value], 15)
    types = rng.integers(-1, 6, 15).astype(np.int32)
    tree = make_tree(points, np.array(parents), radii=radii, types=types)
    fast = scan_tree(tree)
    with kernels.without_kernels():
        slow = scan_tree(tree)
    assert np.array_equal(fast.marks, slow.marks)
    assert np.array_equal(fast.lengths, slow.lengths, equal_nan=True)
    check_tree(tree, names=NAMES)
    with kernels.without_kernels():
        check_tree(tree, names=NAMES)
