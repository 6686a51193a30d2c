"""The live tree and its way to disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.tracing.editable import EditableTree
from annotator.domain.errors import AccessDeniedError
from annotator.session.draft_keeping import KeptDraft

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import TraceEdit
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.acceptance import Offer
    from annotator.domain.reading import Annotation, Diagnosis, Draft, Step
    from annotator.store import Store


class TraceDraftAccess:
    """One tracing of one person that is not submitted yet, and nothing else of the store.

    May be called from any thread, by one at a time. Raises ConflictError on a write where somebody
    else has changed the draft since this door to it was opened.
    """

    __slots__ = ("__actor", "__head", "__offer", "__store", "draft_id")

    def __init__(self, store: Store, draft: Draft, actor: str, offer: Offer) -> None:
        self.__store = store
        self.__actor = actor
        self.__head = draft.head_step_id
        self.__offer = offer
        self.draft_id = draft.draft_id

    def draft(self) -> Draft:
        """Return the draft as it is on disk."""
        return self.__store.draft(self.draft_id)

    def tree(self) -> Tree:
        """Return the tree as it is on disk."""
        return self.__store.draft_tree(self.draft_id)

    def record_step(self, tool: str, edit: TraceEdit) -> Step:
        """Put one edit on disk."""
        step = self.__store.record_trace_step(
            self.draft_id, tool=tool, edit=edit, actor=self.__actor, seen=self.__head
        )
        self.__head = step.step_id
        return step

    def undo(self) -> tuple[Step, TraceEdit] | None:
        """Take the last edit back; return it with the edit that does so, or None."""
        moved = self.__store.undo_trace(self.draft_id, actor=self.__actor, seen=self.__head)
        if moved is not None:
            self.__head = moved[0].parent_id
        return moved

    def redo(self) -> tuple[Step, TraceEdit] | None:
        """Do the edit again that was taken back; return it, or None."""
        moved = self.__store.redo_trace(self.draft_id, actor=self.__actor, seen=self.__head)
        if moved is not None:
            self.__head = moved[0].step_id
        return moved

    def set_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Put the answers of the form on disk."""
        self.__store.set_diagnosis(self.draft_id, diagnosis, actor=self.__actor)

    def start_from(self, annotation_id: str) -> None:
        """Replace the tree by an automatic tracer's; AccessDeniedError for any other reading."""
        if self.__offer.is_withheld or annotation_id not in self.__offer.readings:
            raise AccessDeniedError(
                "a tracing may only start from an automatic tracer's of the same case that was "
                f"offered when it was opened; {annotation_id[:12]}… is none"
            )
        step = self.__store.start_trace_from(
            self.draft_id, annotation_id, actor=self.__actor, seen=self.__head
        )
        self.__head = step.step_id

    def submit(self) -> Annotation:
        """Make the draft an annotation; it cannot change afterwards."""
        return self.__store.submit(self.draft_id, offer=self.__offer, actor=self.__actor)


@dataclass(frozen=True, slots=True, eq=False)
class _Stroke:
    tool: str
    edit: TraceEdit


class TraceDraftSession(KeptDraft[_Stroke]):
    """A neuron that is being traced: the live tree, and a thread that keeps each edit of it."""

    def __init__(self, access: TraceDraftAccess) -> None:
        self._access = access
        self.tree = EditableTree(access.tree())
        """The live tree, for the tools of `drawing.tracing`; changed through `record` only."""
        super().__init__(access)

    def record(self, tool: str, edit: TraceEdit) -> None:
        """Do an edit on the live tree and put it on its way to disk; an empty one does nothing.

        Raises IntegrityError, and does nothing, where it was made for another state of the tree.
        """
        self._refuse_when_closed()
        if edit.is_empty:
            return
        self.tree.apply(edit)
        self._put(_Stroke(tool, edit), can_undo=True, can_redo=False)

    def undo(self) -> TraceEdit | None:
        """Take the last edit back; return what that changed, or None where there is none."""
        self.flush()
        return self._move(self._access.undo())

    def redo(self) -> TraceEdit | None:
        """Do the edit again that was taken back; return what that changed, or None."""
        self.flush()
        return self._move(self._access.redo())

    def start_from(self, annotation_id: str) -> None:
        """Replace the tree by an automatic tracer's, as one step that can be undone."""
        self.flush()
        self._access.start_from(annotation_id)
        self.tree = EditableTree(self._access.tree())
        self._draft = self._access.draft()

    def _move(self, moved: tuple[Step, TraceEdit] | None) -> TraceEdit | None:
        if moved is None:
            return None
        self.tree.apply(moved[1])
        self._draft = self._access.draft()
        return moved[1]

    def _write(self, stroke: _Stroke) -> None:
        self._access.record_step(stroke.tool, stroke.edit)
