"""How far one job is: words, a bar, the time that is left, and a button that stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, ElidedLabel
from annotator.gui.pace import Pace
from annotator.session.job_list import ENDED

if TYPE_CHECKING:
    from annotator.domain.job import Job
    from annotator.gui.background import Background
    from annotator.session.session import Session

POLL_MS = 250


class JobProgress(QWidget):
    """Follows one job until it has ended; then emits ``ended(Job)``, once."""

    ended = Signal(object)

    def __init__(
        self, session: Session, background: Background, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._background = background
        self._pace = Pace()
        self.job_id = 0
        self.words = ElidedLabel("")
        self.words.setAccessibleName("What the job is doing")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the job")
        self.bar.setToolTip("How far the job is. You can go on working.")
        self.cancel = Button("Cancel", "Stop the job; what it has finished stays.", self._cancel)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.words)
        layout.addLayout(row)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def _key(self) -> str:
        return f"job {self.job_id}"

    def follow(self, job: Job) -> None:
        """Follow a job from now on."""
        self.job_id = job.job_id
        self._pace = Pace()
        self.bar.setValue(0)
        self.cancel.setEnabled(True)
        self._timer.start()
        self._take(job)

    def stop(self) -> None:
        """Wait for no answer any more; the job goes on."""
        self._timer.stop()
        if self.job_id:
            self._background.drop(self._key)

    def _poll(self) -> None:
        if not self._background.is_waiting(self._key):
            jobs, job_id = self._session.jobs, self.job_id
            self._background.run(self._key, lambda: jobs.job(job_id), self._take)

    def _take(self, job: Job) -> None:
        if not self._timer.isActive():
            return
        if job.state in ENDED:
            self.stop()
            self.ended.emit(job)
            return
        left = self._pace.words(job.progress)
        words = "Waiting for the job before it" if job.state == "queued" else job.message
        words = "Stopping" if job.cancel_requested else words or "Starting"
        said = ", ".join(part for part in (words[:1].upper() + words[1:], left) if part)
        self.words.setText(f"{said}…" if not left else f"{said}.")
        self.words.setToolTip(said)
        self.bar.setValue(round(1000 * job.progress))
        self.cancel.setEnabled(not job.cancel_requested)

    def _cancel(self) -> None:
        jobs, job_id = self._session.jobs, self.job_id
        self.cancel.setEnabled(False)
        self._background.run("cancel", lambda: jobs.cancel(job_id), lambda _: None)
