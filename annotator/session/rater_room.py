"""The rater's room: own worklist, own cases, nothing of anybody else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from annotator.api import no_progress
from annotator.session.open_case import OpenCase

if TYPE_CHECKING:
    from annotator.api import Progress
    from annotator.domain.reading import AssignmentState, Box, Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Reads
    from annotator.jobs.feedback import LabelFeedback
    from annotator.registry import Registry
    from annotator.session.access import OwnWork
    from annotator.session.prompts import PromptDesk, PromptOption
    from annotator.session.tracing import OpenTracing


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistEntry:
    """One row of a rater's worklist; ``position`` counts from 1 in the rater's own order.

    ``regions`` are the half-open voxel boxes to read; empty where that is the whole case.
    """

    case_id: str
    title: str
    state: AssignmentState
    position: int
    modality: str
    n_slices: int
    regions: tuple[Box, ...] = ()
    reads: Reads = "mask"


class RaterRoom:
    """What a rater can do. Blinded: other raters' marks, names and answers do not reach it.

    The methods may be called from any thread; the open case belongs to the window's.
    """

    def __init__(self, work: OwnWork, registry: Registry) -> None:
        self._work = work
        self._registry = registry
        self.rater: Rater = work.rater

    @property
    def schema(self) -> LabelSchema:
        """Labels and questions of the project."""
        return self._work.schema()

    def worklist(self) -> tuple[WorklistEntry, ...]:
        """Return own cases in own random order."""
        cases = self._work.cases_with_series()
        entries = []
        for place, assignment in enumerate(self._work.assignments(), start=1):
            case, series = cases[assignment.case_id]
            entries.append(
                WorklistEntry(
                    case_id=case.case_id,
                    title=case.title,
                    state=assignment.state,
                    position=place,
                    modality=series.modality,
                    n_slices=series.geometry.shape[0],
                    regions=assignment.regions,
                    reads=case.reads,
                )
            )
        return tuple(entries)

    def next_case(self, after: str | None = None) -> str | None:
        """Return the next case that is not submitted, after the given one and round the end."""
        order = self._work.assignments()
        ids = [entry.case_id for entry in order]
        start = ids.index(after) + 1 if after in ids else 0
        turned = order[start:] + order[:start]
        return next((entry.case_id for entry in turned if entry.state != "submitted"), None)

    @property
    def gives_feedback(self) -> bool:
        """Whether the project tells raters of their own tendencies."""
        return self._work.gives_feedback

    def feedback(self, *, progress: Progress = no_progress) -> tuple[LabelFeedback, ...]:
        """Return where the rater tends to draw too much or too little, label by label.

        Raises AccessDeniedError where the project gives no feedback.
        """
        return self._work.feedback(progress)

    def prompt_models(self, case_id: str) -> tuple[PromptOption, ...]:
        """Return the models that can be pointed with on an own case; why not where they cannot.

        On a case that is to be read without a model, those that somebody trained are refused.
        """
        from annotator.session.prompts import prompt_options

        found = prompt_options(self._registry, self._work.series(case_id), self.schema)
        if not self._work.withholds_models(case_id):
            return found
        reason = "this case is read without trained models"
        return tuple(replace(one, refusal=reason) if one.is_learned else one for one in found)

    def prompt_desk(self, name: str, progress: Progress = no_progress) -> PromptDesk:
        """Return a prompt model that gets a process of its own; must be closed."""
        from annotator.session.prompts import PromptDesk

        return PromptDesk(name, progress=progress)

    def open_case(self, case_id: str) -> OpenCase:
        """Open an own case and its draft; raises AccessDeniedError for any other case."""
        return OpenCase(self._work, case_id)

    def open_tracing(self, case_id: str) -> OpenTracing:
        """Open an own case that is traced, and its draft; as `open_case` does for masks."""
        from annotator.session.tracing import OpenTracing

        return OpenTracing(self._work, case_id)
