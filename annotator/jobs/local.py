"""Jobs on this machine, each in a process of its own: a crash there takes no drawing with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from typing import IO, TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, ConflictError
from annotator.jobs.outcome import CANCELLED, CLAIMED_ELSEWHERE, FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.domain.job import Job, JobState
    from annotator.store import Store

POLL_S = 0.1
CANCEL_GRACE_S = 0.8
"""How long a worker may take to stop by itself before its process is ended."""
LAST_IN_LINE = 19
"""The niceness of a process that works only while no other wants the processor."""


class LocalWorker:
    """Runs the jobs that are handed to it, one after the other. May be called from any thread.

    A worker process that dies, of whatever, leaves its job failed, in words.

    Attributes
    ----------
    gives_way : bool
        Whether its processes leave the processor to this one whenever it wants it. A window sets
        it: a training on every core would hold up what a person does.
    """

    def __init__(self, store: Store, *, actor: str = "system") -> None:
        self.gives_way = False
        with contextlib.suppress(AnnotatorError):  # it may not stand in the way of opening
            store.fail_abandoned_jobs()
        self._store = store
        self._actor = actor
        self._queue: deque[int] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False

    def submit(self, kind: str, parameters: Mapping[str, object]) -> Job:
        """Queue a job and see to it that it is done; returns at once with its row."""
        self._store.require_writable()
        job = self._store.add_job(kind, parameters, actor=self._actor)
        with self._changed:
            self._queue.append(job.job_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="job-runner", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return job

    def job(self, job_id: int) -> Job:
        """Return a job's row: state, progress, message, result."""
        return self._store.job(job_id)

    def jobs(self) -> tuple[Job, ...]:
        """Return every job of the project."""
        return self._store.jobs()

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop; it has stopped within about a second."""
        self._store.request_cancel(job_id, actor=self._actor)

    def wait(
        self,
        job_id: int,
        *,
        progress: Callable[[float, str], None] | None = None,
        timeout_s: float | None = None,
    ) -> Job:
        """Wait until a job has ended and return its row; raises AnnotatorError after the timeout.

        ``progress`` may raise, for example CancelledError or KeyboardInterrupt: the job is then
        cancelled and the exception goes on.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (job := self._store.job(job_id)).state not in FINISHED:
            try:
                if progress is not None:
                    progress(job.progress, job.message)
                time.sleep(POLL_S)
            except BaseException:
                self.cancel(job_id)
                raise
            if deadline_s is not None and time.monotonic() > deadline_s:
                raise AnnotatorError(f"job {job_id} has not ended within {timeout_s:g} s")
        return job

    def close(self) -> None:
        """Cancel what is under way or queued here, and stop."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._is_closing)
                if not self._queue:
                    return
                job_id = self._queue.popleft()
            try:
                self._run(job_id)
            except Exception as error:  # the runner must live on for the next job
                self._fail(job_id, f"the worker could not be run: {error}")

    def _run(self, job_id: int) -> None:
        if self._is_closing:
            self.cancel(job_id)
        run_in_process(
            self._store,
            job_id,
            actor=self._actor,
            gives_way=self.gives_way,
            is_closing=lambda: self._is_closing,
        )

    def _fail(self, job_id: int, error: str) -> None:
        with contextlib.suppress(Exception):
            self._store.finish_job(job_id, state="failed", result={}, error=error)


def run_in_process(
    store: Store,
    job_id: int,
    *,
    actor: str = "system",
    gives_way: bool = False,
    is_closing: Callable[[], bool] = lambda: False,
) -> bool:
    """Do a queued job in a process of its own; return whether it was done here.

    Whatever becomes of the process, the job has ended afterwards, in words, unless another worker
    has it. The process outlives an interrupt from the keyboard; who waits here does not.
    ``gives_way``: it works only while this process leaves the processor free.
    """
    if store.job(job_id).state in FINISHED:
        return False
    command = [sys.executable, "-m", "annotator.jobs.worker", "-", "--job", str(job_id)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Not a session of its own: Linux shares the processor out by sessions first, and then
            # how nice a process is counts for nothing against those of other sessions.
            process_group=0,
            creationflags=_IDLE_ON_WINDOWS if gives_way else 0,
            # Threads that spin while they wait take the processor from those that they wait for.
            env={"OMP_WAIT_POLICY": "PASSIVE"} | os.environ,
        )
        if gives_way:
            _step_back(process.pid)
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin or contextlib.nullcontext():
                if process.stdin is not None:
                    process.stdin.write(f"{store.location}\n".encode())
            _watch(store, process, job_id, actor=actor, is_closing=is_closing)
        except BaseException as error:
            _kill(process)
            if not isinstance(error, Exception):  # Ctrl+C, not a fault of ours
                _end(store, job_id, "cancelled", "its worker was interrupted")
            raise
        job = store.job(job_id)
        if process.returncode == CLAIMED_ELSEWHERE:
            return False
        if job.state not in FINISHED and job.cancel_requested:
            _end(store, job_id, "cancelled", CANCELLED)
        elif job.state not in FINISHED:
            _end(store, job_id, "failed", _epitaph(process.returncode, _last_line(errors)))
    return True


def _watch(
    store: Store,
    process: subprocess.Popen[bytes],
    job_id: int,
    *,
    actor: str,
    is_closing: Callable[[], bool],
) -> None:
    """Wait for the process to end; end it where it does not heed a cancel."""
    asked_s: float | None = None
    while process.poll() is None:
        time.sleep(POLL_S)
        if asked_s is None and is_closing():
            store.request_cancel(job_id, actor=actor)
        if asked_s is None and store.job(job_id).cancel_requested:
            asked_s = time.monotonic()
        if asked_s is not None and time.monotonic() - asked_s > CANCEL_GRACE_S:
            _kill(process)


_IDLE_ON_WINDOWS: int = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)


def _step_back(process_id: int) -> None:
    """Put a process that has just begun behind all others; it has no second thread yet."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process_id, LAST_IN_LINE)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _end(store: Store, job_id: int, state: JobState, error: str) -> None:
    with contextlib.suppress(ConflictError):  # it ended by itself at the last moment
        store.finish_job(job_id, state=state, result={}, error=error)


def _epitaph(code: int, last_words: str) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            how = f"was killed by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += ", perhaps for want of memory"
            return f"the worker process {how} before the job was done"
    return f"the worker process ended with code {code} before the job was done: {last_words}"


def _last_line(stream: IO[bytes]) -> str:
    stream.seek(0)
    lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
