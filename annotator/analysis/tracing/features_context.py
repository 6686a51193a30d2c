"""What lies around a node along the tree: means towards the root, outwards, by section, below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import climb, reach_out
from annotator.analysis.tracing.tree import NO_PARENT, parents_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course

    Floats = NDArray[np.float64]

INWARD_UM = (15.0, 100.0)
OUTWARD_UM = 25.0
CONTEXTS = (
    *(f"{reach:g} inward" for reach in INWARD_UM),
    f"{OUTWARD_UM:g} outward",
    "in section",
    "in section before",
    "below",
    "in tree",
)
"""Where the means of `gather_context` are taken, in the order of its columns."""

_LEAST_UM = 1e-3
"""Edges without length still count a little, so that no mean is of nothing."""


def gather_context(course: Course, values: Floats) -> Floats:
    """Return means of values around each node, weighed by cable.

    Parameters
    ----------
    values : ndarray
        ``(node, value)``.

    Returns
    -------
    ndarray
        ``(node, context, value)``, contexts as in `CONTEXTS`. Where there is no such cable (no
        section before a root) the node's own values stand.
    """
    weights = np.maximum(course.lengths, _LEAST_UM)
    weighed = np.concatenate([values * weights[:, None], weights[:, None]], axis=1)
    above = sum_above(course, weighed)
    rows = np.arange(len(values))
    sums = [above - above[climb(course, rows, reach)] for reach in INWARD_UM]
    sums.append(above[reach_out(course, OUTWARD_UM)] - above)
    of_section = _of_sections(course, weighed)
    before = (
        np.where(course.section >= 0, course.heads[course.section], rows)
        if len(course.heads)
        else rows
    )
    sums += [of_section, np.where((before != rows)[:, None], of_section[before], 0.0)]
    sums.append(sum_each_below(course, weighed))
    sums.append(np.broadcast_to(weighed.sum(axis=0), weighed.shape))
    return np.stack([_mean(one, values) for one in sums], axis=1)


def _mean(sums: Floats, own: Floats) -> Floats:
    weight = sums[:, -1:]
    has_any = weight > _LEAST_UM / 2
    return np.where(has_any, sums[:, :-1] / np.where(has_any, weight, 1.0), own)


def _of_sections(course: Course, weighed: Floats) -> Floats:
    """Return the sums of each node's section, ``(node, value)``; 0 for nodes of none."""
    found = np.zeros_like(weighed)
    if course.n_sections:
        sums = np.add.reduceat(weighed[course.rows], course.bounds[:-1], axis=0)
        inside = course.section >= 0
        found[inside] = sums[course.section[inside]]
    return found


def sum_above(course: Course, values: Floats) -> Floats:
    """Return sums from the root to each node, its own among them, ``(node, value)``.

    The root itself counts for nothing: its edge is none.
    """
    ahead = course.parents.copy()
    total = np.where((course.tree.parents == NO_PARENT)[:, None], 0.0, values)
    for _ in range(max(1, int(course.depth.max(initial=0))).bit_length()):
        total = total + total[ahead]
        ahead = ahead[ahead]
    return total


def sum_each_below(course: Course, values: Floats) -> Floats:
    """Return the sums of each node and all below it, ``(node, value)``."""
    sums = values.copy()
    order = parents_first(course.tree)
    outer = order[course.depth[order] > 0]
    bounds = np.flatnonzero(np.diff(course.depth[outer])) + 1
    for level in reversed(np.split(outer, bounds)):
        np.add.at(sums, course.tree.parents[level], sums[level])
    return sums
