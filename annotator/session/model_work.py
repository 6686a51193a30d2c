"""The part of a session for models: they read, are trained, judged, brought in and held ready.

What a worklist does not need is imported when it is first asked for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Progress, SuppliedNetwork
    from annotator.domain.fit import Fit
    from annotator.domain.job import Job
    from annotator.jobs.local import LocalWorker
    from annotator.jobs.supplying import FoundNetwork
    from annotator.registry import Registry
    from annotator.session.models import ModelEntry
    from annotator.session.trained_models import TrainedModel, WarmModel
    from annotator.session.trainings import TrainingEntry, TrainingView
    from annotator.store import Store
    from annotator.store.prediction_maps import MapKind

ACTOR = "system"


class ModelWork:
    """What a session does with models. Every method may be called from any thread."""

    store: Store
    registry: Registry
    jobs: LocalWorker

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
        return self._work_on(case_ids, "predict", given, progress)

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
        return self._work_on(case_ids, "predict", given, progress)

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
        group: str | None = None,
        include_models: bool = False,
        progress: Progress = no_progress,
    ) -> Fit:
        """Train on cases of the project, in another process; waits for it.

        ``target`` says what is aimed at: ``adjudicated``, ``readings`` or the name of a fusion
        method; None for every case that two or more have read, by trainers that go by readings.
        ``group`` is the label group to learn from, by its name or that of one of its labels, the
        first where labels of several groups may share a voxel and none is named. Raises
        AnnotatorError with the reason where the job failed.
        """
        job = self.start_training(
            trainer_name,
            parameters=parameters,
            target=target,
            group=group,
            include_models=include_models,
        )
        return self.store.fit(self.finish(job, progress=progress)["fit"])

    def start_training(
        self,
        trainer_name: str,
        *,
        parameters: Mapping[str, object] | None = None,
        target: str | None = None,
        group: str | None = None,
        include_models: bool = False,
    ) -> Job:
        """Train as `train` does, without waiting; goes on where the same training was left."""
        self.registry.trainer(trainer_name)
        from annotator.jobs.group_learning import group_to_learn

        group_to_learn(self.store.project().schema, group)  # says at once what there is no group of
        given: dict[str, object] = {
            "trainer": trainer_name,
            "parameters": dict(parameters or {}),
            "target": target,
            "group": group,
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

    def save_training_curve(self, training_id: str, path: str | Path) -> Path:
        """Write the curves of a training, done or under way, as CSV: one row a round."""
        from annotator.jobs.training_curve import write_curve

        return write_curve(self.store, training_id, Path(path))

    def save_curve_of_model(self, fit_id: str, path: str | Path) -> Path:
        """Write the curves that a trained model came of, as `save_training_curve` does."""
        from annotator.jobs.training_curve import training_of_fit

        return self.save_training_curve(training_of_fit(self.store, fit_id), path)

    def stop_training(self, training_id: str) -> None:
        """End a training with the best so far; to leave it, its job is cancelled."""
        self.store.request_stop(training_id, actor=ACTOR)

    def models(self) -> tuple[ModelEntry, ...]:
        """Return every model there is: trained here, supplied by a user, installed."""
        from annotator.session.models import models

        return models(self.store, self.registry)

    def look_at_network(self, path: str | Path) -> FoundNetwork:
        """Return what a file or folder holds, for a person to read; keeps and runs nothing."""
        from annotator.jobs.looking import see_apart
        from annotator.jobs.supplying import fitted

        return fitted(see_apart(path), self.store.project().schema)

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
        from annotator.jobs.looking import see_apart
        from annotator.jobs.supplying import supply

        return supply(
            self.store,
            see_apart(path),
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
        return self._work_on(case_ids, "predict by fit", given, progress)

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
        return self._work_on(case_ids, "find errors", given, progress)

    def learn_contours(
        self,
        detector: str,
        *,
        parameters: Mapping[str, object] | None = None,
        progress: Progress = no_progress,
    ) -> Fit:
        """Let a detector learn contour errors from signed-off cases, in another process.

        Waits for it; raises AnnotatorError with the reason where the job failed.
        """
        self.registry.contour_detector(detector)
        given: dict[str, object] = {"detector": detector, "parameters": dict(parameters or {})}
        job = self.jobs.submit("learn contours", given)
        return self.store.fit(self.finish(job, progress=progress)["fit"])

    def find_contour_errors(
        self,
        fit_id: str | None = None,
        case_ids: Sequence[str] | None = None,
        *,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Check the contours of cases, or of every case, in another process; waits for it.

        By what was learned last where no fit is named. Stretches that are held wrong come to the
        review: told of the region that they lie in, or as regions of their own. Returns
        ``{"fit", "checked": [{"case", "errors": […]}], "skipped": […]}``, the errors as
        `ContourError` without its voxels.
        """
        given: dict[str, object] = {}
        if fit_id is not None:
            given["fit"] = self.store.fit(fit_id).fit_id
        return self._work_on(case_ids, "find contour errors", given, progress)

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
        return self._work_on(to, "propagate", given, progress)

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

    def _work_on(
        self,
        case_ids: Sequence[str] | None,
        kind: str,
        given: dict[str, object],
        progress: Progress,
    ) -> dict[str, Any]:
        """Do a job on these cases, or on every case, and wait for its result."""
        if case_ids is not None:
            given["cases"] = [self.store.case(entry).case_id for entry in case_ids]
        return self.finish(self.jobs.submit(kind, given), progress=progress)
