"""Tips and forks found again, as PyNeval 1.1.1 counts them (metric ``critical_node``).

Forks and tips of two tracings are paired one to one, as many as can be, none farther apart than a
tolerance; a tip may be paired with a fork. How many pairs there are is well defined, the mean
distance is not: of several largest pairings the one counts that PyNeval comes upon first, which
depends on the order of lines in the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.metric_kernels import CriticalGaps, pair_critical
from annotator.analysis.tracing.tree import NO_PARENT, count_children
from annotator.analysis.tracing.visiting import visiting_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalNodes:
    """Forks and tips of both trees; rates and ``mean_distance`` are None where nothing is paired.

    PyNeval divides by zero there.
    """

    n_gold: int
    n_test: int
    n_paired: int
    total_distance: float

    @property
    def mean_distance(self) -> float | None:
        """Distance of paired nodes, on average."""
        return self.total_distance / self.n_paired if self.n_paired else None

    @property
    def recall(self) -> float | None:
        """Share of the gold's forks and tips that are paired."""
        return self.n_paired / self.n_gold if self.n_paired else None

    @property
    def precision(self) -> float | None:
        """Share of the test's forks and tips that are paired."""
        return self.n_paired / self.n_test if self.n_paired else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        return 2 * self.n_paired / (self.n_gold + self.n_test) if self.n_paired else None


@dataclass(slots=True)
class _Step:
    """Who looks for a partner, whom it may still ask for, and whose place it takes."""

    one: int
    rest: Iterator[int]
    takes: int = -1


def critical_nodes(test: Tree, gold: Tree, *, tolerance: float = 2.0) -> CriticalNodes:
    """Return how many forks and tips of two trees are within ``tolerance`` of each other.

    A root of one child is a tip, a root of two is neither.
    """
    found = pair_critical(gold, test, tolerance) or _pair_critical(gold, test, tolerance)
    return CriticalNodes(
        n_gold=found.n_gold,
        n_test=found.n_test,
        n_paired=len(found.gaps),
        total_distance=float(found.gaps.sum()),
    )


def _pair_critical(gold: Tree, test: Tree, tolerance: float) -> CriticalGaps:
    """Do what the kernel does."""
    ours, theirs = gold.points[_critical_rows(gold)], test.points[_critical_rows(test)]
    pairs = _pair(_near(ours, theirs, tolerance), len(theirs))
    gaps = np.linalg.norm(ours[[a for a, _ in pairs]] - theirs[[b for _, b in pairs]], axis=1)
    return CriticalGaps(len(ours), len(theirs), gaps)


def _critical_rows(tree: Tree) -> NDArray[np.int64]:
    order = visiting_order(tree)
    n_children = count_children(tree)[order]
    is_root = tree.parents[order] == NO_PARENT
    is_fork = n_children > 1 + is_root
    is_tip = (n_children == 0) | (is_root & (n_children == 1))
    return np.concatenate([order[is_fork], order[is_tip]])


def _near(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], tolerance: float
) -> list[list[int]]:
    """Return for each of our points which of theirs are within the tolerance, ascending."""
    if not len(ours) or not len(theirs):
        return [[] for _ in ours]
    search = cKDTree(theirs)
    found: Iterable[list[int]] = search.query_ball_point(  # type: ignore[assignment]
        ours, tolerance, return_sorted=True
    )
    return list(found)


def _pair(near: list[list[int]], n_theirs: int) -> list[tuple[int, int]]:
    """Return a largest pairing, by augmenting paths in the order of the lists (Kuhn)."""
    partner_of = [-1] * n_theirs
    seen = [0] * len(near)
    open_ones = list(range(len(near)))
    turn, n_before = 0, -1
    while len(open_ones) != n_before:
        turn, n_before = turn + 1, len(open_ones)
        open_ones = [one for one in open_ones if not _augment(one, near, partner_of, seen, turn)]
    return sorted((ours, theirs) for theirs, ours in enumerate(partner_of) if ours >= 0)


def _augment(
    first: int, near: list[list[int]], partner_of: list[int], seen: list[int], turn: int
) -> bool:
    """Pair one more, by giving others another partner where it must be; tell whether it went."""
    path: list[_Step] = []
    one: int | None = first
    while one is not None:
        seen[one] = turn
        free = next((other for other in near[one] if partner_of[other] < 0), None)
        if free is not None:
            partner_of[free] = one
            for step in path:
                partner_of[step.takes] = step.one
            return True
        path.append(_Step(one, iter(near[one])))
        one = _whom_to_ask(path, partner_of, seen, turn)
    return False


def _whom_to_ask(
    path: list[_Step], partner_of: list[int], seen: list[int], turn: int
) -> int | None:
    """Let the last of the path ask for the next partner's place; who cannot is dropped from it."""
    while path:
        for other in path[-1].rest:
            if seen[partner_of[other]] != turn:
                path[-1].takes = other
                return partner_of[other]
        path.pop()
    return None
