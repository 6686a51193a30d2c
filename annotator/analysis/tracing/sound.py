"""Trees that can be measured: without places that are no numbers, and without loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT, Tree, depths

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sound_tree(tree: Tree) -> Tree:
    """Return the tree without nodes whose place or radius is no number, and each loop cut once.

    What hung on such a node has a root of its own; a loop is cut above its first node in the file.
    The same tree where nothing is wrong with it.
    """
    is_number = np.isfinite(tree.points).all(axis=1) & np.isfinite(tree.radii)
    if not is_number.all():
        kept = np.flatnonzero(is_number)
        place = np.full(len(tree) + 1, NO_PARENT)
        place[kept] = np.arange(len(kept))
        tree = Tree(
            ids=tree.ids[kept],
            types=tree.types[kept],
            points=tree.points[kept],
            radii=tree.radii[kept],
            parents=place[tree.parents[kept]],
        )
    looped = np.flatnonzero(depths(tree) < 0)
    if not len(looped):
        return tree
    parents = tree.parents.copy()
    parents[_first_of_loops(parents, looped)] = NO_PARENT
    return Tree(
        ids=tree.ids, types=tree.types, points=tree.points, radii=tree.radii, parents=parents
    )


def _first_of_loops(parents: NDArray[np.int64], looped: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first node of each loop; ``looped`` are the nodes in and below loops."""
    ahead = parents.copy()
    lowest = np.arange(len(parents))
    for _ in range(len(parents).bit_length()):
        lowest[looped] = np.minimum(lowest[looped], lowest[ahead[looped]])
        ahead[looped] = ahead[ahead[looped]]
    # Everybody has come to a node of a loop by now, and whoever is ahead has been all around it.
    return np.unique(lowest[ahead[looped]])
