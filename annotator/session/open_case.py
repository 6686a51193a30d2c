"""A case on the rater's screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.analysis.mask_levels import MaskLevels
from annotator.analysis.pyramid import PyramidVoxels
from annotator.analysis.runs import mask_dtype
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues
from annotator.session.diagnosis import diagnosis_problems
from annotator.session.draft import DraftSession

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.companions import Companion
    from annotator.domain.reading import Annotation, Box
    from annotator.domain.schema import LabelSchema
    from annotator.session.access import OwnWork


class OpenCase:
    """One case with the rater's own draft on it; blinded.

    Belongs to one thread, the window's; opening it may be done on a worker thread.
    """

    def __init__(self, work: OwnWork, case_id: str) -> None:
        self._work = work
        self.case = work.case(case_id)
        self.series = work.series(case_id)
        self.voxels: NDArray[Any] | PyramidVoxels = work.voxels(case_id)
        self.regions: tuple[Box, ...] = work.regions(case_id)
        """Half-open voxel boxes to read; empty where that is the whole case."""
        self.schema: LabelSchema = work.schema()
        self.suggestions: tuple[tuple[str, str], ...] = work.suggestions(case_id)
        """Predictions to start from, as (annotation id, model's title)."""
        dtype = mask_dtype(self.schema.highest_value)
        self.drawing = DraftSession(work.open_draft(case_id), dtype)
        self.levels: MaskLevels | None = None
        """Of the mask of a slide, as it was opened; who draws keeps them."""
        if isinstance(self.voxels, PyramidVoxels):
            self.levels = MaskLevels(self.drawing.mask)
            self.levels.follow(self.drawing.contents())

    def start_from(self, annotation_id: str) -> None:
        """Replace the mask by a model's prediction; one undo takes it back."""
        self.drawing.start_from(annotation_id)

    def start(self) -> tuple[tuple[str, str], ...]:
        """Return the prediction that the drawing started from, (annotation id, title), or none."""
        begun = self.drawing.draft.started_from_id
        return tuple(entry for entry in self.suggestions if entry[0] == begun)

    def doubt(self, annotation_id: str) -> NDArray[np.float32]:
        """Return how unsure the model was of a prediction on this case, ``(z, y, x)``, 0 to 1."""
        return self._work.doubt(self.case.case_id, annotation_id)

    def companions(self) -> tuple[Companion, ...]:
        """Return the series that can be shown beside the case; may be called from any thread."""
        return self._work.companions(self.case.case_id)

    def companion_voxels(self, series_id: str) -> NDArray[Any]:
        """Return the stored voxels of a series beside the case, ``(z, y, x[, channel])``.

        Must not be written to; may be called from any thread.
        """
        return self._work.companion_voxels(self.case.case_id, series_id)

    def problems(self) -> tuple[str, ...]:
        """Say what keeps the reading from being submitted; empty when nothing does."""
        found = list(diagnosis_problems(self.schema, self.drawing.draft.diagnosis))
        if self.drawing.last_error is not None:
            found.append(f"the last edits are not on disk: {self.drawing.last_error}")
        return tuple(found)

    def cautions(self) -> tuple[str, ...]:
        """Say what looks forgotten and needs an explicit yes; empty when nothing does."""
        drawn = MaskValues(self.schema).drawn(self.drawing.values())
        marks = self.drawing.marks
        if not drawn and not marks:
            return ("nothing is drawn: submit an empty reading?",)
        names = {mark.name for mark in marks if mark.kind == "landmark"}
        return (
            *(
                f"“{label.name}” is not drawn: submit without it?"
                for label in self.schema.labels
                if label.required and label.value not in drawn
            ),
            *(
                f"“{landmark.title}” is not marked: submit without it?"
                for landmark in self.schema.landmarks
                if landmark.required and landmark.key not in names
            ),
        )

    def submit(self) -> Annotation:
        """Make the reading final; raises AnnotatorError with the problems where there are any."""
        found = self.problems()
        if found:
            raise AnnotatorError("the reading cannot be submitted: " + "; ".join(found))
        return self.drawing.submit()

    def close(self) -> None:
        """Write what is left and let the case go; the draft can be opened again."""
        self.drawing.close()
