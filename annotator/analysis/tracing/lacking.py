"""Branches of other tracings that one lacks, as they could be taken over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.course import group_events, trace_course
from annotator.analysis.tracing.match import match_trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

_SHORTEST_PER_TOLERANCE = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LackingBranch:
    """A branch that another tracing has.

    Attributes
    ----------
    other : int
        Which of the others it is of.
    node_ids : tuple of int
        Its nodes in that tracing, parents before children.
    points : ndarray
        Where it leaves, then its nodes, ``(1 + node, 3)`` µm.
    to_id : int
        The node of the reviewed tracing that lies nearest to where it leaves.
    length_um : float
        Its cable.
    """

    other: int
    node_ids: tuple[int, ...]
    points: NDArray[np.float64]
    to_id: int
    length_um: float

    def distance_um(self, point_um: Sequence[float]) -> float:
        """Return how far the branch is from a point at its nearest node."""
        gaps = np.linalg.norm(self.points - np.asarray(point_um), axis=1)
        return float(np.nanmin(gaps))


def find_lacking(
    base: Tree, others: Sequence[Tree], *, tolerance_um: float
) -> tuple[LackingBranch, ...]:
    """Return the branches of other tracings along which the reviewed one does not run.

    An edge is lacking where the reviewed tracing runs along less than half of it, within the
    tolerance and in its direction (`match_trees`); edges that hang together are one branch. What
    is shorter than twice the tolerance is none.
    """
    is_placed = np.isfinite(base.points).all(axis=1)
    if not others or not is_placed.any():
        return ()
    matched = match_trees([base, *others], tolerance=tolerance_um)
    nearest = cKDTree(base.points[is_placed])
    ids = base.ids[is_placed]
    found: list[LackingBranch] = []
    for other, tree in enumerate(others):
        fine, shared = matched.trees[other + 1], matched.shared[other + 1]
        whole = np.bincount(fine.origins, fine.lengths, len(tree))
        along = np.bincount(fine.origins, fine.lengths * shared[:, 0], len(tree))
        course = trace_course(tree)
        for rows in group_events(course, 2 * along < whole):
            length = float(course.lengths[rows].sum())
            if length < _SHORTEST_PER_TOLERANCE * tolerance_um:
                continue
            leaves = tree.points[course.parents[rows[:1]]]
            found.append(
                LackingBranch(
                    other=other,
                    node_ids=tuple(int(one) for one in tree.ids[rows]),
                    points=np.concatenate([leaves, tree.points[rows]]),
                    to_id=int(ids[nearest.query(leaves[0])[1]]),
                    length_um=length,
                )
            )
    return tuple(found)
