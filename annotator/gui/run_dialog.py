"""Let a model read cases: which ones, how, how far it is, and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from annotator.domain.errors import AnnotatorError
from annotator.gui.buttons import Button, label, set_look
from annotator.gui.case_choice import CaseChoice
from annotator.gui.job_progress import JobProgress
from annotator.gui.parameter_form import ParameterForm
from annotator.gui.reading_panel import scrolled
from annotator.session.job_list import told_by_reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from annotator.domain.job import Job
    from annotator.domain.study import Case
    from annotator.gui.background import Background
    from annotator.session.models import ModelEntry
    from annotator.session.session import Session

WIDTH = 600
HEIGHT = 560


class RunDialog(QDialog):
    """First the form, then the progress, then the result in words.

    May be closed while the model reads; the job goes on. Emits ``run_wanted(kind, parameters)``
    and is then told of the job by ``follow``.
    """

    run_wanted = Signal(str, object)
    still_to_do = "Cases that it has not read yet"

    def __init__(
        self,
        session: Session,
        entry: ModelEntry,
        cases: Sequence[Case],
        background: Background,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run a model")
        self._entry = entry
        self._titles = {case.case_id: case.title for case in cases}
        self.cases = CaseChoice(cases, still_to_do=self.still_to_do)
        self.cases.set_done(entry.read)
        self.cases.changed.connect(self._check)
        self.form = ParameterForm(entry.parameters)
        self.progress = JobProgress(session, background)
        self.progress.ended.connect(self._ended)
        self.progress.hide()
        self.words = label("", wrap=True)
        self.words.setAccessibleName("What came of it")
        self.words.hide()
        self.run = Button("Run", "", self._run, kind="primary")
        self._lay_out()
        self._check()

    def _lay_out(self) -> None:
        self._form = QWidget()
        form = QVBoxLayout(self._form)
        form.setContentsMargins(0, 0, 8, 0)
        form.setSpacing(6)
        top = self._top()
        if top is not None:
            form.addWidget(top)
        form.addWidget(label("Cases", "section"))
        form.addWidget(self.cases)
        form.addSpacing(8)
        form.addWidget(label("Settings", "section"))
        form.addWidget(self.form)
        form.addStretch(1)
        self._rows = form
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.run)
        foot.addWidget(Button("Close", "A model that reads goes on reading.", self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addWidget(label(self._entry.title, "title", wrap=True))
        layout.addWidget(label(self._about(), "muted", wrap=True))
        layout.addWidget(scrolled(self._form), 1)
        layout.addWidget(self.progress)
        layout.addWidget(self.words)
        layout.addLayout(foot)
        self.resize(WIDTH, HEIGHT)

    def _top(self) -> QWidget | None:
        """Return what comes before the cases."""
        return None

    def set_parameters(self, parameters: type[BaseModel] | None) -> None:
        """Ask for other settings."""
        made = ParameterForm(parameters)
        self._rows.replaceWidget(self.form, made)
        self.form.hide()
        self.form.deleteLater()
        self.form = made

    def _about(self) -> str:
        if not self._entry.is_drawn:
            return "It says of each case how likely readers are to disagree; it draws nothing."
        return (
            "Its drawings join the readings, marked as a model's, and are offered to raters as a "
            "start. A case that it does not fit is left out, and you are told why."
        )

    def _check(self) -> None:
        n = len(self.cases.chosen())
        self.run.setEnabled(n > 0 and self.progress.isHidden())
        self.run.setText("Run" if not n else f"Run on {n} cases" if n > 1 else "Run on one case")
        self.run.setAccessibleName(self.run.text())
        self.run.setToolTip("Let it read in a process of its own; you can go on working.")

    def _run(self) -> None:
        try:
            kind, given = self._given()
        except AnnotatorError as error:
            self._say(str(error), "bad")
            return
        self.run_wanted.emit(kind, given)
        self.run.setEnabled(False)

    def _given(self) -> tuple[str, dict[str, object]]:
        """Return the kind of the job and its parameters; raises AnnotatorError in words."""
        settings, cases = self.form.values(), list(self.cases.chosen())
        if self._entry.kind == "trained":
            return "predict by fit", {"fit": self._entry.key, "cases": cases}
        if self._entry.kind == "supplied":
            return "predict", {"network": [self._entry.key], "cases": cases, "parameters": settings}
        return "predict", {"model": self._entry.key, "cases": cases, "parameters": settings}

    def follow(self, job: Job) -> None:
        """Show how far the job is that was asked for."""
        self._form.setEnabled(False)
        self.words.hide()
        self.progress.show()
        self.progress.follow(job)
        self._check()

    def done(self, result: int) -> None:
        """Wait for no answer any more; the job goes on."""
        self.progress.stop()
        super().done(result)

    def _ended(self, job: Job) -> None:
        self.progress.hide()
        self._form.setEnabled(True)
        result = json.loads(job.result or "{}")
        if job.state == "done":
            self._told(result)
        else:
            words = job.error or "it was cancelled"
            tone = "bad" if job.state == "failed" else "caution"
            self._say(words[:1].upper() + words[1:] + ("" if words.endswith(".") else "."), tone)
        self._check()

    def _told(self, result: Mapping[str, object]) -> None:
        lines = told_by_reading(self._with_titles(result))
        made = result.get("annotations", result.get("readings", []))
        read = {entry["case"] for entry in made} if isinstance(made, list) else set()
        self.cases.set_done(self._entry.read | read)
        self._say("\n".join(lines), "caution" if result.get("skipped") else "good")

    def _with_titles(self, result: Mapping[str, object]) -> dict[str, object]:
        """Return a result whose reasons name the case, where they do not yet."""
        skipped = result.get("skipped", [])
        named = []
        for entry in skipped if isinstance(skipped, list) else []:
            title = self._titles.get(entry["case"], "")
            reason = entry["reason"]
            named.append({**entry, "reason": reason if title in reason else f"{title}: {reason}"})
        return {**result, "skipped": named}

    def _say(self, words: str, tone: str) -> None:
        set_look(self.words, "tone", tone)
        self.words.setText(words)
        self.words.show()
