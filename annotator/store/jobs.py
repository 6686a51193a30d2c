"""Jobs: work that outlives a click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.job import Job
from annotator.store.facts import canonical
from annotator.store.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from annotator.domain.job import JobState
    from annotator.store.database import Change

_ENDS = ("done", "failed", "cancelled")


def add(change: Change, kind: str, parameters: Mapping[str, object]) -> Job:
    """Queue a job."""
    text = canonical(dict(parameters))
    job_id: int = change.connection.execute(
        insert(jobs)
        .values(
            kind=kind,
            parameters=text,
            state="queued",
            progress=0.0,
            message="",
            result="{}",
            error="",
            cancel_requested=False,
            created_at=change.now,
        )
        .returning(jobs.c.job_id)
    ).scalar_one()
    change.log("add job", job_id=job_id, kind=kind, parameters=text)
    return read(change.connection, job_id)


def read(connection: Connection, job_id: int) -> Job:
    """Return one job."""
    row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).first()
    if row is None:
        known = connection.execute(select(jobs.c.job_id)).scalars()
        raise UnknownNameError("job", str(job_id), [str(entry) for entry in known])
    return _fact(row)


def every(connection: Connection) -> tuple[Job, ...]:
    """Return all jobs, oldest first."""
    return tuple(_fact(row) for row in connection.execute(select(jobs).order_by(jobs.c.job_id)))


def claim(change: Change, job_id: int) -> Job | None:
    """Take a queued job; None where another worker was faster, or it was cancelled."""
    taken = change.connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.state == "queued")
        .values(state="running")
        .returning(jobs.c.job_id)
    ).first()
    if taken is None:
        read(change.connection, job_id)
        return None
    change.log("claim job", job_id=job_id)
    return read(change.connection, job_id)


def next_queued(connection: Connection) -> Job | None:
    """Return the job that has waited longest."""
    row = connection.execute(
        select(jobs).where(jobs.c.state == "queued").order_by(jobs.c.job_id).limit(1)
    ).first()
    return None if row is None else _fact(row)


def report_progress(connection: Connection, job_id: int, fraction: float, message: str) -> bool:
    """Keep how far a running job is; return whether it was asked to stop."""
    asked = connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.state == "running")
        .values(progress=min(1.0, max(0.0, fraction)), message=message)
        .returning(jobs.c.cancel_requested)
    ).scalar_one_or_none()
    return read(connection, job_id).cancel_requested if asked is None else bool(asked)


def finish(
    change: Change, job_id: int, *, state: JobState, result: Mapping[str, object], error: str
) -> None:
    """End a job; must not be ended twice."""
    if state not in _ENDS:
        raise AnnotatorError(f"a job ends as one of {', '.join(_ENDS)}; got {state!r}")
    job = read(change.connection, job_id)
    if job.state in _ENDS:
        raise AnnotatorError(f"job {job_id} has ended already: {job.state}")
    change.connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id)
        .values(
            state=state,
            progress=1.0 if state == "done" else job.progress,
            result=canonical(dict(result)),
            error=error,
        )
    )
    change.log("finish job", job_id=job_id, state=state, error=error)


def request_cancel(change: Change, job_id: int) -> None:
    """Ask a running job to stop; a queued one is cancelled at once, an ended one stays."""
    job = read(change.connection, job_id)
    if job.state in _ENDS or job.cancel_requested:
        return
    change.connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id)
        .values(cancel_requested=True, state="cancelled" if job.state == "queued" else job.state)
    )
    change.log("cancel job", job_id=job_id)


def _fact(row: Row[Any]) -> Job:
    return Job(**row._mapping)
