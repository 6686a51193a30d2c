"""Tools that change what is traced: each press, or drag, is one edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT
from annotator.drawing.tracing.connect import connect
from annotator.drawing.tracing.cut import cut
from annotator.drawing.tracing.delete import delete_nodes, delete_subtree
from annotator.drawing.tracing.describe import set_radius, set_type
from annotator.drawing.tracing.insert import insert_node
from annotator.drawing.tracing.move import move_nodes
from annotator.drawing.tracing.reroot import reroot
from annotator.gui.tracing.hand import OWN, TraceTool
from annotator.gui.tracing.paint import Sketch

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import EditableTree
    from annotator.domain.tracing import PointUm
    from annotator.gui.tracing.hand import Grip, Hand
    from annotator.gui.tracing.shown import Pointer

_MISSED = "There is no node of the tracing here, within the slab."


class MoveTool(TraceTool):
    """Drags a node; its depth stays, so that a view from the side changes it."""

    name = "move"
    words = "Drag a node. It stays in its depth; drag it in a side view to change that."

    def __init__(self, hand: Hand) -> None:
        super().__init__(hand)
        self._held: Grip | None = None
        self._to_um: PointUm | None = None

    def press(self, at: Pointer) -> None:
        """Take a node."""
        self._held, self._to_um = self.grip(at), None
        self.hand.choose(None if self._held is None else self._held.node_id)
        if self._held is None:
            self.hand.say(_MISSED)

    def drag(self, at: Pointer) -> None:
        """Show where it goes, with the edges that go along."""
        if self._held is None:
            return
        self._to_um = at.point_um
        tree, node_id = self.hand.tree, self._held.node_id
        beside = [*tree.children(node_id)][:1]
        above = tree.parent(node_id)
        ends = ([above] if above != NO_PARENT else []) + beside
        line = [self._to_um]
        if ends:
            points = [tuple(point) for point in tree.nodes(ends).points.tolist()]
            line = [points[0], self._to_um, *points[1:]]
        path = np.array(line, np.float64)
        self.hand.sketch(Sketch(path=path, is_sure=True, node_um=self._to_um))

    def release(self, is_click: bool) -> None:
        """Leave it where it is."""
        held, place = self._held, self._to_um
        self._held = self._to_um = None
        self.hand.sketch(None)
        if held is not None and place is not None and not is_click:
            edit = move_nodes(self.hand.tree, [held.node_id], np.array([place]))
            self.hand.record("move", edit)
            self.hand.choose(held.node_id)

    def end(self) -> bool:
        """Let the node go."""
        had = self._held is not None
        self._held = self._to_um = None
        self.hand.sketch(None)
        return had


class InsertTool(TraceTool):
    """Puts a node into an edge."""

    name = "insert"
    words = "Click on a line of the tracing: a node is put there, to be moved."

    def press(self, at: Pointer) -> None:
        """Insert where it was clicked."""
        hit = at.hit
        if hit is None or hit.key != OWN or hit.edge_row < 0:
            self.hand.say("There is no line of the tracing here, within the slab.")
            return
        new_id = self.hand.tree.next_id
        edit = insert_node(self.hand.tree, self.hand.node_id(hit.edge_row), hit.point_um)
        self.hand.record("insert", edit)
        self.hand.choose(new_id)


class DeleteTool(TraceTool):
    """Takes a node away, or all that hangs on it."""

    name = "delete"
    words = "Click a node to delete it; its branch closes up. Shift + click takes all below it too."
    takes_shift = True

    def press(self, at: Pointer) -> None:
        """Delete what was clicked."""
        grip = self.grip(at)
        if grip is None:
            self.hand.say(_MISSED)
        elif at.is_shift:
            n_gone = len(self.hand.tree.subtree(grip.node_id))
            self.hand.record("delete subtree", delete_subtree(self.hand.tree, grip.node_id))
            self.hand.say(f"{n_gone} nodes are deleted. Z takes it back.")
        else:
            self.hand.record("delete", delete_nodes(self.hand.tree, [grip.node_id]))


class ConnectTool(TraceTool):
    """Joins two parts."""

    name = "connect"
    words = "Click the end of one part, then the node of another that it belongs to."

    def __init__(self, hand: Hand) -> None:
        super().__init__(hand)
        self._first: Grip | None = None

    def press(self, at: Pointer) -> None:
        """Take the first node, or join it with the second."""
        grip = self.grip(at)
        if grip is None:
            self.hand.say(_MISSED)
        elif self._first is None or self._first.node_id not in self.hand.tree:
            self._first = grip
            self.hand.choose(grip.node_id)
            self.hand.say("Now click the node that it belongs to. Esc gives up.")
        else:
            edit = connect(self.hand.tree, self._first.node_id, grip.node_id)
            self.end()
            self.hand.record("connect", edit)

    def hover(self, at: Pointer | None) -> None:
        """Show the line that would join them."""
        if self._first is not None and at is not None:
            there = at.point_um if at.hit is None else at.hit.point_um
            line = np.array([self._first.point_um, there])
            self.hand.sketch(Sketch(path=line, is_sure=at.hit is not None))

    def end(self) -> bool:
        """Forget the first node."""
        had = self._first is not None
        self._first = None
        self.hand.sketch(None)
        self.hand.choose(None)
        return had


class CutTool(TraceTool):
    """Cuts an edge."""

    name = "cut"
    words = "Click a line of the tracing: what lies beyond becomes a part of its own."

    def press(self, at: Pointer) -> None:
        """Cut the edge that was clicked."""
        hit = at.hit
        if hit is None or hit.key != OWN or hit.edge_row < 0:
            self.hand.say("There is no line of the tracing here, within the slab.")
            return
        # On a node, the edge towards its root is meant.
        node_id = self.hand.node_id(hit.row if hit.is_node else hit.edge_row)
        self.hand.record("cut", cut(self.hand.tree, node_id))
        self.hand.choose(node_id)


class RerootTool(TraceTool):
    """Makes a node the root of its part."""

    name = "reroot"
    words = "Click the node that its part is to begin at, usually in the soma."

    def press(self, at: Pointer) -> None:
        """Make the clicked node the root."""
        grip = self.grip(at)
        if grip is None:
            self.hand.say(_MISSED)
        else:
            self.hand.record("reroot", reroot(self.hand.tree, grip.node_id))


class TypeTool(TraceTool):
    """Gives a branch the chosen type."""

    name = "type"
    words = (
        "Click a branch: it gets the type chosen on the right (keys 1 to 4), from fork to fork. "
        "Shift + click: with all below it; Ctrl + click: the node alone."
    )
    takes_shift = True

    def press(self, at: Pointer) -> None:
        """Set the type of what was clicked."""
        grip = self.grip(at)
        if grip is None:
            self.hand.say(_MISSED)
            return
        tree = self.hand.tree
        if at.is_control:
            node_ids: tuple[int, ...] = (grip.node_id,)
        elif at.is_shift:
            node_ids = tree.subtree(grip.node_id)
        else:
            node_ids = section_of(tree, grip.node_id)
        self.hand.record("set type", set_type(tree, node_ids, self.hand.node_type))


class RadiusTool(TraceTool):
    """Drags the radius of a node."""

    name = "radius"
    words = (
        "Drag from a node to the edge of the neurite: that is its radius. With Shift, that of its "
        "whole branch."
    )
    takes_shift = True

    def __init__(self, hand: Hand) -> None:
        super().__init__(hand)
        self._held: Grip | None = None
        self._is_branch = False
        self._radius_um = 0.0

    def press(self, at: Pointer) -> None:
        """Take a node."""
        self._held, self._is_branch, self._radius_um = self.grip(at), at.is_shift, 0.0
        if self._held is None:
            self.hand.say(_MISSED)
            return
        self.hand.choose(self._held.node_id)
        self._show(self._held, self._held.radius_um)

    def drag(self, at: Pointer) -> None:
        """Show the radius."""
        if self._held is not None:
            off = np.subtract(at.point_um, self._held.point_um)
            self._radius_um = float(np.linalg.norm(off))
            self._show(self._held, self._radius_um)

    def release(self, is_click: bool) -> None:
        """Set it."""
        held, self._held = self._held, None
        self.hand.sketch(None)
        self.hand.say("")
        if held is not None and not is_click and self._radius_um > 0:
            tree = self.hand.tree
            node_ids = section_of(tree, held.node_id) if self._is_branch else (held.node_id,)
            self.hand.record("set radius", set_radius(tree, node_ids, self._radius_um))

    def end(self) -> bool:
        """Let the node go."""
        had = self._held is not None
        self._held = None
        self.hand.sketch(None)
        return had

    def _show(self, held: Grip, radius_um: float) -> None:
        self.hand.sketch(Sketch(node_um=held.point_um, radius_um=radius_um, color="#7cf5ff"))
        self.hand.say(f"Radius {radius_um:.2f} µm", lasting=True)


def section_of(tree: EditableTree, node_id: int) -> tuple[int, ...]:
    """Return the nodes of the branch that a node is in: after the fork above, to the one below."""
    found = {node_id: None}
    at = tree.parent(node_id)
    while at != NO_PARENT and at not in found and len(tree.children(at)) == 1:
        if tree.parent(at) == NO_PARENT:
            break  # a root, often a soma, is of no branch
        found[at] = None
        at = tree.parent(at)
    below = tree.children(node_id)
    while len(below) == 1 and below[0] not in found:
        found[below[0]] = None
        below = tree.children(below[0])
    return tuple(found)
