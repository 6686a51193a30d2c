"""Agreement over time: by week, and in the order in which each rater submitted."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.bland_altman import Estimate, slope_of
from annotator.jobs.agreement_facts import DriftRow, OrderPoint, WeekRow
from annotator.jobs.agreement_means import mean_over_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.jobs.agreement_cases import CaseFacts

_READINGS_A_SLOPE = 10
"""A slope is told over so many readings, and of nobody who has fewer."""


def reading_orders(cases: Sequence[CaseFacts]) -> dict[str, tuple[OrderPoint, ...]]:
    """Return each rater's readings as they were submitted: mean Dice with the others' majority."""
    found: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for case in cases:
        for rater_id in case.rater_ids:
            own = [
                entry
                for entry in case.raters
                if entry.rater_id == rater_id and entry.reference == "others"
            ]
            dice = [entry.dice for entry in own if entry.dice is not None]
            if dice:
                place = (own[0].submitted_at, case.case.case_id, float(np.mean(dice)))
                found[rater_id].append(place)
    return {
        rater_id: tuple(
            OrderPoint(number=number, submitted_at=at, case_id=case_id, dice=dice)
            for number, (at, case_id, dice) in enumerate(sorted(readings), 1)
        )
        for rater_id, readings in found.items()
    }


def drift_rows(
    orders: dict[str, tuple[OrderPoint, ...]], raters: Sequence[str]
) -> tuple[DriftRow, ...]:
    """Return whether each rater's agreement changed over their readings."""
    rows = []
    for rater_id in raters:
        points = orders.get(rater_id, ())
        if not points:
            continue
        slope = None
        if len(points) >= _READINGS_A_SLOPE:
            slope = slope_of(
                np.array([point.number for point in points], np.float64),
                np.array([point.dice for point in points], np.float64),
            )
        rows.append(
            DriftRow(
                rater_id=rater_id, slope=None if slope is None else _over_ten(slope), points=points
            )
        )
    return tuple(rows)


def week_rows(
    orders: dict[str, tuple[OrderPoint, ...]], pooled: frozenset[str]
) -> tuple[WeekRow, ...]:
    """Return the agreement of the readings of each week, of the ``pooled`` raters."""
    weeks: dict[str, list[float]] = defaultdict(list)
    for rater_id in sorted(pooled & orders.keys()):
        for point in orders[rater_id]:
            day = datetime.fromisoformat(point.submitted_at).date()
            weeks[(day - timedelta(days=day.weekday())).isoformat()].append(point.dice)
    return tuple(WeekRow(week=week, dice=mean_over_cases(weeks[week])) for week in sorted(weeks))


def _over_ten(slope: Estimate) -> Estimate:
    return Estimate(
        value=slope.value * _READINGS_A_SLOPE,
        low=slope.low * _READINGS_A_SLOPE,
        high=slope.high * _READINGS_A_SLOPE,
    )
