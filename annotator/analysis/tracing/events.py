"""From how likely each node is wrong to where wrong parts begin.

A tracing is parted into right and wrong by the labelling of least cost along the tree: a node's
cost is how far its odds speak against its label, and each change of label from a parent to a child
costs as well, so that single nodes neither make nor break a part. The least is found exactly, in
one pass from the tips to the root and one back (dynamic programming, as Viterbi's on a chain). An
*event* is a connected wrong part; it begins at its first node on the child's side of the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import group_events
from annotator.analysis.tracing.tree import NO_PARENT, parents_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Flags = NDArray[np.bool_]

WRONG_FROM = 0.3
"""Probability at which a node by itself speaks for neither side: a look is asked, not a cut."""

BEGIN_COST, END_COST = 1.5, 1.5
"""What it costs that a wrong part begins, and that it ends before the tip, in units of log-odds."""

LENGTH_UM = 3.0
"""Cable that speaks with the full odds of its node; shorter edges say less, for themselves."""

_MOST_ODDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrongPart:
    """A connected part that is held wrong.

    Attributes
    ----------
    rows : ndarray
        Its nodes; the first is where it begins.
    score : float
        How likely it is wrong: the highest mean probability of its nodes within a short reach.
    """

    rows: Rows
    score: float

    @property
    def start(self) -> int:
        """Row of the node where it begins."""
        return int(self.rows[0])


def find_wrong_parts(
    course: Course,
    probability: NDArray[np.floating],
    *,
    threshold: float = WRONG_FROM,
    begin_cost: float = BEGIN_COST,
    end_cost: float = END_COST,
) -> list[WrongPart]:
    """Return where a tracing is held wrong.

    Parameters
    ----------
    probability : ndarray
        How likely each node is wrong, ``(node,)``; what is no number counts as right.
    threshold : float
        Probability at which a node by itself speaks for neither side, above 0 and below 1.
    """
    known = np.clip(np.nan_to_num(np.asarray(probability, np.float64)), 1e-6, 1 - 1e-6)
    against = np.log(threshold / (1 - threshold)) - np.log(known / (1 - known))
    weight = np.clip(course.lengths / LENGTH_UM, 0.1, 1.0)
    cost = np.clip(against, -_MOST_ODDS, _MOST_ODDS) * weight
    wrong = label_wrong(course, cost, begin_cost=begin_cost, end_cost=end_cost)
    calm = smooth_probability(course, known)
    return [
        WrongPart(rows=rows, score=float(calm[rows].max())) for rows in group_events(course, wrong)
    ]


def label_wrong(course: Course, cost: Floats, *, begin_cost: float, end_cost: float) -> Flags:
    """Return the labelling of least cost, ``(node,)``: true is wrong.

    ``cost`` is, for each node, what calling it wrong costs more than calling it right. Only the
    difference of the best costs of both labels is carried upwards: what a child adds to its
    parent's is its own, held between ``-begin_cost`` and ``end_cost``, since beyond these it
    changes its label. Nodes in loops and below them are right.
    """
    difference = cost.copy()
    levels = list(_levels(course))
    parents = course.tree.parents
    for rows in reversed(levels[1:]):
        np.add.at(difference, parents[rows], np.clip(difference[rows], -begin_cost, end_cost))
    wrong = np.zeros(len(cost), np.bool_)
    for rows in levels:
        is_root = parents[rows] == NO_PARENT
        below_wrong = wrong[course.parents[rows]] & ~is_root
        limit = np.where(is_root, 0.0, np.where(below_wrong, end_cost, -begin_cost))
        wrong[rows] = difference[rows] < limit
    return wrong


def _levels(course: Course) -> Iterator[Rows]:
    """Yield the rows of each depth, roots first; without loops and what hangs on them."""
    order = parents_first(course.tree)
    bounds = np.flatnonzero(np.diff(course.depth[order])) + 1
    yield from np.split(order, bounds)


def smooth_probability(course: Course, probability: Floats) -> Floats:
    """Return the mean of each node, its parent and its only child, weighed by cable."""
    weight = np.maximum(course.lengths, 1e-3)
    sums, weights = probability * weight, weight.copy()
    has_parent = np.flatnonzero(course.is_edge)
    above = course.parents[has_parent]
    only = course.n_children[above] == 1
    child, parent = has_parent[only], above[only]
    own, own_weight = sums.copy(), weight.copy()
    sums[has_parent] += own[above]
    weights[has_parent] += own_weight[above]
    sums[parent] += own[child]
    weights[parent] += own_weight[child]
    return np.asarray(sums / weights)
