"""How well found beginnings of errors agree with the true ones, along the tree.

A true error is *hit* by one alert that begins within a reach of its beginning, measured along the
tree; each alert hits one error at most. What is left of the alerts is *inside* where it begins on a
wrong part, and *false* where it begins on a right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from annotator.analysis.tracing.course import group_events
from annotator.analysis.tracing.shape_contacts import find_meetings
from annotator.analysis.tracing.tree import NO_PARENT, child_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScore:
    """Counts of one or several trees; they add up.

    Attributes
    ----------
    n_errors, n_hit : int
        True errors, and those hit.
    n_alerts, n_inside, n_false : int
        Alerts, and of those that hit nothing how many begin on a wrong part, and on a right one.
    cable_um : float
        Cable that was looked through.
    off_um : tuple of float
        How far along the tree each hit is from the true beginning.
    """

    n_errors: int = 0
    n_hit: int = 0
    n_alerts: int = 0
    n_inside: int = 0
    n_false: int = 0
    cable_um: float = 0.0
    off_um: tuple[float, ...] = ()

    def __add__(self, other: EventScore) -> EventScore:
        """Return the counts of both."""
        return EventScore(
            n_errors=self.n_errors + other.n_errors,
            n_hit=self.n_hit + other.n_hit,
            n_alerts=self.n_alerts + other.n_alerts,
            n_inside=self.n_inside + other.n_inside,
            n_false=self.n_false + other.n_false,
            cable_um=self.cable_um + other.cable_um,
            off_um=self.off_um + other.off_um,
        )

    @property
    def recall(self) -> float:
        """Share of the errors that are hit; NaN without errors."""
        return self.n_hit / self.n_errors if self.n_errors else float("nan")

    @property
    def precision(self) -> float:
        """Share of the alerts that hit; NaN without alerts."""
        return self.n_hit / self.n_alerts if self.n_alerts else float("nan")

    @property
    def false_per_mm(self) -> float:
        """Alerts on right cable for each mm; NaN without cable."""
        return 1000 * self.n_false / self.cable_um if self.cable_um else float("nan")

    @property
    def alerts_per_mm(self) -> float:
        """Alerts for each mm of cable; NaN without cable."""
        return 1000 * self.n_alerts / self.cable_um if self.cable_um else float("nan")


def true_starts(course: Course, wrong: Flags, *, least_um: float = 0.0, bridge: int = 0) -> Rows:
    """Return the first node of each connected wrong part with at least so much cable."""
    events = group_events(course, wrong, bridge=bridge)
    return np.array(
        [int(rows[0]) for rows in events if course.lengths[rows].sum() >= least_um], np.int64
    )


def distance_along(course: Course, one: Rows, other: Rows) -> Floats:
    """Return the cable between all nodes of either list, ``(one, other)`` µm; infinite apart."""
    pairs = np.repeat(one, len(other)), np.tile(other, len(one))
    meeting = course.root_um[find_meetings(course, *pairs)]
    found = course.root_um[pairs[0]] + course.root_um[pairs[1]] - 2 * meeting
    apart = course.piece[pairs[0]] != course.piece[pairs[1]]
    return np.where(apart, np.inf, np.maximum(found, 0.0)).reshape(len(one), len(other))


def score_events(
    course: Course, alerts: Rows, starts: Rows, wrong: Flags, *, within_um: float
) -> EventScore:
    """Return how alerts that begin at nodes agree with the true beginnings of errors.

    As many errors as possible are hit, and of all ways to do so the nearest is taken.
    """
    distance = distance_along(course, alerts, starts)
    is_near = distance <= within_um
    # A pair more is worth more than any nearness.
    price = np.where(is_near, distance, within_um * (1.0 + max(distance.shape)) + 1.0)
    took, hit = linear_sum_assignment(price)
    good = is_near[took, hit]
    is_hit = np.zeros(len(alerts), np.bool_)
    is_hit[took[good]] = True
    rest = alerts[~is_hit]
    # What begins as near a beginning is no false alert, though another one hit it.
    inside = wrong[rest] | is_near[~is_hit].any(axis=1)
    return EventScore(
        n_errors=len(starts),
        n_hit=int(good.sum()),
        n_alerts=len(alerts),
        n_inside=int(inside.sum()),
        n_false=int((~inside).sum()),
        cable_um=float(course.lengths.sum()),
        off_um=tuple(float(one) for one in distance[took[good], hit[good]]),
    )


def recall_at(curve: Sequence[EventScore], false_per_mm: float) -> float:
    """Return the highest recall of a curve over thresholds at no more false alerts a mm; else 0."""
    fits = [one.recall for one in curve if one.false_per_mm <= false_per_mm]
    return max(fits, default=0.0)


def share_seen(
    course: Course, order: Rows, starts: Rows, *, around_um: float, shares: Floats
) -> NDArray[np.int64]:
    """Return how many errors a reviewer has seen after each share of the cable, ``(share,)``.

    Parameters
    ----------
    order : ndarray
        Rows of nodes in the order in which the reviewer goes to them, each once at most; each time
        the cable within ``around_um`` of the node is looked at, and counts once.
    starts : ndarray
        Where errors begin. One is seen when its node is looked at.
    shares : ndarray
        Of the tree's cable, 0 to 1.
    """
    looked = np.full(len(course.tree), np.inf)
    spent, total = 0.0, float(course.lengths.sum())
    for rows in _within(course, order, around_um):
        new = rows[np.isinf(looked[rows])]
        spent += float(course.lengths[new].sum())
        looked[new] = spent / total if total else 0.0
    seen: NDArray[np.int64] = (looked[starts][None] <= shares[:, None] + 1e-12).sum(axis=1)
    return seen


def _within(course: Course, order: Rows, around_um: float) -> Iterator[Rows]:
    """Yield the rows within a reach of each node along the tree, its own first."""
    starts, children = child_lists(course.tree)
    parents, lengths = course.tree.parents, course.lengths
    for row in order.tolist():
        found, left = {row: 0.0}, [row]
        while left:
            at = left.pop()
            below = children[starts[at] : starts[at + 1]].tolist()
            steps = [(child, lengths[child]) for child in below]
            if parents[at] != NO_PARENT:
                steps.append((int(parents[at]), lengths[at]))
            for other, step in steps:
                far = found[at] + step
                if other not in found and far <= around_um:
                    found[other] = far
                    left.append(other)
        yield np.fromiter(found, np.int64, len(found))
