"""Cable found again edge by edge, as PyNeval 1.1.1 counts it (metric ``length``).

An edge of the gold tree is found where both its ends lie near edges of the test tree, the way
between the two feet along the test tree is about as long as the edge, and no other edge of the gold
has used that way before. What PyNeval does besides, and is done here too:

- With its default the tolerance is a multiple of the gold node's own radius.
- A test edge half used by one gold edge cannot be passed through by another, so that forks of a
  coarse tracing lose cable. The first come, in the order of the file's lines, has it.
- Ways that turn at a node with the id 0 do not count.

Of edges that are as near as each other (they meet in the node that is nearest, say) PyNeval takes
what its search tree comes upon first, which is not known here: the one visited first is taken, and
the way along the test may be another.

An edge shorter than about 0.0003 makes PyNeval stop; here it is never near.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis.tracing.cable import Cable
from annotator.analysis.tracing.metric_kernels import TakenEdges, take_edges
from annotator.analysis.tracing.tree import NO_PARENT, depths, edge_lengths
from annotator.analysis.tracing.visiting import visiting_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

    Floats = NDArray[np.float64]

_DIGITS = 8
_POINT_LIKE = 1e-7
_OPEN_END = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEdges:
    """Shares of the cable that is found, 0 to 1."""

    recall: float
    precision: float
    f1: float


class _Feet(NamedTuple):
    """Where ends of gold edges come down on test edges; plain lists, which loops are quick on.

    Those of node ``n`` are numbers ``bounds[n]`` to ``bounds[n + 1]``, the nearest first.
    ``to_node`` and ``to_parent`` are distances from the ends of the test edge, which is named by
    its ``row``.
    """

    bounds: list[int]
    rows: list[int]
    places: list[list[float]]
    to_node: list[float]
    to_parent: list[float]


def found_edges(
    test: Tree,
    gold: Tree,
    *,
    radius_factor: float | None = 2.0,
    tolerance: float = 2.0,
    length_tolerance: float = 0.2,
) -> FoundEdges:
    """Return PyNeval's ``length`` recall and precision.

    An end is near within ``radius_factor`` times its node's radius or, where that is None, within
    ``tolerance``. The way along the test tree may differ in length by less than
    ``length_tolerance`` times the edge's.
    """
    reaches = np.full(len(gold), tolerance) if radius_factor is None else gold.radii * radius_factor
    asked = test, gold, np.maximum(reaches, 0.0), length_tolerance
    taken = take_edges(*asked) or _take_edges(*asked)
    recall = _share(taken.found_gold, float(taken.gold_lengths.sum()))
    precision = _share(taken.found_test, float(taken.test_lengths.sum()))
    both = recall + precision
    return FoundEdges(
        recall=recall, precision=precision, f1=2 * recall * precision / both if both else 0.0
    )


def _take_edges(test: Tree, gold: Tree, reaches: Floats, length_tolerance: float) -> TakenEdges:
    """Do what the kernel does."""
    ways = _Ways(test, _feet(Cable(test), test, gold.points, reaches))
    lengths = edge_lengths(gold)
    parents, long = gold.parents.tolist(), lengths.tolist()
    found = found_test = 0.0
    for row in visiting_order(gold).tolist():
        if parents[row] == NO_PARENT:
            continue
        taken = ways.take(row, parents[row], long[row], long[row] * length_tolerance)
        if taken is not None:
            found += long[row]
            found_test += taken
    return TakenEdges(lengths, edge_lengths(test), found, found_test)


def _share(part: float, whole: float) -> float:
    whole = round(whole, _DIGITS)
    return min(round(round(part, _DIGITS) / whole, _DIGITS), 1.0) if whole else 0.0


def _feet(cable: Cable, test: Tree, points: Floats, reaches: Floats) -> _Feet:
    """Return the feet of each point on the test edges within its reach."""
    owners, edges = cable.pairs_within(points, reaches)
    keeps = (test.parents[cable.rows] != NO_PARENT)[edges]
    keeps &= _squared(cable.steps)[edges] >= _POINT_LIKE
    owners, edges = owners[keeps], edges[keeps]
    starts, ends = cable.starts[edges], test.points[test.parents[cable.rows[edges]]]
    there = points[owners]
    steps = ends - starts
    # Whether a foot is on the edge hangs on the last bit: the sums are taken in PyNeval's order.
    squared = _squared(steps)
    products = (starts - there) * steps
    along = -((products[:, 0] + products[:, 1]) + products[:, 2]) / squared
    places = along[:, None] * steps + starts
    is_on = ((np.minimum(starts, ends) <= places) & (places <= np.maximum(starts, ends))).all(
        axis=1
    )
    is_nearer = _distances(there, starts) < _distances(there, ends)
    places = np.where(is_on[:, None], places, np.where(is_nearer[:, None], starts, ends))
    gaps = _distances(there, places)
    rows = cable.rows[edges]
    keeps = gaps <= reaches[owners]
    order = np.lexsort((_rank(visiting_order(test), len(test))[rows], gaps, owners))
    order = order[keeps[order]]
    return _Feet(
        bounds=np.searchsorted(owners[order], np.arange(len(points) + 1)).tolist(),
        rows=rows[order].tolist(),
        places=places[order].tolist(),
        to_node=_distances(places, starts)[order].tolist(),
        to_parent=_distances(places, ends)[order].tolist(),
    )


def _distances(here: Floats, there: Floats) -> Floats:
    gaps: Floats = np.sqrt(_squared(here - there))
    return gaps


def _squared(steps: Floats) -> Floats:
    squares = steps * steps
    squared: Floats = (squares[:, 0] + squares[:, 1]) + squares[:, 2]
    return squared


def _rank(order: NDArray[np.int64], n_nodes: int) -> NDArray[np.int64]:
    rank = np.full(n_nodes, n_nodes)
    rank[order] = np.arange(len(order))
    return rank


class _Ways:
    """Ways along the test tree, and which of its edges have been used."""

    def __init__(self, test: Tree, feet: _Feet) -> None:
        self._feet = feet
        self._parents: list[int] = test.parents.tolist()
        self._depths: list[int] = depths(test).tolist()
        self._lengths: list[float] = edge_lengths(test).tolist()
        self._ids: list[int] = test.ids.tolist()
        self._passed: set[int] = set()
        self._used: dict[int, list[tuple[float, float]]] = {}

    def take(self, node: int, parent: int, length: float, tolerance: float) -> float | None:
        """Use the first way between feet of both that is free and about as long; its length."""
        bounds, rows, places = self._feet.bounds, self._feet.rows, self._feet.places
        seconds = range(bounds[parent], bounds[parent + 1])
        for first in range(bounds[node], bounds[node + 1]):
            for second in seconds:
                if rows[first] == rows[second]:
                    x, y, z = map(sub, places[first], places[second])
                    way = sqrt(x * x + y * y + z * z)
                    if abs(way - length) < tolerance and self._use_part(first, second):
                        return way
                    continue
                route = self._route(first, second, length + tolerance)
                if route is None:
                    continue
                way, between, turn = route
                if abs(way - length) < tolerance and self._use(first, second, between, turn):
                    return way
        return None

    def _route(self, first: int, second: int, limit: float) -> tuple[float, list[int], int] | None:
        """Return the way's length, the edges passed whole, and the node where it turns."""
        parents, below = self._parents, self._depths
        start, end = one, other = self._feet.rows[first], self._feet.rows[second]
        between: list[int] = []
        way = 0.0
        while one != other:
            if below[one] >= below[other]:
                row, one = one, parents[one]
            else:
                row, other = other, parents[other]
            if row not in (start, end):
                between.append(row)
                way += self._lengths[row]
            if way > limit or NO_PARENT in (one, other):
                return None
        if self._ids[one] < 1:
            return None
        for foot, row in ((first, start), (second, end)):
            way += self._feet.to_node[foot] if row == one else self._feet.to_parent[foot]
        return way, between, one

    def _use_part(self, first: int, second: int) -> bool:
        row = self._feet.rows[first]
        ends = sorted(self._feet.to_node[foot] / self._lengths[row] for foot in (first, second))
        part = ends[0], ends[1] - _OPEN_END
        if row in self._passed or not self._is_free(row, part):
            return False
        self._mark(row, part)
        return True

    def _use(self, first: int, second: int, between: list[int], turn: int) -> bool:
        if any(row in self._passed or self._used.get(row) for row in between):
            return False
        parts: list[tuple[int, tuple[float, float]]] = []
        for foot in (first, second):
            row = self._feet.rows[foot]
            at = self._feet.to_node[foot] / self._lengths[row]
            part = (0.0, at - _OPEN_END) if row == turn else (at, 1.0 - _OPEN_END)
            if row in self._passed or not self._is_free(row, part):
                return False
            parts.append((row, part))
        for row, part in parts:
            self._mark(row, part)
        self._passed.update(between)
        return True

    def _is_free(self, row: int, part: tuple[float, float]) -> bool:
        if part[0] >= part[1]:
            return True
        used = self._used.get(row)
        return not used or all(part[1] < low or high < part[0] for low, high in used)

    def _mark(self, row: int, part: tuple[float, float]) -> None:
        if part[0] < part[1]:
            self._used.setdefault(row, []).append(part)
