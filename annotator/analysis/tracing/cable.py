"""How far points lie from a tracing's cable, exactly, for many points at once."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.tree import NO_PARENT, count_children

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

    Floats = NDArray[np.float64]

_FEWEST = 4
_PIECES_PER_EDGE = 3
_ALIKE = 2.0
_SLACK = 1e-9


class Nearest(NamedTuple):
    """Where points lie nearest to a cable.

    Attributes
    ----------
    distances : ndarray
        ``(point,)`` in the tree's unit; infinite where there is no cable.
    rows : ndarray
        Row of the node at the far end of the nearest edge, ``(point,)``; the edge goes from it to
        its parent. -1 where there is no cable.
    fractions : ndarray
        How far along, ``(point,)``: 0 at the node, 1 at its parent.
    """

    distances: Floats
    rows: NDArray[np.int64]
    fractions: Floats


class Cable:
    """A tree's edges, made ready to be searched by place.

    A root without children is an edge of length 0. Edges with an end that is no number are left
    out.

    Attributes
    ----------
    rows : ndarray
        Row of the node at the far end of each edge, ``(edge,)``.
    starts, steps : ndarray
        ``(edge, 3)``: the node's place, and the way to its parent.
    lengths : ndarray
        ``(edge,)``.
    """

    def __init__(self, tree: Tree) -> None:
        has_parent = tree.parents != NO_PARENT
        is_alone = (count_children(tree) == 0) & ~has_parent
        there = np.where(has_parent, tree.parents, np.arange(len(tree)))
        is_number = np.logical_and.reduce(np.isfinite(tree.points), axis=1)
        self.rows = np.flatnonzero((has_parent | is_alone) & is_number & is_number[there])
        self.starts: Floats = tree.points[self.rows]
        self.steps: Floats = tree.points[there[self.rows]] - self.starts
        self.lengths: Floats = np.linalg.norm(self.steps, axis=1)
        self._search, self._owners, self._half = self._cut()

    def _cut(self) -> tuple[cKDTree | None, NDArray[np.int64], float]:
        """Return the middles of pieces of edges, which edge each is of, and half a piece.

        However long an edge, the cable that is nearest then has its middle not much farther off
        than itself.
        """
        n_edges = len(self.rows)
        if not n_edges:
            return None, np.zeros(0, np.int64), 0.0
        piece = max(
            # Edges that are about alike are one piece each.
            _ALIKE * float(np.median(self.lengths)),
            float(self.lengths.sum()) / (_PIECES_PER_EDGE * n_edges),
            1e-12,
        )
        n_pieces = np.maximum(np.ceil(self.lengths / piece), 1).astype(np.int64)
        owners = np.repeat(np.arange(n_edges), n_pieces)
        number = np.arange(len(owners)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
        middles = self.starts[owners] + self.steps[owners] * (
            (number + 0.5) / n_pieces[owners]
        ).reshape(-1, 1)
        # The middles are rounded: what ends exactly there must not be missed.
        half = float((self.lengths / n_pieces).max()) / 2 + _SLACK * float(np.abs(middles).max())
        # Sliding midpoints: the trees are built several times as fast as balanced ones.
        return cKDTree(middles, balanced_tree=False, compact_nodes=False), owners, half

    def nearest(self, points: Floats) -> Nearest:
        """Return where points ``(point, 3)`` lie nearest to the cable."""
        n_points = len(points)
        found = Nearest(
            np.full(n_points, np.inf), np.full(n_points, -1, np.int64), np.zeros(n_points)
        )
        if self._search is None:
            return found
        open_points = np.flatnonzero(np.isfinite(points).all(axis=1))
        k = min(_FEWEST, len(self._owners))
        while len(open_points):
            distances, edges, fractions, is_sure = self._try(points[open_points], k)
            sure = open_points[is_sure]
            found.distances[sure] = distances[is_sure]
            found.rows[sure] = self.rows[edges[is_sure]]
            found.fractions[sure] = fractions[is_sure]
            open_points = open_points[~is_sure]
            k = min(4 * k, len(self._owners))
        return found

    def pairs_within(
        self, points: Floats, radii: Floats
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs of a point and an edge (a place in ``rows``) that may lie within its radius.

        None that does is missing; some lie up to half a piece farther. Each pair comes once.
        """
        if self._search is None or not len(points):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        lists = self._search.query_ball_point(points, radii * (1 + _SLACK) + self._half)
        n_found = np.fromiter(map(len, lists), np.int64, len(lists))
        asked = np.repeat(np.arange(len(points)), n_found)
        pieces = np.fromiter(chain.from_iterable(lists), np.int64, len(asked))
        n_edges = len(self.rows)
        if len(self._owners) == n_edges:
            return asked, pieces
        keys = np.unique(asked * n_edges + self._owners[pieces])
        return keys // n_edges, keys % n_edges

    def _try(
        self, points: Floats, k: int
    ) -> tuple[Floats, NDArray[np.int64], Floats, NDArray[np.bool_]]:
        """Return the nearest of the edges whose pieces are the ``k`` nearest; and who is sure."""
        assert self._search is not None
        to_middles, pieces = self._search.query(points, k=list(range(1, k + 1)))
        edges = self._owners[pieces]
        starts, steps = self.starts[edges], self.steps[edges]
        squared = np.einsum("pkx,pkx->pk", steps, steps)
        along = np.einsum("pkx,pkx->pk", points[:, None] - starts, steps)
        fractions = np.clip(along / np.where(squared > 0, squared, 1.0), 0.0, 1.0)
        feet = starts + fractions[..., None] * steps
        gaps: Floats = np.linalg.norm(points[:, None] - feet, axis=2)
        best = gaps.argmin(axis=1)
        here = np.arange(len(points))
        distances: Floats = gaps[here, best]
        is_sure = np.asarray(to_middles)[:, -1] >= (distances + self._half) * (1 + _SLACK)
        if k == len(self._owners):
            is_sure[:] = True
        return distances, edges[here, best], fractions[here, best], is_sure


class Samples(NamedTuple):
    """Points along a tree's cable.

    ``points`` ``(sample, 3)``, the ``rows`` of the nodes whose edges they lie on, the
    ``fractions`` of the way to the parent, and how much cable each stands for, ``lengths``.
    """

    points: Floats
    rows: NDArray[np.int64]
    fractions: Floats
    lengths: Floats


def sample_cable(cable: Cable, step: float) -> Samples:
    """Return the middles of equal pieces of each edge, none longer than ``step``."""
    n_pieces = np.maximum(np.ceil(cable.lengths / step), 1).astype(np.int64)
    owners = np.repeat(np.arange(len(cable.rows)), n_pieces)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    fractions = (number + 0.5) / n_pieces[owners]
    return Samples(
        cable.starts[owners] + cable.steps[owners] * fractions[:, None],
        cable.rows[owners],
        fractions,
        (cable.lengths / n_pieces)[owners],
    )
