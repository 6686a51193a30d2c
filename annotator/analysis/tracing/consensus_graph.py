"""Branches put together to trees: no loops, joined where most tracers join them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, depth_first_order
from scipy.spatial.distance import cdist

from annotator.analysis.tracing.consensus_joints import KEPT
from annotator.analysis.tracing.tree import NO_PARENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.consensus_joints import Branches, Joint
    from annotator.analysis.tracing.consensus_votes import Union
    from annotator.analysis.tracing.match import Matched

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

LINK = -1
_FARTHEST_PER_TOLERANCE = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forest:
    """Nodes of the fine trees, put together.

    Attributes
    ----------
    tracers, rows : ndarray
        Whose tree each node is of, and its row there, ``(node,)``.
    points : ndarray
        ``(node, 3)`` µm.
    parents : ndarray
        ``(node,)``; parents come before their children.
    pieces : ndarray
        The piece of the union from each node to its parent, ``(node,)``; ``LINK`` where branches
        of two tracers are joined, or at a root.
    """

    tracers: Rows
    rows: Rows
    points: Floats
    parents: Rows
    pieces: Rows


class _Graph:
    """Branches as paths of nodes of their own, and what joins them."""

    def __init__(self, matched: Matched, union: Union, branches: Branches) -> None:
        self._branches = branches
        tracers, rows, starts = [], [], [0]
        for own in branches.pieces:
            tracer = int(union.tracers[own[0]])
            outward = union.rows[own]
            inner = matched.trees[tracer].course.parents[outward[:1]]
            rows.append(np.concatenate([inner, outward]))
            tracers.append(np.full(len(own) + 1, tracer))
            starts.append(starts[-1] + len(own) + 1)
        self.starts = starts
        self.tracers = np.concatenate(tracers)
        self.rows = np.concatenate(rows)
        self.points = np.concatenate(
            [
                matched.trees[int(tracer[0])].tree.points[own]
                for tracer, own in zip(tracers, rows, strict=True)
            ]
        )
        self.links: list[tuple[int, int]] = []

    def nodes(self, branch: int) -> Rows:
        """Return the nodes of a branch, from its tree's root outwards."""
        return np.arange(self.starts[branch], self.starts[branch + 1])

    def join(self, joint: Joint, farthest: float) -> bool:
        """Join two branches where they share a node, or come nearest; tell whether it could be."""
        one, other = (self.nodes(branch) for branch in joint.branches)
        if self.tracers[one[0]] == self.tracers[other[0]]:
            shared, first, second = np.intersect1d(
                self.rows[one], self.rows[other], return_indices=True
            )
            if len(shared):
                self.links.append((int(one[first[0]]), int(other[second[0]])))
                return True
        best = min(self._nearest(one, other), self._nearest(other, one))
        if best[0] > farthest:
            return False
        self.links.append(best[1:])
        return True

    def _nearest(self, one: Rows, other: Rows) -> tuple[float, int, int]:
        """Return how near an end of the one comes to the other, and the two nodes."""
        ends = one[[0, -1]]
        gaps = cdist(self.points[ends], self.points[other])
        end, node = np.unravel_index(int(gaps.argmin()), gaps.shape)
        return float(gaps[end, node]), int(ends[end]), int(other[node])


def grow_forest(matched: Matched, union: Union, branches: Branches) -> Forest:
    """Return the likely branches and whatever joins them, as trees.

    Joints are taken by support, those between likely branches first, as long as they close no loop
    (a spanning forest of greatest support). An unlikely branch stays only where it leads from a
    likely one to another. The root is where most of the tracers' trust has it; a part that nothing
    joins to the rest begins at the node that is nearest to the root of its own tree.
    """
    graph = _Graph(matched, union, branches)
    is_kept = np.array([union.probability[own[0]] > KEPT for own in branches.pieces])
    _join_all(graph, branches, is_kept, _FARTHEST_PER_TOLERANCE * matched.tolerance)
    edges, pieces = _edges(graph, branches)
    is_likely = np.append(union.probability, 0.0)[pieces] > KEPT
    likely_nodes = np.unique(edges[is_likely])
    roots = _roots(matched, union, graph, edges, likely_nodes)
    order, parents, piece_of = _orient(len(graph.rows), edges, pieces, roots)
    order = order[_leads_on(order, parents, piece_of, union.probability)]
    place = np.full(len(graph.rows) + 1, NO_PARENT)
    place[order] = np.arange(len(order))
    return Forest(
        tracers=graph.tracers[order],
        rows=graph.rows[order],
        points=graph.points[order],
        parents=place[parents[order]],
        pieces=piece_of[order],
    )


def _join_all(
    graph: _Graph, branches: Branches, is_kept: NDArray[np.bool_], farthest: float
) -> None:
    group = list(range(len(branches.pieces)))

    def first_of(branch: int) -> int:
        while group[branch] != branch:
            group[branch] = group[group[branch]]
            branch = group[branch]
        return branch

    def worth(joint: Joint) -> tuple[bool, float, int, tuple[int, int]]:
        one, other = joint.branches
        return (
            not (is_kept[one] and is_kept[other]),
            -joint.support,
            -len(joint.voters),
            joint.branches,
        )

    for joint in sorted(branches.joints, key=worth):
        one, other = (first_of(branch) for branch in joint.branches)
        if one != other and graph.join(joint, farthest):
            group[max(one, other)] = min(one, other)


def _edges(graph: _Graph, branches: Branches) -> tuple[Rows, Rows]:
    """Return all edges as pairs of nodes, ``(edge, 2)``, and the piece that each is."""
    ends, pieces = [], []
    for branch, own in enumerate(branches.pieces):
        nodes = graph.nodes(branch)
        ends.append(np.stack([nodes[:-1], nodes[1:]], axis=1))
        pieces.append(own)
    ends.append(np.array(graph.links, np.int64).reshape(-1, 2))
    pieces.append(np.full(len(graph.links), LINK))
    return np.concatenate(ends), np.concatenate(pieces)


def _roots(matched: Matched, union: Union, graph: _Graph, edges: Rows, likely: Rows) -> list[int]:
    """Return a node of each connected part that has any likely cable."""
    if not len(likely):
        return []
    n_nodes = len(graph.rows)
    links = coo_array((np.ones(len(edges), np.int8), tuple(edges.T)), shape=(n_nodes, n_nodes))
    part = connected_components(links, directed=False)[1]
    first = int(likely[_squares(graph.points[likely], _agreed_root(matched, union)).argmin()])
    roots = [first]
    depths = np.zeros(n_nodes)
    for tracer, fine in enumerate(matched.trees):
        own = np.flatnonzero(graph.tracers == tracer)
        depths[own] = fine.course.root_um[graph.rows[own]]
    nearest = likely[np.lexsort((likely, depths[likely], part[likely]))]
    for node in nearest[np.diff(part[nearest], prepend=-1) != 0].tolist():
        if part[node] != part[first]:
            roots.append(node)
    return roots


def _agreed_root(matched: Matched, union: Union) -> Floats:
    """Return the root that most of the tracers' trust lies around."""
    points = np.zeros((len(matched.trees), 3))
    trust = union.trust.copy()
    for tracer, fine in enumerate(matched.trees):
        course = fine.course
        roots = np.flatnonzero(course.depth == 0)
        if not len(roots):
            trust[tracer] = 0.0
            continue
        cable = np.bincount(course.piece, weights=course.lengths)
        points[tracer] = course.tree.points[roots[cable[course.piece[roots]].argmax()]]
    gaps = cdist(points, points)
    near = (gaps <= _FARTHEST_PER_TOLERANCE * matched.tolerance) @ trust
    # Of those around whom most lie, whoever agrees most with the others.
    best = int(near.argmax())
    root: Floats = points[best]
    return root


def _squares(points: Floats, place: Floats) -> Floats:
    squares: Floats = ((points - place) ** 2).sum(axis=1)
    return squares


def _orient(n_nodes: int, edges: Rows, pieces: Rows, roots: list[int]) -> tuple[Rows, Rows, Rows]:
    """Return the nodes that hang on the roots, parents first; all nodes' parents and pieces."""
    above_all = n_nodes
    starts = np.append(edges[:, 0], np.full(len(roots), above_all))
    ends = np.append(edges[:, 1], np.array(roots, np.int64))
    graph = coo_array((np.ones(len(starts), np.int8), (starts, ends)), shape=(n_nodes + 1,) * 2)
    order, before = depth_first_order(graph.tocsr(), above_all, directed=False)
    parents = np.where((before == above_all) | (before < 0), NO_PARENT, before)[:n_nodes]
    piece_of = np.full(n_nodes, LINK)
    for child, parent in (edges.T, edges.T[::-1]):
        is_so = parents[child] == parent
        piece_of[child[is_so]] = pieces[is_so]
    return order[1:].astype(np.int64), parents.astype(np.int64), piece_of


def _leads_on(order: Rows, parents: Rows, piece_of: Rows, probability: Floats) -> NDArray[np.bool_]:
    """Return which of the ordered nodes are likely, or lead to one that is."""
    stays = (np.append(probability, 0.0)[piece_of] > KEPT).tolist()
    above = parents.tolist()
    for node in reversed(order.tolist()):
        if stays[node] and above[node] != NO_PARENT:
            stays[above[node]] = True
    return np.array(stays, np.bool_)[order]
