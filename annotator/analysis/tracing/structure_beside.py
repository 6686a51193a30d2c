"""The check for one neurite traced twice: paths that run inside each other's neurite.

It is the rule "bundled paths" of SNT's Curation Assistant made free of a scale: it asks whether one
path runs inside the neurite of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis import kernels
from annotator.analysis.tracing.structure import Kind, Looked, tell, tops_of
from annotator.analysis.tracing.tree import NO_PARENT, Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.structure_scan import Scan
    from annotator.domain.tracing import TraceFinding

_LEAST_COSINE = 0.9
"""Edges within 26° of each other are parallel."""
_LEAST_EDGES = 5
_MOST_PAIRS_EACH = 500
"""Without the compiled loop denser heaps of edges are not looked at."""
_LEAST_LENGTHS = 6.0
"""A double trace is so many times longer than its paths may lie apart."""


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
    return float(np.median(_within(scan, scan.tree.radii[run])))


def _bounds(scan: Scan) -> tuple[float, float]:
    """Return the least and the greatest distance within which paths can lie in one neurite."""
    return 0.1 * scan.limits.median_um, max(scan.limits.beside_um, 1e-300)


def _within(scan: Scan, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how near another path must be to lie inside neurites of these radii."""
    return np.clip(np.nan_to_num(radii, posinf=0.0, neginf=0.0), *_bounds(scan))


def find_partners(looked: Looked) -> NDArray[np.int64]:
    """Return for each edge the nearest parallel one whose neurite it runs inside, -1 for none.

    Edges of a loop without a fork have none.
    """
    scan = looked.scan
    tree, median = scan.tree, scan.limits.median_um
    partners = np.full(len(tree), -1, np.int64)
    if not median > 0:
        return partners
    thinnest, thickest = _bounds(scan)
    thick = np.max(tree.radii, where=tree.radii < np.inf, initial=0.0)
    # Gaps are left out; edges as long as most others find those half of their length ahead.
    longest = scan.limits.gaps_um[0]
    reach = float(np.clip(thick, thinnest, thickest)) + longest / 6
    library = kernels.library()
    if library is not None:
        given = [tree.points, tree.parents, tree.radii, scan.lengths, scan.starts, scan.children]
        held = [np.ascontiguousarray(array) for array in given]
        places = [kernels.address(array) for array in held]
        sizes = (thinnest, thickest, longest, _LEAST_COSINE, reach)
        if library.pair_edges(*places, len(tree), *sizes, kernels.address(partners)) == 0:
            return partners
    return _partners_in_numpy(scan, longest, reach)


def _branches(scan: Scan) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first node of each node's branch, and the cable from there.

    Nodes of a loop without a fork are of no branch: -1.
    """
    parents, lengths = scan.tree.parents.tolist(), np.nan_to_num(scan.lengths).tolist()
    n_children = np.diff(scan.starts).tolist()
    heads, along = np.full(len(parents), -1), np.zeros(len(parents))
    for head, up in enumerate(parents):
        if up != NO_PARENT and parents[up] != NO_PARENT and n_children[up] == 1:
            continue
        row, cable = head, 0.0
        heads[head] = head
        while n_children[row] == 1 and parents[row] != NO_PARENT:
            row = int(scan.children[scan.starts[row]])
            cable += lengths[row]
            heads[row], along[row] = head, cable
    return heads, along


def _partners_in_numpy(scan: Scan, longest: float, reach: float) -> NDArray[np.int64]:
    tree, lengths = scan.tree, scan.lengths
    partners = np.full(len(tree), -1, np.int64)
    heads, along = _branches(scan)
    rows = np.flatnonzero((lengths > 0) & (lengths <= longest) & (heads >= 0))
    if not len(rows):
        return partners
    ends, begins = tree.points[rows], tree.points[tree.parents[rows]]
    middles, ways = (ends + begins) / 2, (ends - begins) / lengths[rows, None]
    search = cKDTree(middles)
    if search.count_neighbors(search, reach) > _MOST_PAIRS_EACH * len(rows):
        return partners
    pairs = search.query_pairs(reach, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    one, other = both.T
    is_apart = heads[rows[one]] != heads[rows[other]]
    is_apart |= np.abs(along[rows[one]] - along[rows[other]]) > 4 * reach
    steps = middles[one] - middles[other]
    forth = (steps * ways[other]).sum(axis=1)
    beside = (steps**2).sum(axis=1) - forth**2
    within = _within(scan, tree.radii[rows])
    limit = np.maximum(within[one], within[other])
    is_beside = is_apart & (np.abs((ways[one] * ways[other]).sum(axis=1)) >= _LEAST_COSINE)
    half = lengths[rows[other]] / 2
    is_beside &= np.abs(forth) <= half + np.minimum(limit, half) / 2
    is_beside &= (beside <= limit**2) & (tree.parents[rows[one]] != rows[other])
    is_beside &= tree.parents[rows[other]] != rows[one]
    one, other, beside = one[is_beside], other[is_beside], beside[is_beside]
    order = np.lexsort((other, beside, one))
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
