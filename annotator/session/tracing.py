"""A tracing case on the rater's screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.session.diagnosis import diagnosis_problems
from annotator.session.trace_draft import TraceDraftSession

if TYPE_CHECKING:
    from annotator.api.tracing import TracedImage
    from annotator.domain.reading import Annotation
    from annotator.domain.schema import LabelSchema
    from annotator.domain.tracing import TraceFinding
    from annotator.session.access import OwnWork


class OpenTracing:
    """One case with the rater's own tracing of it; blinded.

    Belongs to one thread, the window's; opening it may be done on a worker thread.
    """

    def __init__(self, work: OwnWork, case_id: str) -> None:
        self._work = work
        self.case = work.case(case_id)
        self.series = work.series(case_id)
        self.schema: LabelSchema = work.schema()
        self.suggestions: tuple[tuple[str, str], ...] = work.suggestions(case_id)
        """Automatic tracings to start from, as (annotation id, tracer's title)."""
        self.drawing = TraceDraftSession(work.open_trace(case_id))
        self.image: TracedImage = work.image(case_id)

    def start_from(self, annotation_id: str) -> None:
        """Replace the tree by an automatic tracer's; one undo takes it back."""
        self.drawing.start_from(annotation_id)

    def check(self) -> tuple[TraceFinding, ...]:
        """Return what looks wrong in the own tree as it is now; nothing of other tracers."""
        from annotator.analysis.tracing.checks import check_tree

        return check_tree(self.drawing.tree.tree(), self.image)

    def problems(self) -> tuple[str, ...]:
        """Say what keeps the tracing from being submitted; empty when nothing does."""
        found = list(diagnosis_problems(self.schema, self.drawing.draft.diagnosis))
        if self.drawing.last_error is not None:
            found.append(f"the last edits are not on disk: {self.drawing.last_error}")
        return tuple(found)

    def cautions(self) -> tuple[str, ...]:
        """Say what looks forgotten and needs an explicit yes; empty when nothing does."""
        return () if len(self.drawing.tree) else ("nothing is traced: submit an empty tracing?",)

    def submit(self) -> Annotation:
        """Make the tracing final; raises AnnotatorError with the problems where there are any."""
        found = self.problems()
        if found:
            raise AnnotatorError("the tracing cannot be submitted: " + "; ".join(found))
        return self.drawing.submit()

    def close(self) -> None:
        """Write what is left and let the case go; the draft can be opened again."""
        self.drawing.close()
