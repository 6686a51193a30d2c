"""The consensus of several tracings: what most trustworthy tracers have, as one tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.consensus_graph import LINK, grow_forest
from annotator.analysis.tracing.consensus_joints import find_branches
from annotator.analysis.tracing.consensus_votes import judge_tracers, rank_tracers, unite
from annotator.analysis.tracing.match import match_trees
from annotator.analysis.tracing.tree import NO_PARENT, Tree
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.analysis.tracing.consensus_graph import Forest
    from annotator.analysis.tracing.consensus_votes import TracerPerformance, Union
    from annotator.analysis.tracing.match import Matched

    Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Consensus:
    """What several tracers have in common.

    Attributes
    ----------
    tree : Tree
        Parents before their children, ids from 1 on; one root for each connected part.
    names : tuple of str
        The tracers.
    support : ndarray
        How likely each node's edge is there, given who traced it and how good they are,
        ``(node,)``; that of the children's at a root.
    traced_by : ndarray
        Who traced each node's edge, ``(node, tracer)`` bool.
    performances : tuple of TracerPerformance
        One a tracer.
    """

    tree: Tree
    names: tuple[str, ...]
    support: NDArray[np.float64]
    traced_by: NDArray[np.bool_]
    performances: tuple[TracerPerformance, ...]


def merge_trees(trees: Mapping[str, Tree], *, tolerance: float) -> Consensus:
    """Return the consensus of tracings by name, whatever their order; ``tolerance`` is in µm.

    Each branch is there with the probability that the votes and the tracers' estimated worth give
    it (see `unite`); those above one half are in the tree, and what leads to them. Nodes are those
    of the tracer who agrees most with the others, of the next one where the first has none, and so
    on: identical trees give themselves.

    Raises AnnotatorError where there is nothing to merge.
    """
    names = tuple(sorted(trees))
    if not names:
        raise AnnotatorError("nothing to merge: at least one tracing is needed")
    return merge_matched(match_trees([trees[name] for name in names], tolerance=tolerance), names)


def merge_matched(matched: Matched, names: tuple[str, ...]) -> Consensus:
    """Return the consensus of trees that were laid over each other; as `merge_trees`."""
    # Whatever order the trees came in, they are worked on in this one.
    ranks = rank_tracers(matched)
    matched = matched.in_order(ranks)
    union = unite(matched)
    if not union.lengths.any():
        raise AnnotatorError("nothing to merge: none of the tracings has any cable")
    branches = find_branches(matched, union)
    forest = grow_forest(matched, union, branches)
    tree, pieces = _simplified(matched, union, forest)
    support, traced_by = _facts(tree, pieces, union)
    places = np.argsort(ranks)
    performances = judge_tracers(union, branches.number, tuple(names[rank] for rank in ranks))
    return Consensus(
        tree=tree,
        names=names,
        support=support,
        traced_by=traced_by[:, places],
        performances=tuple(performances[place] for place in places),
    )


def _simplified(matched: Matched, union: Union, forest: Forest) -> tuple[Tree, Rows]:
    """Return the forest without the nodes that were put between or are there twice."""
    n_nodes = len(forest.rows)
    parents = forest.parents
    is_root = parents == NO_PARENT
    safe = np.where(is_root, np.arange(n_nodes), parents)
    is_twice = ~is_root & (forest.pieces == LINK)
    is_twice &= (forest.points == forest.points[safe]).all(axis=1)
    n_given = np.array([fine.n_given for fine in matched.trees])
    is_between = forest.rows >= n_given[forest.tracers]
    n_children = np.bincount(parents[~is_root], minlength=n_nodes)
    child = np.full(n_nodes, -1)
    child[parents[~is_root]] = np.flatnonzero(~is_root)
    is_between &= ~is_root & (n_children == 1)
    is_between &= _is_alike(forest.pieces, forest.pieces[child], union)
    is_gone = (is_twice | is_between).tolist()
    # The node that stands for each: itself, or what stands for its parent.
    stands = list(range(n_nodes))
    for node, parent in enumerate(parents.tolist()):
        if is_gone[node]:
            stands[node] = stands[parent]
    stays = np.flatnonzero(~np.array(is_gone, np.bool_))
    place = np.full(n_nodes + 1, NO_PARENT)
    place[stays] = np.arange(len(stays))
    above = np.append(np.array(stands, np.int64), n_nodes)[
        np.where(is_root, n_nodes, parents)[stays]
    ]
    tracers, rows = forest.tracers[stays], forest.rows[stays]
    types, radii = np.zeros(len(stays), np.int32), np.zeros(len(stays))
    for tracer, fine in enumerate(matched.trees):
        own = tracers == tracer
        types[own] = fine.tree.types[rows[own]]
        radii[own] = fine.tree.radii[rows[own]]
    tree = Tree(
        ids=np.arange(1, len(stays) + 1),
        types=types,
        points=forest.points[stays],
        radii=radii,
        parents=place[above],
    )
    return tree, forest.pieces[stays]


def _is_alike(pieces: Rows, others: Rows, union: Union) -> NDArray[np.bool_]:
    """Return which pieces the same tracers have."""
    has_both = (pieces != LINK) & (others != LINK)
    differ: Rows = np.count_nonzero(union.votes[pieces] != union.votes[others], axis=1)
    alike: NDArray[np.bool_] = has_both & (differ == 0)
    return alike


def _facts(tree: Tree, pieces: Rows, union: Union) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the support of each node's edge, and who traced it.

    A link between two tracers' branches, and a root, has what its child has.
    """
    source = pieces.copy()
    for node in range(len(tree) - 1, -1, -1):
        parent = int(tree.parents[node])
        if parent != NO_PARENT and source[parent] == LINK:
            source[parent] = source[node]
    return union.probability[source], union.votes[source]
