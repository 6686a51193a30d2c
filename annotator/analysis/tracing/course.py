"""The course of a tree, found once for all checks: edges, sections, distances, forks and tips.

A *section* leads from a fork (or a root) to the next fork or to a tip. Its *head* is the fork that
it leaves; its own nodes come after the head. Nodes of loops, and below them, are in no section.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from annotator.analysis.tracing.tree import (
    NO_PARENT,
    count_children,
    depths,
    sum_below,
)
from annotator.domain.tracing import TraceFinding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import Severity, TraceSource


MOST_BRANCHES = 30
"""Branches of one fork of which pairs are compared: of more than these no two tell anything."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What many checks ask of a tree; rows are the tree's.

    Attributes
    ----------
    tree : Tree
        The tree itself.
    parents : ndarray
        As the tree's, but a root's parent is itself: safe to index with, ``(node,)``.
    is_edge : ndarray
        The node has an edge to a parent, with finite coordinates at both ends, ``(node,)``.
    vectors, lengths : ndarray
        From the parent to the node, ``(node, 3)`` and ``(node,)`` µm; 0 where there is no edge.
    n_children : ndarray
        ``(node,)``.
    depth : ndarray
        Edges to the root, ``(node,)``; -1 in and below a loop.
    root_um : ndarray
        Cable from the root to the node, ``(node,)`` µm.
    below_um : ndarray
        Cable that hangs on the node: its own edge and its subtree, ``(node,)`` µm.
    piece : ndarray
        Which connected part of the forest the node is in, ``(node,)``, from 0 on.
    rows, bounds : ndarray
        Nodes of all sections one after the other, from the fork outwards; section ``k`` is
        ``rows[bounds[k]:bounds[k + 1]]``.
    heads : ndarray
        Row of the fork or root that each section leaves, ``(section,)``.
    section : ndarray
        Section of each node, ``(node,)``; -1 for roots and in loops.
    """

    tree: Tree
    parents: NDArray[np.int64]
    is_edge: NDArray[np.bool_]
    vectors: NDArray[np.float64]
    lengths: NDArray[np.float64]
    n_children: NDArray[np.int64]
    depth: NDArray[np.int64]
    root_um: NDArray[np.float64]
    below_um: NDArray[np.float64]
    piece: NDArray[np.int64]
    rows: NDArray[np.int64]
    bounds: NDArray[np.int64]
    heads: NDArray[np.int64]
    section: NDArray[np.int64]

    @property
    def n_sections(self) -> int:
        """How many sections there are."""
        return len(self.heads)

    @property
    def ends(self) -> NDArray[np.int64]:
        """Row of the last node of each section, a fork or a tip, ``(section,)``."""
        return self.rows[self.bounds[1:] - 1]

    @property
    def tips(self) -> NDArray[np.int64]:
        """Rows of nodes without children that hang on something."""
        return np.flatnonzero((self.n_children == 0) & self.is_edge & (self.depth > 0))

    @property
    def forks(self) -> NDArray[np.int64]:
        """Rows of nodes with two children or more, roots left out."""
        return np.flatnonzero((self.n_children > 1) & (self.depth > 0))

    def section_rows(self, section: int) -> NDArray[np.int64]:
        """Return the rows of a section, its head first."""
        own = self.rows[self.bounds[section] : self.bounds[section + 1]]
        return np.concatenate([self.heads[section : section + 1], own])

    def section_um(self) -> NDArray[np.float64]:
        """Return the cable of each section, ``(section,)`` µm."""
        if not self.n_sections:
            return np.zeros(0)
        sums: NDArray[np.float64] = np.add.reduceat(self.lengths[self.rows], self.bounds[:-1])
        return sums


def trace_course(tree: Tree) -> Course:
    """Return the course of a tree. No loop over nodes or sections, so a million are no trouble."""
    n_nodes = len(tree)
    has_parent = np.asarray(tree.parents != NO_PARENT)
    parents = np.where(has_parent, tree.parents, np.arange(n_nodes))
    is_finite = np.logical_and.reduce(np.isfinite(tree.points), axis=1)
    is_edge = np.asarray(has_parent & is_finite & is_finite[parents])
    with np.errstate(invalid="ignore"):
        vectors = np.where(is_edge[:, None], tree.points - tree.points[parents], 0.0)
    lengths = np.linalg.norm(vectors, axis=1)
    n_children = count_children(tree)
    depth = depths(tree)
    rows, bounds, heads, section = _find_sections(parents, has_parent, n_children, depth)
    return Course(
        tree=tree,
        parents=parents,
        is_edge=is_edge,
        vectors=vectors,
        lengths=lengths,
        n_children=n_children,
        depth=depth,
        root_um=_sum_to_root(parents, lengths),
        below_um=sum_below(tree, lengths),
        piece=_find_pieces(parents),
        rows=rows,
        bounds=bounds,
        heads=heads,
        section=section,
    )


def _sum_to_root(parents: NDArray[np.int64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cable from the root, by pointers that double; in loops what one turn gives."""
    total = lengths.copy()
    ahead = parents.copy()
    for _ in range(max(1, len(parents)).bit_length()):
        further = ahead[ahead]
        total = total + np.where(ahead == np.arange(len(ahead)), 0.0, total[ahead])
        if np.array_equal(further, ahead):
            break
        ahead = further
    return total


def _find_pieces(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    n_nodes = len(parents)
    graph = coo_array(
        (np.ones(n_nodes, np.int8), (np.arange(n_nodes), parents)), shape=(n_nodes, n_nodes)
    )
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _find_sections(
    parents: NDArray[np.int64],
    has_parent: NDArray[np.bool_],
    n_children: NDArray[np.int64],
    depth: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    n_nodes = len(parents)
    own = has_parent & (depth > 0)
    # A section is named for its first node: the one below a fork or a root.
    is_first = own & ((n_children[parents] > 1) | ~has_parent[parents])
    first = np.where(own & ~is_first, parents, np.arange(n_nodes))
    for _ in range(max(1, n_nodes).bit_length()):
        further = first[first]
        if np.array_equal(further, first):
            break
        first = further
    rows = np.flatnonzero(own)
    rows = rows[np.lexsort((depth[rows], first[rows]))]
    starts = np.flatnonzero(is_first[rows])
    section = np.full(n_nodes, -1, np.int64)
    section[rows] = np.cumsum(is_first[rows]) - 1
    return rows, np.append(starts, len(rows)), parents[rows[starts]], section


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors of length 1, ``(…, 3)``; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float64] = vectors / np.where(norms > 0, norms, 1.0)
    return scaled


def angles_deg(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angle between vectors, ``(…,)`` in degrees; 0 where one has no length."""
    first, second = unit(one), unit(other)
    cosines = np.clip((first * second).sum(axis=-1), -1.0, 1.0)
    has_both = np.any(first != 0, axis=-1) & np.any(second != 0, axis=-1)
    return np.where(has_both, np.degrees(np.arccos(cosines)), 0.0)


def climb(course: Course, rows: NDArray[np.int64], reach_um: float) -> NDArray[np.int64]:
    """Return for each row the ancestor that is at least ``reach_um`` of cable nearer the root.

    The root itself where the cable ends before; by pointers that double.
    """
    at, parents = rows.copy(), course.parents
    root_um = course.root_um
    goal = root_um[rows] - reach_um
    jumps = [parents]
    for _ in range(max(1, int(course.depth.max(initial=0))).bit_length()):
        jumps.append(jumps[-1][jumps[-1]])
    for jump in reversed(jumps):
        # Stop short of the goal at each power of two; the last step goes over it.
        there = jump[at]
        at = np.where(root_um[there] > goal, there, at)
    return np.where(root_um[at] > goal, parents[at], at)


def reach_out(course: Course, reach_um: float) -> NDArray[np.int64]:
    """Return for each node the last one at most ``reach_um`` outward in the same section.

    Its next node at least; itself for tips, forks and roots.
    """
    out = np.arange(len(course.tree))
    rows, bounds = course.rows, course.bounds
    if not len(rows):
        return out
    place = np.arange(len(rows))
    last = np.repeat(bounds[1:] - 1, np.diff(bounds))
    # Sections follow one another, so that one search over all of them finds each node's end.
    section = course.section[rows]
    span = float(course.root_um[rows].max(initial=0.0)) + reach_um + 1.0
    keys = section * span + course.root_um[rows]
    found = np.searchsorted(keys, keys + reach_um, side="right") - 1
    out[rows] = rows[np.minimum(np.maximum(found, place + 1), last)]
    return out


def group_events(
    course: Course, flagged: NDArray[np.bool_], *, bridge: int = 0
) -> list[NDArray[np.int64]]:
    """Return flagged nodes as events: those joined along the tree are one.

    Parameters
    ----------
    flagged : ndarray
        ``(node,)`` bool.
    bridge : int
        Unflagged nodes in a row that do not part an event.

    Returns
    -------
    list of ndarray
        Rows of each event, the one nearest the root first; only flagged rows.
    """
    wide = flagged.copy()
    for _ in range(bridge):
        beside = wide[course.parents]
        np.logical_or.at(beside, course.parents[wide], True)
        wide |= beside
    kept = np.flatnonzero(wide)
    if not len(kept):
        return []
    joined = kept[(course.parents[kept] != kept) & wide[course.parents[kept]]]
    number = np.full(len(wide), -1)
    number[kept] = np.arange(len(kept))
    graph = coo_array(
        (np.ones(len(joined), np.int8), (number[joined], number[course.parents[joined]])),
        shape=(len(kept), len(kept)),
    )
    groups = connected_components(graph, directed=False)[1]
    rows = np.flatnonzero(flagged)
    order = np.lexsort((course.depth[rows], groups[number[rows]]))
    rows = rows[order]
    cuts = np.flatnonzero(np.diff(groups[number[rows]])) + 1
    return [np.asarray(part) for part in np.split(rows, cuts)]


def finding_at(
    course: Course,
    rows: Iterable[int],
    *,
    check: str,
    source: TraceSource,
    severity: Severity,
    value: float | None,
    threshold: float | None,
    unit: str,
    probability: float,
    why: str,
    impact_um: float | None = None,
) -> TraceFinding:
    """Return a finding that begins at the first of these rows.

    The impact is the cable that hangs on that node where none is given.
    """
    places = [int(row) for row in rows]
    tree = course.tree
    x, y, z = (float(number) for number in tree.points[places[0]])
    impact = float(course.below_um[places[0]]) if impact_um is None else impact_um
    return TraceFinding(
        check=check,
        source=source,
        severity=severity,
        node_id=int(tree.ids[places[0]]),
        node_ids=tuple(int(tree.ids[row]) for row in places),
        point_um=(x, y, z),
        value=None if value is None else float(value),
        threshold=None if threshold is None else float(threshold),
        unit=unit,
        impact_um=impact,
        probability=float(min(max(probability, 0.0), 1.0)),
        why=why,
    )


def odds(value: float, threshold: float, *, base: float = 0.5) -> float:
    """Return a probability that grows with how far a value lies beyond its threshold.

    ``base`` at the threshold, half-way from there to 1 at twice it. Bases are rounded from how
    often a check was right about automatic tracings (docs/studies/tracing.md): they only rank.
    """
    beyond = abs(value) / abs(threshold) if threshold else 2.0
    return 1.0 - (1.0 - base) / max(beyond, 1.0)
