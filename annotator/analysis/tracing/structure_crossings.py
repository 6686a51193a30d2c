"""The check for partners of a crossing that were exchanged: edges that should end as another does.

Both ways to join what meets are compared, and the one that bends less is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing import structure_scan as marks
from annotator.analysis.tracing.structure import Kind, Looked, tell
from annotator.analysis.tracing.tree import NO_PARENT, number_subtrees

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.structure_scan import Scan
    from annotator.analysis.tracing.tree import SubtreeNumbers
    from annotator.domain.tracing import TraceFinding

_MOST_LEFT = 0.5
"""Joined the other way two edges keep this share of their bend times their length cubed at most."""
_BEND_GAIN, _SURE_GAIN = 0.4, 1.5
"""They bend by so many usual bends less; from the second on it is hardly chance."""
_MOST_PAIRS_EACH, _MOST_MORE = 50, 1_000_000
"""In heaps of bends that are denser no crossing can be told."""
_REACH = 3
"""Nodes before and behind an edge by which its course is judged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Edges:
    """Edges that bend: rows some nodes before, at their begin, at their end, some nodes behind."""

    before: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    behind: NDArray[np.int64]


def find_wrong_crossings(looked: Looked) -> list[TraceFinding]:
    """Return pairs of edges that would go straight on if their far ends were exchanged."""
    sure = Kind(check="wrong-crossing", severity="error", probability=0.6)
    unsure = Kind(check="wrong-crossing", severity="hint", probability=0.3)
    tree, scan = looked.tree, looked.scan
    pairs = _near_bends(scan)
    if not len(pairs):
        return []
    ends, which = np.unique(pairs, return_inverse=True)
    edges = _courses(scan, ends)
    near = which.reshape(-1, 2)
    least = _BEND_GAIN * scan.limits.kink
    gains = _gains(tree.points, edges, near[:, 0], near[:, 1], least)
    numbers = number_subtrees(tree) if (gains > 0).any() else None
    told: list[tuple[float, TraceFinding]] = []
    for place in np.flatnonzero(gains > 0).tolist():
        one, other = edges.end[near[place]].tolist()
        if numbers is None or not _are_two_neurites(numbers, tree.parents, one, other):
            continue
        if looked.below_um[one] > looked.below_um[other]:
            one, other = other, one
        why = (
            f"This branch and that of node {tree.ids[other]} both bend here; each goes on "
            "straight if they are exchanged: a crossing was taken wrongly."
        )
        gain = float(gains[place])
        kind = sure if gain >= _SURE_GAIN * scan.limits.kink else unsure
        told.append((gain, tell(looked, kind, [one, other], why, value=gain, threshold=least)))
    return _best_of_each(told)


def _are_two_neurites(
    numbers: SubtreeNumbers, parents: NDArray[np.int64], one: int, other: int
) -> bool:
    """Return whether two edges are of two neurites that pass each other.

    Where one end is below the other the exchange would close a loop; where one begin is, it would
    only move a side branch along the neurite that it leaves.
    """
    ends, begins = (one, other), (int(parents[one]), int(parents[other]))
    return not any(
        numbers.is_below(first, second) or numbers.is_below(second, first)
        for first, second in (ends, begins)
    )


def _near_bends(scan: Scan) -> NDArray[np.int64]:
    """Return the ends of edges that bend, no further apart than long, between four nodes."""
    tree = scan.tree
    end = np.flatnonzero(scan.marks & marks.KINK)
    begin = tree.parents[end]
    has_both = (tree.parents[begin] != NO_PARENT) & (scan.lengths[end] > 0)
    has_both &= scan.lengths[begin] > 0
    end, begin = end[has_both], begin[has_both]
    if len(end) < 2:
        return np.empty((0, 2), np.int64)
    middles = (tree.points[begin] + tree.points[end]) / 2
    # Partners of a crossing are edges between the same four ends: no further apart than long.
    reach = np.minimum(scan.lengths[end], scan.limits.gaps_um[0])
    search = cKDTree(middles)
    if (
        search.count_neighbors(search, float(reach.max()))
        > _MOST_PAIRS_EACH * len(end) + _MOST_MORE
    ):
        return np.empty((0, 2), np.int64)
    one, other = search.query_pairs(float(reach.max()), output_type="ndarray").T
    are_four = (
        (begin[one] != begin[other]) & (begin[one] != end[other]) & (begin[other] != end[one])
    )
    one, other = one[are_four], other[are_four]
    apart = np.linalg.norm(middles[one] - middles[other], axis=1)
    is_near = apart <= np.maximum(reach[one], reach[other])
    pairs: NDArray[np.int64] = np.column_stack([end[one[is_near]], end[other[is_near]]])
    return pairs


def _courses(scan: Scan, end: NDArray[np.int64]) -> _Edges:
    parents, lengths = scan.tree.parents, scan.lengths
    begin = parents[end]
    before, behind = begin, end
    for _ in range(_REACH):
        up = parents[before]
        is_on = (up != NO_PARENT) & (lengths[before] > 0)
        before = np.where(is_on, up, before)
        behind = _straight_on(scan, behind)
    return _Edges(before=before, begin=begin, end=end, behind=behind)


def _straight_on(scan: Scan, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the child that goes straightest on from each node, itself where none does."""
    firsts, n_children = scan.starts[rows], scan.starts[rows + 1] - scan.starts[rows]
    onwards = rows.copy()
    is_one = n_children == 1
    onwards[is_one] = scan.children[firsts[is_one]]
    for place in np.flatnonzero(n_children > 1).tolist():
        children = scan.children_of(int(rows[place]))
        cosines = scan.cosines[children].tolist()
        straight = [pair for pair in zip(cosines, children, strict=True) if pair[0] == pair[0]]
        onwards[place] = max(straight, default=(0.0, children[0]))[1]
    return np.where(np.isnan(scan.cosines[onwards]), rows, onwards)


def _gains(
    points: NDArray[np.float64],
    edges: _Edges,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    least: float,
) -> NDArray[np.float64]:
    """Return how much less pairs of edges bend with their ends exchanged; 0 where not at all."""
    now = _bends(points, edges, one, one) + _bends(points, edges, other, other)
    then = _bends(points, edges, one, other) + _bends(points, edges, other, one)
    lengths = [
        np.linalg.norm(points[edges.begin[begin]] - points[edges.end[end]], axis=1)
        for begin, end in ((one, one), (other, other), (one, other), (other, one))
    ]
    share = (lengths[2] + lengths[3]) / (lengths[0] + lengths[1])
    # Of four places the two ways across each other are the longest, by the triangle inequality.
    is_better = (then * share**3 <= _MOST_LEFT * now) & (now - then >= least)
    # Where one ends exactly where the other begins they meet: no place to cross.
    is_better &= np.minimum(lengths[2], lengths[3]) > 0
    return np.where(is_better, now - then, 0.0)


def _bends(
    points: NDArray[np.float64],
    edges: _Edges,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return how much paths bend that begin as some edges and end as others, 0 to 4."""
    begin, end = points[edges.begin[begins]], points[edges.end[ends]]
    way = end - begin
    coming = begin - points[edges.before[begins]]
    going = points[edges.behind[ends]] - end
    return _turns(coming, way) + _turns(way, going)


def _turns(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)
    return np.where(sizes > 0, 1.0 - cosines, 0.0)


def _best_of_each(told: list[tuple[float, TraceFinding]]) -> list[TraceFinding]:
    """Return findings whose edges are in no better one."""
    taken: set[int] = set()
    kept = []
    for _, finding in sorted(told, key=lambda entry: -entry[0]):
        if not taken & set(finding.node_ids):
            taken |= set(finding.node_ids)
            kept.append(finding)
    return kept
