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
from annotator.analysis.tracing.tree import NO_PARENT, Tree, parents_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.structure_scan import Scan
    from annotator.domain.tracing import TraceFinding

_LEAST_COSINE = 0.9
"""Edges within 26° of each other are parallel."""
_LEAST_EDGES = 5
_LEAST_LENGTHS = 6.0
"""A double trace is so many times longer than its paths may lie apart."""
_LONGEST = 3.0
"""Edges longer than so many medians are not compared: they are gaps."""
_BEND_GAIN, _BEND_SHARE = 1.5, 0.5
"""Joined the other way two edges bend by so many usual bends less, and by this share."""
_LENGTH_SHARE = 1.3
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
    order = parents_first(tree)
    heads, along = _branches(scan, order)
    within = _within(scan)
    longest = _LONGEST * median
    cell = float(within.max()) + median
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
    pairs = cKDTree(middles).query_pairs(2 * cell, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    one, other = both.T
    is_apart = heads[rows[one]] != heads[rows[other]]
    is_apart |= np.abs(along[rows[one]] - along[rows[other]]) > 4 * cell
    steps = middles[one] - middles[other]
    forth = (steps * ways[other]).sum(axis=1)
    beside = (steps**2).sum(axis=1) - forth**2
    limit = np.maximum(within[rows[one]], within[rows[other]])
    is_beside = is_apart & (np.abs((ways[one] * ways[other]).sum(axis=1)) >= _LEAST_COSINE)
    is_beside &= (np.abs(forth) <= lengths[rows[other]] / 2) & (beside <= limit**2)
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
    run_of = tops_of(tree, rows.tolist())
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """An edge that bends at both ends: rows before, at its begin, at its end and behind."""

    before: int
    begin: int
    end: int
    behind: int


def find_wrong_crossings(looked: Looked) -> list[TraceFinding]:
    """Return pairs of edges that would go straight on if their far ends were exchanged."""
    kind = Kind(check="wrong-crossing", severity="error", probability=0.6, unit="")
    tree, scan = looked.tree, looked.scan
    edges = _bent_edges(scan)
    if len(edges) < 2:
        return []
    ends = np.array([[edge.begin, edge.end] for edge in edges])
    middles = tree.points[ends].mean(axis=1)
    lengths = scan.lengths[ends[:, 1]]
    # Partners of a crossing are edges between the same four ends: no longer than either.
    reach = np.minimum(lengths, scan.limits.gaps_um[0])
    near = cKDTree(middles).query_pairs(float(reach.max()), output_type="ndarray")
    apart = np.linalg.norm(middles[near[:, 0]] - middles[near[:, 1]], axis=1)
    near = near[apart <= np.maximum(reach[near[:, 0]], reach[near[:, 1]])]
    least = _BEND_GAIN * scan.limits.kink
    told: list[tuple[float, TraceFinding]] = []
    for first, second in near.tolist():
        one, other = edges[first], edges[second]
        gain = _gain(tree, one, other)
        if gain < least or _is_below(tree, one, other):
            continue
        if looked.below_um[one.end] > looked.below_um[other.end]:
            one, other = other, one
        partner = int(tree.ids[other.end])
        why = (
            f"This branch and that of node {partner} both bend here; each goes on straight if "
            "they are exchanged: a crossing was taken wrongly."
        )
        finding = tell(looked, kind, [one.end, other.end], why, value=gain, threshold=least)
        told.append((gain, finding))
    return _best_of_each(told)


def _bent_edges(scan: Scan) -> list[_Edge]:
    parents = scan.tree.parents
    edges = []
    for row in scan.rows(marks.KINK):
        begin = int(parents[row])
        before = int(parents[begin])
        if before == NO_PARENT or not (scan.lengths[row] > 0 and scan.lengths[begin] > 0):
            continue
        behind = scan.children_of(row)
        straight = [child for child in behind if scan.cosines[child] == scan.cosines[child]]
        on = max(straight, key=lambda child: float(scan.cosines[child]), default=row)
        edges.append(_Edge(before=before, begin=begin, end=row, behind=on))
    return edges


def _gain(tree: Tree, one: _Edge, other: _Edge) -> float:
    """Return how much less two edges bend with their ends exchanged; 0 where that is no better."""
    if len({one.begin, one.end, other.begin, other.end}) < 4:
        return 0.0
    points = tree.points
    now = _bend(points, one, one) + _bend(points, other, other)
    then = _bend(points, one, other) + _bend(points, other, one)
    lengths = [
        float(np.linalg.norm(points[begin.begin] - points[end.end]))
        for begin, end in ((one, one), (other, other), (one, other), (other, one))
    ]
    is_shorter = lengths[2] + lengths[3] <= _LENGTH_SHARE * (lengths[0] + lengths[1])
    return now - then if is_shorter and then <= _BEND_SHARE * now else 0.0


def _bend(points: NDArray[np.float64], begin: _Edge, end: _Edge) -> float:
    """Return how much a path bends that begins as one edge and ends as another, 0 to 4."""
    way = points[end.end] - points[begin.begin]
    return _turn(points[begin.begin] - points[begin.before], way) + _turn(
        way, points[end.behind] - points[end.end]
    )


def _turn(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1.0 - float(one @ other) / size if size > 0 else 0.0


def _is_below(tree: Tree, one: _Edge, other: _Edge) -> bool:
    """Return whether one edge hangs on the other: exchanged they would close a loop."""
    for edge, wanted in ((one, other.end), (other, one.end)):
        at, n_steps = edge.begin, 0
        while at not in (NO_PARENT, wanted) and n_steps < _MOST_STEPS:
            at, n_steps = int(tree.parents[at]), n_steps + 1
        if at == wanted:
            return True
    return False


def _best_of_each(told: list[tuple[float, TraceFinding]]) -> list[TraceFinding]:
    """Return findings whose edges are in no better one."""
    taken: set[int] = set()
    kept = []
    for _, finding in sorted(told, key=lambda entry: -entry[0]):
        if not taken & set(finding.node_ids):
            taken |= set(finding.node_ids)
            kept.append(finding)
    return kept
