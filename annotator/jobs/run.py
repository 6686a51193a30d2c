"""The one function that every engine calls: claim a job, do it, write down what came of it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Self

from annotator.domain.errors import (
    AnnotatorError,
    CancelledError,
    ConflictError,
    UnknownNameError,
)
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.heart import Heart
from annotator.jobs.local import run_in_process
from annotator.jobs.outcome import CANCELLED
from annotator.registry import Registry
from annotator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annotator.domain.job import Job, JobState
    from annotator.jobs.handlers import Handler

REPORT_EVERY_S = 0.25
"""How often progress is written, and with it how soon a cancel is noticed."""


def run_job(
    location: str | Path,
    job_id: int,
    registry: Registry | None = None,
    *,
    is_own_process: bool = False,
) -> Job:
    """Do one queued job of a project and return its row as it ended.

    A job that somebody else has claimed is left alone. Never raises for what goes wrong inside
    the job: that is written into its row in words. A cancel is heeded when the job reports
    progress; where this ``is_own_process``, it ends the process soon after in any case.
    """
    with Store.open(location) as store:
        job = store.claim_job(job_id)
        if job is not None:
            _work(store, registry or Registry.load(), job, is_own_process=is_own_process)
        return store.job(job_id)


def work_off(location: str | Path, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Do queued jobs until there are none or ``stop()`` says so; return how many were done.

    Each runs in a process of its own, which is ended where the job does not heed a cancel. Jobs
    whose worker has died are failed first.
    """
    n_done = 0
    with Store.open(location) as store:
        store.fail_abandoned_jobs()
        while not stop():
            job = store.next_queued_job()
            if job is None:
                break
            n_done += run_in_process(store, job.job_id)
    return n_done


def _work(store: Store, registry: Registry, job: Job, *, is_own_process: bool) -> None:
    state: JobState = "done"
    result: dict[str, object] = {}
    error = ""
    store.open_slide = registry.open_slide
    try:
        with Heart(store, job.job_id, may_exit=is_own_process):
            parameters = {**json.loads(job.parameters), "job": job.job_id}
            with _Reporter(store, job.job_id) as reporter:
                result = _handler(job.kind)(store, registry, parameters, reporter)
    except CancelledError:
        state, error = "cancelled", CANCELLED
    except AnnotatorError as problem:
        state, error = "failed", str(problem)
    except MemoryError:
        state, error = "failed", f"the {job.kind} job needs more memory than there is"
    except Exception as problem:  # a plugin may raise anything; the row must say so
        state, error = "failed", f"the {job.kind} job failed: {type(problem).__name__}: {problem}"
    with contextlib.suppress(ConflictError):  # it was ended from outside, and says why
        store.finish_job(job.job_id, state=state, result=result, error=error)


def _handler(kind: str) -> Handler:
    if kind not in HANDLERS:
        raise UnknownNameError("kind of job", kind, HANDLERS)
    return HANDLERS[kind]


class _Reporter:
    """Writes progress now and then; raises CancelledError once a cancel was asked for.

    What is told between two writings is written at the second, also where nothing more is told: a
    message may stand for minutes of work.
    """

    def __init__(self, store: Store, job_id: int) -> None:
        self._store = store
        self._job_id = job_id
        self._lock = threading.Lock()
        self._last_s = -REPORT_EVERY_S
        self._waiting: tuple[float, str] | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what was told last, and write no more."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()
        self._write_late()

    def __call__(self, fraction: float, message: str) -> None:
        with self._lock:
            wait_s = self._last_s + REPORT_EVERY_S - time.monotonic()
            if wait_s > 0:
                self._waiting = fraction, message
                if self._timer is None:
                    self._timer = threading.Timer(wait_s, self._write_late)
                    self._timer.daemon = True
                    self._timer.start()
                return
            is_asked = self._write(fraction, message)
        if is_asked:
            raise CancelledError(CANCELLED)

    def _write_late(self) -> None:
        with self._lock, contextlib.suppress(AnnotatorError):  # the next one may get through
            self._timer = None
            if self._waiting is not None:
                self._write(*self._waiting)

    def _write(self, fraction: float, message: str) -> bool:
        self._last_s = time.monotonic()
        self._waiting = None
        return self._store.report_progress(self._job_id, min(1.0, max(0.0, fraction)), message)
