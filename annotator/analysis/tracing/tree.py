"""A neuron's tracing as arrays: one row a node, one edge from each node to its parent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_PARENT = -1
SOMA, AXON, DENDRITE, APICAL = 1, 2, 3, 4
"""Node types that SWC gives a meaning; 0 is undefined, others belong to whoever wrote them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tree:
    """A tracing: a forest of nodes in the image frame (µm along the image's x, y and z).

    Rows are in no order: a parent may come after its children, ids may have gaps, and what a file
    got wrong (loops, several roots, radius 0, coordinates that are no numbers) is held as it is, so
    that it can be shown. Arrays must not be written to; an edit makes a new tree.

    Attributes
    ----------
    ids : ndarray
        Unique id of each node, ``(node,)`` int64.
    types : ndarray
        Node types, ``(node,)`` int32.
    points : ndarray
        ``(node, 3)`` float64: x, y, z in µm.
    radii : ndarray
        ``(node,)`` float64, µm.
    parents : ndarray
        Row of each node's parent, ``(node,)`` int64; ``NO_PARENT`` for a root.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int32]
    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    parents: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.ids)


def make_tree(
    points: NDArray[np.float64],
    parents: NDArray[np.int64],
    *,
    radii: NDArray[np.float64] | None = None,
    types: NDArray[np.int32] | None = None,
    ids: NDArray[np.int64] | None = None,
) -> Tree:
    """Return a tree of these nodes; ids from 1 on, radius 1 and type 0 where none are given."""
    n_nodes = len(parents)
    return Tree(
        ids=np.arange(1, n_nodes + 1) if ids is None else ids,
        types=np.zeros(n_nodes, np.int32) if types is None else types,
        points=points,
        radii=np.ones(n_nodes) if radii is None else radii,
        parents=parents,
    )


def edge_lengths(tree: Tree) -> NDArray[np.float64]:
    """Return each node's distance to its parent, ``(node,)`` µm; 0 for roots."""
    has_parent = tree.parents != NO_PARENT
    there = np.where(has_parent, tree.parents, np.arange(len(tree)))
    lengths: NDArray[np.float64] = np.linalg.norm(tree.points - tree.points[there], axis=1)
    return lengths


def count_children(tree: Tree) -> NDArray[np.int64]:
    """Return how many children each node has, ``(node,)``."""
    return np.bincount(tree.parents[tree.parents != NO_PARENT], minlength=len(tree))


def depths(tree: Tree) -> NDArray[np.int64]:
    """Return each node's number of edges to its root, ``(node,)``; -1 in and below a loop."""
    return _depths(tree.parents)[0]


def parents_first(tree: Tree) -> NDArray[np.int64]:
    """Return the rows ordered so that each comes after its parent; without loops and all below."""
    return _by_depth(*_depths(tree.parents))


def sum_below(tree: Tree, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the weights of each node and all below it, ``(node,)``.

    Nodes of a loop, and below it, keep their own weight.
    """
    return sum_below_in_order(tree, weights)[0]


def sum_below_in_order(
    tree: Tree, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return what `sum_below` does, and what `parents_first` does, which it needs anyway."""
    found, deepest = _depths(tree.parents)
    sums = weights.astype(np.float64, order="C", copy=True)
    order = _by_depth(found, deepest)
    library = kernels.library()
    if library is not None:
        parents = np.ascontiguousarray(tree.parents)
        places = [kernels.address(array) for array in (parents, found, order)]
        library.add_upwards(*places, len(order), kernels.address(sums))
        return sums, order
    outer = order[found[order] > 0]
    bounds = np.flatnonzero(np.diff(found[outer])) + 1
    for level in reversed(np.split(outer, bounds)):
        np.add.at(sums, tree.parents[level], sums[level])
    return sums, order


@dataclass(frozen=True, slots=True, eq=False)
class SubtreeNumbers:
    """Nodes numbered so that a subtree is a range: first and last number, ``(node,)`` each.

    Nodes of a loop, and below it, have -1.
    """

    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]

    def is_below(self, row: int, top: int) -> bool:
        """Return whether a node is in the subtree of another one, itself included."""
        return bool(0 <= self.firsts[top] <= self.firsts[row] <= self.lasts[top])


def number_subtrees(tree: Tree) -> SubtreeNumbers:
    """Return numbers by which it is told at once whether one node hangs on another."""
    sizes, order = sum_below_in_order(tree, np.ones(len(tree)))
    firsts, lasts = np.full(len(tree), -1), np.full(len(tree), -1)
    library = kernels.library()
    if library is not None:
        given = [np.ascontiguousarray(tree.parents), order, sizes, firsts, lasts]
        places = [kernels.address(array) for array in given]
        library.number_subtrees(*places[:2], len(order), *places[2:])
        return SubtreeNumbers(firsts, lasts)
    parents, many = tree.parents.tolist(), sizes.astype(np.int64).tolist()
    free = [0] * len(tree)
    n_numbered = 0
    for row in order.tolist():
        up = parents[row]
        first = n_numbered if up == NO_PARENT else free[up]
        free[row] = first + 1
        if up == NO_PARENT:
            n_numbered += many[row]
        else:
            free[up] += many[row]
        firsts[row], lasts[row] = first, first + many[row] - 1
    return SubtreeNumbers(firsts, lasts)


def child_lists(tree: Tree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each node's children begin, ``(node + 1,)``, and all children's rows.

    Children of row ``r`` are ``children[starts[r]:starts[r + 1]]``, in the order of rows.
    """
    n_nodes = len(tree)
    library = kernels.library()
    if library is not None:
        parents = np.ascontiguousarray(tree.parents)
        starts = np.empty(n_nodes + 1, np.int64)
        children = np.empty(n_nodes, np.int64)
        made = [kernels.address(array) for array in (starts, children)]
        library.list_children(kernels.address(parents), n_nodes, *made)
        return starts, children[: int(starts[-1])]
    order = np.argsort(tree.parents, kind="stable")
    children = order[np.count_nonzero(tree.parents == NO_PARENT) :]
    return np.append(0, np.cumsum(count_children(tree))), children


def _depths(parents: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the depths, and the greatest of them (-1 where there is none)."""
    n_nodes = len(parents)
    library = kernels.library()
    if library is not None:
        parents, found = np.ascontiguousarray(parents), np.empty(n_nodes, np.int64)
        places = kernels.address(parents), n_nodes, kernels.address(found)
        return found, library.measure_depths(*places)
    # Pointers double at each turn; roots, and all that reached one, point at the end.
    ahead = np.append(np.where(parents == NO_PARENT, n_nodes, parents), n_nodes)
    steps = np.append(np.ones(n_nodes, np.int64), 0)
    for _ in range(max(1, n_nodes).bit_length() + 1):
        steps = steps + steps[ahead]
        ahead = ahead[ahead]
    found = np.where(ahead[:-1] == n_nodes, steps[:-1] - 1, -1)
    return found, int(found.max(initial=-1))


def _by_depth(found: NDArray[np.int64], deepest: int) -> NDArray[np.int64]:
    library = kernels.library()
    if library is not None:
        order = np.empty(len(found), np.int64)
        places = kernels.address(found), len(found), deepest, kernels.address(order)
        n_found = library.order_by_depth(*places)
        if n_found >= 0:
            return order[:n_found]
    order = np.argsort(found, kind="stable")
    return order[found[order] >= 0]


def cable_below_um(tree: Tree) -> NDArray[np.float64]:
    """Return the cable that hangs on each node, ``(node,)`` µm: its own edge and its subtree's."""
    return sum_below(tree, edge_lengths(tree))
