"""Checks of branches beside each other: one neurite traced twice, partners of a crossing exchanged.

The double trace is the rule "bundled paths" of SNT's Curation Assistant made free of a scale: it
asks whether one path runs inside the neurite of the other. At a crossing both ways to join what
meets are compared, and the one that bends less is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis import kernels
from annotator.analysis.tracing import structure_scan as marks
from annotator.analysis.tracing.structure import Kind, Looked, tell, tops_of
from annotator.analysis.tracing.tree import NO_PARENT, Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.structure_scan import Scan
    from annotator.domain.tracing import TraceFinding

_LEAST_COSINE = 0.9
"""Edges within 26° of each other are parallel."""
_LEAST_EDGES = 5
_LEAST_LENGTHS = 6.0
"""A double trace is so many times longer than its paths may lie apart."""
_BEND_GAIN, _BEND_SHARE = 1.5, 0.5
"""Joined the other way two edges bend by so many usual bends less, and by this share."""
_LENGTH_SHARE = 1.3
_SHORTER, _LESS_BENT = 0.8, 0.8
_REACH = 3
"""Nodes before and behind an edge by which its course is judged."""
_MOST_STEPS = 100_000


def find_double_traces(looked: Looked) -> list[TraceFinding]:
    """Return paths that run inside the neurite of another path: it was traced twice."""
    kind = Kind(check="double-trace", severity="warning", probability=0.7, unit="µm")
    scan = looked.scan
    partners = find_partners(looked)
    told = []
    for run, others, cable in _paired_runs(looked, partners):
        apart = max(scan.limits.beside_um, 1e-300)
        if len(run) < _LEAST_EDGES or cable < _LEAST_LENGTHS * _width(scan, run):
            continue
        other = int(looked.tree.ids[others[0]])
        told.append(
            tell(
                looked,
                kind,
                run,
                f"Over {cable:.1f} µm the path runs inside the neurite that node {other} is of: "
                "one of both is too many.",
                value=cable,
                threshold=_LEAST_LENGTHS * min(_width(scan, run), apart),
                impact_um=cable,
            )
        )
    return told


def _width(scan: Scan, run: list[int]) -> float:
    """Return how far apart the paths may lie: the thickness that counts, in the middle."""
    return float(np.median(_within(scan)[run]))


def _within(scan: Scan) -> NDArray[np.float64]:
    """Return how near another path must be at each node to lie inside its neurite, ``(node,)``."""
    radii = np.nan_to_num(scan.tree.radii, posinf=0.0, neginf=0.0)
    return np.clip(radii, 0.1 * scan.limits.median_um, max(scan.limits.beside_um, 1e-300))


def find_partners(looked: Looked) -> NDArray[np.int64]:
    """Return for each edge the nearest parallel one whose neurite it runs inside, -1 for none."""
    scan = looked.scan
    tree, median = scan.tree, scan.limits.median_um
    partners = np.full(len(tree), -1, np.int64)
    if not median > 0:
        return partners
    heads, along = _branches(scan, looked.order)
    within = _within(scan)
    # Gaps are left out; edges as long as most others find those half of their length ahead.
    longest = scan.limits.gaps_um[0]
    cell = float(within.max()) + longest / 6
    library = kernels.library()
    if library is not None:
        nearest = np.empty(len(tree))
        given = [tree.points, tree.parents, scan.lengths, within, heads, along]
        held = [np.ascontiguousarray(array) for array in given]
        made = [kernels.address(partners), kernels.address(nearest)]
        places = [kernels.address(array) for array in held]
        sizes = (cell, longest, _LEAST_COSINE, 4 * cell)
        if library.find_beside(*places, len(tree), *sizes, *made) == 0:
            return partners
    return _partners_in_numpy(scan, heads, along, within, cell, longest)


def _branches(
    scan: Scan, order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first node of each node's branch, and the cable from there."""
    n_nodes = len(scan.tree)
    heads, along = np.arange(n_nodes), np.zeros(n_nodes)
    library = kernels.library()
    if library is not None:
        given = [scan.tree.parents, scan.starts, scan.lengths, order]
        places = [kernels.address(np.ascontiguousarray(array)) for array in given]
        made = [kernels.address(heads), kernels.address(along)]
        library.find_branches(*places, len(order), *made)
        return heads, along
    parents, n_children = scan.tree.parents, np.diff(scan.starts)
    for row in order.tolist():
        up = int(parents[row])
        if up != NO_PARENT and parents[up] != NO_PARENT and n_children[up] == 1:
            heads[row] = heads[up]
            along[row] = along[up] + np.nan_to_num(scan.lengths[row])
    return heads, along


def _partners_in_numpy(
    scan: Scan,
    heads: NDArray[np.int64],
    along: NDArray[np.float64],
    within: NDArray[np.float64],
    cell: float,
    longest: float,
) -> NDArray[np.int64]:
    tree, lengths = scan.tree, scan.lengths
    partners = np.full(len(tree), -1, np.int64)
    rows = np.flatnonzero((lengths > 0) & (lengths <= longest))
    if not len(rows):
        return partners
    ends, begins = tree.points[rows], tree.points[tree.parents[rows]]
    middles, ways = (ends + begins) / 2, (ends - begins) / lengths[rows, None]
    pairs = cKDTree(middles).query_pairs(cell, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    one, other = both.T
    is_apart = heads[rows[one]] != heads[rows[other]]
    is_apart |= np.abs(along[rows[one]] - along[rows[other]]) > 4 * cell
    steps = middles[one] - middles[other]
    forth = (steps * ways[other]).sum(axis=1)
    beside = (steps**2).sum(axis=1) - forth**2
    limit = np.maximum(within[rows[one]], within[rows[other]])
    is_beside = is_apart & (np.abs((ways[one] * ways[other]).sum(axis=1)) >= _LEAST_COSINE)
    half = lengths[rows[other]] / 2
    is_beside &= np.abs(forth) <= half + np.minimum(limit, half) / 2
    is_beside &= (beside <= limit**2) & (tree.parents[rows[one]] != rows[other])
    is_beside &= tree.parents[rows[other]] != rows[one]
    one, other, beside = one[is_beside], other[is_beside], beside[is_beside]
    order = np.lexsort((beside, one))
    firsts = order[np.unique(one[order], return_index=True)[1]]
    partners[rows[one[firsts]]] = rows[other[firsts]]
    return partners


def _paired_runs(
    looked: Looked, partners: NDArray[np.int64]
) -> list[tuple[list[int], list[int], float]]:
    """Return runs of nodes beside another run, once for both, the one with less below first.

    A run goes over forks; each is a part of the tree whose edges all have a partner.
    """
    tree = looked.tree
    rows = np.flatnonzero(partners >= 0)
    if not len(rows):
        return []
    run_of = tops_of(tree, _bridged(tree, partners))
    against: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        one, other = run_of[row], run_of.get(int(partners[row]))
        if other is not None and one != other:
            against.setdefault((one, other), []).append(row)
    told: list[tuple[list[int], list[int], float]] = []
    for (one, other), own in against.items():
        theirs = against.get((other, one), [])
        is_second = looked.below_um[one] > looked.below_um[other] or (
            looked.below_um[one] == looked.below_um[other] and one > other
        )
        if (theirs and is_second) or not own:
            continue
        first = own if one in own else [one, *own]
        cable = float(np.nansum(looked.scan.lengths[own]))
        told.append((first, theirs or [int(partners[own[0]])], cable))
    return told


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Edges:
    """Edges that bend: rows some nodes before, at their begin, at their end, some nodes behind."""

    before: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    behind: NDArray[np.int64]


def _bridged(tree: Tree, partners: NDArray[np.int64]) -> list[int]:
    """Return rows with a partner, and up to two in a row without one between such."""
    is_paired = partners >= 0
    up = np.where(tree.parents == NO_PARENT, np.arange(len(tree)), tree.parents)
    bridged = is_paired.copy()
    below = np.flatnonzero(is_paired & ~is_paired[up])
    bridged[up[below]] |= is_paired[up[up[below]]]
    over = up[below]
    two = below[~is_paired[up[over]] & is_paired[up[up[over]]]]
    bridged[up[two]] = bridged[up[up[two]]] = True
    rows: list[int] = np.flatnonzero(bridged).tolist()
    return rows


def find_wrong_crossings(looked: Looked) -> list[TraceFinding]:
    """Return pairs of edges that would go straight on if their far ends were exchanged."""
    kind = Kind(check="wrong-crossing", severity="error", probability=0.6, unit="")
    tree, scan = looked.tree, looked.scan
    edges = _bent_edges(scan)
    if len(edges.end) < 2:
        return []
    middles = (tree.points[edges.begin] + tree.points[edges.end]) / 2
    # Partners of a crossing are edges between the same four ends: no further apart than long.
    reach = np.minimum(scan.lengths[edges.end], scan.limits.gaps_um[0])
    near = cKDTree(middles).query_pairs(float(reach.max()), output_type="ndarray")
    apart = np.linalg.norm(middles[near[:, 0]] - middles[near[:, 1]], axis=1)
    near = near[apart <= np.maximum(reach[near[:, 0]], reach[near[:, 1]])]
    least = _BEND_GAIN * scan.limits.kink
    gains = _gains(tree.points, edges, near[:, 0], near[:, 1], least)
    told: list[tuple[float, TraceFinding]] = []
    for place in np.flatnonzero(gains > 0).tolist():
        one, other = edges.end[near[place]].tolist()
        if _is_below(tree, one, other) or _is_below(tree, other, one):
            continue
        if looked.below_um[one] > looked.below_um[other]:
            one, other = other, one
        why = (
            f"This branch and that of node {tree.ids[other]} both bend here; each goes on "
            "straight if they are exchanged: a crossing was taken wrongly."
        )
        gain = float(gains[place])
        told.append((gain, tell(looked, kind, [one, other], why, value=gain, threshold=least)))
    return _best_of_each(told)


def _bent_edges(scan: Scan) -> _Edges:
    parents, lengths = scan.tree.parents, scan.lengths
    end = np.flatnonzero(scan.marks & marks.KINK)
    begin = parents[end]
    has_both = (parents[begin] != NO_PARENT) & (lengths[end] > 0) & (lengths[begin] > 0)
    end, begin = end[has_both], begin[has_both]
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
    # Much shorter edges that bend less are as good a sign as edges no longer that go straight on.
    is_better = (share <= _LENGTH_SHARE) & (then <= _BEND_SHARE * now) & (now - then >= least)
    is_better |= (share <= _SHORTER) & (then <= _LESS_BENT * now) & (now - then >= least / 2)
    are_four = (edges.begin[one] != edges.begin[other]) & (edges.begin[one] != edges.end[other])
    are_four &= edges.begin[other] != edges.end[one]
    return np.where(is_better & are_four, now - then, 0.0)


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


def _is_below(tree: Tree, one: int, other: int) -> bool:
    """Return whether one node hangs on the other: exchanged they would close a loop."""
    at, n_steps = one, 0
    while at not in (NO_PARENT, other) and n_steps < _MOST_STEPS:
        at, n_steps = int(tree.parents[at]), n_steps + 1
    return at == other


def _best_of_each(told: list[tuple[float, TraceFinding]]) -> list[TraceFinding]:
    """Return findings whose edges are in no better one."""
    taken: set[int] = set()
    kept = []
    for _, finding in sorted(told, key=lambda entry: -entry[0]):
        if not taken & set(finding.node_ids):
            taken |= set(finding.node_ids)
            kept.append(finding)
    return kept
