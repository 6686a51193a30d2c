"""Train models and watch them: the form and the trainings left, the chosen one right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look
from annotator.gui.keyed_table import KeyedTable
from annotator.gui.reading_panel import scrolled
from annotator.gui.training_form import TrainingForm
from annotator.gui.training_screen import TrainingScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import Trainer
    from annotator.domain.schema import LabelSchema
    from annotator.gui.background import Background
    from annotator.session.review_methods import MethodOption
    from annotator.session.session import Session
    from annotator.session.trainings import TrainingEntry, TrainingView

POLL_MS = 700
LEFT_WIDTH = 400
WORDS = {
    "waiting": "waiting",
    "under way": "running",
    "left": "left",
    "stopped": "stopped",
    "done": "done",
}


class TrainingDialog(QDialog):
    """Stays open while one works; trainings go on without it.

    Emits ``start_wanted(parameters)`` for a training to be started or gone on with,
    ``run_wanted(fit id)`` and ``card_wanted(fit id)``.
    """

    start_wanted = Signal(object)
    run_wanted = Signal(str)
    card_wanted = Signal(str)

    def __init__(
        self,
        session: Session,
        schema: LabelSchema,
        trainers: Sequence[Trainer],
        methods: Sequence[MethodOption],
        background: Background,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Train a model")
        self._session = session
        self._background = background
        self._entries: dict[str, TrainingEntry] = {}
        self._newest = ""
        colors = {entry.value: entry.color for entry in schema.labels}
        self.form = TrainingForm(trainers, methods, schema)
        self.form.start_wanted.connect(self.start_wanted)
        self.form.failed.connect(lambda error: self.say(str(error), "bad"))
        for part in (self.form, self.form.start):
            part.setEnabled(bool(trainers) and not session.store.is_read_only)
        self.table = KeyedTable(
            "Trainings",
            "Newest first. Choose one to see its curves and what it draws.",
            (
                ("Training", "What was trained", 0),
                ("State", "Where it stands", 66),
                ("Cases", "How many cases it learns from", 52),
            ),
        )
        self.table.chosen.connect(lambda _: self._look())
        self.sight = TrainingScreen(lambda value: colors.get(value, "#ffffff"))
        self.sight.stop_wanted.connect(self._stop)
        self.sight.cancel_wanted.connect(self._cancel)
        self.sight.go_on_wanted.connect(self._go_on)
        self.sight.run_wanted.connect(lambda: self.run_wanted.emit(self._fit_id))
        self.sight.card_wanted.connect(lambda: self.card_wanted.emit(self._fit_id))
        self.sight.curve_wanted.connect(self._save_curve)
        self.words = label("", wrap=True)
        self.words.setAccessibleName("What was done")
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    def _lay_out(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(scrolled(self.form), 3)
        column.addWidget(self.form.start, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(label("Trainings of this project", "section"))
        column.addWidget(self.table, 2)
        left.setFixedWidth(LEFT_WIDTH)
        middle = QHBoxLayout()
        middle.setSpacing(18)
        middle.addWidget(left)
        middle.addWidget(self.sight, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.words, 1)
        foot.addWidget(Button("Close", "A training goes on without this page.", self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addWidget(label("Train a model", "title"))
        layout.addLayout(middle, 1)
        layout.addLayout(foot)
        self.resize(1200, 730)

    def say(self, words: str, tone: str = "") -> None:
        """Say something at the foot."""
        set_look(self.words, "tone", tone)
        self.words.setText(words[:1].upper() + words[1:])

    def done(self, result: int) -> None:
        """Wait for no answer any more; trainings go on."""
        self._timer.stop()
        for key in ("trainings", "stop training", "cancel training", "go on"):
            self._background.drop(key)
        super().done(result)

    def refresh(self) -> None:
        """Ask how far the trainings are."""
        if self._background.is_waiting("trainings"):
            return
        session, chosen = self._session, self.table.key

        def work() -> tuple[tuple[TrainingEntry, ...], TrainingView | None]:
            entries = session.trainings()
            known = [entry.training_id for entry in entries]
            wanted = chosen if chosen in known else (known[0] if known else "")
            return entries, session.training(wanted) if wanted else None

        self._background.run("trainings", work, self._show, self._could_not)

    def _could_not(self, error: Exception) -> None:
        self.say(str(error), "bad")

    def _show(self, found: tuple[tuple[TrainingEntry, ...], TrainingView | None]) -> None:
        entries, view = found
        before = self.sight.entry
        self._entries = {entry.training_id: entry for entry in entries}
        newest = entries[0].training_id if entries else ""
        self.table.set_rows([(entry.training_id, _row(entry)) for entry in entries])
        if newest != self._newest:  # one has begun: that is what is to be seen
            self._newest = newest
            self.table.choose(newest)
        if view is None or view.entry.training_id == self.table.key:
            self.sight.show_view(view)
        now = self.sight.entry
        if before is not None and now is not None and before.state != now.state:
            self.say("")  # what was said of the state before holds no more

    def _look(self) -> None:
        self._background.drop("trainings")
        self.refresh()

    def _stop(self) -> None:
        entry = self.sight.entry
        if entry is not None:
            self.sight.mark_stopping(entry.training_id)
            session, training_id = self._session, entry.training_id
            self._background.run(
                "stop training",
                lambda: session.stop_training(training_id),
                lambda _: self.say("It stops after this step and keeps the best so far."),
                self._could_not,
            )

    def _cancel(self) -> None:
        entry = self.sight.entry
        if entry is not None and entry.job_id is not None:
            jobs, job_id = self._session.jobs, entry.job_id
            self._background.run(
                "cancel training",
                lambda: jobs.cancel(job_id),
                lambda _: self.say("It is broken off; Go on takes it up again."),
                self._could_not,
            )

    def _go_on(self) -> None:
        """Ask for the same job again: it goes on from what it kept."""
        entry = self.sight.entry
        if entry is not None and entry.job_id is not None:
            job_id, jobs = entry.job_id, self._session.jobs
            self._background.run(
                "go on",
                lambda: json.loads(jobs.job(job_id).parameters),
                self.start_wanted.emit,
                self._could_not,
            )

    def _save_curve(self) -> None:
        """Ask where to, and write the curves of the training that is looked at."""
        entry = self.sight.entry
        if entry is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save the curve", "curve.csv", "CSV (*.csv)")
        if path:
            session, training_id = self._session, entry.training_id
            self._background.run(
                "save curve",
                lambda: session.save_training_curve(training_id, path),
                lambda written: self.say(f"Written to {written}.", "good"),
                self._could_not,
            )

    @property
    def _fit_id(self) -> str:
        entry = self.sight.entry
        return (entry.fit_id or "") if entry is not None else ""


def _row(entry: TrainingEntry) -> tuple[str, ...]:
    begun = entry.created_at[5:16].replace("T", " ")
    return (f"{entry.title}, {begun}", WORDS[entry.state], str(entry.n_cases))
