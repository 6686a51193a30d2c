"""What tells others that the worker of a job lives: a mark in its row, every few seconds."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.jobs.outcome import CANCELLED

if TYPE_CHECKING:
    from types import TracebackType

    from annotator.store import Store

BEAT_EVERY_S = 5.0
"""Far below `annotator.store.jobs.SILENT_S`, after which a worker counts as dead."""
GRACE_S = 5.0
"""How long a job that was asked to stop may take until it next reports progress."""


class Heart:
    """Marks a job as lived on while the ``with`` block runs.

    Parameters
    ----------
    store : Store
        Of the job.
    job_id : int
        A job that this process has claimed.
    may_exit : bool
        Whether this process is there for this job alone. It is then ended, the job cancelled, where
        the job was asked to stop and does not.
    """

    def __init__(self, store: Store, job_id: int, *, may_exit: bool) -> None:
        self._store = store
        self._job_id = job_id
        self._may_exit = may_exit
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="job-heart", daemon=True)

    def __enter__(self) -> None:
        """Start to beat."""
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._is_over.set()
        self._thread.join()

    def _work(self) -> None:
        asked_s: float | None = None
        while not self._is_over.wait(BEAT_EVERY_S):
            try:
                is_asked = self._store.beat_job(self._job_id)
            except AnnotatorError:
                continue  # a beat may be missed: the disk is full, the server away for a moment
            if is_asked and asked_s is None:
                asked_s = time.monotonic()
            if self._may_exit and asked_s is not None and time.monotonic() - asked_s >= GRACE_S:
                with contextlib.suppress(AnnotatorError):
                    self._store.finish_job(
                        self._job_id, state="cancelled", result={}, error=CANCELLED
                    )
                os._exit(1)
