"""Every job of the project: how far it is, what came of it, and what can be done about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
)

from annotator.gui.buttons import Button, label
from annotator.gui.keyed_table import KeyedTable
from annotator.gui.pace import Pace
from annotator.session.job_list import clear_jobs, job_lines

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotator.gui.background import Background
    from annotator.session.job_list import JobLine
    from annotator.session.session import Session

POLL_MS = 500
STATES = {
    "queued": "waiting",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""State of a job → word."""
FILTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("All jobs", tuple(STATES)),
    ("Running and waiting", ("running", "queued")),
    ("Done", ("done",)),
    ("Failed", ("failed",)),
    ("Cancelled", ("cancelled",)),
)


class JobsDialog(QDialog):
    """A table of jobs above, all about the chosen one below. Stays open while one works on.

    Emits ``again_wanted(kind, parameters, title)``.
    """

    again_wanted = Signal(str, object, str)

    def __init__(self, session: Session, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Jobs")
        self._session = session
        self._background = background
        self._lines: dict[str, JobLine] = {}
        self._paces: dict[int, Pace] = {}
        self.filter = QComboBox()
        self.filter.setAccessibleName("Which jobs are shown")
        self.filter.setToolTip("Show the jobs of one state only.")
        for title, states in FILTERS:
            self.filter.addItem(title, states)
        self.filter.currentIndexChanged.connect(lambda _: self._show())
        self.cleared = QCheckBox("also those that were cleared")
        self.cleared.setAccessibleName("Show cleared jobs as well")
        self.cleared.setToolTip("Show the jobs again that were cleared off this list.")
        self.cleared.toggled.connect(lambda _: self._ask())
        self.table = KeyedTable(
            "Jobs",
            "Newest first. Choose one to read all of it below.",
            (
                ("Job", "What was asked for", 260),
                ("State", "Where it stands", 84),
                ("Progress", "How far it is, and how long it will still take", 150),
                ("Asked", "When it was asked for, your time", 118),
                ("What came of it", "The result, or why there is none", 0),
            ),
        )
        self.table.chosen.connect(lambda _: self._choose())
        self.none = label("No job is on this list.", "muted")
        self.detail = label("", wrap=True)
        self.detail.setAccessibleName("All about the chosen job")
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.cancel = Button(
            "Cancel job", "Stop the chosen job; what it has finished stays.", self._cancel
        )
        self.again = Button(
            "Run again", "Ask for the same once more; what was done is not done twice.", self._again
        )
        self.clear = Button(
            "Clear ended jobs",
            "Take every job that has ended off this list; the log of the project keeps them.",
            self._clear,
        )
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._timer.start()
        self._choose()
        self._ask()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(label("Jobs", "title"))
        top.addStretch(1)
        top.addWidget(self.cleared)
        top.addWidget(self.filter)
        area = QScrollArea()
        area.setWidget(self.detail)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFixedHeight(116)
        foot = QHBoxLayout()
        for button in (self.cancel, self.again, self.clear):
            foot.addWidget(button)
        foot.addStretch(1)
        foot.addWidget(Button("Close", "Jobs go on without this list.", self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(
            label(
                "Jobs run beside this window, one after the other; you can go on working.", "muted"
            )
        )
        layout.addWidget(self.none)
        layout.addWidget(self.table, 1)
        layout.addWidget(area)
        layout.addLayout(foot)
        self.resize(1020, 620)

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        self._timer.stop()
        for key in ("job list", "clear jobs", "cancel job"):
            self._background.drop(key)
        super().done(result)

    def _poll(self) -> None:
        if self.isVisible() and not self._background.is_waiting("job list"):
            self._ask()

    def _ask(self) -> None:
        store, with_cleared = self._session.store, self.cleared.isChecked()
        self._background.run(
            "job list", lambda: job_lines(store, with_cleared=with_cleared), self._take
        )

    def _take(self, lines: tuple[JobLine, ...]) -> None:
        self._lines = {str(line.job_id): line for line in lines}
        self._show()

    def _show(self) -> None:
        states = self.filter.currentData()
        shown = [(key, line) for key, line in self._lines.items() if line.state in states]
        self.table.set_rows([(key, self._row(line)) for key, line in shown])
        self.none.setVisible(not shown)
        self.clear.setEnabled(any(line.has_ended for line in self._lines.values()))
        self._choose()

    def _row(self, line: JobLine) -> tuple[str, ...]:
        state = "stopping" if line.is_stopping else STATES[line.state]
        return (line.what, state, self._progress(line), _moment(line.asked_at), line.outcome)

    def _progress(self, line: JobLine) -> str:
        if line.state == "queued" or line.has_ended:
            return ""
        left = self._paces.setdefault(line.job_id, Pace()).words(line.progress)
        return f"{100 * line.progress:.0f} %" + (f", {left}" if left else "")

    def _choose(self) -> None:
        line = self._lines.get(self.table.key)
        self.cancel.setEnabled(line is not None and not line.has_ended and not line.is_stopping)
        self.again.setEnabled(line is not None and line.has_ended)
        if line is None:
            self.detail.setText("")
            return
        words = [line.what, line.outcome or line.message or "It has not begun yet."]
        self.detail.setText("\n".join(words))

    def _cancel(self) -> None:
        line = self._lines.get(self.table.key)
        if line is not None:
            self.cancel.setEnabled(False)
            jobs, job_id = self._session.jobs, line.job_id
            self._background.run("cancel job", lambda: jobs.cancel(job_id), lambda _: self._ask())

    def _again(self) -> None:
        line = self._lines.get(self.table.key)
        if line is not None:
            self.again_wanted.emit(line.kind, dict(line.parameters), line.what)

    def _clear(self) -> None:
        store = self._session.store
        self._background.run(
            "clear jobs", lambda: clear_jobs(store, actor="system"), lambda _: self._ask()
        )


def _moment(written: str) -> str:
    """Return a moment, ISO 8601 in UTC, as a clock on the wall shows it."""
    here = datetime.fromisoformat(written).astimezone()
    return here.strftime("%d %b, %H:%M")
