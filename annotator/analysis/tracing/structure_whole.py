"""Checks of a tree's structure that must see all of it: loops, loose parts, somata, same places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.tracing import structure_scan as marks
from annotator.analysis.tracing.structure import Kind, Looked, runs_of, tell
from annotator.analysis.tracing.tree import NO_PARENT, SOMA, Tree, depths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.tracing import TraceFinding

MOST_LOOPS = 2000
"""Loops that are told; those with most at stake."""
_MOST_PLACED = 50
"""Parts up to this number are asked where they broke off."""


def find_loops(looked: Looked) -> list[TraceFinding]:
    """Return each loop once, from its longest edge on: that is the one that should not be."""
    kind = Kind(check="loop", severity="error", probability=1.0, unit="nodes")
    tree, lengths = looked.tree, looked.scan.lengths
    if len(looked.order) == len(tree):
        return []
    rows = np.flatnonzero(depths(tree) < 0)
    firsts, number = np.unique(_loop_below(tree, rows), return_inverse=True)
    impacts = np.bincount(number, np.nan_to_num(lengths[rows]))
    told = []
    for which in np.argsort(-impacts, kind="stable")[:MOST_LOOPS].tolist():
        cycle = [int(firsts[which])]
        while (up := int(tree.parents[cycle[-1]])) != cycle[0]:
            cycle.append(up)
        longest = int(np.argmax(np.nan_to_num(lengths[cycle])))
        # Upwards in the list; the event runs from its beginning outwards.
        ordered = [*cycle[longest::-1], *cycle[:longest:-1]]
        what = "is its own parent" if len(cycle) == 1 else f"is below itself, {len(cycle):,} nodes"
        told.append(
            tell(
                looked,
                kind,
                ordered,
                f"The node {what}: the tree runs in a loop that no root reaches.",
                value=float(len(cycle)),
                threshold=0.0,
                impact_um=float(impacts[which]),
            )
        )
    return told


def _loop_below(tree: Tree, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first row of the loop that each of these rows is in or hangs below."""
    ahead, first = tree.parents.copy(), np.arange(len(tree))
    for _ in range(len(rows).bit_length() + 1):
        first[rows] = np.minimum(first[rows], first[ahead[rows]])
        ahead[rows] = ahead[ahead[rows]]
    # Below a loop rows before it count too: the loop's own first is where they lead.
    return first[ahead[rows]]


def find_fragments(looked: Looked) -> list[TraceFinding]:
    """Return each part of the tracing that hangs on nothing: all but that of the soma.

    Without a soma the largest part is the neuron. An event begins where the tree broke: at the root
    of the part, or at the neuron's own root where that lies nearer to the part.
    """
    kind = Kind(check="fragment", severity="warning", probability=0.8, unit="µm")
    tree, below = looked.tree, looked.below_um
    roots = np.flatnonzero(looked.scan.marks & marks.IS_ROOT)
    if len(roots) < 2:
        return []
    # The first of those with most cable, one with a soma before all.
    main = int(roots[np.lexsort((-below[roots], tree.types[roots] != SOMA))[0]])
    others = looked.most_at_stake(roots[roots != main])
    breaks = _breaks(tree, main, others) if len(others) <= _MOST_PLACED else {}
    return [
        tell(
            looked,
            kind,
            [main, row] if breaks.get(row) else [row],
            f"A part of {below[row]:.1f} µm hangs on nothing: it begins a tree of its own.",
            value=float(below[row]),
            impact_um=float(below[row]),
        )
        for row in others
    ]


def _breaks(tree: Tree, main: int, others: list[int]) -> dict[int, bool]:
    """Return which parts come nearer to the root of the main one than theirs to any other part."""
    roots = tree.parents.copy()
    rows = np.arange(len(tree))
    roots = np.where(roots == NO_PARENT, rows, roots)
    for _ in range(len(tree).bit_length()):
        roots = roots[roots]
    nearer = {}
    with np.errstate(invalid="ignore", over="ignore"):
        to_main = np.linalg.norm(tree.points - tree.points[main], axis=1)
        for row in others:
            to_root = np.linalg.norm(tree.points - tree.points[row], axis=1)
            own = roots == row
            nearer[row] = bool(_least(to_main[own]) < _least(to_root[~own]))
    return nearer


def _least(values: NDArray[np.float64]) -> float:
    return float(np.nan_to_num(values, nan=np.inf).min(initial=np.inf))


def find_several_somata(looked: Looked) -> list[TraceFinding]:
    """Return each soma but the thickest; nodes of one soma are joined by edges."""
    kind = Kind(check="several-somata", severity="error", probability=0.9)
    tree = looked.tree
    rows = looked.rows(marks.SOMA_BEGINS)
    if len(rows) < 2:
        return []
    thickest = max(rows, key=lambda row: float(np.nan_to_num(tree.radii[row])))
    return [
        tell(
            looked,
            kind,
            [row],
            f"This is one of {len(rows)} somata that no edge joins; a neuron has one.",
            value=float(len(rows)),
            threshold=1.0,
        )
        for row in rows
        if row != thickest
    ]


def find_coincident(looked: Looked) -> list[TraceFinding]:
    """Return nodes at exactly the place of another one that is neither parent nor child."""
    kind = Kind(check="coincident", severity="warning", probability=0.7)
    tree = looked.tree
    same = same_places(tree.points)
    rows = np.flatnonzero(same >= 0)
    others = same[rows]
    is_joined = (tree.parents[rows] == others) | (tree.parents[others] == rows)
    # Of a run of edges without length all nodes lie on the first.
    is_joined |= (looked.scan.marks[rows] & marks.ZERO_LENGTH) > 0
    told = []
    for run in runs_of(looked, looked.most_at_stake(rows[~is_joined])):
        other = int(tree.ids[same[run[0]]])
        many = f" ({len(run):,} nodes together)" if len(run) > 1 else ""
        told.append(
            tell(looked, kind, run, f"The node lies exactly where node {other} lies{many}.")
        )
    return told


def same_places(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the first row at exactly the place of each, -1 for the first and without a place."""
    n_nodes = len(points)
    library = kernels.library()
    if library is not None:
        points, same = np.ascontiguousarray(points), np.empty(n_nodes, np.int64)
        if library.find_same_places(kernels.address(points), n_nodes, kernels.address(same)) == 0:
            return same
    same = np.full(n_nodes, -1, np.int64)
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(rows):
        places = points[rows] + 0.0
        _, first, group = np.unique(places, axis=0, return_index=True, return_inverse=True)
        found = rows[first[group.reshape(-1)]]
        same[rows] = np.where(found == rows, NO_PARENT, found)
    return same
