"""What the tools of a tracing work with: the live tree, what a click meant, and how to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from annotator.analysis.tracing.editable import EditableTree, TraceEdit
    from annotator.domain.tracing import PointUm
    from annotator.gui.tracing.paint import Sketch
    from annotator.gui.tracing.shown import Pointer

OWN = "own"
"""Key of the tree that is worked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grip:
    """A node that a tool holds."""

    node_id: int
    point_um: PointUm
    radius_um: float


class Hand(Protocol):
    """The desk as its tools see it."""

    node_type: int
    is_straight: bool

    @property
    def tree(self) -> EditableTree:
        """The live tree."""
        ...

    @property
    def pixel_um(self) -> float:
        """Size of a pixel of the image in its plane."""
        ...

    def node_id(self, row: int) -> int:
        """Return the id of the node that is shown in a row."""
        ...

    def record(self, name: str, edit: TraceEdit) -> None:
        """Do an edit, keep it, show it."""
        ...

    def choose(self, node_id: int | None) -> None:
        """Ring a node."""
        ...

    def sketch(self, sketch: Sketch | None) -> None:
        """Show what the tool is about to do."""
        ...

    def say(self, text: str, *, lasting: bool = False) -> None:
        """Show words on the view."""
        ...

    def find_path(
        self,
        key: str,
        start_um: PointUm,
        end_um: PointUm,
        done: Callable[[NDArray[np.float64]], None],
        failed: Callable[[Exception], None],
        *,
        max_voxels: int,
    ) -> None:
        """Find the way between two places on a worker thread; a newer call of a key voids it."""
        ...

    def drop_path(self, key: str) -> None:
        """Wait for a way no longer."""
        ...


class TraceTool:
    """A tool: what presses, drags and moves mean. Does nothing itself."""

    name = ""
    words = ""
    """What to do with it, in one sentence."""
    takes_shift = False

    def __init__(self, hand: Hand) -> None:
        self.hand = hand

    def press(self, at: Pointer) -> None:
        """Begin: the button went down."""

    def drag(self, at: Pointer) -> None:
        """Go on: the pointer moved with the button down."""

    def release(self, is_click: bool) -> None:
        """Finish: the button went up, after a click or a drag."""

    def hover(self, at: Pointer | None) -> None:
        """Look ahead: the pointer moved without a button."""

    def finish(self) -> None:
        """End what is in progress, and keep what was clicked."""
        self.end()

    def end(self) -> bool:
        """End what is in progress; return whether there was anything."""
        self.hand.sketch(None)
        return False

    def grip(self, at: Pointer) -> Grip | None:
        """Return the node of the own tree that is pointed at, or the nearer end of the edge."""
        if at.hit is None or at.hit.key != OWN:
            return None
        return self.grip_of(self.hand.node_id(at.hit.row))

    def grip_of(self, node_id: int) -> Grip:
        """Return a node of the own tree."""
        nodes = self.hand.tree.nodes([node_id])
        x, y, z = nodes.points[0].tolist()
        return Grip(node_id=node_id, point_um=(x, y, z), radius_um=float(nodes.radii[0]))
