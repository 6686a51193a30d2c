"""The part of a session for tracings: from files, looked through, reported.

What a worklist does not need is imported when it is first asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.reading import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.analysis.tracing.tree import Tree
    from annotator.analysis.tracing.units import Unit
    from annotator.api import Progress
    from annotator.domain.fit import Fit
    from annotator.domain.reading import Annotation
    from annotator.domain.study import Case
    from annotator.domain.trace_review import FoundTraces
    from annotator.jobs.trace_files import ReadTracing
    from annotator.registry import Registry
    from annotator.store import Store

ACTOR = "system"
_NO_ANSWERS = Diagnosis()


class TraceWork:
    """What a session does with tracings. Every method may be called from any thread."""

    store: Store
    registry: Registry

    def tracing_cases(self) -> tuple[Case, ...]:
        """Return the cases on which neurons are traced."""
        return self.store.tracing_cases()

    def add_tracing(
        self,
        case_id: str,
        rater: str,
        tree: Tree,
        diagnosis: Diagnosis = _NO_ANSWERS,
    ) -> Annotation:
        """Add a tree in the image frame as a rater's submitted tracing; the same again is one."""
        from annotator.session.diagnosis import require_diagnosis

        require_diagnosis(self.store.project().schema, diagnosis, needs_required=False)
        return self.store.add_tracing(
            case_id, self.store.rater(rater).rater_id, tree, diagnosis, only_new=True, actor=ACTOR
        )

    def add_tracing_file(
        self,
        case_id: str,
        rater: str,
        path: str | Path,
        diagnosis: Diagnosis = _NO_ANSWERS,
        *,
        unit: Unit | None = None,
        is_automatic: bool = False,
    ) -> tuple[Annotation, ReadTracing]:
        """Add an SWC file as a rater's submitted tracing; also return how it was read.

        ``unit`` is found by what fits the image where it is not given. ``is_automatic`` says that
        a program traced it: the rater is added where there is none of that name.
        """
        read = self._read(case_id, path, unit)
        known = {entry.name.casefold(): entry for entry in self.store.raters()}
        found = known.get(" ".join(rater.split()).casefold())
        if found is None and is_automatic:
            found = self.store.add_rater(rater, is_model=True, may_review=False, actor=ACTOR)
        if found is not None and is_automatic and not found.is_model:
            raise AnnotatorError(
                f"{found.name} is a person; give the automatic tracer another name"
            )
        if found is None:
            found = self.store.rater(rater)
        case = self.store.tracing_case(case_id)
        return self.add_tracing(case.case_id, found.rater_id, read.tree, diagnosis), read

    def draft_tracing_file(
        self, case_id: str, rater: str, path: str | Path, *, unit: Unit | None = None
    ) -> ReadTracing:
        """Put an SWC file into a person's open draft, as one step that undo takes back."""
        read = self._read(case_id, path, unit)
        case, person = self.store.tracing_case(case_id), self.store.rater(rater)
        if person.is_model:
            people = [entry.name for entry in self.store.raters() if not entry.is_model]
            raise UnknownNameError("person", person.name, people)
        draft = self.store.open_draft(case.case_id, person.rater_id, actor=person.rater_id)
        self.store.replace_draft_tree(
            draft.draft_id, read.tree, tool=f"import {Path(path).name}", actor=ACTOR
        )
        return read

    def find_traces(
        self, case_id: str, *, base: str | None = None, progress: Progress = no_progress
    ) -> FoundTraces:
        """Look through a tracing of a case, of the rater ``base`` or the one that is reviewed."""
        from annotator.jobs.trace_finding import find_traces
        from annotator.jobs.trace_readings import TraceReadings

        readings = TraceReadings.load(self.store, case_id, base)
        return find_traces(self.store, self.registry, readings, progress, actor=ACTOR)

    def learn_traces(
        self,
        detector: str,
        parameters: Mapping[str, object] | None = None,
        *,
        progress: Progress = no_progress,
    ) -> Fit:
        """Let a detector learn from the signed-off tracings; the job does it in another process."""
        from annotator.jobs.trace_learning import learn_detector

        return learn_detector(
            self.store, self.registry, detector, parameters or {}, progress, actor=ACTOR
        )

    def trace_report(
        self,
        path: str | Path,
        case_ids: Sequence[str] | None = None,
        *,
        progress: Progress = no_progress,
    ) -> int:
        """Write the report on traced cases as an HTML file; return on how many it is."""
        from annotator.jobs.trace_report import report_traces

        return report_traces(self.store, Path(path), case_ids, progress)[0]

    def _read(self, case_id: str, path: str | Path, unit: Unit | None) -> ReadTracing:
        from annotator.jobs.trace_files import read_tracing
        from annotator.jobs.traced_images import traced_image

        case = self.store.tracing_case(case_id)
        image = traced_image(self.store, self.store.series(case.series_ids[0]))
        try:
            return read_tracing(Path(path), image, unit)
        except OSError as error:
            raise AnnotatorError(f"{path} cannot be read: {error.strerror or error}") from error
