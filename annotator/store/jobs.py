"""Jobs: work that outlives a click."""

from __future__ import annotations

import os
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text, update

from annotator.domain.errors import AnnotatorError, ConflictError, UnknownNameError
from annotator.domain.job import Job
from annotator.store.facts import canonical, digest
from annotator.store.processes import is_alive, this_host
from annotator.store.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from annotator.domain.job import JobState
    from annotator.store.database import Change

_ENDS = ("done", "failed", "cancelled")
_FIELDS = tuple(field.name for field in fields(Job))

SILENT_S = 60
"""After how long without a sign a worker counts as dead; it gives one every few seconds."""


def add(change: Change, kind: str, parameters: Mapping[str, object]) -> Job:
    """Queue a job."""
    content = canonical(dict(parameters))
    job_id: int = change.connection.execute(
        insert(jobs)
        .values(
            kind=kind,
            parameters=content,
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
    change.log("add job", job_id=job_id, kind=kind, parameters=content)
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
        .values(state="running", **_sign_of_life(change.connection))
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
    """Keep how far a running job is; return whether it must stop: asked to, or ended already."""
    return _update_running(
        connection, job_id, progress=min(1.0, max(0.0, fraction)), message=message
    )


def beat(connection: Connection, job_id: int) -> bool:
    """Keep that the worker of a running job lives; return whether it must stop."""
    return _update_running(connection, job_id)


def _update_running(connection: Connection, job_id: int, **values: object) -> bool:
    asked = connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.state == "running")
        .values(**values, **_sign_of_life(connection))
        .returning(jobs.c.cancel_requested)
    ).scalar_one_or_none()
    if asked is None:
        read(connection, job_id)
    return asked is None or bool(asked)


def abandoned(connection: Connection) -> tuple[tuple[int, str], ...]:
    """Return the running jobs whose worker is dead, each with what is known of its end."""
    running = connection.execute(select(jobs).where(jobs.c.state == "running")).all()
    if not running:
        return ()
    now = datetime.fromisoformat(_now(connection))
    found: list[tuple[int, str]] = []
    for row in running:
        is_silent = row.beat_at is None or (
            now - datetime.fromisoformat(row.beat_at) > timedelta(seconds=SILENT_S)
        )
        is_gone = row.host == this_host() and row.pid is not None and not is_alive(row.pid)
        if is_silent or is_gone:
            found.append((row.job_id, _last_seen(row)))
    return tuple(found)


def fail_abandoned(change: Change) -> None:
    """End the jobs whose worker is dead as failed.

    They are not queued again, though all kinds of jobs may be repeated: a job that took its machine
    down would do so again and again, and who sees it fail can tell.
    """
    for job_id, last_seen in abandoned(change.connection):
        job = read(change.connection, job_id)
        finish(
            change,
            job_id,
            state="cancelled" if job.cancel_requested else "failed",
            result={},
            error=(
                f"the worker of this job {last_seen}, before the job was done. What it had kept is "
                f"there; start the {job.kind} again: what was done is not done twice"
            ),
        )


def _last_seen(row: Row[Any]) -> str:
    if row.pid is None:
        return "stopped without a word"
    host = str(row.host).split(" ", maxsplit=1)[0]
    return f"(process {row.pid} on {host}) stopped without a word, last seen {row.beat_at[:19]} UTC"


def _sign_of_life(connection: Connection) -> dict[str, object]:
    return {"host": this_host(), "pid": os.getpid(), "beat_at": _now(connection)}


def _now(connection: Connection) -> str:
    """Return the time by one clock, the server's where there is one; UTC, ISO 8601."""
    now = datetime.now(UTC)
    if connection.dialect.name != "sqlite":
        now = connection.execute(text("SELECT clock_timestamp()")).scalar_one().astimezone(UTC)
    return now.isoformat(timespec="microseconds")


def finish(
    change: Change, job_id: int, *, state: JobState, result: Mapping[str, object], error: str
) -> None:
    """End a job; must not be ended twice."""
    if state not in _ENDS:
        raise AnnotatorError(f"a job ends as one of {', '.join(_ENDS)}; got {state!r}")
    job = read(change.connection, job_id)
    if job.state in _ENDS:
        raise ConflictError(f"job {job_id} has ended already: {job.state}")
    content = canonical(dict(result))
    change.connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id)
        .values(
            state=state,
            progress=1.0 if state == "done" else job.progress,
            result=content,
            error=error,
        )
    )
    change.log("finish job", job_id=job_id, state=state, error=error, result_sha256=digest(content))


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
    return Job(**{name: row._mapping[name] for name in _FIELDS})
