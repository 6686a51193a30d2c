"""Which cases need one more rater by the rule of the project, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.adaptive_overlap import (
    Decision,
    Evidence,
    needs_further_rater,
    regions_to_read,
)
from annotator.jobs.finding import find_readings
from annotator.jobs.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.api import Progress
    from annotator.domain.quality import OverlapRule
    from annotator.domain.reading import Box
    from annotator.domain.review import CaseScore, Finding
    from annotator.domain.study import Case
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNeed:
    """What the rule says of a case.

    ``regions`` are the half-open boxes that a further rater is asked for; none where they are asked
    for the whole case. ``readers`` have read it or were asked, by rater id.
    """

    case: Case
    evidence: Evidence
    decision: Decision
    readers: frozenset[str]
    regions: tuple[Box, ...] = ()


def needs_of_cases(store: Store, rule: OverlapRule, progress: Progress) -> Iterator[CaseNeed]:
    """Ask the rule of every case but gold cases, which all raters read anyway."""
    gold = {entry.case_id for entry in store.gold_cases()}
    cases = [case for case in store.cases() if case.case_id not in gold]
    models = {rater.rater_id for rater in store.raters() if rater.is_model}
    asked: dict[str, set[str]] = {}
    for entry in store.assignments():
        asked.setdefault(entry.case_id, set()).add(entry.rater_id)
    difficulty = {entry.case_id: entry.difficulty for entry in store.forecasts()}
    for number, case in enumerate(cases):
        progress(number / len(cases), f"looking at {case.title}")
        readings = Readings.load(store, case.case_id)
        finished = set(readings.rater_ids)
        waiting = asked.get(case.case_id, set()) - finished - models
        yield _need(
            store,
            rule,
            readings,
            Evidence(
                n_finished=len(finished),
                n_waiting=len(waiting),
                difficulty=difficulty.get(case.case_id),
            ),
            frozenset(finished | waiting),
        )


def _need(
    store: Store,
    rule: OverlapRule,
    readings: Readings,
    counted: Evidence,
    readers: frozenset[str],
) -> CaseNeed:
    case = readings.case
    if store.adjudication(case.case_id) is not None:
        decision = Decision(n_more=0, why="signed off")
        return CaseNeed(case=case, evidence=counted, decision=decision, readers=readers)
    if counted.n_waiting or counted.n_finished < 2:
        decision = needs_further_rater(rule, counted)
        return CaseNeed(case=case, evidence=counted, decision=decision, readers=readers)
    score, findings = _disputes(store, readings)
    evidence = Evidence(
        n_finished=counted.n_finished,
        n_waiting=counted.n_waiting,
        mean_dice=score.mean_dice,
        boundary_mm=_boundary_mm(readings, score),
        n_presence=score.n_presence,
        diagnosis_disputed=score.diagnosis_disputed,
        difficulty=counted.difficulty,
    )
    decision = needs_further_rater(rule, evidence)
    regions: tuple[Box, ...] = ()
    if rule.in_regions and decision.about_dispute:
        regions = regions_to_read([entry.box for entry in findings], readings.series.geometry)
    return CaseNeed(
        case=case, evidence=evidence, decision=decision, readers=readers, regions=regions
    )


def _disputes(store: Store, readings: Readings) -> tuple[CaseScore, tuple[Finding, ...]]:
    """Return what is kept of exactly these readings, or find it now."""
    case_id = readings.case.case_id
    known = store.findings(case_id)
    if known is not None and known[0] == readings.findings_key:
        kept = store.case_score(case_id)
        if kept is not None and kept.structures:
            return kept, known[1]
    score, findings, _ = find_readings(store, readings, actor="system")
    return score, findings


def _boundary_mm(readings: Readings, score: CaseScore) -> float | None:
    geometry = readings.series.geometry
    if not geometry.is_calibrated or geometry.is_time:
        return None
    apart = [one.outline_mm for one in score.structures if one.outline_mm is not None]
    return max(apart, default=None)
