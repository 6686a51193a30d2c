"""Traced cases in the reviewer's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.jobs.trace_readings import TraceReadings
from annotator.session.queue_entry import QueueEntry, QueueState

if TYPE_CHECKING:
    from collections.abc import Collection

    from annotator.domain.study import Case
    from annotator.store import Store


def trace_entries(store: Store, withheld: Collection[str]) -> list[QueueEntry]:
    """Return the traced cases that a reviewer may see and that somebody has traced."""
    return [
        _entry(store, case)
        for case in store.tracing_cases()
        if case.case_id not in withheld and store.annotations(case.case_id)
    ]


def _entry(store: Store, case: Case) -> QueueEntry:
    readings = TraceReadings.load(store, case.case_id)
    found = store.trace_findings(case.case_id)
    is_current = found is not None and set(found.inputs) == set(readings.annotation_ids)
    items = found.items if found is not None and is_current else ()
    decided: set[int] = set()
    if found is not None and is_current:
        held = store.trace_verdicts(case.case_id, found.findings_key)
        decided = {verdict.region for verdict in held}
    state: QueueState = "open" if decided else "waiting"
    note = "" if is_current else "not looked through yet"
    signed = store.trace_sign_off(case.case_id)
    if signed is not None:
        n_new = len(set(readings.annotation_ids) - set(signed.found.inputs))
        if n_new:
            note = f"{n_new} tracings came in after the sign-off; review it again"
        else:
            state = "signed off"
    return QueueEntry(
        case_id=case.case_id,
        title=case.title,
        score=None,
        state=state,
        n_regions=len(items),
        n_decided=len(decided),
        n_readings=len(readings.annotations),
        note=note,
        reads="tracing",
        at_stake_um=sum(item.at_stake_um for item in items if item.region not in decided),
    )
