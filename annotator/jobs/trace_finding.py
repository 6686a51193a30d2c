"""What may be wrong in the tracing of a case: one queue of checks, learned errors and disputes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.checks import CHECKS, check_tree
from annotator.analysis.tracing.lacking import find_lacking
from annotator.analysis.tracing.match_findings import MISSING, find_disputes
from annotator.analysis.tracing.tree import edge_lengths
from annotator.domain.trace_review import FoundTraces, TraceItem, TraceOffer
from annotator.jobs.trace_learning import find_learned, newest_detector
from annotator.jobs.traced_images import tracing_tolerance_um

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import Progress
    from annotator.domain.tracing import TraceFinding
    from annotator.jobs.trace_readings import TraceReadings
    from annotator.registry import Registry
    from annotator.store import Store

NEAR_UM = 5.0
"""Findings so near to each other are one place to look at."""

_NEAR_PER_TOLERANCE = 3

_Reason = tuple["TraceFinding", tuple[TraceOffer, ...]]


def find_traces(
    store: Store,
    registry: Registry,
    readings: TraceReadings,
    progress: Progress,
    *,
    actor: str,
) -> FoundTraces:
    """Return what may be wrong in the reviewed tracing, most at stake first; kept under its key.

    What was found before in exactly this tracing, beside exactly these others, with the same
    detector, is not looked for again: verdicts refer to it.
    """
    detector = newest_detector(store, registry)
    checked = (
        *CHECKS,
        *(() if detector is None else (f"learned: {detector.fit_id}",)),
        *(("tracers",) if readings.others else ()),
    )
    before = store.trace_findings(readings.case.case_id, readings.findings_key)
    if before is not None and (before.checked == checked or _is_decided(store, before)):
        progress(1.0, "found before")
        return before
    tree, image = readings.tree, readings.image
    progress(0.0, "checking the tree")
    reasons: list[_Reason] = [(finding, ()) for finding in check_tree(tree, image)]
    if detector is not None:
        progress(0.4, "judging every point")
        reasons += [(one, ()) for one in find_learned(store, registry, detector, readings)]
    progress(0.7, "comparing tracers")
    reasons += _disputes(readings)
    found = FoundTraces(
        case_id=readings.case.case_id,
        base_id=readings.base.annotation_id,
        findings_key=readings.findings_key,
        inputs=readings.annotation_ids,
        checked=checked,
        n_nodes=len(tree),
        n_voxels=int(image.voxels.size),
        cable_um=float(np.nansum(edge_lengths(tree))),
        items=merge_reasons(reasons),
    )
    if not store.is_read_only:
        store.put_trace_findings(found, actor=actor)
    progress(1.0, f"{len(found.items)} places to look at")
    return found


def _is_decided(store: Store, found: FoundTraces) -> bool:
    """Whether verdicts hold on findings: another queue would move the places under them."""
    return bool(store.trace_verdicts(found.case_id, found.findings_key))


def _disputes(readings: TraceReadings) -> list[_Reason]:
    """Return where tracers differ from the reviewed one; what it lacks with what could be taken."""
    others = readings.others
    if not others or not len(readings.tree):
        return []
    tolerance = tracing_tolerance_um(readings.image.spacing_um)
    names = {one: readings.name_of(one) for one in readings.annotation_ids}
    by_name = {name: readings.trees[one] for one, name in names.items()}
    disputes = find_disputes(by_name, tolerance=tolerance)[names[readings.base.annotation_id]]
    lacks_any = any(finding.check == MISSING for finding in disputes)
    trees = [readings.trees[one.annotation_id] for one in others] if lacks_any else []
    lacking = find_lacking(readings.tree, trees, tolerance_um=tolerance)
    found: list[_Reason] = []
    for finding in disputes:
        offers = tuple(
            TraceOffer(
                annotation_id=others[branch.other].annotation_id,
                rater_id=others[branch.other].rater_id,
                node_ids=branch.node_ids,
                to_id=branch.to_id,
                length_um=branch.length_um,
            )
            for branch in lacking
            if finding.check == MISSING
            and branch.distance_um(finding.point_um) <= _NEAR_PER_TOLERANCE * tolerance
        )
        found.append((finding, offers))
    return found


def merge_reasons(reasons: Sequence[_Reason], near_um: float = NEAR_UM) -> tuple[TraceItem, ...]:
    """Return places to look at, most at stake first: reasons near each other are one place.

    Each place is that of its worst reason; others within ``near_um`` of it join it.
    """
    order = sorted(
        range(len(reasons)),
        key=lambda at: (-reasons[at][0].at_stake_um, reasons[at][0].node_id, reasons[at][0].check),
    )
    points = np.array([finding.point_um for finding, _ in reasons], np.float64).reshape(-1, 3)
    near = cKDTree(np.nan_to_num(points, posinf=0.0, neginf=0.0)) if len(points) else None
    is_taken = np.zeros(len(reasons), np.bool_)
    items: list[TraceItem] = []
    for at in order:
        if is_taken[at] or near is None:
            continue
        beside = set(near.query_ball_point(near.data[at], near_um))
        joined = [other for other in order if other in beside and not is_taken[other]]
        is_taken[joined] = True
        items.append(
            TraceItem(
                region=len(items) + 1,
                reasons=tuple(reasons[other][0] for other in joined),
                offers=tuple(offer for other in joined for offer in reasons[other][1]),
            )
        )
    return tuple(items)
