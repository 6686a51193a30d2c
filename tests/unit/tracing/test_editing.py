"""Editing a tree: whatever is done, taken back and done again equals a plain replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from annotator.analysis.tracing.editable import EditableTree, Nodes, TraceEdit, canonical, nodes_of
from annotator.analysis.tracing.tree import NO_PARENT, Tree, depths, make_tree
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.drawing.tracing.add import add_path
from annotator.drawing.tracing.connect import connect, reattach
from annotator.drawing.tracing.cut import cut
from annotator.drawing.tracing.delete import delete_nodes, delete_subtree
from annotator.drawing.tracing.describe import set_radius, set_type
from annotator.drawing.tracing.insert import insert_node
from annotator.drawing.tracing.move import move_nodes
from annotator.drawing.tracing.reroot import reroot

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.unit

_picks = st.integers(0, 1000)


def fork() -> Tree:
    """Return 1-2-3-4 with a branch 2-5-6, ids in the file's odd order."""
    points = np.arange(18, dtype=np.float64).reshape(6, 3)
    return make_tree(
        points, np.array([1, 4, -1, 4, 2, 3]), ids=np.array([4, 3, 1, 5, 2, 6], np.int64)
    )


def edges(tree: EditableTree) -> dict[int, int]:
    nodes = nodes_of(tree.tree())
    return dict(zip(nodes.ids.tolist(), nodes.parent_ids.tolist(), strict=True))


def done(tree: EditableTree, edit: TraceEdit) -> EditableTree:
    tree.apply(edit)
    return tree


def test_a_tree_is_held_by_id() -> None:
    tree = EditableTree(fork())
    assert edges(tree) == {1: NO_PARENT, 2: 1, 3: 2, 4: 3, 5: 2, 6: 5}
    assert sorted(tree.children(2)) == [3, 5]
    assert tree.to_root(4) == (4, 3, 2, 1)
    assert sorted(tree.subtree(5)) == [5, 6]
    assert tree.is_below(6, 2)
    assert not tree.is_below(2, 6)
    assert (len(tree), tree.next_id, 6 in tree, 7 in tree) == (6, 7, True, False)


def test_what_is_handed_out_stays_as_it_was() -> None:
    tree = EditableTree(fork())
    before = tree.tree()
    points = before.points.copy()
    tree.apply(move_nodes(tree, [3], np.array([[9.0, 9.0, 9.0]])))
    np.testing.assert_array_equal(before.points, points)


def test_each_tool_does_what_it_says() -> None:
    tree = EditableTree(fork())
    path = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 3.0]])
    done(tree, add_path(tree, path, parent_id=6, radii=0.5, node_type=2))
    assert (edges(tree)[7], edges(tree)[8]) == (6, 7)
    done(tree, insert_node(tree, 4, (0.5, 0.5, 0.5)))
    assert (edges(tree)[4], edges(tree)[9]) == (9, 3)
    done(tree, delete_nodes(tree, [2, 3]))
    assert edges(tree) == {1: NO_PARENT, 9: 1, 4: 9, 5: 1, 6: 5, 7: 6, 8: 7}
    done(tree, delete_nodes(tree, [1]))
    assert (edges(tree)[9], edges(tree)[5]) == (NO_PARENT, NO_PARENT)
    done(tree, reroot(tree, 7))
    assert edges(tree) == {9: NO_PARENT, 4: 9, 7: NO_PARENT, 8: 7, 6: 7, 5: 6}
    done(tree, connect(tree, 5, 4))
    assert edges(tree) == {9: NO_PARENT, 4: 9, 5: 4, 6: 5, 7: 6, 8: 7}
    done(tree, reattach(tree, 7, 9))
    assert edges(tree)[7] == 9
    done(tree, cut(tree, 6))
    assert edges(tree)[6] == NO_PARENT
    done(tree, delete_subtree(tree, 4))
    assert edges(tree) == {9: NO_PARENT, 6: NO_PARENT, 7: 9, 8: 7}
    done(tree, set_type(tree, [7, 8], 3))
    done(tree, set_radius(tree, [8], 2.5))
    found = tree.nodes([7, 8])
    assert (found.types.tolist(), found.radii.tolist()) == ([3, 3], [0.5, 2.5])


def test_loops_are_refused_with_the_reason() -> None:
    tree = EditableTree(fork())
    with pytest.raises(AnnotatorError, match="close a loop"):
        connect(tree, 4, 6)
    with pytest.raises(AnnotatorError, match="both would be in a loop"):
        reattach(tree, 2, 6)
    with pytest.raises(AnnotatorError, match="is a root"):
        cut(tree, 1)


def test_a_loop_from_a_file_is_held_and_can_be_cut_open() -> None:
    loop = make_tree(np.zeros((3, 3)), np.array([2, 0, 1]))
    tree = EditableTree(loop)
    assert sorted(tree.to_root(1)) == sorted(tree.subtree(1)) == [1, 2, 3]
    with pytest.raises(AnnotatorError, match="cut the loop open"):
        reroot(tree, 1)
    tree.apply(cut(tree, 1))
    assert (depths(tree.tree()) >= 0).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda nodes: TraceEdit(before=nodes, after=nodes), "does not begin where"),
        (
            lambda nodes: TraceEdit(before=_moved(nodes), after=_no(nodes)),
            "without their parent",
        ),
        (
            lambda nodes: TraceEdit(before=_no(nodes), after=_moved(nodes)),
            "there already",
        ),
    ],
)
def test_an_edit_that_does_not_fit_changes_nothing(
    make: Callable[[Nodes], TraceEdit], words: str
) -> None:
    tree = EditableTree(fork())
    stale = tree.nodes([2])
    tree.apply(move_nodes(tree, [2], np.array([[7.0, 7.0, 7.0]])))
    before = nodes_of(tree.tree())
    with pytest.raises(IntegrityError, match=words):
        tree.apply(make(stale))
    assert nodes_of(tree.tree()).is_same(before)


def _moved(nodes: Nodes) -> Nodes:
    return Nodes(
        ids=nodes.ids,
        types=nodes.types,
        points=np.full((1, 3), 7.0),
        radii=nodes.radii,
        parent_ids=nodes.parent_ids,
    )


def _no(nodes: Nodes) -> Nodes:
    return EditableTree(fork()).nodes([][: len(nodes)])


def test_names_that_are_not_there_are_told() -> None:
    tree = EditableTree(fork())
    with pytest.raises(AnnotatorError, match="no node 99 in this tracing of 6 nodes; ids from 7"):
        delete_subtree(tree, 99)
    with pytest.raises(AnnotatorError, match="occur twice"):
        canonical(make_tree(np.zeros((2, 3)), np.array([-1, 0]), ids=np.array([3, 3])))


class Editing(RuleBasedStateMachine):
    """Edits, undo, redo and restart, against a list of whole trees."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = EditableTree(fork())
        self.past: list[TraceEdit] = []
        self.future: list[TraceEdit] = []
        self.states: list[Tree] = [self.tree.tree()]

    def pick(self, number: int) -> int:
        ids = self.tree.tree().ids
        return int(ids[number % len(ids)])

    def do(self, make: Callable[[], TraceEdit]) -> None:
        try:
            edit = make()
        except AnnotatorError:
            return
        self.tree.apply(edit)
        del self.states[len(self.past) + 1 :]
        self.past.append(edit)
        self.future.clear()
        self.states.append(self.tree.tree())

    @rule(number=_picks, n_nodes=st.integers(1, 3), has_parent=st.booleans())
    def add(self, number: int, n_nodes: int, has_parent: bool) -> None:
        parent_id = self.pick(number) if has_parent and len(self.tree) else None
        points = np.full((n_nodes, 3), float(number))
        self.do(lambda: add_path(self.tree, points, parent_id=parent_id))

    @precondition(lambda self: len(self.tree) > 0)
    @rule(a=_picks, b=_picks, tool=st.sampled_from(["connect", "reattach", "reroot", "cut"]))
    def rewire(self, a: int, b: int, tool: str) -> None:
        one, other = self.pick(a), self.pick(b)
        makers = {
            "connect": lambda: connect(self.tree, one, other),
            "reattach": lambda: reattach(self.tree, one, other),
            "reroot": lambda: reroot(self.tree, one),
            "cut": lambda: cut(self.tree, one),
        }
        self.do(makers[tool])

    @precondition(lambda self: len(self.tree) > 0)
    @rule(a=_picks, b=_picks, tool=st.sampled_from(["nodes", "subtree", "insert", "radius"]))
    def change(self, a: int, b: int, tool: str) -> None:
        one, other = self.pick(a), self.pick(b)
        makers = {
            "nodes": lambda: delete_nodes(self.tree, [one, other]),
            "subtree": lambda: delete_subtree(self.tree, one),
            "insert": lambda: insert_node(self.tree, one, (1.0, float(a), float(b))),
            "radius": lambda: set_radius(self.tree, [one], float(a)),
        }
        self.do(makers[tool])

    @rule()
    def undo(self) -> None:
        if self.past:
            self.future.append(self.past.pop())
            self.tree.apply(self.future[-1].inverse)

    @rule()
    def redo(self) -> None:
        if self.future:
            self.past.append(self.future.pop())
            self.tree.apply(self.past[-1])

    @rule()
    def restart(self) -> None:
        self.tree = EditableTree(fork())
        for edit in self.past:
            self.tree.apply(edit)

    @invariant()
    def is_what_it_was(self) -> None:
        found, wanted = self.tree.tree(), self.states[len(self.past)]
        assert nodes_of(found).is_same(nodes_of(wanted))
        assert (depths(found) >= 0).all()
        below = {node_id: set(self.tree.children(node_id)) for node_id in found.ids.tolist()}
        for node_id, parent_id in edges(self.tree).items():
            assert parent_id == NO_PARENT or node_id in below[parent_id]
        assert sum(map(len, below.values())) == int((found.parents != NO_PARENT).sum())


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
