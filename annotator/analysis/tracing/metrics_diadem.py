"""The DIADEM metric: are forks and tips connected as in the gold tracing.

Gillette, Brown and Ascoli, Neuroinformatics 9 (2011) 233, and the description at
diadem.janelia.org/metric.html. A fork or tip of the gold is found where a node of the test lies in
the cylinder around it, and the way from both to the nearest pair of ancestors that match too is
about as long. A fork that has no counterpart, but is passed on a way of the right length between
nodes that match, is a *continuation* and found as well. Nodes weigh as many tips as they lead to;
what the test has in excess counts against it.

Lengths of ways are compared from where they leave the cylinder, so that a node may lie anywhere in
it. Where several nodes could be the one, that is taken which also leads to a match of one of the
next nodes outwards, or else the nearest. The original's special rules for single data sets, and its
search for tips beyond the cylinder, are left out. PyNeval's ``diadem`` is another number: it takes
the first pair of nearby nodes for the roots, counts the way to a fork of three or more twice, and
depends on memory addresses, so that the same files give different scores from run to run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.tree import NO_PARENT, count_children, parents_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

    Floats = NDArray[np.float64]

_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class DiademLimits:
    """What counts as the same: cylinder around a node, and error of a way as a share of it."""

    xy: float = 1.0
    z: float = 1.0
    way_xy: float = 0.08
    way_z: float = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Diadem:
    """The score, 0 to 1 (None without forks and tips), and what it is made of, by weight."""

    score: float | None
    found: float
    gold: float
    excess: float
    n_continuations: int


class _Way(NamedTuple):
    """Length of a way in the plane, across it, and in space."""

    xy: float
    z: float
    space: float

    def plus(self, other: _Way) -> _Way:
        return _Way(self.xy + other.xy, self.z + other.z, self.space + other.space)


@dataclass(slots=True, eq=False)
class _Skeleton:
    """Root, forks and tips of one tree, parents first; the root is number 0.

    ``ways`` lead from each node to its parent; ``leave`` is where they leave the node's cylinder,
    ``arrive`` where they reach that of the parent.
    """

    points: Floats
    parents: list[int]
    children: list[list[int]]
    ways: list[_Way]
    leave: Floats
    arrive: Floats
    weights: list[int] = field(default_factory=list)


def diadem(test: Tree, gold: Tree, limits: DiademLimits | None = None) -> Diadem:
    """Return the DIADEM score of ``test`` against the largest tree of ``gold``.

    The metric asks for trees that begin at the same place: the test is rooted anew at its node
    nearest to the gold's root, and what is not connected to that does not count.
    """
    given = limits or DiademLimits()
    root = _largest_root(gold)
    turned, start = _rooted_near(test, gold.points[root])
    ours, theirs = _skeleton(gold, root, given), _skeleton(turned, start, given)
    match = _Matching(ours, theirs, given)
    match.find()
    weights = np.array(ours.weights)
    found = float(weights[[node for node in match.partner if node]].sum())
    found += float(weights[sorted(match.passed)].sum())
    whole = float(weights[1:].sum())
    excess = match.excess()
    return Diadem(
        score=found / (whole + excess) if whole + excess > 0 else None,
        found=found,
        gold=whole,
        excess=excess,
        n_continuations=len(match.passed),
    )


def _largest_root(tree: Tree) -> int:
    """Return the root of the tree with most nodes."""
    order = parents_first(tree)
    root_of = np.full(len(tree), NO_PARENT)
    for row in order.tolist():
        parent = tree.parents[row]
        root_of[row] = row if parent == NO_PARENT else root_of[parent]
    return int(np.bincount(root_of[order], minlength=1).argmax())


def _rooted_near(tree: Tree, place: Floats) -> tuple[Tree, int]:
    """Return the tree rooted at its node nearest to a place, and that node's row."""
    order = parents_first(tree)
    start = int(order[((tree.points[order] - place) ** 2).sum(axis=1).argmin()])
    parents = tree.parents.copy()
    row, before = start, NO_PARENT
    while row != NO_PARENT:
        above = int(parents[row])
        parents[row] = before
        row, before = above, row
    return replace(tree, parents=parents), start


def _skeleton(tree: Tree, root: int, limits: DiademLimits) -> _Skeleton:
    """Return root, forks and tips of one tree."""
    is_critical = count_children(tree) != 1
    is_critical[root] = True
    is_inside = np.zeros(len(tree), np.bool_)
    rows: list[int] = []
    for row in parents_first(tree).tolist():
        parent = tree.parents[row]
        is_inside[row] = row == root if parent == NO_PARENT else is_inside[parent]
        if is_inside[row] and is_critical[row]:
            rows.append(row)
    number = {row: place for place, row in enumerate(rows)}
    parents, ways, leave, arrive = [NO_PARENT], [_Way(0, 0, 0)], [tree.points[root]], []
    arrive.append(tree.points[root])
    for row in rows[1:]:
        path = [row, int(tree.parents[row])]
        while path[-1] not in number:
            path.append(int(tree.parents[path[-1]]))
        points = tree.points[path]
        parents.append(number[path[-1]])
        steps = np.diff(points, axis=0)
        ways.append(
            _Way(
                float(np.hypot(steps[:, 0], steps[:, 1]).sum()),
                float(np.abs(steps[:, 2]).sum()),
                float(np.linalg.norm(steps, axis=1).sum()),
            )
        )
        leave.append(_leaves_at(points, limits.xy))
        arrive.append(_leaves_at(points[::-1], limits.xy))
    children: list[list[int]] = [[] for _ in rows]
    for node, parent in enumerate(parents[1:], start=1):
        children[parent].append(node)
    weights = [0] * len(rows)
    for node in range(len(rows) - 1, -1, -1):
        weights[node] = sum(weights[child] for child in children[node]) or 1
    return _Skeleton(
        points=tree.points[rows],
        parents=parents,
        children=children,
        ways=ways,
        leave=np.array(leave),
        arrive=np.array(arrive),
        weights=weights,
    )


def _leaves_at(points: Floats, reach: float) -> Floats:
    """Return where a way of points leaves the circle around the first; its end if it never does."""
    gaps = np.hypot(*(points[:, :2] - points[0, :2]).T)
    beyond = np.flatnonzero(gaps > reach)
    if not len(beyond):
        end: Floats = points[-1]
        return end
    second = int(beyond[0])
    before, after = gaps[second - 1], gaps[second]
    share = (reach - before) / (after - before)
    place: Floats = points[second - 1] + share * (points[second] - points[second - 1])
    return place


class _Matching:
    """Finds the gold's nodes in the test."""

    def __init__(self, ours: _Skeleton, theirs: _Skeleton, limits: DiademLimits) -> None:
        self._ours, self._theirs, self._limits = ours, theirs, limits
        # Scaled so that the box around a cylinder is a cube.
        scale = np.array([limits.xy, limits.xy, limits.z])
        search = cKDTree(theirs.points / scale)
        self._near: list[list[int]] = [
            sorted(other for other in found if self._is_near(node, other))
            for node, found in enumerate(
                search.query_ball_point(ours.points / scale, 1 + _SLACK, p=np.inf)
            )
        ]
        self._near_ours: list[list[int]] = [[] for _ in theirs.parents]
        for node, found in enumerate(self._near):
            for other in found:
                self._near_ours[other].append(node)
        self.partner: dict[int, int] = {0: 0}
        self._taken: dict[int, int] = {0: 0}
        self.passed: set[int] = set()

    def find(self) -> None:
        """Match the gold's nodes, from the root outwards, then look for continuations."""
        missed: list[int] = []
        for node in range(1, len(self._ours.parents)):
            hits = [
                other
                for other in self._near[node]
                if other not in self._taken and self._is_connected(node, other)
            ]
            if not hits:
                missed.append(node)
                continue
            best = min(
                hits, key=lambda other: (not self._leads_on(node, other), self._gap(node, other))
            )
            self.partner[node] = best
            self._taken[best] = node
        self.passed = {node for node in missed if self._is_passed(node)}

    def excess(self) -> float:
        """Return the weight of the test's nodes that are nowhere in the gold."""
        theirs = self._theirs
        waiting = {node for node in range(1, len(self._ours.parents)) if node not in self.partner}
        in_excess = [0] * len(theirs.parents)
        total = 0
        for other in range(len(theirs.parents) - 1, 0, -1):
            below = sum(in_excess[child] for child in theirs.children[other])
            if other in self._taken:
                continue
            near = [node for node in self._near_ours[other] if node in waiting]
            if near:
                # The place is right, the way is not: that was counted as a miss.
                waiting.discard(min(near, key=lambda node: self._gap(node, other)))
                continue
            if theirs.children[other]:
                leads = sum(1 for child in theirs.children[other] if self._has_found(child))
                in_excess[other] = below
                # A fork with one way that is right is only passed.
                total += 0 if leads else below
            else:
                in_excess[other] = 1
                total += 1
        return float(total)

    def _has_found(self, other: int) -> bool:
        return any(node in self._taken for node in self._subtree(self._theirs, other))

    def _subtree(self, skeleton: _Skeleton, node: int) -> Iterator[int]:
        stack = [node]
        while stack:
            one = stack.pop()
            yield one
            stack.extend(skeleton.children[one])

    def _is_near(self, node: int, other: int) -> bool:
        step = np.abs(self._ours.points[node] - self._theirs.points[other])
        is_in = np.hypot(step[0], step[1]) <= self._limits.xy and step[2] <= self._limits.z
        return bool(is_in)

    def _gap(self, node: int, other: int) -> float:
        return float(np.linalg.norm(self._ours.points[node] - self._theirs.points[other]))

    def _matches(self, node: int, other: int) -> bool:
        return other in self._near[node] or node == other == 0

    def _is_connected(self, node: int, other: int) -> bool:
        """Tell whether the ways to the nearest ancestors that match are alike."""
        ours, theirs = self._ours, self._theirs
        last = node
        one, two = ours.parents[node], theirs.parents[other]
        way, other_way = ours.ways[node], theirs.ways[other]
        while one != NO_PARENT and two != NO_PARENT:
            if self._matches(one, two):
                ends = (node, ours.leave[node], other), (one, ours.arrive[last], two)
                return self._is_alike(way, other_way, ends)
            if way.space < other_way.space:
                way = way.plus(ours.ways[one])
                last, one = one, ours.parents[one]
            else:
                other_way = other_way.plus(theirs.ways[two])
                two = theirs.parents[two]
        return False

    def _is_alike(
        self,
        way: _Way,
        other_way: _Way,
        ends: tuple[tuple[int, Floats, int], tuple[int, Floats, int]],
    ) -> bool:
        """Compare two ways; each end is a node, where the way leaves it, and the other's node."""
        xy, z = other_way.xy, other_way.z
        for node, beyond, other in ends:
            here, there = self._ours.points[node] - beyond, self._theirs.points[other] - beyond
            xy += float(np.hypot(here[0], here[1]) - np.hypot(there[0], there[1]))
            z += float(abs(here[2]) - abs(there[2]))
        limits = self._limits
        return self._is_close(way.xy, xy, limits.xy, limits.way_xy * way.space) and self._is_close(
            way.z, z, limits.z, limits.way_z * way.space
        )

    def _is_close(self, length: float, other: float, reach: float, error: float) -> bool:
        """Tell whether lengths are alike; both shorter than the cylinder are."""
        return abs(length - other) <= error + _SLACK or max(length, other) < reach

    def _leads_on(self, node: int, other: int) -> bool:
        """Tell whether a next node outwards has a match beyond the other."""
        for child in self._ours.children[node]:
            for far in self._near[child]:
                if self._way_from(other, far, self._theirs) is not None:
                    return True
        return False

    def _way_from(self, above: int, node: int, skeleton: _Skeleton) -> _Way | None:
        """Return the way from a node to one above it, or None where that is not above it."""
        way = _Way(0, 0, 0)
        while node > above:
            way = way.plus(skeleton.ways[node])
            node = skeleton.parents[node]
        return way if node == above else None

    def _is_passed(self, node: int) -> bool:
        """Tell whether a fork lies on a way of the right length between nodes that match."""
        ours = self._ours
        if not ours.children[node]:
            return False
        last, above = node, ours.parents[node]
        while above not in self.partner:
            last, above = above, ours.parents[above]
        for far in self._subtree(ours, node):
            if far not in self.partner or far == node:
                continue
            way = self._way_from(above, far, ours)
            other_way = self._way_from(self.partner[above], self.partner[far], self._theirs)
            if way is None or other_way is None:
                continue
            ends = (
                (far, ours.leave[far], self.partner[far]),
                (above, ours.arrive[last], self.partner[above]),
            )
            if self._is_alike(way, other_way, ends):
                return True
        return False
