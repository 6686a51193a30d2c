"""Substantial spatial distance of two tracings, as PyNeval 1.1.1 counts it (metric ``ssd``).

Peng et al., Nature Biotechnology 28 (2010) 348; Zhang et al., Bioinformatics 38 (2022) 2368.
Nodes are counted after long edges got more of them. PyNeval looks for the nearest node among places
rounded to hundredths of the unit and then measures the distance without rounding: with coordinates
far below 1 (millimetres, say) its number means nothing. The same is done here. Of nodes that are as
near as each other the first counts, in the order of rows; PyNeval takes what its search tree comes
upon first, so that its score may differ by some 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.metric_kernels import measure_apart
from annotator.analysis.tracing.tree import NO_PARENT, edge_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

    Floats = NDArray[np.float64]

_DIGITS = 2
_SLACK = 1e-9
_ALMOST = 1e-6


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
    there_and_back = measure_apart(test, gold, spacing, 10.0**_DIGITS) or _measure_apart(
        test, gold, spacing
    )
    (test_score, precision), (gold_score, recall) = (
        _apart(gaps, threshold) for gaps in there_and_back
    )
    both = recall + precision
    return SubstantialDistance(
        score=(gold_score + test_score) / 2,
        recall=recall,
        precision=precision,
        f1=2 * recall * precision / both if both else 0.0,
    )


def _more_nodes(tree: Tree, spacing: float) -> Floats:
    """Return the nodes and those put between them, ``(node, 3)``.

    An edge is parted into as many parts as ``spacing`` goes into it, rounded down: most parts are
    longer than ``spacing``.
    """
    n_parts = np.maximum(np.floor(edge_lengths(tree) / spacing), 1).astype(np.int64)
    owners = np.repeat(np.arange(len(tree)), n_parts)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    there = np.where(tree.parents == NO_PARENT, np.arange(len(tree)), tree.parents)
    steps = (tree.points[there] - tree.points) / n_parts[:, None]
    points: Floats = tree.points[owners] + steps[owners] * number[:, None]
    return points


def _measure_apart(test: Tree, gold: Tree, spacing: float) -> tuple[Floats, Floats]:
    """Do what the kernel does."""
    nodes, others = _more_nodes(test, spacing), _more_nodes(gold, spacing)
    return _gaps(nodes, others), _gaps(others, nodes)


def _gaps(nodes: Floats, others: Floats) -> Floats:
    """Return how far each node lies from the first of the others that are nearest when rounded."""
    rounded, others_rounded = _rounded(nodes), _rounded(others)
    search = cKDTree(others_rounded, balanced_tree=False, compact_nodes=False)
    answer = search.query(rounded, k=[1, 2])
    gaps, found = np.asarray(answer[0]), np.asarray(answer[1])
    nearest = found[:, 0]
    # Of nodes as near as each other the search returns any.
    is_tied = (gaps[:, 1] <= gaps[:, 0] * (1 + _SLACK)) & np.isfinite(gaps[:, 1])
    for tied in np.flatnonzero(is_tied).tolist():
        near = search.query_ball_point(
            rounded[tied], gaps[tied, 0] * (1 + _SLACK), return_sorted=True
        )
        squares = (others_rounded[near] - rounded[tied]) ** 2
        nearest[tied] = near[int(((squares[:, 0] + squares[:, 1]) + squares[:, 2]).argmin())]
    lengths: Floats = np.linalg.norm(nodes - others[nearest], axis=1)
    return lengths


def _rounded(places: Floats) -> Floats:
    """Round as Python does, by the exact value: 0.125 is a half, 0.145 a little less than one."""
    rounded = np.round(places, _DIGITS)
    scaled = places * 10.0**_DIGITS
    is_almost_half = np.abs(scaled - np.floor(scaled) - 0.5) < _ALMOST
    rounded[is_almost_half] = [round(place, _DIGITS) for place in places[is_almost_half].tolist()]
    return rounded


def _apart(gaps: Floats, threshold: float) -> tuple[float, float]:
    """Return the mean distance of the nodes that lie apart, and the share of those that do not."""
    is_apart = gaps >= threshold
    return float(gaps[is_apart].mean()) if is_apart.any() else 0.0, 1 - float(is_apart.mean())
