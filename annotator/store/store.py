"""One project: every row and every voxel of it, and the only door to them."""

from __future__ import annotations

import secrets
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from annotator.store import audit, jobs, migrations, projects
from annotator.store.companion_access import CompanionAccess
from annotator.store.database import SYSTEM, Change, Database
from annotator.store.failures import lacks_room
from annotator.store.fit_access import FitAccess
from annotator.store.network_access import NetworkAccess
from annotator.store.partials import remove_stale_partials
from annotator.store.places import Place
from annotator.store.prediction_access import PredictionAccess
from annotator.store.quality_access import QualityAccess
from annotator.store.reading_access import ReadingAccess
from annotator.store.review_access import ReviewAccess
from annotator.store.study_access import StudyAccess
from annotator.store.tracing_access import TracingAccess
from annotator.store.training_access import TrainingAccess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annotator.api import Progress
    from annotator.domain.job import Job, JobState
    from annotator.domain.schema import LabelSchema
    from annotator.store.audit import AuditRow


class Store(
    StudyAccess,
    ReadingAccess,
    ReviewAccess,
    FitAccess,
    TrainingAccess,
    QualityAccess,
    NetworkAccess,
    PredictionAccess,
    TracingAccess,
    CompanionAccess,
):
    """One project, kept in a directory (SQLite) or on a PostgreSQL server.

    May be used from several threads, and by several processes at once. Every write is one
    transaction with a row in the audit log for each thing that it changes; a call that changes
    nothing writes nothing. Every error of the database is an `AnnotatorError` in words.
    """

    location: str
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
                change.append_entries()
            undo.pop_all()
        return cls(place, database, project_id)

    @classmethod
    def open(cls, location: str | Path, *, read_only: bool = False) -> Store:
        """Open a project; an older one is brought forward, a newer one refused.

        One that cannot be written opens for reading, and so does one on a disk that is full: see
        ``is_read_only``.
        """
        place = Place.of(location)
        database = place.open_existing(read_only=read_only)
        try:
            store = cls._on(place, database)
        except AnnotatorError as error:
            if place.is_url or database.is_read_only or not lacks_room(error):
                raise
            store = cls._on(place, place.open_on_full_disk())
        if not store.is_read_only:
            remove_stale_partials(store.cache_dir)
        return store

    @classmethod
    def _on(cls, place: Place, database: Database) -> Self:
        with ExitStack() as undo:
            undo.callback(database.close)
            migrations.bring_forward(database)
            with database.read() as connection:
                project_id = projects.read(connection).project_id
            undo.pop_all()
        return cls(place, database, project_id)

    def require_writable(self) -> None:
        """Raise in words where the project is open for reading only."""
        self._database.refuse_if_read_only()

    def close(self) -> None:
        """Close the connections; the store is of no use afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

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
        """Keep how far a job is; return whether it must stop: asked to, or ended already."""
        with self._database.alter() as connection:
            return jobs.report_progress(connection, job_id, fraction, message)

    def beat_job(self, job_id: int) -> bool:
        """Keep that the worker of a job lives, as progress does too; return whether it must stop.

        A worker that gives no sign for a minute counts as dead.
        """
        with self._database.alter() as connection:
            return jobs.beat(connection, job_id)

    def fail_abandoned_jobs(self) -> None:
        """End jobs whose worker has died as failed, in words; writes nothing where there is none.

        They are not queued again: a job that took its machine down would do so again.
        """
        if not self.is_read_only and self._read(jobs.abandoned):
            self._write(SYSTEM, jobs.fail_abandoned)

    def finish_job(
        self, job_id: int, *, state: JobState, result: Mapping[str, object], error: str = ""
    ) -> None:
        """End a job with its result, or with what went wrong in words."""
        self._write(SYSTEM, jobs.finish, job_id, state=state, result=result, error=error)

    def request_cancel(self, job_id: int, *, actor: str) -> None:
        """Ask a job to stop."""
        self._write(actor, jobs.request_cancel, job_id)

    def audit(self) -> tuple[AuditRow, ...]:
        """Return the log of every change, oldest first."""
        return self._read(audit.rows)

    def verify(self, progress: Progress = no_progress) -> tuple[str, ...]:
        """Say in words everything that does not fit; empty when the project is sound."""
        from annotator.store import verify  # not needed to open a project

        return self._read(verify.problems, self.cache_dir, progress)
