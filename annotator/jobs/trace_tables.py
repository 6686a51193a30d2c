"""What was found in tracings and what was decided, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.jobs.table_files import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.domain.reading import Rater
    from annotator.domain.trace_review import FoundTraces, TraceVerdict
    from annotator.jobs.table_files import Value

_COLUMNS = (
    "finding", "check", "source", "severity", "node", "x_um", "y_um", "z_um", "value", "threshold",
    "unit", "impact_um", "probability", "at_stake_um", "tracers_for", "tracers_against", "why",
    "verdict", "reviewer", "reason", "comment", "verdict_node", "verdict_to",
)  # fmt: skip


def findings_table(
    found: FoundTraces, verdicts: Sequence[TraceVerdict], raters: Mapping[str, Rater]
) -> Table:
    """Return a row for each reason of each place, with the verdict on the place."""
    held = {verdict.region: verdict for verdict in verdicts}
    rows: list[Mapping[str, Value]] = []
    for item in found.items:
        verdict = held.get(item.region)
        reviewer = raters.get(verdict.reviewer_id) if verdict else None
        for reason in item.reasons:
            x, y, z = reason.point_um
            rows.append(
                {
                    "finding": item.region,
                    "check": reason.check,
                    "source": reason.source,
                    "severity": reason.severity,
                    "node": reason.node_id,
                    "x_um": x,
                    "y_um": y,
                    "z_um": z,
                    "value": reason.value,
                    "threshold": reason.threshold,
                    "unit": reason.unit,
                    "impact_um": reason.impact_um,
                    "probability": reason.probability,
                    "at_stake_um": reason.at_stake_um,
                    "tracers_for": list(reason.tracers_for),
                    "tracers_against": list(reason.tracers_against),
                    "why": reason.why,
                    "verdict": verdict.choice if verdict else "",
                    "reviewer": reviewer.name if reviewer else "",
                    "reason": verdict.reason if verdict else "",
                    "comment": verdict.comment if verdict else "",
                    "verdict_node": verdict.node_id if verdict else None,
                    "verdict_to": verdict.to_id if verdict else None,
                }
            )
    return Table(columns=_COLUMNS, rows=tuple(rows))
