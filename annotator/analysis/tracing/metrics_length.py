"""How much cable two tracings share: length precision and recall within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.tracing.cable import Cable, sample_cable

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree

_STEPS_PER_TOLERANCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLength:
    """Cable of each tree, in the trees' unit, and how much of it lies near the other's.

    ``recall``, ``precision`` and ``f1`` are None where there is no cable to judge.
    """

    test: float
    test_shared: float
    gold: float
    gold_shared: float
    tolerance: float

    @property
    def precision(self) -> float | None:
        """The share of the test's cable that lies near the gold's."""
        return min(self.test_shared / self.test, 1.0) if self.test > 0 else None

    @property
    def recall(self) -> float | None:
        """The share of the gold's cable that lies near the test's."""
        return min(self.gold_shared / self.gold, 1.0) if self.gold > 0 else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        precision, recall = self.precision, self.recall
        if precision is None or recall is None:
            return None
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def shared_length(test: Tree, gold: Tree, *, tolerance: float) -> SharedLength:
    """Return how much of each tree's cable lies within ``tolerance`` of the other's.

    Cable is cut into pieces of at most a quarter of the tolerance; a piece counts by its middle,
    whose distance to the other cable (not only to its nodes) is exact.
    """
    cables = Cable(test), Cable(gold)
    shared: list[float] = []
    for own, other in (cables, cables[::-1]):
        samples = sample_cable(own, tolerance / _STEPS_PER_TOLERANCE)
        is_near = other.nearest(samples.points).distances <= tolerance
        shared.append(float(samples.lengths[is_near].sum()))
    return SharedLength(
        test=float(cables[0].lengths.sum()),
        test_shared=shared[0],
        gold=float(cables[1].lengths.sum()),
        gold_shared=shared[1],
        tolerance=tolerance,
    )
