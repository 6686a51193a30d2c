"""Adding a path click by click, along what is bright between the clicks or straight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

from annotator.analysis.tracing.editable import TraceEdit
from annotator.analysis.tracing.tree import SOMA
from annotator.domain.errors import AnnotatorError
from annotator.drawing.tracing.add import add_path
from annotator.drawing.tracing.connect import connect
from annotator.drawing.tracing.insert import insert_node
from annotator.gui.tracing.hand import OWN, TraceTool
from annotator.gui.tracing.paint import Sketch
from annotator.gui.tracing.way import MAX_AHEAD_VOXELS, MAX_VOXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.tracing import PointUm
    from annotator.gui.tracing.hand import Grip, Hand
    from annotator.gui.tracing.shown import Pointer

_REST_MS = 60
_AHEAD, _NOW = "trace preview", "trace path"
_COLOR = "#7cf5ff"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Goal:
    """Where a click wants the path to go: a place, or a node that is there already."""

    point_um: PointUm
    node_id: int | None
    is_straight: bool


class PathTool(TraceTool):
    """The first click begins: on a node, on an edge, or anew; every further one goes on from there.

    While the way of a click is being found, further clicks wait their turn.
    """

    name = "path"
    words = (
        "Click along the neurite: the way between clicks is found. Shift + click goes straight; "
        "Enter or a double click ends the path; a click on a node begins or joins there."
    )
    takes_shift = True

    def __init__(self, hand: Hand) -> None:
        super().__init__(hand)
        self._anchor: Grip | None = None
        self._start_um: PointUm | None = None
        """Where a new part begins that has no node yet."""
        self._goals: list[_Goal] = []
        self._is_finding = self._is_finishing = False
        self._pointer: Pointer | None = None
        self._ahead: tuple[PointUm, NDArray[np.float64]] | None = None
        self._owner = QObject()
        self._rest = QTimer(self._owner, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._look_ahead)

    @property
    def is_busy(self) -> bool:
        """Whether clicks wait for their way."""
        return bool(self._goals)

    def press(self, at: Pointer) -> None:
        """Begin a path, or go on with it."""
        is_straight = at.is_shift or self.hand.is_straight
        if self._anchor is None and self._start_um is None:
            self._begin(at)
        elif at.is_3d and at.hit is None:
            return
        elif self._is_anchor(at):
            self.end()
        else:
            self._goals.append(self._goal(at, is_straight))
            self._go_on()

    def hover(self, at: Pointer | None) -> None:
        """Show the way that a click would add."""
        self._pointer = at
        if at is None or self._is_finding or self._from is None:
            return
        if self._ahead is not None and self._ahead[0] != at.point_um:
            self._ahead = None
        self._show()
        self._rest.start()

    def finish(self) -> None:
        """End the path when the clicks that wait have found their way."""
        if self._goals:
            self._is_finishing = True
        else:
            self.end()

    def end(self) -> bool:
        """End the path now; what is added stays."""
        had = self._from is not None
        self._rest.stop()
        self.hand.drop_path(_AHEAD)
        self.hand.drop_path(_NOW)
        self._anchor = self._start_um = self._ahead = None
        self._goals.clear()
        self._is_finding = self._is_finishing = False
        self.hand.sketch(None)
        self.hand.choose(None)
        self.hand.say("")
        return had

    def follow(self) -> None:
        """Begin anew where the node that is gone on from was taken away, as by undo."""
        if self._anchor is not None and self._anchor.node_id not in self.hand.tree:
            self.end()

    @property
    def _from(self) -> PointUm | None:
        return self._anchor.point_um if self._anchor is not None else self._start_um

    def _is_anchor(self, at: Pointer) -> bool:
        hit, anchor = at.hit, self._anchor
        return (
            hit is not None
            and anchor is not None
            and hit.key == OWN
            and hit.is_node
            and self.hand.node_id(hit.row) == anchor.node_id
        )

    def _begin(self, at: Pointer) -> None:
        grip = self._on_tree(at)
        if grip is not None:
            self._take(grip)
        else:
            self._start_um = at.point_um
            self.hand.sketch(Sketch(node_um=at.point_um, color=_COLOR))
            self.hand.say("A new part begins here. Click on.")

    def _on_tree(self, at: Pointer) -> Grip | None:
        """Return the node that is pointed at; on an edge between nodes that lie apart, a new one.

        Which is recorded as an edit of its own.
        """
        hit = at.hit
        if hit is None or hit.key != OWN:
            return None
        if not hit.is_node and hit.edge_row >= 0:
            tree = self.hand.tree
            edit = insert_node(tree, self.hand.node_id(hit.edge_row), hit.point_um)
            new_id = tree.next_id
            self.hand.record("insert", edit)
            return self.grip_of(new_id)
        return self.grip_of(self.hand.node_id(hit.row))

    def _goal(self, at: Pointer, is_straight: bool) -> _Goal:
        grip = self._on_tree(at)
        if grip is not None:
            return _Goal(point_um=grip.point_um, node_id=grip.node_id, is_straight=is_straight)
        return _Goal(point_um=at.point_um, node_id=None, is_straight=is_straight)

    def _take(self, grip: Grip) -> None:
        self._anchor, self._start_um = grip, None
        self.hand.choose(grip.node_id)

    def _go_on(self) -> None:
        """Find the way of the first click that waits."""
        start = self._from
        if self._is_finding or not self._goals or start is None:
            return
        goal = self._goals[0]
        if goal.node_id is None and goal.point_um == start:
            self._goals.pop(0)  # clicked twice
            self._go_on()
            return
        ahead = self._ahead
        if goal.is_straight:
            self._add(np.array([start, goal.point_um]))
        elif ahead is not None and ahead[0] == goal.point_um:
            self._add(ahead[1])
        else:
            self._is_finding = True
            self._rest.stop()
            self.hand.drop_path(_AHEAD)
            line = np.array([start, goal.point_um])
            self.hand.sketch(Sketch(path=line, node_um=goal.point_um, color=_COLOR))
            self.hand.say("Finding the way… Esc gives up.", lasting=True)
            self.hand.find_path(
                _NOW, start, goal.point_um, self._found, self._lost, max_voxels=MAX_VOXELS
            )

    def _found(self, path: NDArray[np.float64]) -> None:
        self._is_finding = False
        self.hand.say("")
        self._add(path)

    def _lost(self, error: Exception) -> None:
        self._is_finding = self._is_finishing = False
        self._goals.clear()
        self._show()
        words = str(error) if isinstance(error, AnnotatorError) else f"It failed: {error}"
        self.hand.say(words[:1].upper() + words[1:])

    def _add(self, path: NDArray[np.float64]) -> None:
        """Add the way to the first click that waits, and go on with the next."""
        goal = self._goals.pop(0)
        self._ahead = None
        try:
            last_id = self._record(path, goal)
        except AnnotatorError as error:
            self._lost(error)
            return
        if goal.node_id is not None:
            self.end()
            self.hand.say("Joined. Click to begin another path.")
            return
        if self._is_finishing and not self._goals:
            self.end()
            return
        self._take(self.grip_of(last_id))
        self.hand.sketch(None)
        self._go_on()

    def _record(self, path: NDArray[np.float64], goal: _Goal) -> int:
        """Record one edit: the nodes of the way, and the joint where it ends at a node."""
        tree, anchor = self.hand.tree, self._anchor
        if anchor is not None and goal.node_id is not None:
            if tree.to_root(anchor.node_id)[-1] == tree.to_root(goal.node_id)[-1]:
                raise AnnotatorError(
                    "both ends are in one part already: the path would close a loop"
                )
            return self._bridge(path, anchor, goal.node_id)
        if goal.node_id is not None:
            # A part that begins in nothing grows out of the node that it reaches.
            anchor, path = self.grip_of(goal.node_id), path[::-1]
        points = path if anchor is None else path[1:]
        first_id = tree.next_id
        node_type, radius_um = self._kind(anchor)
        edit = add_path(
            tree,
            points,
            parent_id=None if anchor is None else anchor.node_id,
            radii=radius_um,
            node_type=node_type,
        )
        self.hand.record("add path", edit)
        return first_id + len(points) - 1

    def _bridge(self, path: NDArray[np.float64], anchor: Grip, node_id: int) -> int:
        """Add the way from the anchor to a node of another part, which then hangs on it."""
        tree = self.hand.tree
        joined = connect(tree, node_id, anchor.node_id)
        between = path[1:-1]
        if len(between):
            node_type, radius_um = self._kind(anchor)
            added = add_path(
                tree, between, parent_id=anchor.node_id, radii=radius_um, node_type=node_type
            )
            parent_ids = joined.after.parent_ids.copy()
            parent_ids[0] = int(added.after.ids[-1])
            after = replace(joined.after, parent_ids=parent_ids)
            nodes = {
                name: np.concatenate([getattr(after, name), getattr(added.after, name)])
                for name in ("ids", "types", "points", "radii", "parent_ids")
            }
            joined = TraceEdit(before=joined.before, after=replace(after, **nodes))
        self.hand.record("add path", joined)
        return node_id

    def _kind(self, anchor: Grip | None) -> tuple[int, float]:
        """Return type and radius of new nodes: the anchor's, but not a soma's."""
        if anchor is None:
            return self.hand.node_type, self.hand.pixel_um
        node_type = int(self.hand.tree.nodes([anchor.node_id]).types[0])
        if node_type in (0, SOMA):
            return self.hand.node_type, self.hand.pixel_um
        return node_type, anchor.radius_um

    def _look_ahead(self) -> None:
        start, at = self._from, self._pointer
        if start is None or at is None or self._is_finding:
            return
        if at.is_shift or self.hand.is_straight:
            return
        goal = at.hit.point_um if at.hit is not None and at.hit.key == OWN else at.point_um

        def show(path: NDArray[np.float64]) -> None:
            self._ahead = (goal, path)
            self._show()

        self.hand.find_path(_AHEAD, start, goal, show, lambda _: None, max_voxels=MAX_AHEAD_VOXELS)

    def _show(self) -> None:
        start, at = self._from, self._pointer
        if start is None or at is None:
            return
        ahead = self._ahead
        if ahead is not None:
            self.hand.sketch(Sketch(path=ahead[1], is_sure=True, color=_COLOR))
        else:
            line = np.array([start, at.point_um])
            is_sure = at.is_shift or self.hand.is_straight
            self.hand.sketch(Sketch(path=line, is_sure=is_sure, color=_COLOR))
