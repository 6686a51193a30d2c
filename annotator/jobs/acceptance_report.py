"""What people made of models' drawings, gathered reading by reading."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.anchoring import ShownReading, measure_anchoring
from annotator.domain.label_groups import MaskValues
from annotator.domain.quality import WithoutModelRule
from annotator.jobs.acceptance_facts import (
    AcceptanceReport,
    AcceptedRow,
    AnchoringFacts,
    TakenRow,
)
from annotator.jobs.agreement_means import mean_over_cases
from annotator.jobs.group_comparing import against_model
from annotator.jobs.judging import gold_truths, signed_off_truths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annotator.analysis.acceptance import Comparison
    from annotator.analysis.runs import MaskRuns
    from annotator.api import Progress
    from annotator.domain.acceptance import Acceptance
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.study import Case
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """One person's last reading of a case, and one model's drawing that there was.

    ``can_be_compared`` is False where the reading is of some regions only, or it is not known what
    was offered: then it says nothing of anchoring.
    """

    case_id: str
    rater_id: str
    model_id: str
    is_taken: bool
    is_withheld: bool
    can_be_compared: bool
    active_s: float | None
    compared: Comparison
    with_truth: Mapping[int, float | None]


def report_acceptance(store: Store, cases: Sequence[Case], progress: Progress) -> AcceptanceReport:
    """Tell what people made of models' drawings on these cases.

    Of each person and case the last reading counts, and the time of all its revisions together.
    """
    return _Gathering(store, cases).report(progress)


class _Gathering:
    def __init__(self, store: Store, cases: Sequence[Case]) -> None:
        self._store = store
        self._cases = cases
        self._raters: dict[str, Rater] = {rater.rater_id: rater for rater in store.raters()}
        self._known = store.acceptances()
        self._values = MaskValues(store.project().schema)
        self._n_readings = self._n_unknown = 0

    def report(self, progress: Progress) -> AcceptanceReport:
        truths = {
            truth.case.case_id: truth.mask
            for truth in (*signed_off_truths(self._store, self._cases), *gold_truths(self._store))
        }
        met: list[_Met] = []
        for number, case in enumerate(self._cases):
            progress(number / len(self._cases), f"comparing {case.title} with models")
            met.extend(self._met_in(case, truths.get(case.case_id)))
        rule = self._store.rule(WithoutModelRule)
        return AcceptanceReport(
            n_readings=self._n_readings,
            n_unknown=self._n_unknown,
            share_without_model=0.0 if rule is None else rule.share,
            taken=tuple(self._taken(met)),
            accepted=tuple(self._accepted(met)),
            anchoring=tuple(self._anchoring(met)),
        )

    def _met_in(self, case: Case, truth: MaskRuns | None) -> Iterable[_Met]:
        revisions: dict[str, list[Annotation]] = defaultdict(list)
        made_by: dict[str, str] = {}
        for entry in self._store.annotations(case.case_id, latest=False):
            if self._raters[entry.rater_id].is_model:
                made_by[entry.annotation_id] = entry.rater_id
            else:
                revisions[entry.rater_id].append(entry)
        partly = {entry.rater_id for entry in self._store.partial_readers(case.case_id)}
        self._n_readings += len(revisions)
        for rater_id, own in revisions.items():
            last = own[-1]
            known = self._known.get(last.annotation_id)
            offer = None if known is None else known.offer
            self._n_unknown += offer is None
            readings = () if offer is None else offer.readings
            taken = last.started_from_id
            for model_reading in dict.fromkeys((*readings, *((taken,) if taken else ()))):
                if model_reading not in made_by:
                    continue  # of another case, or a person's: brought from elsewhere
                yield self._compare(
                    case,
                    last,
                    model_reading,
                    truth,
                    model_id=made_by[model_reading],
                    is_withheld=offer is not None and offer.is_withheld,
                    can_be_compared=rater_id not in partly and offer is not None,
                    active_s=_active_s(own, self._known),
                )

    def _compare(
        self,
        case: Case,
        last: Annotation,
        model_reading: str,
        truth: MaskRuns | None,
        *,
        model_id: str,
        is_withheld: bool,
        can_be_compared: bool,
        active_s: float | None,
    ) -> _Met:
        model, final = self._store.annotation_masks([model_reading, last.annotation_id])
        geometry = self._store.series(case.series_ids[0]).geometry
        is_taken = last.started_from_id == model_reading
        with_truth: dict[int, float | None] = {}
        if truth is not None and can_be_compared:
            judged = against_model(truth, final, self._values, geometry, with_surface=False)
            with_truth = {one.label: one.dice for one in judged.labels}
        return _Met(
            case_id=case.case_id,
            rater_id=last.rater_id,
            model_id=model_id,
            is_taken=is_taken,
            is_withheld=is_withheld,
            can_be_compared=can_be_compared,
            active_s=active_s,
            compared=against_model(model, final, self._values, geometry, with_surface=is_taken),
            with_truth=with_truth,
        )

    def _taken(self, met: Sequence[_Met]) -> Iterable[TakenRow]:
        for (rater_id, model_id), own in self._by_pair(met):
            taken = [one for one in own if one.is_taken]
            withheld = [one for one in own if one.is_withheld]
            untaken = [one for one in own if not one.is_taken and not one.is_withheld]
            yield TakenRow(
                rater_id=rater_id,
                rater_name=self._raters[rater_id].name,
                model_id=model_id,
                model_name=self._raters[model_id].name,
                n_offered=len(taken) + len(untaken),
                n_taken=len(taken),
                n_withheld=len(withheld),
                taken_s=mean_over_cases(one.active_s for one in taken),
                untaken_s=mean_over_cases(one.active_s for one in untaken),
                withheld_s=mean_over_cases(one.active_s for one in withheld),
            )

    def _accepted(self, met: Sequence[_Met]) -> Iterable[AcceptedRow]:
        for (rater_id, model_id), own in self._by_pair([one for one in met if one.is_taken]):
            labels = [label for one in own for label in one.compared.labels]
            for value in sorted({label.label for label in labels}):
                several = [label for label in labels if label.label == value]
                yield AcceptedRow(
                    rater_id=rater_id,
                    rater_name=self._raters[rater_id].name,
                    model_id=model_id,
                    model_name=self._raters[model_id].name,
                    label=value,
                    label_name=self._label_name(value),
                    n_readings=len(several),
                    n_kept=sum(label.n_kept for label in several),
                    n_changed=sum(label.n_changed for label in several),
                    n_removed=sum(label.n_removed for label in several),
                    n_added=sum(label.n_added for label in several),
                    mm3=mean_over_cases(label.mm3 for label in several),
                    moved_mm=mean_over_cases(label.moved_mm for label in several),
                    moved_p95_mm=mean_over_cases(label.moved_p95_mm for label in several),
                    dice=mean_over_cases(label.dice for label in several),
                )

    def _anchoring(self, met: Sequence[_Met]) -> Iterable[AnchoringFacts]:
        whole = [one for one in met if one.can_be_compared]
        for model_id in dict.fromkeys(one.model_id for one in whole):
            readings = [
                ShownReading(
                    case_id=one.case_id,
                    rater_id=one.rater_id,
                    label=label.label,
                    is_shown=not one.is_withheld,
                    with_model=label.dice,
                    with_truth=one.with_truth.get(label.label),
                    active_s=one.active_s,
                )
                for one in whole
                if one.model_id == model_id
                for label in one.compared.labels
            ]
            for row in measure_anchoring(readings):
                yield AnchoringFacts(
                    model_id=model_id,
                    model_name=self._raters[model_id].name,
                    label_name="" if row.label is None else self._label_name(row.label),
                    row=row,
                )

    def _by_pair(self, met: Sequence[_Met]) -> list[tuple[tuple[str, str], list[_Met]]]:
        """Return what was met by person and model, in the order in which these came."""
        found: dict[tuple[str, str], list[_Met]] = defaultdict(list)
        for one in met:
            found[one.rater_id, one.model_id].append(one)
        order = list(self._raters)
        return sorted(found.items(), key=lambda item: tuple(map(order.index, item[0])))

    def _label_name(self, value: int) -> str:
        known = self._store.project().schema.label(value)
        return known.name if known else f"label {value}"


def _active_s(own: Sequence[Annotation], known: Mapping[str, Acceptance]) -> float | None:
    times = [known[entry.annotation_id].active_s for entry in own if entry.annotation_id in known]
    return sum(times) if len(times) == len(own) else None
