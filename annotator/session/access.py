"""Who may see what. The rooms get these narrow doors, and never the store itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from annotator.domain.acceptance import Offer
from annotator.domain.errors import AccessDeniedError, AnnotatorError
from annotator.domain.quality import FeedbackRule, neutral_title
from annotator.session.trace_draft import TraceDraftAccess
from annotator.session.without_model import reads_without_model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns, SlabRuns
    from annotator.api import Progress, PyramidVoxels
    from annotator.api.tracing import TracedImage
    from annotator.domain.companions import Companion
    from annotator.domain.marks import Mark, MarkEdit
    from annotator.domain.reading import (
        Annotation,
        Assignment,
        Box,
        Diagnosis,
        Draft,
        History,
        Rater,
        Step,
    )
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Reads, Series
    from annotator.jobs.feedback import LabelFeedback
    from annotator.store import Store


class DraftAccess:
    """One draft of one person, and nothing else of the store.

    May be called from any thread, by one at a time. Raises ConflictError on a write where somebody
    else has changed the draft since this door to it was opened: a second window, for example.
    """

    __slots__ = ("__actor", "__head", "__offer", "__store", "draft_id")

    def __init__(self, store: Store, draft: Draft, actor: str, offer: Offer | None = None) -> None:
        self.__store = store
        self.__actor = actor
        self.__head = draft.head_step_id
        self.__offer = offer
        self.draft_id = draft.draft_id

    def draft(self) -> Draft:
        """Return the draft as it is on disk."""
        return self.__store.draft(self.draft_id)

    def mask(self) -> MaskRuns:
        """Return the mask as it is on disk."""
        return self.__store.draft_mask(self.draft_id)

    def record_step(self, tool: str, box: Box, slabs: Mapping[int, SlabRuns | None]) -> Step:
        """Put one edit on disk: the new content of the slabs that it changed."""
        step = self.__store.record_step(
            self.draft_id, tool=tool, box=box, slabs=slabs, actor=self.__actor, seen=self.__head
        )
        self.__head = step.step_id
        return step

    def undo(self) -> tuple[Step, Mapping[int, SlabRuns | None]] | None:
        """Take the last edit back; return it with the slabs' content, or None."""
        moved = self.__store.undo(self.draft_id, actor=self.__actor, seen=self.__head)
        if moved is not None:
            self.__head = moved[0].parent_id
        return moved

    def redo(self) -> tuple[Step, Mapping[int, SlabRuns | None]] | None:
        """Do the edit again that was taken back; return it with the slabs' content, or None."""
        moved = self.__store.redo(self.draft_id, actor=self.__actor, seen=self.__head)
        if moved is not None:
            self.__head = moved[0].step_id
        return moved

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks as they are on disk, by id."""
        return self.__store.draft_marks(self.draft_id)

    def marks_after(self, step_id: int | None) -> tuple[Mark, ...]:
        """Return what the marks were after a step; None stands for the beginning."""
        return self.__store.marks_after(self.draft_id, step_id)

    def next_mark_id(self) -> int:
        """Return a number that none of the rater's marks on this case ever had, or a later one."""
        return self.__store.next_mark_id(self.draft_id)

    def record_mark(self, tool: str, edit: MarkEdit) -> Step:
        """Put one edit of a mark on disk."""
        step = self.__store.record_mark(
            self.draft_id, tool=tool, edit=edit, actor=self.__actor, seen=self.__head
        )
        self.__head = step.step_id
        return step

    def history(self) -> History:
        """Return all steps, also those that were taken back."""
        return self.__store.history(self.draft_id)

    def mask_after(self, step_id: int | None, only: Collection[int] | None = None) -> MaskRuns:
        """Return what the mask was after a step; None stands for the beginning."""
        return self.__store.mask_after(self.draft_id, step_id, only)

    def set_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Put the answers of the form on disk."""
        self.__store.set_diagnosis(self.draft_id, diagnosis, actor=self.__actor)

    def start_from(self, annotation_id: str) -> None:
        """Replace the mask by a model's; raises AccessDeniedError for a person's reading.

        And for any on a case that the rater reads without a model.
        """
        draft = self.draft()
        if reads_without_model(self.__store, first_id(self.__store, draft.case_id), draft.rater_id):
            raise AccessDeniedError("this case is read without a model: nothing to start from")
        found = {entry.annotation_id for entry, _ in model_readings(self.__store, draft.case_id)}
        if annotation_id not in found:
            raise AccessDeniedError(
                "a reading may only start from a model's prediction on the same case; "
                f"{annotation_id[:12]}… is none"
            )
        step = self.__store.start_draft_from(
            self.draft_id, annotation_id, actor=self.__actor, seen=self.__head
        )
        self.__head = step.step_id

    def changed_share(self) -> float | None:
        """Return the share of all voxels of the draft, and of the model's, that differ, 0 to 1.

        None where the draft started from nothing. May be called beside the other methods.
        """
        from annotator.analysis.acceptance import changed_share
        from annotator.analysis.runs import labels_in

        started_from_id = self.draft().started_from_id
        if started_from_id is None:
            return None
        model, own = self.__store.annotation_mask(started_from_id), self.mask()
        return changed_share(model, own, labels_in((model, own)))

    def submit(self) -> Annotation:
        """Make the draft an annotation; it cannot change afterwards."""
        offer = self.__offer
        started_from_id = self.draft().started_from_id
        if (
            offer is not None and started_from_id is not None
        ):  # whatever was offered when it was opened, or is withheld
            known = dict.fromkeys((*offer.readings, started_from_id))
            offer = Offer(readings=tuple(known))
        return self.__store.submit(self.draft_id, offer=offer, actor=self.__actor)


class OwnWork:
    """What one rater may see: the cases assigned to them, their own drafts, models' predictions."""

    __slots__ = ("__series", "__store", "rater")

    def __init__(self, store: Store, rater: Rater) -> None:
        if rater.is_model:
            raise AccessDeniedError(f"{rater.name} is a model; only a person has a worklist")
        self.__store = store
        self.__series: dict[str, Series] = {}
        self.rater = rater

    def schema(self) -> LabelSchema:
        """Return the project's labels and questions."""
        return self.__store.project().schema

    def assignments(self) -> tuple[Assignment, ...]:
        """Return own assignments in own order."""
        own = self.__store.assignments(self.rater.rater_id)
        return tuple(sorted(own, key=lambda entry: entry.position))

    def cases(self) -> dict[str, Case]:
        """Return own cases by id.

        As soon as one of them is a repeat, all have titles that tell nothing: a title that is known
        would give away which one was read before.
        """
        own = {entry.case_id for entry in self.assignments()}
        found = [case for case in self.__store.cases_with_repeats() if case.case_id in own]
        if any(entry.rater_id == self.rater.rater_id for entry in self.__store.repeats()):
            found = [replace(case, title=neutral_title(case.case_id)) for case in found]
        return {case.case_id: case for case in found}

    def case(self, case_id: str) -> Case:
        """Return one own case; raises AccessDeniedError for any other."""
        case = self.cases().get(case_id)
        if case is None:
            raise AccessDeniedError(f"case {case_id!r} is not assigned to {self.rater.name}")
        return case

    def regions(self, case_id: str) -> tuple[Box, ...]:
        """Return the half-open boxes of an own case that are asked for; none: the whole case."""
        self.case(case_id)
        return next(e.regions for e in self.assignments() if e.case_id == case_id)

    def series(self, case_id: str) -> Series:
        """Return the facts of the series that an own case is drawn on."""
        return self.__series_of(self.case(case_id))

    def cases_with_series(self) -> dict[str, tuple[Case, Series]]:
        """Return own cases by id, each with the facts of the series that it is drawn on."""
        return {case_id: (case, self.__series_of(case)) for case_id, case in self.cases().items()}

    def image(self, case_id: str) -> TracedImage:
        """Return an own case's image as a volume to trace in."""
        from annotator.jobs.traced_images import traced_image  # a worklist needs none of it

        return traced_image(self.__store, self.series(case_id))

    def voxels(self, case_id: str) -> NDArray[Any] | PyramidVoxels:
        """Return the stored voxels of an own case, ``(z, y, x[, channel])``, read-only."""
        return self.__store.image(self.case(case_id).series_ids[0])

    def companions(self, case_id: str) -> tuple[Companion, ...]:
        """Return the series that can be shown beside an own case: images, and no readings.

        Where titles of cases tell nothing, those of the series do not either.
        """
        from annotator.session.companions import companions_of  # a worklist needs none of it

        self.case(case_id)
        is_neutral = any(one.rater_id == self.rater.rater_id for one in self.__store.repeats())
        return companions_of(self.__store, case_id, is_neutral=is_neutral)

    def companion_voxels(self, case_id: str, series_id: str) -> NDArray[Any]:
        """Return the stored voxels of a series beside an own case, ``(z, y, x[, channel])``."""
        if all(one.series.series_id != series_id for one in self.companions(case_id)):
            raise AccessDeniedError(f"series {series_id[:12]} does not stand beside this case")
        return self.__store.voxels(series_id)

    def open_draft(self, case_id: str) -> DraftAccess:
        """Open own draft of an own case, or go on with it; refused once they have reviewed it."""
        return DraftAccess(self.__store, *self.__open(case_id, "mask"))

    def open_trace(self, case_id: str) -> TraceDraftAccess:
        """Open own tracing of an own case, or go on with it; refused as `open_draft` is."""
        return TraceDraftAccess(self.__store, *self.__open(case_id, "tracing"))

    def __open(self, case_id: str, reads: Reads) -> tuple[Draft, str, Offer]:
        case = self.case(case_id)
        rater_id = self.rater.rater_id
        if case.reads != reads:
            raise AnnotatorError(f"{case.title!r} is a case that is read as a {case.reads}")
        if self.__store.has_reviewed(first_id(self.__store, case.case_id), rater_id):
            raise AccessDeniedError(
                f"{self.rater.name} has seen the other readings of {case.title!r} in review; "
                "a reading now would not be blinded. Redraw the region in the review instead"
            )
        draft = self.__store.open_draft(case_id, rater_id, purpose="reading", actor=rater_id)
        offer = Offer(
            readings=tuple(e.annotation_id for e, _ in model_readings(self.__store, case_id)),
            is_withheld=self.__is_withheld(case_id),
        )
        return draft, rater_id, offer

    @property
    def gives_feedback(self) -> bool:
        """Whether the project tells raters of their own tendencies."""
        rule = self.__store.rule(FeedbackRule)
        return rule is not None and rule.is_on

    def feedback(self, progress: Progress) -> tuple[LabelFeedback, ...]:
        """Return where this rater tends to draw too much or too little, by own finished cases.

        Of cases that were signed off and gold cases, and only sums over several of them. A case
        that they still have to read again is left out. Raises AccessDeniedError where the project
        gives no feedback.
        """
        from annotator.jobs.feedback import feedback_of
        from annotator.jobs.judging import gold_truths, judge_readings, signed_off_truths

        if not self.gives_feedback:
            raise AccessDeniedError("this project gives raters no feedback on their readings")
        hidden = withheld_cases(self.__store, self.rater.rater_id)
        truths = {
            truth.case.case_id: truth
            for truth in (
                *signed_off_truths(self.__store, self.__store.cases()),
                *gold_truths(self.__store),
            )
        }
        judged = judge_readings(
            self.__store,
            [truth for case_id, truth in truths.items() if case_id not in hidden],
            progress,
            rater_id=self.rater.rater_id,
        )
        return feedback_of(judged, self.schema())

    def suggestions(self, case_id: str) -> tuple[tuple[str, str], ...]:
        """Return (annotation id, model's title) of the predictions on an own case.

        None where the rule of the project has the rater read the case without a model.
        """
        self.case(case_id)
        if self.__is_withheld(case_id):
            return ()
        found = model_readings(self.__store, case_id)
        return tuple((annotation.annotation_id, rater.name) for annotation, rater in found)

    def doubt(self, case_id: str, annotation_id: str) -> NDArray[np.float32]:
        """Return how unsure a model was of a prediction that the rater may start from.

        ``(z, y, x)``, 0 to 1; raises AccessDeniedError for any other reading.
        """
        from annotator.session.model_doubt import doubt_of

        if annotation_id not in dict(self.suggestions(case_id)):
            raise AccessDeniedError(f"{annotation_id[:12]}… is no prediction to start from here")
        return doubt_of(self.__store, annotation_id)

    def withholds_models(self, case_id: str) -> bool:
        """Whether the rule of the project has the rater read an own case without a model."""
        self.case(case_id)
        return self.__is_withheld(case_id)

    def __is_withheld(self, case_id: str) -> bool:
        original = first_id(self.__store, case_id)
        return reads_without_model(self.__store, original, self.rater.rater_id)

    def __series_of(self, case: Case) -> Series:
        series_id = case.series_ids[0]
        if series_id not in self.__series:  # facts of a series never change
            self.__series[series_id] = self.__store.series(series_id)
        return self.__series[series_id]


def model_readings(store: Store, case_id: str) -> tuple[tuple[Annotation, Rater], ...]:
    """Return the latest predictions on a case, each with the model that made it.

    Without those of models that tell how others have read it. A repeat has those of its original:
    the rater sees what they saw at the first time.
    """
    models = {rater.rater_id: rater for rater in store.raters() if rater.is_model}
    original = first_id(store, case_id)
    found = [entry for entry in store.annotations(original) if entry.rater_id in models]
    if not found:
        return ()
    from annotator.jobs.training import telling_readers  # a worklist needs none of it

    telling = telling_readers(store, original, [models[entry.rater_id] for entry in found])
    return tuple(
        (entry, models[entry.rater_id]) for entry in found if entry.rater_id not in telling
    )


def first_id(store: Store, case_id: str) -> str:
    """Return the case that a repeat repeats, and any other case as it is."""
    repeat = store.repeat(case_id)
    return case_id if repeat is None else repeat.original_id


def require_reviewer(rater: Rater) -> Rater:
    """Return the rater if they may enter the reviewer's room; raises AccessDeniedError."""
    if rater.is_model:
        raise AccessDeniedError(f"{rater.name} is a model; only a person can review")
    if not rater.may_review:
        raise AccessDeniedError(f"{rater.name} may not review in this project")
    return rater


def withheld_cases(store: Store, rater_id: str) -> frozenset[str]:
    """Return the cases that a reviewer may not see yet.

    Whoever still has to read a case, for the first or the second time, must not see how others
    read it.
    """
    repeated = {entry.case_id: entry.original_id for entry in store.repeats()}
    return frozenset(
        repeated.get(entry.case_id, entry.case_id)
        for entry in store.assignments(rater_id)
        if entry.state != "submitted"
    )
