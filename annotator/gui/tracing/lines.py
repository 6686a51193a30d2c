"""Which edges and nodes of a large tree lie in a window of the screen; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.tracing import PointUm
    from annotator.gui.tracing.shown import ShownTree

_BLOCK = 128
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
    points, ends : ndarray
        ``(3, node)`` float32, µm: x, y, z of each node, and of the other end of its edge.
    above : ndarray
        Row at the other end of each node's edge, ``(node,)``; a root's is its own.
    reach : ndarray
        Longest side of each edge, ``(node,)`` float32, µm.
    usual_um : float
        Median of them, roots left out.
    roots, forks, tips : ndarray
        Rows.
    """

    def __init__(self, tree: ShownTree) -> None:
        n_nodes = len(tree.parents)
        self.points = np.ascontiguousarray(tree.points.T, np.float32)
        is_root = tree.parents == NO_PARENT
        self.above = np.where(is_root, np.arange(n_nodes), tree.parents)
        self.ends = np.take(self.points, self.above, axis=1)
        self.reach = np.abs(self.ends - self.points).max(axis=0) if n_nodes else np.zeros(0, "f4")
        sample = self.reach[:: max(1, n_nodes // 10_000)]
        self.usual_um = float(np.nanmedian(sample[sample > 0])) if (sample > 0).any() else 0.0
        n_children = np.bincount(tree.parents[~is_root], minlength=n_nodes)
        self.roots = np.flatnonzero(is_root)
        self.forks = np.flatnonzero((n_children > 1) & ~is_root)
        self.tips = np.flatnonzero((n_children == 0) & ~is_root)
        self._starts = np.arange(0, n_nodes, _BLOCK)
        # fmin and fmax: coordinates that are no numbers must not blind their block.
        self._low = _by_block(np.fmin, np.fmin(self.points, self.ends), self._starts)
        self._high = _by_block(np.fmax, np.fmax(self.points, self.ends), self._starts)

    def __len__(self) -> int:
        """Return the number of nodes, which is that of edges with a root's counted as one."""
        return len(self.above)

    def candidates(self, window: Window) -> NDArray[np.int64] | None:
        """Return the rows of nodes whose blocks reach into a window; None for all of them."""
        meets = np.ones(len(self._starts), np.bool_)
        for axis in range(3):
            meets &= self._low[axis] <= np.float32(window.high[axis])
            meets &= self._high[axis] >= np.float32(window.low[axis])
        blocks = np.flatnonzero(meets)
        if len(blocks) == len(self._starts):
            return None
        rows = (self._starts[blocks][:, None] + np.arange(_BLOCK)).reshape(-1)
        return rows[rows < len(self)]

    def edges_in(self, window: Window) -> NDArray[np.int64]:
        """Return the rows of nodes whose edge's bounds reach into a window; roots too."""
        rows = self.candidates(window)
        if rows is None:
            rows = np.arange(len(self))
        meets = np.ones(len(rows), np.bool_)
        for axis in range(3):
            if np.isinf(window.low[axis]) and np.isinf(window.high[axis]):
                continue
            one, other = self.points[axis][rows], self.ends[axis][rows]
            meets &= np.minimum(one, other) <= np.float32(window.high[axis])
            meets &= np.maximum(one, other) >= np.float32(window.low[axis])
        found: NDArray[np.int64] = rows[meets]
        return found

    def within(self, rows: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
        """Return those of some nodes that lie in a window."""
        inside = np.ones(len(rows), np.bool_)
        for axis in range(3):
            at = self.points[axis][rows]
            inside &= (at >= np.float32(window.low[axis])) & (at <= np.float32(window.high[axis]))
        found: NDArray[np.int64] = rows[inside]
        return found

    def place(self, row: int) -> PointUm:
        """Return where a node is."""
        x, y, z = self.points[:, row].astype(float).tolist()
        return x, y, z


def _by_block(
    least: np.ufunc, values: NDArray[np.float32], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    if not len(starts):
        return np.zeros((3, 0), np.float32)
    found: NDArray[np.float32] = least.reduceat(values, starts, axis=1)
    return found


def nearest_on_edges(
    lines: TreeLines, rows: NDArray[np.int64], at: NDArray[np.float32], axes: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far a place of the plane is from some edges, µm, and where along them, 0 to 1.

    0 is at the node itself, 1 at its parent. ``axes`` are the two axes (0 is x) that are seen.
    """
    seen = np.ix_(np.array(axes), rows)
    start = lines.points[seen]
    along = lines.ends[seen] - start
    off = at[:, None] - start
    square = np.maximum((along**2).sum(axis=0), np.float32(1e-12))
    share = np.clip((off * along).sum(axis=0) / square, 0.0, 1.0).astype(np.float32)
    distance = np.linalg.norm(share * along - off, axis=0).astype(np.float32)
    return distance, share
