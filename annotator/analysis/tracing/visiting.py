"""The order in which PyNeval visits nodes; what it counts depends on it where choices are tied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.tracing.tree import NO_PARENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree


def visiting_order(tree: Tree) -> NDArray[np.int64]:
    """Return the rows from the roots up, each subtree whole, the last child (and root) first.

    Loops, and what hangs below them, are left out.
    """
    library = kernels.library()
    if library is not None:
        parents, rows = np.ascontiguousarray(tree.parents, np.int64), np.empty(len(tree), np.int64)
        n_rows = library.visit_nodes(kernels.address(parents), len(tree), kernels.address(rows))
        if n_rows >= 0:
            return rows[:n_rows]
    children: list[list[int]] = [[] for _ in range(len(tree))]
    stack: list[int] = []
    for row, parent in enumerate(tree.parents.tolist()):
        (stack if parent == NO_PARENT else children[parent]).append(row)
    order: list[int] = []
    while stack:
        row = stack.pop()
        order.append(row)
        stack.extend(children[row])
    return np.array(order, np.int64)
