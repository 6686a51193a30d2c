"""Substantial spatial distance of two tracings, as PyNeval 1.1.1 counts it (metric ``ssd``).

Peng et al., Nature Biotechnology 28 (2010) 348; Zhang et al., Bioinformatics 38 (2022) 2368.
Nodes are counted after long edges got more of them. PyNeval looks for the nearest node among places
rounded to hundredths of the unit and then measures the distance without rounding: with coordinates
far below 1 (millimetres, say) its number means nothing. The same is done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.tree import NO_PARENT, edge_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstantialDistance:
    """Mean distance of nodes that lie apart, and the shares of nodes that do not, 0 to 1."""

    score: float
    recall: float
    precision: float
    f1: float


def substantial_distance(
    test: Tree, gold: Tree, *, threshold: float = 2.0, spacing: float = 2.0
) -> SubstantialDistance:
    """Return PyNeval's ``ssd``: nodes of one tree ``threshold`` or farther from the other's.

    ``spacing`` is what edges are cut to. The score is the mean, over both directions, of the mean
    distance of the nodes that lie apart (0 where none does).
    """
    nodes = _more_nodes(test, spacing), _more_nodes(gold, spacing)
    test_score, precision = _apart(nodes[0], nodes[1], threshold)
    gold_score, recall = _apart(nodes[1], nodes[0], threshold)
    both = recall + precision
    return SubstantialDistance(
        score=(gold_score + test_score) / 2,
        recall=recall,
        precision=precision,
        f1=2 * recall * precision / both if both else 0.0,
    )


def _more_nodes(tree: Tree, spacing: float) -> NDArray[np.float64]:
    """Return the nodes and those put between them, ``(node, 3)``.

    An edge is parted into as many parts as ``spacing`` goes into it, rounded down: most parts are
    longer than ``spacing``.
    """
    n_parts = np.maximum(np.floor(edge_lengths(tree) / spacing), 1).astype(np.int64)
    owners = np.repeat(np.arange(len(tree)), n_parts)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    there = np.where(tree.parents == NO_PARENT, np.arange(len(tree)), tree.parents)
    steps = (tree.points[there] - tree.points) / n_parts[:, None]
    points: NDArray[np.float64] = tree.points[owners] + steps[owners] * number[:, None]
    return points


def _apart(
    nodes: NDArray[np.float64], others: NDArray[np.float64], threshold: float
) -> tuple[float, float]:
    """Return the mean distance of the nodes that lie apart, and the share of those that do not."""
    search = cKDTree(np.round(others, _DIGITS), balanced_tree=False, compact_nodes=False)
    _, nearest = search.query(np.round(nodes, _DIGITS))
    gaps = np.linalg.norm(nodes - others[nearest], axis=1)
    is_apart = gaps >= threshold
    return float(gaps[is_apart].mean()) if is_apart.any() else 0.0, 1 - float(is_apart.mean())
