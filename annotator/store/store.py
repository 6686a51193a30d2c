"""One project: every row and every voxel of it, and the only door to them."""

from __future__ import annotations

import secrets
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from annotator.api import no_progress
from annotator.store import (
    adjudications,
    audit,
    cases,
    drafts,
    findings,
    fusions,
    jobs,
    migrations,
    projects,
    raters,
    readings,
    series,
    steps,
    verify,
)
from annotator.store.database import SYSTEM, Change, Database
from annotator.store.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from annotator.analysis.runs import MaskRuns, SlabRuns
    from annotator.api import Progress
    from annotator.domain.job import Job, JobState
    from annotator.domain.reading import Annotation, Assignment, Box, Diagnosis, Draft, Rater, Step
    from annotator.domain.review import (
        Adjudication,
        CaseScore,
        Finding,
        Fusion,
        FusionRecipe,
        RaterPerformance,
        Verdict,
    )
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series
    from annotator.store.audit import AuditRow
    from annotator.store.drafts import Purpose
    from annotator.store.projects import ProjectInfo
    from annotator.store.steps import Content

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """One project, kept in a directory (SQLite) or on a PostgreSQL server.

    May be used from several threads, and by several processes at once. Every write is one
    transaction with one row in the audit log; a call that changes nothing writes nothing. Every
    error of the database is an `AnnotatorError` in words.
    """

    location: str
    cache_dir: Path
    is_read_only: bool

    def __init__(self, place: Place, database: Database, project_id: str) -> None:
        self.location = place.location
        self.cache_dir = place.cache_dir(project_id)
        self.is_read_only = database.is_read_only
        self._database = database

    @classmethod
    def create(
        cls, location: str | Path, *, title: str, schema: LabelSchema, seed: int | None = None
    ) -> Store:
        """Make a new project; a place that holds one already is refused."""
        place = Place.of(location)
        with ExitStack() as undo:
            if not place.is_url:
                place.claim()
                undo.callback(place.remove_claim)
            database = place.open_new()
            undo.callback(database.close)
            project_id = uuid.uuid4().hex
            with database.alter() as connection:
                migrations.create(connection, place.shown)
                change = Change(connection=connection, actor=SYSTEM)
                projects.create(
                    change,
                    project_id=project_id,
                    title=title,
                    schema=schema,
                    seed=secrets.randbits(32) if seed is None else seed,
                )
                change.append_entry()
            undo.pop_all()
        return cls(place, database, project_id)

    @classmethod
    def open(cls, location: str | Path, *, read_only: bool = False) -> Store:
        """Open a project; an older one is brought forward, a newer one refused.

        One that cannot be written opens for reading: see ``is_read_only``.
        """
        place = Place.of(location)
        with ExitStack() as undo:
            database = place.open_existing(read_only=read_only)
            undo.callback(database.close)
            migrations.bring_forward(database)
            with database.read() as connection:
                project_id = projects.read(connection).project_id
            undo.pop_all()
        return cls(place, database, project_id)

    def close(self) -> None:
        """Close the connections; the store is of no use afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    # project ------------------------------------------------------------------------------------

    def project(self) -> ProjectInfo:
        """Return title, schema and seed."""
        return self._read(projects.read)

    def set_schema(self, schema: LabelSchema, *, actor: str) -> None:
        """Replace the label schema."""
        self._write(actor, projects.set_schema, schema)

    # series, cases, voxels ----------------------------------------------------------------------

    def add_series(self, series_: Series, voxels: NDArray[Any], *, actor: str) -> None:
        """Keep a series and cache its voxels, ``(z, y, x[, channel])``; once."""
        series.check_voxels(series_, voxels)
        self._refuse_if_read_only()
        if not series.voxel_path(self.cache_dir, series_.series_id).exists():
            series.write_voxels(self.cache_dir, series_.series_id, voxels)
        self._write(actor, series.add, series_)

    def series(self, series_id: str) -> Series:
        """Return the facts of a series."""
        return self._read(series.read, series_id)

    def voxels(self, series_id: str) -> NDArray[Any]:
        """Return stored voxels, ``(z, y, x[, channel])``, memory-mapped; must not be written to."""
        return series.read_voxels(self.cache_dir, self.series(series_id))

    def rebuild_voxels(self, series_id: str, voxels: NDArray[Any]) -> None:
        """Put voxels back into the cache; they must be those of the series."""
        self._refuse_if_read_only()
        series.rebuild_voxels(self.cache_dir, self.series(series_id), voxels)

    def add_case(self, title: str, series_ids: Sequence[str], *, actor: str) -> Case:
        """Add a case, or return the one that has these series already."""
        return self._write(actor, cases.add, title, series_ids)

    def cases(self) -> tuple[Case, ...]:
        """Return all cases in the order in which they came."""
        return self._read(cases.every)

    def case(self, case_id_or_title: str) -> Case:
        """Return one case by id or title."""
        return self._read(cases.read, case_id_or_title)

    # raters and assignments ---------------------------------------------------------------------

    def add_rater(
        self, name: str, *, is_model: bool = False, may_review: bool = True, actor: str
    ) -> Rater:
        """Add a person or a model; a name that is taken is refused."""
        return self._write(actor, raters.add, name, is_model=is_model, may_review=may_review)

    def raters(self) -> tuple[Rater, ...]:
        """Return all raters in the order in which they came."""
        return self._read(raters.every)

    def rater(self, id_or_name: str) -> Rater:
        """Return one rater."""
        return self._read(raters.read, id_or_name)

    def assign(self, case_id: str, rater_id: str, position: int, *, actor: str) -> None:
        """Give a case to a rater at this place in their order; once."""
        self._write(actor, raters.assign, case_id, rater_id, position)

    def assignments(self, rater_id: str | None = None) -> tuple[Assignment, ...]:
        """Return assignments by rater and position."""
        return self._read(raters.assigned, rater_id)

    # drafts -------------------------------------------------------------------------------------

    def open_draft(
        self, case_id: str, rater_id: str, *, purpose: Purpose = "reading", actor: str
    ) -> Draft:
        """Open a draft, or return the open one; a correction starts from the last revision."""
        return self._write(actor, drafts.open_or_return, case_id, rater_id, purpose)

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
    ) -> Step:
        """Append a step: the new content of the slabs that it changed, None where empty now."""
        return self._write(actor, steps.record, draft_id, tool=tool, box=box, content=slabs)

    def undo(self, draft_id: int, *, actor: str) -> tuple[Step, Content] | None:
        """Take a step back; return it and what its slabs hold now, None at the beginning."""
        return self._write(actor, steps.undo, draft_id)

    def redo(self, draft_id: int, *, actor: str) -> tuple[Step, Content] | None:
        """Do the newest undone step again; return it and what its slabs hold now, or None."""
        return self._write(actor, steps.redo, draft_id)

    def steps(self, draft_id: int) -> tuple[Step, ...]:
        """Return the steps that led to the present state, first one first."""
        return self._read(steps.in_effect, draft_id)

    def set_diagnosis(self, draft_id: int, diagnosis: Diagnosis, *, actor: str) -> None:
        """Keep what the rater says of the case so far."""
        self._write(actor, drafts.set_diagnosis, draft_id, diagnosis)

    def start_draft_from(self, draft_id: int, annotation_id: str, *, actor: str) -> None:
        """Copy an annotation's mask into a draft, as one step that undo takes back."""
        self._write(actor, steps.start_from, draft_id, annotation_id)

    # annotations --------------------------------------------------------------------------------

    def submit(self, draft_id: int, *, actor: str) -> Annotation:
        """Make an immutable annotation of a draft, and close the draft."""
        return self._write(actor, readings.submit, draft_id)

    def add_annotation(
        self,
        case_id: str,
        rater_id: str,
        mask: MaskRuns,
        diagnosis: Diagnosis,
        *,
        started_from_id: str | None = None,
        actor: str,
    ) -> Annotation:
        """Keep a reading from elsewhere; a new revision where the rater has one."""
        return self._write(
            actor,
            readings.add,
            case_id,
            rater_id,
            mask=mask,
            diagnosis=diagnosis,
            started_from_id=started_from_id,
        )

    def annotations(
        self, case_id: str | None = None, *, latest: bool = True
    ) -> tuple[Annotation, ...]:
        """Return annotations by case, rater and revision."""
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

    # fusions ------------------------------------------------------------------------------------

    def add_fusion(
        self,
        recipe: FusionRecipe,
        *,
        labels: MaskRuns,
        patterns: MaskRuns,
        probability: NDArray[np.float64],
        performance: Sequence[RaterPerformance],
        warnings: Sequence[str],
        actor: str,
    ) -> Fusion:
        """Keep a recipe and its result; another result for a known recipe is an IntegrityError.

        ``patterns`` holds per voxel the pattern's number + 1 (0: all background), ``probability``
        is ``(pattern, label)``.
        """
        return self._write(
            actor,
            fusions.add,
            recipe,
            labels=labels,
            patterns=patterns,
            probability=probability,
            performance=performance,
            warnings=warnings,
        )

    def fusions(self, case_id: str) -> tuple[Fusion, ...]:
        """Return the fusions of a case, newest last."""
        return self._read(fusions.of_case, case_id)

    def fusion(self, fusion_id: str) -> Fusion:
        """Return one fusion."""
        return self._read(fusions.read, fusion_id)

    def fusion_labels(self, fusion_id: str) -> MaskRuns:
        """Return the fused labels."""
        return self._read(fusions.read_labels, fusion_id)

    def fusion_probability(self, fusion_id: str) -> tuple[MaskRuns, NDArray[np.float64]]:
        """Return per voxel the pattern's number + 1, and the ``(pattern, label)`` table."""
        return self._read(fusions.read_probability, fusion_id)

    # findings and review ------------------------------------------------------------------------

    def put_findings(
        self,
        case_id: str,
        findings_key: str,
        score: CaseScore,
        found: Sequence[Finding],
        *,
        actor: str,
    ) -> None:
        """Replace the findings of a case."""
        self._write(actor, findings.put, case_id, findings_key, score=score, found=found)

    def findings(self, case_id: str) -> tuple[str, tuple[Finding, ...]] | None:
        """Return the key of the findings of a case and the findings, or None."""
        return self._read(findings.read, case_id)

    def case_scores(self) -> tuple[CaseScore, ...]:
        """Return the scores of cases, hardest first."""
        return self._read(findings.scores)

    def add_verdict(self, verdict: Verdict, findings_key: str, *, actor: str) -> None:
        """Append a verdict on a region."""
        self._write(actor, findings.add_verdict, verdict, findings_key)

    def undo_verdict(self, case_id: str, *, actor: str) -> Verdict | None:
        """Take back the newest verdict on the present findings, and return it."""
        return self._write(actor, findings.undo_verdict, case_id)

    def verdicts(self, case_id: str, findings_key: str) -> tuple[Verdict, ...]:
        """Return the verdicts that hold, one a region."""
        return self._read(findings.holding, case_id, findings_key)

    def sign_off(
        self,
        case_id: str,
        *,
        reviewer_id: str,
        fusion_id: str,
        findings_key: str,
        diagnosis: Diagnosis,
        mask: MaskRuns,
        origin: MaskRuns,
        actor: str,
    ) -> Adjudication:
        """Keep the decided mask, and per voxel the region that it was decided by (0: undisputed)."""
        return self._write(
            actor,
            adjudications.sign_off,
            case_id,
            reviewer_id=reviewer_id,
            fusion_id=fusion_id,
            findings_key=findings_key,
            diagnosis=diagnosis,
            mask=mask,
            origin=origin,
        )

    def adjudication(self, case_id: str) -> Adjudication | None:
        """Return the adjudication that holds, or None."""
        return self._read(adjudications.of_case, case_id)

    def adjudication_mask(self, adjudication_id: str) -> tuple[MaskRuns, MaskRuns]:
        """Return the decided mask and its origin."""
        return self._read(adjudications.read_masks, adjudication_id)

    # jobs ---------------------------------------------------------------------------------------

    def add_job(self, kind: str, parameters: Mapping[str, object], *, actor: str) -> Job:
        """Queue a job."""
        return self._write(actor, jobs.add, kind, parameters)

    def job(self, job_id: int) -> Job:
        """Return one job."""
        return self._read(jobs.read, job_id)

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs, oldest first."""
        return self._read(jobs.every)

    def claim_job(self, job_id: int) -> Job | None:
        """Take a queued job; None where it is no longer queued."""
        return self._write(SYSTEM, jobs.claim, job_id)

    def next_queued_job(self) -> Job | None:
        """Return the job that has waited longest."""
        return self._read(jobs.next_queued)

    def report_progress(self, job_id: int, fraction: float, message: str) -> bool:
        """Keep how far a job is; return whether it was asked to stop."""
        with self._database.alter() as connection:
            return jobs.report_progress(connection, job_id, fraction, message)

    def finish_job(
        self, job_id: int, *, state: JobState, result: Mapping[str, object], error: str = ""
    ) -> None:
        """End a job with its result, or with what went wrong in words."""
        self._write(SYSTEM, jobs.finish, job_id, state=state, result=result, error=error)

    def request_cancel(self, job_id: int, *, actor: str) -> None:
        """Ask a job to stop."""
        self._write(actor, jobs.request_cancel, job_id)

    # integrity ----------------------------------------------------------------------------------

    def audit(self) -> tuple[AuditRow, ...]:
        """Return the log of every change, oldest first."""
        return self._read(audit.rows)

    def verify(self, progress: Progress = no_progress) -> tuple[str, ...]:
        """Say in words everything that does not fit; empty when the project is sound."""
        return self._read(verify.problems, self.cache_dir, progress)

    def _read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self._database.read() as connection:
            return function(connection, *args, **kwargs)

    def _write(
        self,
        actor: str,
        function: Callable[Concatenate[Change, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self._database.write(actor) as change:
            return function(change, *args, **kwargs)

    def _refuse_if_read_only(self) -> None:
        self._database.refuse_if_read_only()
