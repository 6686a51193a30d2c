"""The part of a store for tracings: trees of drafts and readings, findings, verdicts, sign-offs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.trace_review import TraceVerdict
from annotator.store import findings as finding_rows
from annotator.store import readings, trace_reviews, tree_steps
from annotator.store.access import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.tracing.editable import TraceEdit
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.reading import Annotation, Diagnosis, Step
    from annotator.domain.trace_review import FoundTraces, TraceSignOff
    from annotator.store.drafts import SeenHead


class TracingAccess(Access):
    """Trees. Cases, assignments, drafts and annotations are those of masks."""

    def draft_tree(self, draft_id: int) -> Tree:
        """Return the tree of a draft as it is now, rows ascending by id."""
        return self._read(tree_steps.read_tree, draft_id)

    def record_trace_step(
        self, draft_id: int, *, tool: str, edit: TraceEdit, actor: str, seen: SeenHead = "any"
    ) -> Step:
        """Append a step: an edit that fits the draft's tree as it is now.

        Here and in the next three, ``seen`` is the last step that the caller knows of; raises
        ConflictError where the draft is at another one by now.
        """
        return self._write(actor, tree_steps.record, draft_id, tool, edit, seen)

    def undo_trace(
        self, draft_id: int, *, actor: str, seen: SeenHead = "any"
    ) -> tuple[Step, TraceEdit] | None:
        """Take a step back; return it and the edit that takes it back, None at the beginning."""
        return self._write(actor, tree_steps.undo, draft_id, seen)

    def redo_trace(
        self, draft_id: int, *, actor: str, seen: SeenHead = "any"
    ) -> tuple[Step, TraceEdit] | None:
        """Do the newest undone step again; return it and its edit, or None."""
        return self._write(actor, tree_steps.redo, draft_id, seen)

    def start_trace_from(
        self, draft_id: int, annotation_id: str, *, actor: str, seen: SeenHead = "any"
    ) -> Step:
        """Copy an annotation's tree into a draft, as one step that undo takes back."""
        return self._write(actor, tree_steps.start_from, draft_id, annotation_id, seen)

    def replace_draft_tree(self, draft_id: int, tree: Tree, *, tool: str, actor: str) -> Step:
        """Put a tree from elsewhere into a draft, as one step that undo takes back."""
        return self._write(actor, tree_steps.replace_tree, draft_id, tree, tool)

    def add_tracing(
        self,
        case_id: str,
        rater_id: str,
        tree: Tree,
        diagnosis: Diagnosis,
        *,
        started_from_id: str | None = None,
        only_new: bool = False,
        actor: str,
    ) -> Annotation:
        """Keep a tracing from elsewhere as a reading; a new revision where the rater has one.

        With ``only_new``, one that says the same as the rater's last one gives that one. Raises
        ConflictError where the rater has traced in a draft of the case and not submitted it.
        """
        return self._write(
            actor,
            readings.add_tree,
            case_id,
            rater_id,
            tree=tree,
            diagnosis=diagnosis,
            started_from_id=started_from_id,
            only_new=only_new,
        )

    def annotation_tree(self, annotation_id: str) -> Tree:
        """Return the tree of a submitted tracing."""
        return self._read(readings.read_tree, annotation_id)

    def put_trace_findings(self, found: FoundTraces, *, actor: str) -> None:
        """Keep what was found in a tracing; replaces what was found before under its key."""
        self._write(actor, trace_reviews.put, found)

    def trace_findings(self, case_id: str, findings_key: str | None = None) -> FoundTraces | None:
        """Return what was found under a key, or last in any tracing of the case, or None."""
        return self._read(trace_reviews.read, case_id, findings_key)

    def add_trace_verdict(self, verdict: TraceVerdict, findings_key: str, *, actor: str) -> None:
        """Append a verdict on a place."""
        self._write(actor, finding_rows.add_verdict, verdict, findings_key)

    def undo_trace_verdict(
        self, case_id: str, findings_key: str, *, reviewer_id: str, actor: str
    ) -> TraceVerdict | None:
        """Take back the reviewer's newest verdict on these findings, and return it."""
        return self._write(
            actor, finding_rows.undo_verdict, case_id, findings_key, reviewer_id, TraceVerdict
        )

    def trace_verdicts(self, case_id: str, findings_key: str) -> tuple[TraceVerdict, ...]:
        """Return the verdicts that hold, one a place."""
        return self._read(finding_rows.holding, case_id, findings_key, TraceVerdict)

    def sign_off_tracing(
        self,
        found: FoundTraces,
        *,
        reviewer_id: str,
        verdicts: Sequence[TraceVerdict],
        diagnosis: Diagnosis,
        tree: Tree,
        actor: str,
    ) -> TraceSignOff:
        """Keep the decided tree; ConflictError where other verdicts hold by now."""
        return self._write(
            actor,
            trace_reviews.sign_off,
            found,
            reviewer_id=reviewer_id,
            verdicts=verdicts,
            diagnosis=diagnosis,
            tree=tree,
        )

    def trace_sign_off(self, case_id: str) -> TraceSignOff | None:
        """Return the sign-off of a tracing case that holds, or None."""
        return self._read(trace_reviews.of_case, case_id)

    def trace_sign_offs(self, case_id: str) -> tuple[TraceSignOff, ...]:
        """Return all sign-offs of a tracing case, the one that holds last."""
        return self._read(trace_reviews.every_of_case, case_id)

    def signed_off_tree(self, sign_off_id: str) -> Tree:
        """Return the tree that was signed off."""
        return self._read(trace_reviews.read_tree, sign_off_id)
