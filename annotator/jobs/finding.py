"""Where the readings of a case disagree, kept under the key of exactly these readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.disagreement import find_regions
from annotator.analysis.overlap import summarise
from annotator.analysis.ranking import case_score
from annotator.jobs.contour_errors import with_contours
from annotator.jobs.label_errors import with_rejected

if TYPE_CHECKING:
    from annotator.analysis.runs import MaskRuns
    from annotator.domain.review import CaseScore, Finding, VoteSummary
    from annotator.jobs.readings import Readings
    from annotator.store import Store


def keep_votes(store: Store, readings: Readings, *, actor: str) -> VoteSummary:
    """Keep how often the raters voted in each way, for the comparison of many cases.

    Returns how far they agree; keeps nothing where the project cannot be written.
    """
    votes = readings.votes
    places = np.searchsorted(votes.labels, votes.patterns).astype(np.uint16)
    summary = summarise(places, votes.counts, votes.labels)
    if store.is_read_only:
        return summary
    store.put_votes(
        readings.case.case_id,
        readings.findings_key,
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        summary=summary,
        actor=actor,
    )
    return summary


def find_readings(
    store: Store, readings: Readings, *, actor: str
) -> tuple[CaseScore, tuple[Finding, ...], MaskRuns]:
    """Find the disputed regions in the readings of a case, worst first; keep them where new.

    After them come those where all agree but a check of labels rejects what was drawn, or a check
    of contours holds it wrong.

    The last part of the result holds per voxel the number of its region, or 0.
    """
    readings.require_two()
    case_id = readings.case.case_id
    findings, regions = find_regions(
        readings.votes,
        readings.series.geometry,
        rater_ids=readings.rater_ids,
        case_id=case_id,
        schema=readings.schema,
    )
    score = case_score(
        readings.votes,
        readings.series.geometry,
        findings,
        case_id=case_id,
        schema=readings.schema,
        diagnoses=[entry.diagnosis for entry in readings.annotations],
    )
    findings, regions = with_rejected(store, readings, findings, regions)
    findings, regions = with_contours(store, readings, findings, regions)
    # Cases that were compared before structures were scored are scored anew.
    is_known = (
        store.findings(case_id) == (readings.findings_key, findings)
        and store.case_score(case_id) == score
    )
    if not is_known and not store.is_read_only:
        store.put_findings(case_id, readings.findings_key, score, findings, actor=actor)
        keep_votes(store, readings, actor=actor)
    return score, findings, regions
