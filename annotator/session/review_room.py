"""The reviewer's room: hard cases first, and what each rater is good at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annotator.analysis.standing import rank_cases
from annotator.api import no_progress
from annotator.domain.errors import AccessDeniedError
from annotator.jobs.acceptance_report import report_acceptance
from annotator.jobs.gold_report import report_gold
from annotator.jobs.label_errors import doubted_words
from annotator.jobs.readings import findings_key
from annotator.jobs.repeat_report import report_repeats
from annotator.jobs.signed_off import report_signed_off
from annotator.jobs.standings import find_difficulties
from annotator.session.access import require_reviewer, withheld_cases
from annotator.session.queue_entry import QueueEntry, QueueState
from annotator.session.report import report_raters, summarise_cohort
from annotator.session.review_case import REASONS, Reading, ReviewCase
from annotator.session.trace_queue import trace_entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.analysis.standing import Difficulty
    from annotator.api import Progress
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.review import CaseScore
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series
    from annotator.jobs.acceptance_facts import AcceptanceReport
    from annotator.jobs.gold_report import GoldReport
    from annotator.jobs.repeat_report import IntraReport
    from annotator.jobs.signed_off import SignedOffReport
    from annotator.registry import Registry
    from annotator.session.agreement import AgreementReport
    from annotator.session.prompts import PromptDesk, PromptOption
    from annotator.session.report import Cohort, RaterReport
    from annotator.session.trace_review import TraceReview
    from annotator.store import Store

__all__ = ["REASONS", "QueueEntry", "Reading", "ReviewCase", "ReviewRoom"]


class ReviewRoom:
    """What a reviewer can do. The methods may be called from any thread."""

    def __init__(self, store: Store, registry: Registry, rater: Rater) -> None:
        self._store = store
        self._registry = registry
        self.reviewer = require_reviewer(rater)
        self._difficulties: tuple[frozenset[str], Mapping[str, Sequence[Difficulty]]] | None = None

    @property
    def schema(self) -> LabelSchema:
        """Labels and questions of the project."""
        return self._store.project().schema

    def queue(self) -> tuple[QueueEntry, ...]:
        """Return the cases with two or more readings: to be decided first, hardest first.

        Traced cases with one tracing or more are among them.
        """
        withheld = withheld_cases(self._store, self.reviewer.rater_id)
        by_case = self._annotations()
        scores = {score.case_id: score for score in self._store.case_scores()}
        foretold = {entry.case_id: entry.difficulty for entry in self._store.forecasts()}
        cases = [
            case
            for case in self._store.cases()
            if case.case_id not in withheld and len(by_case.get(case.case_id, ())) >= 2
        ]
        entries = [
            self._entry(case, by_case[case.case_id], scores.get(case.case_id)) for case in cases
        ]
        compared = [entry.score for entry in entries if entry.score is not None]
        annotation_ids = frozenset(
            entry.annotation_id for case in cases for entry in by_case[case.case_id]
        )
        if self._difficulties is None or self._difficulties[0] != annotation_ids:
            self._difficulties = (annotation_ids, find_difficulties(self._store, cases))
        ranked = rank_cases(compared, self.schema, self._difficulties[1])
        standings = {entry.case_id: entry for entry in ranked}
        entries = [
            replace(
                entry,
                standing=standings.get(entry.case_id),
                foretold=foretold.get(entry.case_id),
            )
            for entry in entries
        ]
        entries += trace_entries(self._store, withheld)
        return tuple(sorted(entries, key=_rank))

    def withheld(self) -> tuple[tuple[str, str], ...]:
        """Return (case id, reason) of the cases that the queue leaves out for blinding."""
        withheld = withheld_cases(self._store, self.reviewer.rater_id)
        by_case = self._annotations()
        masks = tuple(
            (case.case_id, _blinded(self.reviewer, case))
            for case in self._store.cases()
            if case.case_id in withheld and len(by_case.get(case.case_id, ())) >= 2
        )
        traced = tuple(
            (case.case_id, _blinded(self.reviewer, case))
            for case in self._store.tracing_cases()
            if case.case_id in withheld and self._store.annotations(case.case_id)
        )
        return masks + traced

    def open_case(
        self, case_id: str, *, method: str = "staple", include_models: bool = False
    ) -> ReviewCase:
        """Open a case; fuses and compares its readings where that was not done for them yet.

        Models' predictions count as readings only where ``include_models`` says so. From now on the
        reviewer cannot correct an own reading of this case: it would no longer be blinded.
        """
        case = self._store.study_case(case_id)
        if case.case_id in withheld_cases(self._store, self.reviewer.rater_id):
            raise AccessDeniedError(_blinded(self.reviewer, case))
        if not self._store.is_read_only:
            reviewer_id = self.reviewer.rater_id
            self._store.note_review(case.case_id, reviewer_id, actor=reviewer_id)
        return ReviewCase(
            self._store,
            self._registry,
            self.reviewer,
            case.case_id,
            method=method,
            include_models=include_models,
        )

    def open_tracing(
        self, case_id: str, *, base: str | None = None, progress: Progress = no_progress
    ) -> TraceReview:
        """Open a traced case; looks through the tracing that is reviewed where it was not yet.

        ``base`` is the rater whose tracing is reviewed; see `TraceReadings.load` for which it is
        otherwise. As with masks, the reviewer cannot correct an own tracing of it from now on.
        """
        from annotator.session.trace_review import TraceReview

        case = self._store.tracing_case(case_id)
        if case.case_id in withheld_cases(self._store, self.reviewer.rater_id):
            raise AccessDeniedError(_blinded(self.reviewer, case))
        if not self._store.is_read_only:
            reviewer_id = self.reviewer.rater_id
            self._store.note_review(case.case_id, reviewer_id, actor=reviewer_id)
        return TraceReview(self._store, self._registry, self.reviewer, case.case_id, base, progress)

    def prompt_models(self, series: Series) -> tuple[PromptOption, ...]:
        """Return the models that can be pointed with on a series; why not where they cannot."""
        from annotator.session.prompts import prompt_options

        return prompt_options(self._registry, series, self.schema)

    def prompt_desk(self, name: str, progress: Progress = no_progress) -> PromptDesk:
        """Return a prompt model that gets a process of its own; must be closed."""
        from annotator.session.prompts import PromptDesk

        return PromptDesk(name, progress=progress)

    def report(self, progress: Progress | None = None) -> RaterReport:
        """Compare every rater with the consensus, over the cases that the reviewer may see."""
        return report_raters(self._store, self._visible(), progress)

    def signed_off_report(self, progress: Progress = no_progress) -> SignedOffReport:
        """Tell what each rater is worth by signed-off cases that the reviewer may see."""
        withheld = withheld_cases(self._store, self.reviewer.rater_id)
        cases = [case for case in self._store.cases() if case.case_id not in withheld]
        return report_signed_off(self._store, cases, progress)

    def agreement(self, progress: Progress) -> AgreementReport:
        """Compare all readings in every way there is, over the cases that the reviewer may see."""
        from annotator.session.agreement import report_agreement

        return report_agreement(self._store, self._registry, self._visible(), progress)

    def cohort(self, progress: Progress = no_progress, *, recompute: bool = False) -> Cohort:
        """Tell how far raters agree in every case that the reviewer may see."""
        return summarise_cohort(
            self._store,
            only=frozenset(self.visible_case_ids()),
            recompute=recompute,
            actor=self.reviewer.rater_id,
            progress=progress,
        )

    def acceptance_report(self, progress: Progress = no_progress) -> AcceptanceReport:
        """Tell what people made of models' drawings, on cases that the reviewer may see."""
        return report_acceptance(self._store, self._visible(), progress)

    def gold_report(self, progress: Progress = no_progress) -> GoldReport:
        """Compare readings of gold cases with the truth; see `_still_reads` for whose."""
        return report_gold(self._store, progress, without=self._still_reads())

    def intra_rater(self, progress: Progress = no_progress) -> IntraReport:
        """Compare first and second readings of cases; see `_still_reads` for whose."""
        return report_repeats(self._store, progress, without=self._still_reads())

    def _still_reads(self) -> str | None:
        """Return the reviewer where they have cases to read themselves, else None.

        Their own results would tell them which of the cases that they read are gold or repeats.
        """
        rater_id = self.reviewer.rater_id
        is_done = all(entry.state == "submitted" for entry in self._store.assignments(rater_id))
        return None if is_done else rater_id

    def visible_case_ids(self) -> tuple[str, ...]:
        """Return the cases that the reviewer may see."""
        return tuple(case.case_id for case in self._visible())

    def _visible(self) -> tuple[Case, ...]:
        withheld = withheld_cases(self._store, self.reviewer.rater_id)
        return tuple(case for case in self._store.cases() if case.case_id not in withheld)

    def _annotations(self) -> dict[str, list[Annotation]]:
        """Return the latest readings by people, by case."""
        models = {rater.rater_id for rater in self._store.raters() if rater.is_model}
        by_case: dict[str, list[Annotation]] = {}
        for entry in self._store.annotations(latest=True):
            if entry.rater_id not in models:
                by_case.setdefault(entry.case_id, []).append(entry)
        return by_case

    def _entry(
        self, case: Case, annotations: list[Annotation], score: CaseScore | None
    ) -> QueueEntry:
        key = findings_key([entry.annotation_id for entry in annotations])
        stored = self._store.findings(case.case_id)
        is_current = stored is not None and stored[0] == key
        findings = stored[1] if stored is not None and is_current else ()
        n_rejected = sum(finding.kind == "rejected" for finding in findings)
        n_wrong_lines = sum(finding.kind == "contour" for finding in findings)
        n_decided = len(self._store.verdicts(case.case_id, key)) if is_current else 0
        state: QueueState = "open" if n_decided else "waiting"
        note = doubted_words(n_rejected, n_wrong_lines) if is_current else "not compared yet"
        adjudication = self._store.adjudication(case.case_id)
        if adjudication is not None:
            inputs = set(self._store.fusion(adjudication.fusion_id).recipe.inputs)
            n_new = len({entry.annotation_id for entry in annotations} - inputs)
            if n_new:
                note = f"{n_new} readings came in after the sign-off; review it again"
            else:
                state = "signed off"
        return QueueEntry(
            case_id=case.case_id,
            title=case.title,
            score=score if is_current else None,
            state=state,
            n_regions=len(findings),
            n_rejected=n_rejected + n_wrong_lines,
            n_decided=n_decided,
            n_readings=len(annotations),
            note=note,
        )


def _rank(entry: QueueEntry) -> tuple[bool, bool, bool, float, str]:
    """Sort by: not signed off, rejected where all agree, compared, hardest.

    What all agree on and a check of labels or contours rejects is in no measure of disputes.
    """
    standing = entry.standing
    hard = float(standing.place) if standing else -(entry.foretold or entry.at_stake_um)
    is_done = entry.state == "signed off"
    return is_done, not entry.n_rejected, standing is None, hard, entry.title


def _blinded(reviewer: Rater, case: Case) -> str:
    return (
        f"{reviewer.name} has not submitted an own reading yet that bears on {case.title!r}, "
        "and may not see the others' before"
    )
