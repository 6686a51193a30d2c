"""How good the readings of a project are kept: its rules, gold cases, cases read twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.quality import FeedbackRule, OverlapRule, WithoutModelRule
from annotator.domain.reading import Diagnosis

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.geometry import Geometry
    from annotator.domain.quality import GoldCase
    from annotator.jobs.acceptance_facts import AcceptanceReport
    from annotator.jobs.gold_report import GoldReport
    from annotator.jobs.next_cases import NextCases
    from annotator.jobs.repeat_report import IntraReport
    from annotator.jobs.signed_off import SignedOffReport
    from annotator.session.overlap import FurtherReading
    from annotator.session.repeats import PlannedRepeat, RepeatPlan
    from annotator.store import Store

ACTOR = "system"
NO_ANSWERS = Diagnosis()


class QualityDesk:
    """What whoever runs a study can do. The methods may be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def overlap_rule(self) -> OverlapRule | None:
        """The rule that asks for further raters, or None where the project has none."""
        return self._store.rule(OverlapRule)

    def set_overlap_rule(self, rule: OverlapRule) -> None:
        """Keep the rule that asks for further raters."""
        self._store.put_rule(rule, actor=ACTOR)

    def further_readings(
        self, rule: OverlapRule | None = None, *, progress: Progress = no_progress
    ) -> tuple[FurtherReading, ...]:
        """Say of every case whether a rule, or the project's own, asks for further raters."""
        from annotator.session.overlap import plan_further

        return plan_further(self._store, rule or self._require_rule(), progress)

    def assign_further(self, *, progress: Progress = no_progress) -> tuple[FurtherReading, ...]:
        """Ask the further raters that the rule of the project wants; return the whole plan.

        Called again it asks nobody, until the readings that it asked for are in.
        """
        from annotator.session.overlap import apply_further

        return apply_further(self._store, self._require_rule(), progress, actor=ACTOR)

    def plan_repeats(
        self, plan: RepeatPlan | None = None, *, now: datetime | None = None
    ) -> tuple[PlannedRepeat, ...]:
        """Say which cases raters would read a second time, and which of them wait for what."""
        from annotator.session.repeats import RepeatPlan, plan_repeats

        return plan_repeats(self._store, plan or RepeatPlan(), now=now)

    def give_repeats(
        self, plan: RepeatPlan | None = None, *, now: datetime | None = None
    ) -> tuple[PlannedRepeat, ...]:
        """Give raters the repeats that need not wait, mixed into what they have yet to read.

        Returns the whole plan. Nobody is told which case is a repeat.
        """
        from annotator.session.repeats import RepeatPlan, give_repeats

        return give_repeats(self._store, plan or RepeatPlan(), now=now, actor=ACTOR)

    def intra_rater(self, *, progress: Progress = no_progress) -> IntraReport:
        """Compare the first and second readings of cases that were read twice."""
        from annotator.jobs.repeat_report import report_repeats

        return report_repeats(self._store, progress)

    def mark_gold(
        self,
        case_id: str,
        mask: NDArray[Any],
        geometry: Geometry,
        diagnosis: Diagnosis = NO_ANSWERS,
        *,
        source: str,
        resample: bool = False,
    ) -> GoldCase:
        """Keep a mask ``(z, y, x)`` with its own grid as the truth of a case.

        ``source`` says in words where it comes from. Raters are told nothing of it.
        """
        from annotator.session.gold import mark_gold

        return mark_gold(
            self._store,
            case_id,
            mask,
            geometry,
            diagnosis,
            source=source,
            resample=resample,
            actor=ACTOR,
        )

    def mark_gold_as_signed_off(self, case_id: str) -> GoldCase:
        """Make what was signed off on a case last its truth."""
        from annotator.session.gold import mark_gold_as_signed_off

        return mark_gold_as_signed_off(self._store, case_id, actor=ACTOR)

    def unmark_gold(self, case_id: str) -> None:
        """Make a gold case a case like any other."""
        self._store.remove_gold(case_id, actor=ACTOR)

    def assign_gold(self) -> int:
        """Mix every gold case into what everybody has yet to read; return how many are new."""
        from annotator.session.gold import assign_gold

        return assign_gold(self._store, actor=ACTOR)

    def gold_report(
        self, *, tolerance_mm: float | None = None, progress: Progress = no_progress
    ) -> GoldReport:
        """Compare everybody's readings of gold cases with the truth, and how that changes."""
        from annotator.jobs.gold_report import report_gold
        from annotator.jobs.judging import TOLERANCE_MM

        tolerance = TOLERANCE_MM if tolerance_mm is None else tolerance_mm
        return report_gold(self._store, progress, tolerance_mm=tolerance)

    def acceptance_report(self, *, progress: Progress = no_progress) -> AcceptanceReport:
        """Tell what people made of models' drawings that they could start from."""
        from annotator.jobs.acceptance_report import report_acceptance

        return report_acceptance(self._store, self._store.cases(), progress)

    def next_cases(
        self,
        n: int | None = None,
        *,
        model: str | None = None,
        progress: Progress = no_progress,
    ) -> NextCases:
        """Return the ``n`` unread cases, all where it is None, that a model would gain most from.

        ``model`` names the one to go by; the one that has read most cases where it is None.
        """
        from annotator.jobs.next_cases import find_next_cases

        return find_next_cases(self._store, progress, n=n, model=model)

    def signed_off_report(self, *, progress: Progress = no_progress) -> SignedOffReport:
        """Tell what each rater is worth by the cases that were signed off."""
        from annotator.jobs.signed_off import report_signed_off

        return report_signed_off(self._store, self._store.cases(), progress)

    @property
    def gives_feedback(self) -> bool:
        """Whether raters are told where they tend to draw too much or too little."""
        rule = self._store.rule(FeedbackRule)
        return rule is not None and rule.is_on

    def set_feedback(self, is_on: bool) -> None:
        """Let raters have feedback on their own signed-off readings, or not."""
        self._store.put_rule(FeedbackRule(is_on=is_on), actor=ACTOR)

    @property
    def share_without_model(self) -> float:
        """The share of their cases that raters read without a model, 0 to 1."""
        rule = self._store.rule(WithoutModelRule)
        return 0.0 if rule is None else rule.share

    def set_share_without_model(self, share: float) -> None:
        """Let raters read this share of their cases without a model, drawn by lot.

        Readings that were submitted stay as they are; a draft that began from a model goes on.
        """
        self._store.put_rule(WithoutModelRule(share=share), actor=ACTOR)

    def _require_rule(self) -> OverlapRule:
        rule = self.overlap_rule
        if rule is None:
            raise AnnotatorError(
                "the project has no rule for further raters yet; set one with "
                "annotator overlap --apply"
            )
        return rule
