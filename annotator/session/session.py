"""One opened project: the application without a window.

What a worklist does not need is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.api import no_progress
from annotator.domain.reading import Diagnosis
from annotator.jobs.importing import import_paths
from annotator.jobs.local import LocalWorker
from annotator.registry import Registry
from annotator.session.access import OwnWork
from annotator.session.assignment import plan_assignments
from annotator.session.model_work import ACTOR, ModelWork
from annotator.session.rater_room import RaterRoom
from annotator.session.trace_work import TraceWork
from annotator.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.fit import Fit
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.review import CaseScore, Finding, Fusion
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Reads
    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.comparing import CaseAgreement, DiagnosisAgreement
    from annotator.jobs.importing import ImportReport
    from annotator.jobs.replaying import Replay
    from annotator.session.companions import CompanionDesk
    from annotator.session.quality import QualityDesk
    from annotator.session.report import RaterReport
    from annotator.session.review_room import ReviewRoom
    from annotator.store import ProjectInfo

NO_ANSWERS = Diagnosis()


class Session(ModelWork, TraceWork):
    """One opened project. Every method may be called from any thread.

    What it hands out is less free: an open case, a draft and a review case belong to one thread.
    """

    def __init__(self, store: Store, registry: Registry | None = None) -> None:
        self.store = store
        self.registry = registry or Registry.load()
        store.open_slide = self.registry.open_slide
        self.jobs = LocalWorker(store)

    @classmethod
    def open(cls, location: str | Path, *, read_only: bool = False) -> Session:
        """Open an existing project: a directory, or a PostgreSQL URL."""
        return cls(Store.open(location, read_only=read_only))

    @classmethod
    def create(cls, location: str | Path, *, schema: LabelSchema, title: str) -> Session:
        """Make a new project and open it; refuses where there is one already."""
        return cls(Store.create(location, title=title, schema=schema))

    def close(self) -> None:
        """Cancel the jobs that were started here and let the project go."""
        self.jobs.close()
        self.store.close()

    def __enter__(self) -> Session:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the project."""
        self.close()

    def project(self) -> ProjectInfo:
        """Return title, schema and seed of the project."""
        return self.store.project()

    def people(self) -> tuple[Rater, ...]:
        """Return the raters who are people, in the order in which they were added."""
        return tuple(rater for rater in self.store.raters() if not rater.is_model)

    def add_rater(self, name: str, *, may_review: bool = True) -> Rater:
        """Add a person."""
        return self.store.add_rater(name, may_review=may_review, actor=ACTOR)

    def cases(self) -> tuple[Case, ...]:
        """Return the cases on which masks are drawn, without those read for a second time."""
        return self.store.cases()

    def every_case(self) -> tuple[Case, ...]:
        """Return the cases of the project of both kinds: masks are drawn, or neurons traced."""
        return self.store.every_case()

    def assign(
        self,
        n_raters: int | None = None,
        *,
        rater_ids: Sequence[str] | None = None,
        first: Sequence[str] = (),
    ) -> int:
        """Give every case to ``n_raters`` people, or to all; return how many assignments are new.

        ``rater_ids`` names who reads, everyone where it is None. Cases named in ``first`` come
        before others that are new, in this order; the rest in each rater's own random order.
        """
        chosen = [rater.rater_id for rater in self.people()] if rater_ids is None else rater_ids
        plan = plan_assignments(
            [case.case_id for case in self.every_case()],
            list(chosen),
            self.store.assignments(),
            n_raters=n_raters,
            seed=self.project().seed,
            first=first,
        )
        for case_id, rater_id, position in plan:
            self.store.assign(case_id, rater_id, position, actor=ACTOR)
        return len(plan)

    def rater_room(self, rater_id: str) -> RaterRoom:
        """Enter the room of one rater; it shows nothing of the others."""
        return RaterRoom(OwnWork(self.store, self.store.rater(rater_id)), self.registry)

    @property
    def quality(self) -> QualityDesk:
        """Rules for further raters, gold cases, cases read twice, feedback."""
        from annotator.session.quality import QualityDesk

        return QualityDesk(self.store)

    @property
    def companions(self) -> CompanionDesk:
        """Series that stand beside cases: further ones of the study, and earlier studies."""
        from annotator.session.companions import CompanionDesk

        return CompanionDesk(self.store, self.registry, ACTOR)

    def import_studies(
        self,
        paths: Sequence[str | Path],
        *,
        reads: Reads = "mask",
        progress: Progress = no_progress,
    ) -> ImportReport:
        """Import files and directories here and now; ``jobs`` does the same in another process.

        ``reads`` says what is read on the cases: masks are drawn, or neurons traced.
        """
        return import_paths(self.store, self.registry, paths, progress, reads=reads, actor=ACTOR)

    def review_room(self, rater_id: str) -> ReviewRoom:
        """Enter the reviewer's room; raises AccessDeniedError where that rater may not."""
        from annotator.session.review_room import ReviewRoom

        return ReviewRoom(self.store, self.registry, self.store.rater(rater_id))

    def add_reading(
        self,
        case_id: str,
        rater: str,
        mask: NDArray[Any],
        geometry: Geometry,
        diagnosis: Diagnosis = NO_ANSWERS,
        *,
        others: Sequence[tuple[NDArray[Any], Geometry]] = (),
        resample: bool = False,
        extend: bool = False,
    ) -> Annotation:
        """Add a mask ``(z, y, x)`` that was drawn elsewhere, with its own grid, as a reading.

        ``others`` are further masks of the same reading, of labels of other groups. Another grid
        is refused in words unless ``resample``; values that the schema lacks are refused by name
        unless ``extend`` adds them.
        """
        from annotator.session.adding import add_reading

        return add_reading(
            self.store,
            case_id,
            rater,
            mask,
            geometry,
            diagnosis,
            others=others,
            resample=resample,
            extend=extend,
            actor=ACTOR,
        )

    def fuse(
        self,
        case_id: str,
        method: str,
        parameters: Mapping[str, object] | None = None,
        *,
        include_models: bool = False,
        fit: Fit | None = None,
        progress: Progress = no_progress,
    ) -> Fusion:
        """Fuse the latest readings of a case; unchanged readings give the fusion that exists.

        ``fit`` is what a method that learns goes by; what it learns from the readings as they are
        now where none is given.
        """
        from annotator.jobs.fusing import fuse_readings
        from annotator.jobs.readings import Readings

        readings = Readings.load(self.store, case_id, include_models=include_models)
        return fuse_readings(
            self.store, self.registry, readings, method, parameters, progress, fit=fit, actor=ACTOR
        )

    def learn(
        self,
        method: str,
        parameters: Mapping[str, object] | None = None,
        *,
        include_models: bool = False,
        progress: Progress = no_progress,
    ) -> Fit | None:
        """Let a fusion method learn from the readings as they are now; None where it learns not."""
        from annotator.jobs.learning import learn_for_fusion

        return learn_for_fusion(
            self.store,
            self.registry,
            method,
            parameters or {},
            progress,
            include_models=include_models,
            actor=ACTOR,
        )

    def rerun(self, fusion_id: str) -> Fusion:
        """Fuse again by a stored recipe; raises IntegrityError where it comes out differently."""
        from annotator.jobs.fusing import rerun_fusion

        return rerun_fusion(self.store, self.registry, fusion_id, actor=ACTOR)

    def replay(self, *, progress: Progress = no_progress) -> Replay:
        """Learn and fuse again by every recipe; the same bytes must come of it."""
        from annotator.jobs.replaying import replay

        return replay(self.store, self.registry, progress, actor=ACTOR)

    def find(
        self, case_id: str, *, include_models: bool = False
    ) -> tuple[CaseScore, tuple[Finding, ...]]:
        """Find the disputes in a case and keep them; worst first."""
        from annotator.jobs.finding import find_readings
        from annotator.jobs.readings import Readings

        readings = Readings.load(self.store, case_id, include_models=include_models)
        score, findings, _ = find_readings(self.store, readings, actor=ACTOR)
        return score, findings

    def compare(self, case_id: str, *, include_models: bool = False) -> CaseAgreement:
        """Compare every pair of readings of a case, label by label."""
        from annotator.jobs.comparing import compare_case
        from annotator.jobs.readings import Readings

        return compare_case(Readings.load(self.store, case_id, include_models=include_models))

    def compare_all(
        self, *, include_models: bool = False, progress: Progress = no_progress
    ) -> tuple[CaseAgreement, ...]:
        """Compare the readings of every case that has two or more."""
        from annotator.jobs.comparing import compare_cases

        return compare_cases(self.store, self.cases(), progress, include_models=include_models)

    def compare_diagnoses(
        self, case_ids: Sequence[str] | None = None, *, include_models: bool = False
    ) -> tuple[DiagnosisAgreement, ...]:
        """Return how far readings agree on each question, over the chosen cases or all."""
        from annotator.jobs.comparing import compare_diagnoses
        from annotator.jobs.readings import counted

        chosen = [case.case_id for case in self.cases()] if case_ids is None else case_ids
        annotations = [
            entry
            for case_id in chosen
            for entry in counted(self.store, case_id, include_models=include_models)
        ]
        return compare_diagnoses(annotations, self.project().schema)

    def export_here(
        self, directory: str, format_name: str, progress: Progress = no_progress
    ) -> dict[str, Any]:
        """Export everything in this process; for a read-only project, which keeps no jobs.

        Returns what the export job returns: ``directory``, ``files`` and ``skipped``.
        """
        from annotator.jobs.handlers import export

        wanted = {"directory": directory, "format": format_name}
        return export(self.store, self.registry, wanted, progress)

    def report(self, *, progress: Progress = no_progress) -> RaterReport:
        """Compare every rater with the consensus, over all cases."""
        from annotator.session.report import report_raters

        return report_raters(self.store, self.cases(), progress)

    def agreement_report(
        self,
        case_ids: Sequence[str] | None = None,
        *,
        include_models: bool = False,
        progress: Progress = no_progress,
    ) -> AgreementReport:
        """Compare all readings of the chosen cases, or of every case, in every way there is.

        ``jobs.submit("report", {"path": …})`` writes the same as an HTML file in another process.
        """
        from annotator.session.agreement import ReportSettings, report_agreement

        chosen = self.cases() if case_ids is None else map(self.store.study_case, case_ids)
        settings = ReportSettings(include_models=include_models)
        return report_agreement(self.store, self.registry, tuple(chosen), progress, settings)
