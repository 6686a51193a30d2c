"""Pictures of every room, in both themes and at both sizes.

``python -m tests.gui.screenshots OUT [PROJECT]`` needs a display (``xvfb-run``). Builds the sample
project in a temporary directory, or takes the project named as the second argument.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from qtpy.QtCore import QEventLoop, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QWidget

from annotator.demo.project import build_sample_project
from annotator.gui import theme
from annotator.gui.add_model_dialog import AddModelDialog
from annotator.gui.app import application
from annotator.gui.jobs_dialog import JobsDialog
from annotator.gui.mask_panel import MaskPanel
from annotator.gui.methods_dialog import MethodsDialog
from annotator.gui.model_comparison_dialog import ModelComparisonDialog
from annotator.gui.quality_dialog import QualityDialog
from annotator.gui.run_dialog import RunDialog
from annotator.gui.settings import Settings
from annotator.gui.statistics_dialog import StatisticsDialog
from annotator.gui.window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.theme import ThemeName

SIZES = ((1280, 800), (1920, 1080))
PATIENCE_S = 60.0
TRAINING = {
    "trainer": "unet",
    "target": "readings",
    "parameters": {"dimensions": "2d", "size": 64, "width": 8, "levels": 3, "steps": 4},
}
Shown = TypeVar("Shown", bound=QWidget)


def wait_for(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Let the window work until a condition holds."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {patience_s:g} s for {what}")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
        time.sleep(0.005)


def settle(window: MainWindow) -> None:
    """Let everything be drawn that is still to be drawn."""
    wait_for(lambda: not window.background.is_busy, "the workers")
    end_s = time.monotonic() + 0.4
    while time.monotonic() < end_s:
        QApplication.processEvents()
        time.sleep(0.01)


class Photographer:
    """Walks through the rooms of one window and takes a picture of each."""

    def __init__(self, out: Path, project: Path) -> None:
        self._out = out
        self._project = project
        self.window = MainWindow(
            Settings(recent=(str(project), "/data/studies/Lung nodules 2026")),
            build_demo=build_sample_project,
        )
        self._tag = ""

    def shoot(self, name: str, widget: QWidget | None = None) -> None:
        """Save a picture of the window, or of a dialog."""
        settle(self.window)
        (widget or self.window).grab().save(str(self._out / f"{name}-{self._tag}.png"))

    def walk(self, name: ThemeName, size: tuple[int, int]) -> None:
        """Take every picture in one theme and size."""
        window = self.window
        self._tag = f"{name}-{size[0]}"
        app = application()
        window.settings.theme = name
        theme.apply(app, name, 1.0)
        window.resize(*size)
        window.show()
        self.shoot("01-start")
        window.door.open(str(self._project))
        wait_for(lambda: window.project.facts is not None and window.room_name == "project", "it")
        self.shoot("02-project")
        self._dialogs()
        self._models()
        self._rater()
        self._reviewer()
        window.back()
        settle(window)

    def _dialogs(self) -> None:
        from annotator.gui.export_dialog import ExportDialog
        from annotator.gui.new_project import NewProjectDialog

        for name, dialog in (
            ("03-new-project", NewProjectDialog(self.window)),
            ("04-export", ExportDialog("/data/export", self.window)),
        ):
            dialog.open()
            self.shoot(name, dialog)
            dialog.reject()
            dialog.deleteLater()
        self.window.errands.keep_quality()
        wait_for(lambda: QApplication.activeModalWidget(), "the rules")
        rules = QApplication.activeModalWidget()
        assert isinstance(rules, QualityDialog)
        rules.overlap.show_plan.click()
        wait_for(lambda: rules.overlap.table.rowCount(), "the plan")
        for place in range(rules.tabs.count()):
            rules.tabs.setCurrentIndex(place)
            self.shoot(f"04-rules-{place + 1}", rules)
        rules.reject()
        settle(self.window)

    def _models(self) -> None:
        """Every model, running one, a training half-way, what two models draw, the jobs."""
        window = self.window
        session, models = window.session, window.errands.models
        assert session is not None
        models.show()
        wait_for(lambda: models.list and models.list.table.rowCount(), "the models")
        assert models.list is not None
        self.shoot("18-models", models.list)
        models.list.table.choose("lungs")
        assert models.list.entry is not None
        models.run(models.list.entry)
        run = self._child(RunDialog)
        run.cases.all.setChecked(True)
        self.shoot("19-run", run)
        run.run.click()
        wait_for(run.words.isVisible, "the model", 180.0)
        self.shoot("19-run-done", run)
        run.reject()
        models.add()
        added = self._child(AddModelDialog)
        self.shoot("19-add", added)
        added.reject()
        models.list.reject()
        models.compare()
        compared = self._child(ModelComparisonDialog)
        wait_for(lambda: compared.pictures or "No model" in compared.about.text(), "the models")
        self.shoot("20-compare", compared)
        compared.reject()
        self._training()
        models.show_jobs()
        jobs = self._child(JobsDialog)
        wait_for(lambda: jobs.table.rowCount(), "the jobs")
        self.shoot("22-jobs", jobs)
        jobs.reject()
        settle(window)

    def _training(self) -> None:
        models = self.window.errands.models
        models.show_trainings()
        wait_for(lambda: models.trainings is not None, "the page of trainings")
        page = models.trainings
        assert page is not None
        wait_for(lambda: not self.window.background.is_waiting("trainings"), "the trainings")
        if not page.table.rowCount():
            models.train(TRAINING)
            wait_for(lambda: len(page.sight.loss.curves.get("loss", ())) >= 4, "curves", 300.0)
            self.shoot("21-train-half-way", page)
            page.sight.stop.click()
            wait_for(lambda: page.sight.run.isVisible(), "the end of the training", 120.0)
        wait_for(lambda: page.sight.entry is not None, "the training")
        self.shoot("21-train", page)
        page.reject()

    def _child(self, kind: type[Shown]) -> Shown:
        """Return what is open; one that was closed stays a while."""

        def shown() -> list[Shown]:
            return [one for one in self.window.findChildren(kind) if one.isVisible()]

        wait_for(shown, kind.__name__)
        return shown()[-1]

    def _rater(self) -> None:
        window = self.window
        session = window.session
        assert session is not None
        busy = {entry.rater_id for entry in session.store.assignments()}
        guest = [person for person in session.people() if person.rater_id in busy][-1]
        window.read_cases(guest.rater_id)
        wait_for(lambda: window.rater.worklist.cases.count(), "the worklist")
        self.shoot("05-worklist")
        for number, entry in enumerate(window.rater.worklist.cases.rows()[:3]):
            window.rater.open(entry.key)
            wait_for(partial(self._is_read, entry.key), "the case")
            self.shoot(f"06-case-{number + 1}")
            if number == 0:
                self._drawing()
                self._marks()
        if window.rater.panel is not None and window.rater.open_case is not None:
            if window.rater.open_case.suggestions:
                window.rater.start_from(window.rater.open_case.suggestions[0][0])
            window.rater.submit()
            self.shoot("07-missing")
        self._tracing()
        window.book["app.palette"].trigger()
        self._dialog("08-palette")
        window.book["app.shortcuts"].trigger()
        self._dialog("09-shortcuts")
        window.back()
        settle(window)

    def _drawing(self) -> None:
        """Options of a brush, a livewire, rules with their tint, suggestions, statistics."""
        tools, canvas, panel = self.window.rater.tools, self.window.rater.holder.canvas, None
        if isinstance(self.window.rater.panel, MaskPanel):
            panel = self.window.rater.panel.drawing
        if canvas is None or canvas.surface is None or panel is None or tools.operations is None:
            return
        z, y, x = (size // 2 for size in canvas.surface.shape)
        view, left = canvas.views[0], Qt.MouseButton.LeftButton
        tools.set_tool("threshold-brush")
        self.shoot("06-draw-options")
        tools.set_tool("livewire")
        for place in ((z, y + 20, x - 70), (z, y + 60, x - 70), (z, y + 80, x - 45)):
            QTest.mouseClick(view.overlay, left, pos=view.to_screen(place).toPoint())
            settle(self.window)
        self.shoot("06-draw-livewire")
        canvas.confirm()
        tools.set_tool("brush")
        panel.rules_panel.unfold()
        panel.rules_panel.by_value.setChecked(True)
        panel.rules_panel.high.setValue(-500)
        self.shoot("06-draw-rules")
        panel.free()
        for name in ("islands", "margin", "interpolate", "grow-from-seeds"):
            tools.start_operation(name)
            wait_for(lambda: not tools.operations.is_working, name)  # type: ignore[union-attr]
            self.shoot(f"06-draw-{name}")
        tools.turn_operations()
        tools.measure()
        table = self._child(StatisticsDialog)
        wait_for(lambda: table.is_done, "the statistics")
        self.shoot("06-draw-statistics", table)
        table.reject()
        tools.undo()
        settle(self.window)

    def _marks(self) -> None:
        """A point, a line and an angle with their list; all are taken back."""
        tools, canvas = self.window.rater.tools, self.window.rater.holder.canvas
        if canvas is None or canvas.surface is None:
            return
        z, y, x = (size // 2 for size in canvas.surface.shape)
        view, left = canvas.views[0], Qt.MouseButton.LeftButton
        corners = ((z, y + 20, x - 70), (z, y + 60, x - 70), (z, y + 80, x - 45))
        for name, places in (
            ("point", corners[:1]),
            ("ruler", corners[1:]),
            ("ruler", corners),
        ):
            tools.set_tool(name)
            for place in places:
                QTest.mouseClick(view.overlay, left, pos=view.to_screen(place).toPoint())
            canvas.settle()
        self.shoot("06-draw-marks")
        tools.set_tool("brush")
        for _ in range(3):
            tools.undo()
        settle(self.window)

    def _tracing(self) -> None:
        """A traced case: its start, a place that looks wrong, colours, the volume in 3D, zoomed."""
        window = self.window
        rows = window.rater.worklist.cases.rows()
        traced = [row.key for row in rows if "to trace" in row.detail]
        if not traced:
            return
        window.rater.open(traced[0])
        wait_for(partial(self._is_read, traced[0]), "the traced case")
        opened = window.rater.open_case
        assert opened is not None
        desk = window.rater.traces
        self.shoot("07-trace")
        if not len(desk.tools.tree) and opened.suggestions:
            window.rater.start_from(opened.suggestions[0][0])
            wait_for(desk.watch.findings, "what looks wrong")
            self.shoot("07-trace-start")
        desk.step_finding(+1)
        desk.set_color("order")
        desk.show_3d(True)
        self.shoot("07-trace-space")
        desk.show_3d(False)
        desk.tools.switch_layout()
        desk.set_color("finding")
        desk.tools.zoom(4.0)
        self.shoot("07-trace-near")
        desk.tools.switch_layout()

    def _is_read(self, case_id: str) -> bool:
        opened = self.window.rater.open_case
        return opened is not None and opened.case.case_id == case_id

    def _is_reviewed(self, case_id: str) -> bool:
        opened = self.window.review.case
        return opened is not None and opened.case.case_id == case_id

    def _dialog(self, name: str) -> None:
        settle(self.window)
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        self.shoot(name, dialog)
        dialog.reject()
        settle(self.window)

    def _reviewer(self) -> None:
        window = self.window
        session = window.session
        assert session is not None
        reviewer = [person for person in session.people() if person.may_review][-1]
        window.review_cases(reviewer.rater_id)
        wait_for(lambda: window.review.queue.cases.count(), "the queue")
        self.shoot("10-queue")
        room = window.review.room
        assert room is not None
        queue = room.queue()
        for entry in queue:
            if entry.reads == "tracing":
                self._trace_review(entry.case_id)
        masks = [entry.case_id for entry in queue if entry.reads == "mask"]
        for number, case_id in enumerate(masks[:2]):
            window.review.open(case_id)
            wait_for(partial(self._is_reviewed, case_id), "the review case")
            self.shoot(f"11-review-{number + 1}")
        window.review.on_desk(lambda desk: desk.toggle("heat"))
        self.shoot("12-heat")
        window.review.on_desk(lambda desk: desk.toggle("heat"))
        desk = window.review.desk
        assert desk is not None
        desk.step_belief()
        self.shoot("12-belief")
        desk.toggle("belief")
        window.review.masks.compare_methods()
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, MethodsDialog)
        wait_for(lambda: dialog.cards, "the methods")
        self._dialog("12-methods")
        desk.panel.tabs.setCurrentIndex(2)
        self.shoot("12-model")
        desk.panel.tabs.setCurrentIndex(1)
        self.shoot("13-diagnosis")
        desk.panel.tabs.setCurrentIndex(0)
        if desk.current is not None:
            window.review.on_desk(lambda desk: desk.begin_redraw())
            self.shoot("14-redraw")
            window.review.on_desk(lambda desk: desk.end_redraw(keep=False))
        self._report()
        window.back()
        settle(window)

    def _report(self) -> None:
        window = self.window
        window.open_report()
        wait_for(lambda: window.report.plot is not None, "the report")
        self.shoot("15-report")
        window.report.tabs.setCurrentIndex(1)
        wait_for(lambda: window.report.agreement.report is not None, "the comparison")
        self.shoot("16-agreement")
        window.report.tabs.setCurrentIndex(2)
        wait_for(lambda: window.report.cohort.cohort is not None, "the cases")
        self.shoot("17-cases")
        window.report.tabs.setCurrentIndex(3)
        wait_for(lambda: window.report.quality.reports is not None, "the quality")
        self.shoot("18-quality")
        window.report.tabs.setCurrentIndex(4)
        self.shoot("24-tracings")
        window.report.tabs.setCurrentIndex(0)
        window.back()

    def _trace_review(self, case_id: str) -> None:
        """A place, a branch to take, the result, the colours, the volume in 3D, the diagnosis."""
        page = self.window.review.traces
        self.window.review.open(case_id)
        wait_for(lambda: page.desk, "the traced case")
        desk = page.desk
        assert desk is not None
        self.shoot("23-place")
        offering = [item.region for item in desk.review.items if item.offers]
        if offering:
            desk.panel.table.select_region(offering[0])
            desk.step_offer(+1)
            self.shoot("23-offer")
        desk.color_by("finding")
        page.show_3d(True)
        self.shoot("23-space")
        page.show_3d(False)
        desk.color_by("plain")
        desk.begin_connect()
        self.shoot("23-connect")
        desk.give_up()
        desk.panel.tabs.setCurrentIndex(1)
        desk.toggle("result")
        self.shoot("23-result")
        desk.toggle("result")
        desk.panel.tabs.setCurrentIndex(2)
        self.shoot("23-diagnosis")


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("project", type=Path, nargs="?")
    parser.add_argument("--only", choices=[*get_args(theme.ThemeName)], default=None)
    parser.add_argument("--size", type=int, choices=[size[0] for size in SIZES], default=None)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        os.environ["ANNOTATOR_SETTINGS"] = str(Path(place) / "settings.json")
        project = given.project or Path(place) / "sample"
        if not (project / "project.sqlite").exists():
            build_sample_project(project)
        application().setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
        photographer = Photographer(given.out, project)
        for name in get_args(theme.ThemeName):
            for size in SIZES:
                if given.only in (None, name) and given.size in (None, size[0]):
                    photographer.walk(name, size)
        photographer.window.close()


if __name__ == "__main__":
    main()
