"""Which edges and nodes of a large tree lie in a window of the screen; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.gui.tracing.shown import ShownTree

_BLOCK = 1024
"""Edges that are looked at together; rows of a file mostly follow the branches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A box of the image frame: ``low`` and ``high`` along x, y, z, µm."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]


class TreeLines:
    """A tree's edges in blocks with their bounds, so that a window finds what it shows quickly.

    Attributes
    ----------
    points : ndarray
        ``(node, 3)`` float32, µm.
    above : ndarray
        Row at the other end of each node's edge, ``(node,)``; a root's is its own.
    ends : ndarray
        ``points[above]``.
    roots, forks, tips : ndarray
        Rows.
    """

    def __init__(self, tree: ShownTree) -> None:
        n_nodes = len(tree.parents)
        self.points = np.ascontiguousarray(tree.points, np.float32)
        is_root = tree.parents == NO_PARENT
        self.above = np.where(is_root, np.arange(n_nodes), tree.parents)
        self.ends = self.points[self.above]
        n_children = np.bincount(tree.parents[~is_root], minlength=n_nodes)
        self.roots = np.flatnonzero(is_root)
        self.forks = np.flatnonzero((n_children > 1) & ~is_root)
        self.tips = np.flatnonzero((n_children == 0) & ~is_root)
        self._starts = np.arange(0, n_nodes, _BLOCK)
        if n_nodes:
            # fmin and fmax: coordinates that are no numbers must not blind their block.
            self._low = np.fmin.reduceat(np.fmin(self.points, self.ends), self._starts)
            self._high = np.fmax.reduceat(np.fmax(self.points, self.ends), self._starts)

    def __len__(self) -> int:
        """Return the number of nodes, which is that of edges with a root's counted as one."""
        return len(self.above)

    def candidates(self, window: Window) -> NDArray[np.int64]:
        """Return the rows of nodes whose blocks reach into a window."""
        if not len(self):
            return np.zeros(0, np.int64)
        meets = (self._low <= np.float32(window.high)).all(axis=1)
        meets &= (self._high >= np.float32(window.low)).all(axis=1)
        blocks = np.flatnonzero(meets)
        if len(blocks) == len(self._starts):
            return np.arange(len(self))
        rows = (self._starts[blocks][:, None] + np.arange(_BLOCK)).reshape(-1)
        return rows[rows < len(self)]

    def edges_in(self, window: Window) -> NDArray[np.int64]:
        """Return the rows of nodes whose edge's bounds reach into a window; roots too."""
        rows = self.candidates(window)
        meets = np.ones(len(rows), np.bool_)
        is_whole = len(rows) == len(self)
        for axis in range(3):
            if np.isinf(window.low[axis]) and np.isinf(window.high[axis]):
                continue
            a, b = self.points[:, axis], self.ends[:, axis]
            if not is_whole:
                a, b = a[rows], b[rows]
            meets &= (np.minimum(a, b) <= window.high[axis]) & (
                np.maximum(a, b) >= window.low[axis]
            )
        found: NDArray[np.int64] = rows[meets]
        return found

    def within(self, rows: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
        """Return those of some nodes that lie in a window."""
        points = self.points[rows]
        inside = (points >= np.float32(window.low)).all(axis=1)
        inside &= (points <= np.float32(window.high)).all(axis=1)
        found: NDArray[np.int64] = rows[inside]
        return found


def nearest_on_edges(
    lines: TreeLines, rows: NDArray[np.int64], at: NDArray[np.float32], axes: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far a place of the plane is from some edges, µm, and where along them, 0 to 1.

    0 is at the node itself, 1 at its parent. ``axes`` are the two axes (0 is x) that are seen.
    """
    start = lines.points[rows][:, axes]
    along = lines.ends[rows][:, axes] - start
    square = np.maximum((along**2).sum(axis=1), np.float32(1e-12))
    share = np.clip(((at - start) * along).sum(axis=1) / square, 0.0, 1.0).astype(np.float32)
    distance = np.linalg.norm(start + share[:, None] * along - at, axis=1).astype(np.float32)
    return distance, share
