"""What a judgement of every node is worth: by points, by errors, by events, by a reviewer's way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.tracing.course import Course, group_events, trace_course
from annotator.analysis.tracing.events import find_wrong_parts, smooth_probability
from annotator.analysis.tracing.events_scoring import (
    EventScore,
    recall_at,
    score_events,
    share_seen,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tracing_detector_sets import Traced

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

FALSE_POINTS = 0.014
NEAR_UM = 10.0
RATES = (0.5, 1.0, 2.0, 5.0)
THRESHOLDS = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97)
USUAL = 6
"""Place of the threshold that the program uses."""
SHARES = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0])
TWENTY = 4
N_DRAWN = 500


@dataclass(kw_only=True, eq=False)
class Case:
    """A tracing with what is true of it; errors shorter than ``least_um`` are none."""

    traced: Traced
    least_um: float

    @cached_property
    def course(self) -> Course:
        """The course of the tracing."""
        return trace_course(self.traced.tree)

    @cached_property
    def errors(self) -> list[Rows]:
        """Nodes of each error, where it begins first; errors of different kinds are two."""
        kinds = np.unique(self.traced.kind[self.traced.kind >= 0])
        found = [
            rows
            for kind in kinds
            for rows in group_events(self.course, self.traced.kind == kind, bridge=1)
        ]
        return [rows for rows in found if self.course.lengths[rows].sum() >= self.least_um]

    @cached_property
    def starts(self) -> Rows:
        """Where errors begin."""
        return np.array([rows[0] for rows in self.errors], np.int64)

    @cached_property
    def alerts_of_checks(self) -> list[tuple[float, int, Rows]]:
        """Probability, first node and nodes of each finding of the checks, the likeliest first."""
        row_of = {int(node): row for row, node in enumerate(self.traced.tree.ids)}
        found = []
        for one in self.traced.findings:
            rows = np.array([row_of[node] for node in one.node_ids if node in row_of], np.int64)
            if len(rows):
                found.append((one.probability, int(rows[0]), rows))
        return sorted(found, key=lambda alert: -alert[0])

    @cached_property
    def points_of_checks(self) -> Floats:
        """The highest probability of a finding that covers each node."""
        values = np.zeros(len(self.traced.tree))
        for probability, _, rows in self.alerts_of_checks:
            values[rows] = np.maximum(values[rows], probability)
        return values


def at_fixed_points(cases: Sequence[Case], values: Sequence[Floats]) -> dict[str, Any]:
    """Return what is found where 1.4 % of the right points are alerted; intervals by neuron.

    Ties at the limit are not alerted. An error is touched where one of its points is alerted.
    """
    parts: dict[str, tuple[list[Floats], list[Floats], list[Floats]]] = {}
    for case, value in zip(cases, values, strict=True):
        right, wrong, best = parts.setdefault(case.traced.neuron, ([], [], []))
        right.append(value[~case.traced.is_wrong])
        wrong.append(value[case.traced.is_wrong])
        best.append(np.array([value[rows].max() for rows in case.errors]))
    by_neuron = [tuple(np.concatenate(own) for own in parts[name]) for name in sorted(parts)]

    def shares(drawn: Rows) -> tuple[float, float]:
        right, wrong, best = (
            np.concatenate([by_neuron[one][kind] for one in drawn]) for kind in range(3)
        )
        limit = np.quantile(right, 1 - FALSE_POINTS)
        return float((wrong > limit).mean()), float((best > limit).mean())

    everybody = np.arange(len(by_neuron))
    random = np.random.default_rng(0)
    drawn = [shares(random.choice(everybody, len(everybody))) for _ in range(N_DRAWN)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    whole = shares(everybody)
    every_right = np.concatenate([one[0] for one in by_neuron])
    limit = float(np.quantile(every_right, 1 - FALSE_POINTS))
    names = ("points", "errors touched")
    return {
        **{
            name: [round(float(value), 3) for value in (whole[k], low[k], high[k])]
            for k, name in enumerate(names)
        },
        "limit": round(limit, 3),
        "false": round(float((every_right > limit).mean()), 4),
    }


def touched_by_kind(
    cases: Sequence[Case], values: Sequence[Floats], limit: float, kinds: Sequence[str]
) -> dict[str, list[int]]:
    """Return how many errors of each kind are touched above a limit, and how many there are."""
    counts: dict[str, list[int]] = {}
    for case, value in zip(cases, values, strict=True):
        for rows in case.errors:
            entry = counts.setdefault(kinds[int(case.traced.kind[rows[0]])], [0, 0])
            entry[0] += bool((value[rows] > limit).any())
            entry[1] += 1
    return counts


def curve_of_judged(cases: Sequence[Case], values: Sequence[Floats]) -> list[EventScore]:
    """Return the events' scores over thresholds."""
    found = []
    for threshold in THRESHOLDS:
        total = EventScore()
        for case, value in zip(cases, values, strict=True):
            parts = find_wrong_parts(case.course, value, threshold=threshold)
            total += _score(case, np.array([part.start for part in parts], np.int64))
        found.append(total)
    return found


def curve_of_checks(cases: Sequence[Case]) -> list[EventScore]:
    """Return the findings' scores as their probability falls."""
    limits = sorted({round(a[0], 2) for case in cases for a in case.alerts_of_checks}, reverse=True)
    found = []
    for limit in limits[:: max(1, len(limits) // 20)]:
        total = EventScore()
        for case in cases:
            starts = [row for value, row, _ in case.alerts_of_checks if value >= limit]
            total += _score(case, np.array(starts, np.int64))
        found.append(total)
    return found


def _score(case: Case, alerts: Rows) -> EventScore:
    wrong = case.traced.is_wrong
    return score_events(case.course, alerts, case.starts, wrong, within_um=NEAR_UM)


def told(curve: Sequence[EventScore], place: int | None = None) -> dict[str, Any]:
    """Return recall at fixed false alerts, and the facts at one place of the curve."""
    found: dict[str, Any] = {f"{rate:g}": round(recall_at(curve, rate), 3) for rate in RATES}
    if place is not None:
        one = curve[place]
        inside = one.n_alerts - one.n_false
        found["usual"] = {
            "recall": round(one.recall, 3),
            "precision": round(one.precision, 3),
            "on wrong cable": round(inside / max(one.n_alerts, 1), 3),
            "alerts_per_mm": round(one.alerts_per_mm, 2),
            "false_per_mm": round(one.false_per_mm, 2),
            "off_um": [round(float(q), 2) for q in np.quantile(one.off_um, [0.5, 0.9])],
        }
    return found


def reviewed(cases: Sequence[Case], orders: Sequence[Rows]) -> list[float]:
    """Return the share of errors seen by a reviewer after each of `SHARES` of each cable."""
    seen = np.zeros(len(SHARES), np.int64)
    for case, order in zip(cases, orders, strict=True):
        seen += share_seen(case.course, order, case.starts, around_um=NEAR_UM, shares=SHARES)
    return [round(float(one), 3) for one in seen / sum(len(case.starts) for case in cases)]


def order_of_judged(case: Case, value: Floats) -> Rows:
    """Return events of falling thresholds, the likeliest first, then nodes by probability."""
    found: list[int] = []
    for threshold in (0.5, 0.3, 0.1, 0.03):
        parts = find_wrong_parts(case.course, value, threshold=threshold)
        found += [part.start for part in sorted(parts, key=lambda part: -part.score)]
    rest = np.argsort(-smooth_probability(case.course, value), kind="stable")
    return np.array(list(dict.fromkeys([*found, *rest.tolist()])), np.int64)


def order_of_checks(case: Case, random: np.random.Generator) -> Rows:
    """Return where findings begin, the likeliest first, then the rest by chance."""
    found = [row for _, row, _ in case.alerts_of_checks]
    rest = random.permutation(len(case.traced.tree)).tolist()
    return np.array(list(dict.fromkeys([*found, *rest])), np.int64)
