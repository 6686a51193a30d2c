"""One look over all nodes of a tree: what is noticed at each, before any of it is told.

By the compiled loop where there is one; numpy gives the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.tracing.tree import NO_PARENT, SOMA, Tree, child_lists

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOT_FINITE, NO_RADIUS, ZERO_LENGTH, GAP, MULTIFURCATION, SPUR = 1, 2, 4, 8, 16, 32
TYPE_CHANGE, RADIUS_JUMP, BACK_TRACK, KINK, SOMA_BEGINS, IS_ROOT = 64, 128, 256, 512, 1024, 2048
"""Bits of ``Scan.marks``."""

N_NAMED = 5
"""Types from 0 to here have a threshold of their own for gaps; others share that of 0."""
_SAMPLE = 1 << 16
_ENOUGH = 20
_USUAL_TURNS = 0.75
_KINK_SHARE = 0.4
_LEAST_KINK, _GREATEST_KINK = 0.4, 1.6
_MADS = 10 * 1.4826
"""Deviations beyond the median from which on an edge is a gap."""
_RARE = 4 / 1.645
"""Deviations of a logarithm: beyond 4 lies one of 30,000 values, beyond 1.645 five of 100."""
_THIN_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on the structure of a tree is reported.

    Lengths are µm; those without a default come from the tree itself (`limits_of`).
    """

    most_children: int = 3
    radius_ratio: float = 3.5
    back_deg: float = 150.0
    retrace_deg: float = 172.0
    kink: float = math.nan
    common_share: float = 0.95
    gap_ratio: float = 3.0
    median_um: float = math.nan
    gaps_um: tuple[float, ...] = (math.inf,) * N_NAMED
    beside_um: float = math.nan
    thin_um: float = 0.0

    @property
    def spur_um(self) -> float:
        """Side branches of one node are reported below this, however thin their neurite is."""
        return 0.1 * self.median_um

    @property
    def zero_um(self) -> float:
        """Edges up to this length have none: a thousandth of the median."""
        return 1e-3 * self.median_um if self.median_um > 0 else 0.0

    def for_kernel(self) -> NDArray[np.float64]:
        """Return what `mark_nodes` compares with, angles as cosines."""
        back, retrace = math.radians(self.back_deg), math.radians(self.retrace_deg)
        return np.array(
            [
                self.zero_um,
                self.most_children,
                self.spur_um,
                self.radius_ratio,
                math.cos(back),
                math.cos(retrace),
                _KINK_SHARE * self.kink,
                self.thin_um,
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """A tree and what was noticed at each node.

    Attributes
    ----------
    starts, children : ndarray
        As of `child_lists`.
    lengths : ndarray
        Of each node's edge, ``(node,)`` µm; 0 for roots, NaN where a place is no number.
    cosines : ndarray
        Of the turn from the parent's edge into the node's, ``(node,)``; NaN where there is none.
    marks : ndarray
        Bits of what was noticed, ``(node,)`` uint32.
    """

    tree: Tree
    limits: Limits
    starts: NDArray[np.int64]
    children: NDArray[np.int64]
    lengths: NDArray[np.float64]
    cosines: NDArray[np.float64]
    marks: NDArray[np.uint32]

    def spur_limit(self, row: int) -> float:
        """Return the length below which a side branch of one node is a spur."""
        return float(np.fmax(self.limits.spur_um, self.tree.radii[self.tree.parents[row]]))

    def gap_limit(self, row: int) -> float:
        """Return the length beyond which a node's edge is a gap.

        A side branch begins on the surface of what it leaves: what its edge runs inside does not
        count, half of it at most.
        """
        up, kind = int(self.tree.parents[row]), int(self.tree.types[row])
        limit = self.limits.gaps_um[kind if 0 < kind < N_NAMED else 0]
        if self.starts[up + 1] - self.starts[up] > 1:
            radius = float(np.fmax(self.tree.radii[up], 0.0))
            limit += min(radius, float(self.lengths[row]) / 2)
        return limit

    def children_of(self, row: int) -> list[int]:
        """Return the rows of a node's children."""
        found: list[int] = self.children[self.starts[row] : self.starts[row + 1]].tolist()
        return found


def scan_tree(tree: Tree, limits: Limits | None = None) -> Scan:
    """Look over a tree; ``limits`` are those of the tree itself where none are given."""
    starts, children = child_lists(tree)
    lengths, cosines = _measure(tree)
    own = limits_of(tree, lengths, cosines) if limits is None else limits
    return Scan(
        tree=tree,
        limits=own,
        starts=starts,
        children=children,
        lengths=lengths,
        cosines=cosines,
        marks=_mark(tree, own, starts, children, lengths, cosines),
    )


def limits_of(tree: Tree, lengths: NDArray[np.float64], cosines: NDArray[np.float64]) -> Limits:
    """Return limits with those that a tree gives itself.

    An edge is a gap beyond the median and 10 normal deviations (1.4826 times the median deviation),
    beyond 3 times what 95 of 100 edges stay below, and beyond 4 deviations of their logarithm:
    people set nodes far apart where a neurite runs straight. By type where that has 20 edges. Of
    many edges every k-th is asked. An edge bends where both its turns together (1 less their
    cosines) are more than twice what 75 of 100 turns stay below. What 95 of 100 radii exceed is how
    well thin neurites were measured.
    """
    limits = Limits()
    step = max(1, len(tree) // _SAMPLE)
    some, types = lengths[::step], tree.types[::step]
    is_edge = some > 0
    some, types = some[is_edge], types[is_edge]
    if not len(some):
        return replace(limits, median_um=0.0, beside_um=0.0, kink=_LEAST_KINK)
    median = float(np.median(some))
    shared = _gap_limit(some, limits)
    kinds = [some[types == kind] for kind in range(1, N_NAMED)]
    gaps = [_gap_limit(own, limits) if len(own) >= _ENOUGH else shared for own in kinds]
    radii = tree.radii[::step]
    radii = radii[(radii > 0) & (radii < np.inf)]
    thick = 3 * float(np.median(radii)) if len(radii) else 0.0
    thin = float(np.quantile(radii, _THIN_SHARE)) if len(radii) else 0.0
    turns = 1.0 - cosines[::step]
    turns = turns[~np.isnan(turns)]
    usual = 2 * float(np.quantile(turns, _USUAL_TURNS)) if len(turns) else 0.0
    return replace(
        limits,
        median_um=median,
        gaps_um=(shared, *gaps),
        beside_um=min(thick, 2 * median),
        thin_um=thin,
        kink=min(max(usual, _LEAST_KINK), _GREATEST_KINK),
    )


def _gap_limit(lengths: NDArray[np.float64], limits: Limits) -> float:
    median = float(np.median(lengths))
    deviation = float(np.median(np.abs(lengths - median)))
    common = float(np.quantile(lengths, limits.common_share))
    rare = median * float((common / median) ** _RARE)
    return max(median + _MADS * deviation, limits.gap_ratio * common, rare)


def _measure(tree: Tree) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_nodes = len(tree)
    library = kernels.library()
    if library is not None:
        lengths, cosines = np.empty(n_nodes), np.empty(n_nodes)
        given = [np.ascontiguousarray(tree.points), np.ascontiguousarray(tree.parents)]
        places = [kernels.address(array) for array in given]
        library.measure_edges(*places, n_nodes, kernels.address(lengths), kernels.address(cosines))
        return lengths, cosines
    up = np.where(tree.parents == NO_PARENT, np.arange(n_nodes), tree.parents)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        edges = tree.points - tree.points[up]
        lengths = np.sqrt(edges[:, 0] ** 2 + edges[:, 1] ** 2 + edges[:, 2] ** 2)
        lengths[~np.isfinite(lengths)] = np.nan
        lengths[tree.parents == NO_PARENT] = 0.0
        products = edges * edges[up]
        sums = products[:, 0] + products[:, 1] + products[:, 2]
        cosines = sums / (lengths * lengths[up])
    has_both = (tree.parents != NO_PARENT) & (tree.parents[up] != NO_PARENT)
    cosines[~(has_both & (lengths > 0) & (lengths[up] > 0))] = np.nan
    return lengths, cosines


def _mark(
    tree: Tree,
    limits: Limits,
    starts: NDArray[np.int64],
    children: NDArray[np.int64],
    lengths: NDArray[np.float64],
    cosines: NDArray[np.float64],
) -> NDArray[np.uint32]:
    library = kernels.library()
    if library is None:
        return _mark_in_numpy(tree, limits, starts, lengths, cosines)
    marks = np.empty(len(tree), np.uint32)
    held = [tree.points, tree.parents, tree.types, tree.radii, starts, children, lengths, cosines]
    given = [np.ascontiguousarray(array) for array in held]
    limit, gaps = limits.for_kernel(), np.array(limits.gaps_um)
    library.mark_nodes(
        *[kernels.address(array) for array in given],
        len(tree),
        *[kernels.address(array) for array in (limit, gaps, marks)],
    )
    return marks


def _bends(
    cosines: NDArray[np.float64], up: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosine of what goes on straightest at each node, and how a node bends in all."""
    straightest = np.full(len(cosines), -np.inf)
    has_bend = ~np.isnan(cosines)
    np.maximum.at(straightest, up[has_bend], cosines[has_bend])
    bend = np.where(has_bend, 1.0 - cosines, 0.0)
    bend += np.where(np.isfinite(straightest), 1.0 - straightest, 0.0)
    return straightest, bend


def _mark_in_numpy(
    tree: Tree,
    limits: Limits,
    starts: NDArray[np.int64],
    lengths: NDArray[np.float64],
    cosines: NDArray[np.float64],
) -> NDArray[np.uint32]:
    zero, most, spur, jump, back, retrace, kink, thin = limits.for_kernel()
    is_root = tree.parents == NO_PARENT
    up = np.where(is_root, np.arange(len(tree)), tree.parents)
    n_children = np.diff(starts)
    is_soma = tree.types == SOMA
    below_soma = ~is_root & is_soma[up]
    kind = np.where((tree.types > 0) & (tree.types < N_NAMED), tree.types, 0)

    def n_children_that(is_true: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(tree.parents[is_true & ~is_root], minlength=len(tree))

    with np.errstate(invalid="ignore"):
        at_most = tree.radii + np.fmin(tree.radii, thin)
        goes_over = tree.radii > at_most[up] * jump
        goes_under = at_most * jump < tree.radii[up]
        thinner, thicker = n_children_that(goes_under), n_children_that(goes_over)
        is_back = cosines < back
        # A node turns back where its only child does, and that one's only child again.
        only_again = is_back & (n_children[up] == 1)
        twice = is_back & (n_children_that(only_again) > 0)
        turns = (n_children_that(is_back & ((cosines < retrace) | twice)) > 0) & (n_children == 1)
        straightest, bend = _bends(cosines, up)
        jumps = (goes_over & (thinner == n_children)) | (goes_under & (thicker == n_children))
        is_short = lengths < np.fmax(spur, tree.radii[up])
        is_aside = ~(straightest[up] <= cosines) | (n_children_that(np.isnan(cosines))[up] > 0)
        inside = np.minimum(np.fmax(tree.radii[up], 0.0), lengths / 2)
        inside = np.where(n_children[up] > 1, inside, 0.0)
        named = (kind > SOMA) & (kind[up] > SOMA) & (tree.types != tree.types[up])
        told = {
            NOT_FINITE: ~np.isfinite(tree.points).all(axis=1),
            NO_RADIUS: ~(tree.radii > 0) | np.isinf(tree.radii),
            SOMA_BEGINS: is_soma & ~below_soma,
            IS_ROOT: is_root,
            MULTIFURCATION: (n_children > most) & ~is_root & ~is_soma,
            ZERO_LENGTH: ~is_root & (lengths <= zero),
            GAP: ~is_root & (lengths > np.array(limits.gaps_um)[kind] + inside) & ~below_soma,
            SPUR: ~is_root
            & (n_children == 0)
            & (n_children[up] > 1)
            & ~below_soma
            & ~is_root[up]
            & is_short
            & is_aside,
            TYPE_CHANGE: ~is_root & named & (n_children[up] == 1),
            RADIUS_JUMP: ~is_root & (n_children > 0) & ~is_soma & ~below_soma & jumps,
            BACK_TRACK: ~is_root & turns & ~below_soma,
            KINK: ~is_root & (bend > kink) & ~below_soma,
        }
    marks = np.zeros(len(tree), np.uint32)
    for mark, is_so in told.items():
        marks[is_so] |= np.uint32(mark)
    return marks
