"""What is being worked on outside the window: progress, cancel, result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from annotator.gui.buttons import Button, label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from annotator.domain.job import Job
    from annotator.gui.background import Background
    from annotator.session.session import Session

POLL_MS = 150
ENDED = ("done", "failed", "cancelled")


@dataclass(slots=True, kw_only=True)
class _Watched:
    job_id: int
    title: str
    done: Callable[[dict[str, Any]], None]


class JobsBar(QWidget):
    """Shows the oldest job that the window waits for; hidden while there is none.

    Emits ``ended(title, state, words)``: state is done, failed or cancelled.
    """

    ended = Signal(str, str, str)
    all_wanted = Signal()
    session_changed = Signal()
    """Another project is followed, or none."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._session: Session | None = None
        self._watched: list[_Watched] = []
        self.words = label("", "small")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setFixedWidth(150)
        self.progress.setAccessibleName("Progress of the job")
        self.progress.setToolTip("How far the job is. You can go on working.")
        self.cancel = Button("Cancel", "Stop this job; what it has finished stays.", self._cancel)
        self.all = Button(
            "All jobs",
            "Every job and what came of it (Ctrl+J).",
            self.all_wanted.emit,
            kind="quiet",
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addWidget(self.progress)
        layout.addWidget(self.cancel)
        layout.addWidget(self.all)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self.hide()

    @property
    def n_running(self) -> int:
        """How many jobs the window waits for."""
        return len(self._watched)

    def use(self, session: Session | None) -> None:
        """Follow the jobs of this project."""
        self._session = session
        self._watched.clear()
        self._timer.stop()
        self.hide()
        self.session_changed.emit()

    def submit(
        self,
        kind: str,
        parameters: Mapping[str, object],
        title: str,
        done: Callable[[dict[str, Any]], None],
        started: Callable[[Job], None] | None = None,
    ) -> None:
        """Queue a job; ``done`` gets its result once it has ended well, ``started`` its row."""
        session = self._session
        if session is None:
            return

        def queued(job: Job) -> None:
            self._watched.append(_Watched(job_id=job.job_id, title=title, done=done))
            self._show(job)
            self._timer.start()
            if started is not None:
                started(job)

        self._background.run(
            f"submit {kind}", lambda: session.jobs.submit(kind, parameters), queued
        )

    def _poll(self) -> None:
        session = self._session
        if session is None or not self._watched or self._background.is_waiting("job"):
            return
        job_id = self._watched[0].job_id
        self._background.run("job", lambda: session.jobs.job(job_id), self._show)

    def _show(self, job: Job) -> None:
        if not self._watched or self._watched[0].job_id != job.job_id:
            return
        watched = self._watched[0]
        if job.state in ENDED:
            self._finish(watched, job)
            return
        more = f" (+{len(self._watched) - 1})" if len(self._watched) > 1 else ""
        message = f": {job.message}" if job.message else ""
        metrics = self.words.fontMetrics()
        text = f"{watched.title}{more}{message}"
        self.words.setText(text if len(text) <= 60 else text[:58] + "…")
        self.words.setToolTip(text)
        self.words.setMinimumWidth(min(metrics.horizontalAdvance(text), 360))
        self.progress.setValue(round(1000 * job.progress))
        self.cancel.setEnabled(not job.cancel_requested)
        self.show()

    def _finish(self, watched: _Watched, job: Job) -> None:
        self._watched.pop(0)
        if not self._watched:
            self._timer.stop()
            self.hide()
        if job.state == "done":
            watched.done(json.loads(job.result or "{}"))
            self.ended.emit(watched.title, job.state, "")
        else:
            self.ended.emit(watched.title, job.state, job.error)

    def _cancel(self) -> None:
        session = self._session
        if session is not None and self._watched:
            job_id = self._watched[0].job_id
            self.cancel.setEnabled(False)
            self._background.run("cancel", lambda: session.jobs.cancel(job_id), lambda _: None)
