"""One opened project: the application without a window.

What a worklist does not need is imported when it is first asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.domain.reading import Diagnosis
from annotator.jobs.importing import import_paths
from annotator.jobs.local import LocalWorker
from annotator.registry import Registry
from annotator.session.access import OwnWork
from annotator.session.assignment import plan_assignments
from annotator.session.rater_room import RaterRoom
from annotator.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Progress, SuppliedNetwork
    from annotator.domain.fit import Fit
    from annotator.domain.geometry import Geometry
    from annotator.domain.job import Job
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.review import CaseScore, Finding, Fusion
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.comparing import CaseAgreement, DiagnosisAgreement
    from annotator.jobs.importing import ImportReport
    from annotator.jobs.replaying import Replay
    from annotator.jobs.supplying import FoundNetwork
    from annotator.session.models import ModelEntry
    from annotator.session.quality import QualityDesk
    from annotator.session.report import RaterReport
    from annotator.session.review_room import ReviewRoom
    from annotator.session.trained_models import TrainedModel, WarmModel
    from annotator.session.trainings import TrainingEntry, TrainingView
    from annotator.store import ProjectInfo
    from annotator.store.prediction_maps import MapKind

ACTOR = "system"
NO_ANSWERS = Diagnosis()


class Session:
    """One opened project. Every method may be called from any thread.

    What it hands out is less free: an open case, a draft and a review case belong to one thread.
    """

    def __init__(self, store: Store, registry: Registry | None = None) -> None:
        self.store = store
        self.registry = registry or Registry.load()
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
        """Return every case of the project, without those that are read for a second time."""
        return self.store.cases()

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
            [case.case_id for case in self.cases()],
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

    def import_studies(
        self, paths: Sequence[str | Path], *, progress: Progress = no_progress
    ) -> ImportReport:
        """Import files and directories here and now; ``jobs`` does the same in another process."""
        return import_paths(self.store, self.registry, paths, progress, actor=ACTOR)

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
        resample: bool = False,
        extend: bool = False,
    ) -> Annotation:
        """Add a mask ``(z, y, x)`` that was drawn elsewhere, with its own grid, as a reading.

        Another grid is refused in words unless ``resample``; values that the schema lacks are
        refused by name unless ``extend`` adds them.
        """
        from annotator.session.adding import add_reading

        return add_reading(
            self.store,
            case_id,
            rater,
            mask,
            geometry,
            diagnosis,
            resample=resample,
            extend=extend,
            actor=ACTOR,
        )

    def predict(
        self,
        model_name: str,
        case_ids: Sequence[str] | None = None,
        *,
        parameters: Mapping[str, object] | None = None,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Let a model read cases, or every case, in another process; waits for it.

        Returns ``{"annotations": [{"case", "annotation"}], "skipped": [{"case", "reason"}]}``;
        raises AnnotatorError with the reason where the job failed.
        """
        self.registry.model(model_name)
        given: dict[str, object] = {"model": model_name, "parameters": dict(parameters or {})}
        if case_ids is not None:
            given["cases"] = [self.store.case(entry).case_id for entry in case_ids]
        return self.finish(self.jobs.submit("predict", given), progress=progress)

    def predict_by_network(
        self,
        network: str | Sequence[str],
        case_ids: Sequence[str] | None = None,
        *,
        parameters: Mapping[str, object] | None = None,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Let a network that a user brought read cases, or every case, in another process.

        Several networks read together. Waits for it and returns ``{"reader", "annotations":
        [{"case", "annotation", "device", "windows", "left_out", "notes"}], "skipped", "notes"}``.
        """
        names = [network] if isinstance(network, str) else list(network)
        found = [self.store.network(name).network_id for name in names]
        given: dict[str, object] = {"network": found, "parameters": dict(parameters or {})}
        if case_ids is not None:
            given["cases"] = [self.store.case(entry).case_id for entry in case_ids]
        return self.finish(self.jobs.submit("predict", given), progress=progress)

    def prediction_map(
        self, annotation_id: str, kind: MapKind, label: int = 0
    ) -> NDArray[np.float32] | None:
        """Return how sure a model was, ``(z, y, x)`` float32, 0 to 1; None where it is not kept.

        ``kind`` is ``probability``, of ``label``, or ``uncertainty``.
        """
        from annotator.analysis.network_output import unquantised
        from annotator.analysis.runs import decode

        kept = self.store.prediction_map(annotation_id, kind, label)
        return None if kept is None else unquantised(decode(kept))

    def train(
        self,
        trainer_name: str,
        *,
        parameters: Mapping[str, object] | None = None,
        target: str | None = None,
        include_models: bool = False,
        progress: Progress = no_progress,
    ) -> Fit:
        """Train on cases of the project, in another process; waits for it.

        ``target`` says what is aimed at: ``adjudicated``, ``readings`` or the name of a fusion
        method; None for every case that two or more have read, by trainers that go by readings.
        Raises AnnotatorError with the reason where the job failed.
        """
        job = self.start_training(
            trainer_name, parameters=parameters, target=target, include_models=include_models
        )
        return self.store.fit(self.finish(job, progress=progress)["fit"])

    def start_training(
        self,
        trainer_name: str,
        *,
        parameters: Mapping[str, object] | None = None,
        target: str | None = None,
        include_models: bool = False,
    ) -> Job:
        """Train as `train` does, without waiting; goes on where the same training was left."""
        self.registry.trainer(trainer_name)
        given: dict[str, object] = {
            "trainer": trainer_name,
            "parameters": dict(parameters or {}),
            "target": target,
            "include_models": include_models,
        }
        return self.jobs.submit("train", given)

    def trainings(self) -> tuple[TrainingEntry, ...]:
        """Return all trainings that can be watched, newest first."""
        from annotator.session.trainings import training_entries

        return training_entries(self.store, self.registry)

    def training(self, training_id: str) -> TrainingView:
        """Return a training with its curves and newest examples."""
        from annotator.session.trainings import training_view

        return training_view(self.store, self.registry, training_id)

    def stop_training(self, training_id: str) -> None:
        """End a training with the best so far; to leave it, its job is cancelled."""
        self.store.request_stop(training_id, actor=ACTOR)

    def models(self) -> tuple[ModelEntry, ...]:
        """Return every model there is: trained here, supplied by a user, installed."""
        from annotator.session.models import models

        return models(self.store, self.registry)

    def look_at_network(self, path: str | Path) -> FoundNetwork:
        """Return what a file or folder holds, for a person to read; keeps and runs nothing."""
        from annotator.jobs.supplying import look_at

        return look_at(self.registry, path, self.project().schema)

    def supply_network(
        self,
        path: str | Path,
        *,
        licence_accepted_by: str,
        corrections: Mapping[str, object] | None = None,
        labels: Mapping[int, str] | None = None,
        progress: Progress = no_progress,
    ) -> SuppliedNetwork:
        """Take a network into the project; its files stay where they are.

        ``corrections`` are fields of its card that the user knows better; ``labels`` says which
        label, by name or value, each output draws, by name where it is None.
        """
        from annotator.jobs.supplying import supply

        return supply(
            self.store,
            self.registry,
            path,
            corrections=corrections,
            labels=labels,
            licence_accepted_by=licence_accepted_by,
            progress=progress,
            actor=ACTOR,
        )

    def networks(self) -> tuple[SuppliedNetwork, ...]:
        """Return the networks that were supplied, oldest first."""
        return self.store.networks()

    def remove_network(self, name: str) -> None:
        """Take a network out of the project; its files and its readings stay."""
        self.store.remove_network(name, actor=ACTOR)

    def trained_models(self) -> tuple[TrainedModel, ...]:
        """Return the models that were trained on this project and can be used, newest first."""
        from annotator.session.trained_models import trained_models

        return trained_models(self.store, self.registry)

    def warm_model(self, fit_id: str, case_id: str) -> WarmModel:
        """Hold a trained model ready on a case, in a process of its own; it must be closed."""
        from annotator.session.trained_models import WarmModel

        return WarmModel(self.store.location, self.store.fit(fit_id).fit_id, case_id)

    def predict_by_fit(
        self,
        fit_id: str,
        case_ids: Sequence[str] | None = None,
        *,
        trust: Mapping[str, float] | None = None,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Let a trained model read cases, or every case, in another process; waits for it.

        ``trust`` says by rater name or id how far to believe each, where the model can be told.
        Returns ``{"readings": [{"case", "annotation", "difficulty", "why"}], "skipped": […]}``.
        """
        given: dict[str, object] = {"fit": self.store.fit(fit_id).fit_id}
        if trust:
            given["trust"] = dict(trust)
        if case_ids is not None:
            given["cases"] = [self.store.case(entry).case_id for entry in case_ids]
        return self.finish(self.jobs.submit("predict by fit", given), progress=progress)

    def find_errors(
        self,
        fit_id: str | None = None,
        case_ids: Sequence[str] | None = None,
        *,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Check the labels of cases, or of every case, in another process; waits for it.

        By a fit that can, the newest where none is named. What is rejected where all raters agree
        comes to the review as regions of its own. Returns ``{"fit", "checked": [{"case",
        "errors": […]}], "skipped": […]}``, the errors as `LabelError` without its voxels.
        """
        given: dict[str, object] = {}
        if fit_id is not None:
            given["fit"] = self.store.fit(fit_id).fit_id
        if case_ids is not None:
            given["cases"] = [self.store.case(entry).case_id for entry in case_ids]
        return self.finish(self.jobs.submit("find errors", given), progress=progress)

    def propagate(
        self,
        case_id: str,
        to: Sequence[str] | None = None,
        *,
        rater: str | None = None,
        method: str = "registration",
        parameters: Mapping[str, object] | None = None,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Draw what a person drew on a case on others, or on all, in another process; waits for it.

        ``rater`` says whose reading is meant; what was signed off, or the only reading there is,
        where it is None. Returns ``{"source", "reader", "readings": [{"case", "annotation",
        "error_mm", "doubtful", "folded"}], "skipped": […]}``.
        """
        self.registry.propagator(method)
        given: dict[str, object] = {
            "case": self.store.case(case_id).case_id,
            "rater": rater,
            "method": method,
            "parameters": dict(parameters or {}),
        }
        if to is not None:
            given["cases"] = [self.store.case(entry).case_id for entry in to]
        return self.finish(self.jobs.submit("propagate", given), progress=progress)

    def evaluate(
        self,
        *,
        reader: str | None = None,
        fit_id: str | None = None,
        against: str = "adjudicated",
        tolerance_mm: float = 2.0,
        with_learned: bool = False,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Judge a rater or a trained model by a reference, in another process; waits for it.

        ``against`` is ``adjudicated``, a rater or a fusion method. Returns what
        `annotator.jobs.evaluating.Evaluation` holds, as JSON has it.
        """
        given: dict[str, object] = {
            "against": against,
            "tolerance_mm": tolerance_mm,
            "with_learned": with_learned,
        }
        if reader is not None:
            given["reader"] = self.store.rater(reader).name
        if fit_id is not None:
            given["fit"] = self.store.fit(fit_id).fit_id
        return self.finish(self.jobs.submit("evaluate", given), progress=progress)

    def finish(self, job: Job, *, progress: Progress = no_progress) -> dict[str, Any]:
        """Wait for a job that was submitted here and return its result.

        Raises AnnotatorError where it failed, CancelledError where it was cancelled.
        """
        ended = self.jobs.wait(job.job_id, progress=progress)
        if ended.state == "cancelled":
            raise CancelledError(ended.error)
        if ended.state == "failed":
            raise AnnotatorError(ended.error)
        result: dict[str, Any] = json.loads(ended.result)
        return result

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
