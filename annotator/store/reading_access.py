"""The part of a store for readings: drafts, their steps, annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import acceptances, drafts, history, mark_steps, opening, readings, steps
from annotator.store.access import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from annotator.analysis.runs import MaskRuns, SlabRuns
    from annotator.domain.acceptance import Acceptance, Offer
    from annotator.domain.marks import Mark, MarkEdit
    from annotator.domain.reading import Annotation, Box, Diagnosis, Draft, History, Step
    from annotator.domain.schema import LabelSchema
    from annotator.store.drafts import Purpose, SeenHead
    from annotator.store.steps import Content


class ReadingAccess(Access):
    """Drafts and annotations."""

    def open_draft(
        self, case_id: str, rater_id: str, *, purpose: Purpose = "reading", actor: str
    ) -> Draft:
        """Open a draft, or return the open one; a correction starts from the last revision.

        Where the rater's last reading came after the open draft was begun, what is drawn in it is
        carried over onto that reading, in a new draft.
        """
        return self._write(actor, opening.open_draft, case_id, rater_id, purpose)

    def draft(self, draft_id: int) -> Draft:
        """Return the state of a draft."""
        return self._read(drafts.read, draft_id)

    def draft_mask(self, draft_id: int) -> MaskRuns:
        """Return the mask of a draft as it is now."""
        return self._read(drafts.read_mask, draft_id)

    def record_step(
        self,
        draft_id: int,
        *,
        tool: str,
        box: Box,
        slabs: Mapping[int, SlabRuns | None],
        actor: str,
        seen: SeenHead = "any",
    ) -> Step:
        """Append a step: the new content of the slabs that it changed, None where empty now.

        Here and in `undo`, `redo` and `start_draft_from`, ``seen`` is the last step that the caller
        knows of; raises ConflictError where the draft is at another one by now.
        """
        return self._write(
            actor, steps.record, draft_id, tool=tool, box=box, content=slabs, seen=seen
        )

    def undo(
        self, draft_id: int, *, actor: str, seen: SeenHead = "any"
    ) -> tuple[Step, Content] | None:
        """Take a step back; return it and what its slabs hold now, None at the beginning."""
        return self._write(actor, steps.undo, draft_id, seen)

    def redo(
        self, draft_id: int, *, actor: str, seen: SeenHead = "any"
    ) -> tuple[Step, Content] | None:
        """Do the newest undone step again; return it and what its slabs hold now, or None."""
        return self._write(actor, steps.redo, draft_id, seen)

    def steps(self, draft_id: int) -> tuple[Step, ...]:
        """Return the steps that led to the present state, first one first."""
        return self._read(steps.in_effect, draft_id)

    def history(self, draft_id: int) -> History:
        """Return all steps of a draft, also those that were taken back, and where it stands."""
        return self._read(history.read, draft_id)

    def mask_after(
        self, draft_id: int, step_id: int | None, only: Collection[int] | None = None
    ) -> MaskRuns:
        """Return what a draft's mask was after a step (None: when it began), or some slabs of it.

        Raises UnknownNameError for a step of another draft.
        """
        return self._read(history.mask_after, draft_id, step_id, only)

    def draft_marks(self, draft_id: int) -> tuple[Mark, ...]:
        """Return the marks of a draft as it is now, by id."""
        return self._read(mark_steps.read, draft_id)

    def marks_after(self, draft_id: int, step_id: int | None) -> tuple[Mark, ...]:
        """Return what a draft's marks were after a step (None: when it began), by id."""
        return self._read(mark_steps.after, draft_id, step_id)

    def next_mark_id(self, draft_id: int) -> int:
        """Return the number of a draft's next mark: none of the rater's on the case ever had it."""
        return self._read(mark_steps.next_id, draft_id)

    def record_mark(
        self, draft_id: int, *, tool: str, edit: MarkEdit, actor: str, seen: SeenHead = "any"
    ) -> Step:
        """Append a step: a mark set, changed or taken away that is as the edit says before it.

        `undo` and `redo` move over it as over any other step; its slabs are none.
        """
        return self._write(actor, mark_steps.record, draft_id, tool=tool, edit=edit, seen=seen)

    def set_diagnosis(self, draft_id: int, diagnosis: Diagnosis, *, actor: str) -> None:
        """Keep what the rater says of the case so far."""
        self._write(actor, drafts.set_diagnosis, draft_id, diagnosis)

    def start_draft_from(
        self, draft_id: int, annotation_id: str, *, actor: str, seen: SeenHead = "any"
    ) -> Step:
        """Copy an annotation's mask into a draft, as one step that undo takes back."""
        return self._write(actor, steps.start_from, draft_id, annotation_id, seen)

    def submit(self, draft_id: int, *, offer: Offer | None = None, actor: str) -> Annotation:
        """Make an immutable annotation of a draft, and close the draft.

        ``offer`` says which models' drawings the rater could start from; it is kept with the time
        that the drawing took. Raises ConflictError where another reading of the rater came after
        the draft was begun.
        """
        return self._write(actor, readings.submit, draft_id, offer)

    def acceptances(self) -> dict[str, Acceptance]:
        """Return how readings came about, by annotation; nothing of those drawn elsewhere.

        Nor of those that were submitted before this was kept.
        """
        return self._read(acceptances.every)

    def add_annotation(
        self,
        case_id: str,
        rater_id: str,
        mask: MaskRuns,
        diagnosis: Diagnosis,
        *,
        started_from_id: str | None = None,
        fit_schema: Callable[[LabelSchema], LabelSchema] | None = None,
        only_new: bool = False,
        marks: Sequence[Mark] | None = None,
        actor: str,
    ) -> Annotation:
        """Keep a reading from elsewhere; a new revision where the rater has one.

        Without ``marks`` it keeps those of the rater's last reading.

        ``fit_schema`` gets the schema as it is while nobody else can change it, returns the one
        that the reading needs, and raises to refuse. With ``only_new``, a reading that says the
        same as the rater's last one gives that one. Raises ConflictError where the rater has drawn
        in a draft of the case and not submitted it.
        """
        return self._write(
            actor,
            readings.add,
            case_id,
            rater_id,
            mask=mask,
            diagnosis=diagnosis,
            started_from_id=started_from_id,
            fit_schema=fit_schema,
            only_new=only_new,
            marks=marks,
        )

    def annotations(
        self, case_id: str | None = None, *, latest: bool = True
    ) -> tuple[Annotation, ...]:
        """Return annotations by case, rater and revision; of all cases, without repeats."""
        return self._read(readings.every, case_id, is_latest=latest)

    def annotation(self, annotation_id: str) -> Annotation:
        """Return one annotation."""
        return self._read(readings.read, annotation_id)

    def annotation_mask(self, annotation_id: str) -> MaskRuns:
        """Return the mask of an annotation."""
        return self.annotation_masks([annotation_id])[0]

    def annotation_masks(self, ids: Sequence[str]) -> tuple[MaskRuns, ...]:
        """Return the masks of annotations, in the order given."""
        return self._read(readings.read_masks, ids)

    def annotation_marks(self, ids: Sequence[str]) -> dict[str, tuple[Mark, ...]]:
        """Return the marks of those annotations that have any, by annotation."""
        return self._read(mark_steps.of_annotations, ids)
