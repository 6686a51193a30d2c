"""Where the readings of a case disagree, kept under the key of exactly these readings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.disagreement import find_regions
from annotator.analysis.group_votes import summary_of
from annotator.analysis.label_tables import mapped
from annotator.analysis.overlap import summarise
from annotator.analysis.ranking import case_score
from annotator.jobs.contour_errors import with_contours
from annotator.jobs.label_errors import with_rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.domain.review import CaseScore, Finding, VoteSummary
    from annotator.jobs.readings import Readings
    from annotator.store import Store

    Regions = dict[str, MaskRuns]


def keep_votes(store: Store, readings: Readings, *, actor: str) -> VoteSummary:
    """Keep how often the raters voted in each way, for the comparison of many cases.

    Returns how far they agree; keeps nothing where the project cannot be written.
    """
    votes = readings.votes
    places = np.searchsorted(votes.labels, votes.patterns).astype(np.uint16)
    if readings.values.may_overlap:
        summary = summary_of(votes, readings.values)
    else:
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
) -> tuple[CaseScore, tuple[Finding, ...], Regions]:
    """Find the disputed regions in the readings of a case, worst first; keep them where new.

    After them come those where all agree but a check of labels rejects what was drawn, or a check
    of contours holds it wrong.

    The last part of the result holds, for each label group, per voxel the number of the region of
    that group's labels, or 0. Regions of different groups may share voxels: what is disputed about
    one label says nothing of those that overlap it.
    """
    readings.require_two()
    case_id = readings.case.case_id
    parts = readings.by_group()
    findings, regions = _join([(part.only_group, *_find_regions(part)) for part in parts])
    score = case_score(
        [part.votes for part in parts],
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


def _find_regions(readings: Readings) -> tuple[tuple[Finding, ...], MaskRuns]:
    return find_regions(
        readings.votes,
        readings.series.geometry,
        rater_ids=readings.rater_ids,
        case_id=readings.case.case_id,
        schema=readings.schema,
    )


def _join(
    found: Sequence[tuple[str, tuple[Finding, ...], MaskRuns]],
) -> tuple[tuple[Finding, ...], Regions]:
    """Return the regions of all groups, worst first and numbered anew, and their maps by group."""
    if len(found) == 1:
        group, findings, regions = found[0]
        return findings, {group: regions}
    every = [(group, finding) for group, findings, _ in found for finding in findings]
    every.sort(key=lambda one: (-one[1].score, one[1].label, one[1].region))
    tables = {group: np.zeros(1 << 16, np.uint16) for group, _, _ in found}
    for number, (group, finding) in enumerate(every, start=1):
        tables[group][finding.region] = number
    return (
        tuple(replace(finding, region=number) for number, (_, finding) in enumerate(every, 1)),
        {group: mapped(regions, tables[group]) for group, _, regions in found},
    )
