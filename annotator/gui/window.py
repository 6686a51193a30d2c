"""The main window: one room at a time, and the way between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator.gui import settings as settings_file
from annotator.gui import theme
from annotator.gui.action_book import ActionBook
from annotator.gui.action_table import ACTIONS
from annotator.gui.background import Background
from annotator.gui.canvas_holder import import_canvas
from annotator.gui.command_palette import CommandPalette
from annotator.gui.export_dialog import ExportDialog
from annotator.gui.frame import BottomBar, TopBar
from annotator.gui.jobs_bar import JobsBar
from annotator.gui.new_project import NewProjectDialog
from annotator.gui.notice import Notice
from annotator.gui.project_room import ProjectRoom
from annotator.gui.rater_room import RaterRoomPanel
from annotator.gui.report_room import ReportRoom
from annotator.gui.review_room import ReviewRoomPanel
from annotator.gui.shortcuts_page import ShortcutsPage
from annotator.gui.start import HINT, StartRoom
from annotator.gui.tool_strip import ToolStrip
from annotator.session.session import Session

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from annotator.api import Progress
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.settings import Settings

BuildDemo = Callable[[Path, "Progress"], None]
PRELOAD_AFTER_MS = 400
"""How long after a worklist has shown the canvas is imported, beside the window."""

TOOL_GROUPS = (
    (
        "tool.brush",
        "tool.eraser",
        "tool.polygon",
        "tool.fill",
        "tool.picker",
        "tool.crosshair",
        "tool.sphere",
    ),
    ("edit.undo", "edit.redo"),
    ("view.hide", "view.layout"),
)
REVIEW_GROUPS = (
    ("show.contours", "show.heat", "show.fused", "show.probability"),
    ("region.previous", "region.next"),
    ("view.layout",),
)


class MainWindow(QMainWindow):
    """Holds the session and the rooms; knows which room is shown, and little else."""

    def __init__(self, settings: Settings, *, build_demo: BuildDemo | None = None) -> None:
        super().__init__()
        self.setWindowTitle("annotator")
        self.setAcceptDrops(True)
        self.settings = settings
        self.session: Session | None = None
        self._build_demo = build_demo
        self._person = ""
        self._is_shut_down = False
        self.background = Background(self)
        self.background.failed.connect(lambda _key, error: self.tell_error(error))
        self._room = "start"
        self._make_rooms()
        self.book.fill(self.menuBar())
        self.go("start")
        self.resize(1440, 900)

    def _make_rooms(self) -> None:
        self.start = StartRoom()
        self.project = ProjectRoom(self.background)
        self.report = ReportRoom(self.background)
        self.notice = Notice()
        self.jobs = JobsBar(self.background)
        self.bottom = BottomBar(self.jobs)
        self.book = ActionBook(self, ACTIONS)
        self.top = TopBar([self.book[key] for key in ("app.palette", "app.shortcuts", "app.theme")])
        self.rater = RaterRoomPanel(
            self._strip(TOOL_GROUPS, draws=True), self.background, self.settings
        )
        self.review = ReviewRoomPanel(
            self._strip(REVIEW_GROUPS, draws=False),
            self._strip(TOOL_GROUPS, draws=True),
            self.background,
            self.settings,
        )
        self.stack = QStackedWidget()
        for room in (self.start, self.project, self.rater, self.review, self.report):
            self.stack.addWidget(room)
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self.top, self.notice, self.stack, self.bottom):
            layout.addWidget(widget, 1 if widget is self.stack else 0)
        self.setCentralWidget(holder)
        self._connect()

    def _strip(self, groups: tuple[tuple[str, ...], ...], *, draws: bool) -> ToolStrip:
        return ToolStrip(
            [[self.book[key] for key in group] for group in groups],
            brush_mm=self.settings.brush_mm if draws else None,
        )

    def _connect(self) -> None:
        self.top.back.clicked.connect(self.back)
        start, project = self.start, self.project
        start.demo_wanted.connect(self.open_demo)
        start.new_wanted.connect(self.new_project)
        start.open_wanted.connect(self.choose_project)
        start.recent_picked.connect(self.open_project)
        start.forget_wanted.connect(self._forget)
        start.demo.setVisible(self._build_demo is not None)
        project.read_wanted.connect(self.read_cases)
        project.review_wanted.connect(self.review_cases)
        project.setup.folder_wanted.connect(self.import_folder)
        project.setup.files_wanted.connect(self.import_files)
        project.setup.predict_wanted.connect(self.predict)
        project.setup.export_wanted.connect(self.export)
        for room in (self.project, self.rater, self.review, self.report):
            room.hint_changed.connect(lambda text, room=room: self._hint(room, text))
            room.failed.connect(self.tell_error)
        for room in (self.project, self.rater, self.review):
            room.state_changed.connect(self.book.refresh)
        self.review.report_wanted.connect(self.open_report)
        self.review.compare_wanted.connect(self.compare_readings)
        self.report.told.connect(lambda words: self.notice.say(words, "good"))
        self.jobs.ended.connect(self._job_ended)

    # rooms

    @property
    def room_name(self) -> str:
        """The room that keys belong to; see ``actions.ROOMS``."""
        if self._room == "review" and self.review.is_redrawing:
            return "redraw"
        return self._room

    def tools(self) -> DrawingTools:
        """Return the tools of the canvas that is worked on."""
        return self.review.tools if self._room == "review" else self.rater.tools

    def go(self, room: str) -> None:
        """Show a room; who leaves one with a case must have left the case before."""
        self._room = room
        widget = {
            "start": self.start,
            "project": self.project,
            "rater": self.rater,
            "review": self.review,
            "report": self.report,
        }[room]
        self.stack.setCurrentWidget(widget)
        if room == "start":
            self.start.set_recent(self.settings.recent)
            self.bottom.say(HINT)
        self._say_where()
        self.book.refresh()

    def back(self) -> None:
        """Go back one step; what is drawn is already on disk."""
        if self._room == "report":
            self.go("review")
            self.review.say_hint()
        elif self._room in ("rater", "review"):
            room = self.rater if self._room == "rater" else self.review
            if room.leave():
                self._person = ""
                self.go("project")
                self.project.refresh(focus=True)
        elif self._room == "project":
            self.close_project()
            self.go("start")

    def _say_where(self) -> None:
        parts = ["Start"]
        if self.session is not None and self._room != "start":
            parts.append(self.session.project().title)
            words = {"rater": "reading", "review": "reviewing", "report": "report"}
            if self._room in words:
                parts.append(f"{self._person}: {words[self._room]}")
        self.top.say_where(parts)
        self.setWindowTitle(" – ".join(["annotator", *parts[1:]]))

    def _hint(self, room: QWidget, text: str) -> None:
        if self.stack.currentWidget() is room:
            self.bottom.say(text)

    # projects

    def open_project(self, location: str) -> None:
        """Open a project and show its room."""
        self._open(lambda: Session.open(location), location)

    def choose_project(self) -> None:
        """Ask for a project directory and open it."""
        chosen = QFileDialog.getExistingDirectory(self, "Open project", str(Path.home()))
        if chosen:
            self.open_project(chosen)

    def new_project(self) -> None:
        """Ask for name, place and labels, make the project and open it."""
        dialog = NewProjectDialog(self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            location, title, schema = dialog.location, dialog.title, dialog.schema
            self._open(lambda: Session.create(location, title=title, schema=schema), location)
        dialog.deleteLater()

    def open_demo(self) -> None:
        """Build the sample project where that was not done yet, and open it."""
        build = self._build_demo
        if build is None:
            return
        directory = Path(platformdirs.user_data_dir("annotator", appauthor=False)) / "demo"

        def work() -> Session:
            if not (directory / "project.sqlite").exists():
                directory.parent.mkdir(parents=True, exist_ok=True)
                build(directory, lambda _fraction, _message: None)
            return Session.open(directory)

        self.bottom.say("The sample project is being built; this takes about half a minute.")
        self._open(work, str(directory))

    def _open(self, work: Callable[[], Session], location: str) -> None:
        if not self._leave_case():
            return
        self.notice.hide()
        self.start.setEnabled(False)

        def show(session: Session) -> None:
            self.start.setEnabled(True)
            self.close_project()
            self.session = session
            self.jobs.use(session)
            self.settings.remember(location)
            self._save_settings()
            self.go("project")
            self.project.enter(session)
            self._ask_for_models()
            if session.store.is_read_only:
                self.notice.say("This project is open for reading only.", "caution")

        def failed(error: Exception) -> None:
            self.start.setEnabled(True)
            if self._room == "start":
                self.bottom.say(HINT)
            self.tell_error(error)

        self.background.run("open project", work, show, failed)

    def close_project(self) -> None:
        """Let the project go."""
        if self.session is not None:
            for key in ("project", "worklist", "queue", "open case", "open review case", "report"):
                self.background.drop(key)
            self.jobs.use(None)
            self.session.close()
            self.session = None

    def _forget(self, location: str) -> None:
        self.settings.forget(location)
        self._save_settings()
        self.start.set_recent(self.settings.recent)

    def _ask_for_models(self) -> None:
        session = self.session
        if session is None:
            return

        def work() -> list[tuple[str, str]]:
            return [(model.name, model.card.title) for model in session.registry.models()]

        self.background.run("models", work, self.project.setup.set_models)

    # people

    def read_cases(self, rater_id: str) -> None:
        """Enter the room of a rater."""
        session = self.session
        if session is None:
            return
        try:
            room = session.rater_room(rater_id)
        except AnnotatorError as error:
            self.tell_error(error)
            return
        self._person = room.rater.name
        self.go("rater")
        self.rater.enter(room)
        self._preload()

    def review_cases(self, rater_id: str) -> None:
        """Enter the reviewer's room."""
        session = self.session
        if session is None:
            return

        def work() -> tuple[Any, tuple[tuple[str, str], ...]]:
            room = session.review_room(rater_id)
            methods = session.registry.fusion_methods()
            return room, tuple((method.name, method.title) for method in methods)

        def show(found: tuple[Any, tuple[tuple[str, str], ...]]) -> None:
            room, methods = found
            self._person = room.reviewer.name
            self.go("review")
            self.review.enter(room, methods)
            self._preload()

        self.background.run("review", work, show)

    def open_report(self) -> None:
        """Compare the raters with the consensus."""
        if self.review.room is not None and self.review.leave():
            self.go("report")
            self.report.enter(self.review.room)

    def _preload(self) -> None:
        QTimer.singleShot(
            PRELOAD_AFTER_MS,
            lambda: (
                None
                if self._is_shut_down
                else self.background.run("preload", import_canvas, lambda _: None, lambda _: None)
            ),
        )

    # jobs

    def import_folder(self) -> None:
        """Ask for a folder and import what is in it."""
        chosen = QFileDialog.getExistingDirectory(self, "Import a folder", str(Path.home()))
        if chosen:
            self.import_paths([chosen])

    def import_files(self) -> None:
        """Ask for files and import them."""
        chosen, _ = QFileDialog.getOpenFileNames(self, "Import files", str(Path.home()))
        if chosen:
            self.import_paths(chosen)

    def import_paths(self, paths: list[str]) -> None:
        """Import files and folders outside the window's process."""

        def done(result: dict[str, Any]) -> None:
            n_new = sum(entry["is_new"] for entry in result["cases"])
            n_known = len(result["cases"]) - n_new
            skipped = result["skipped"]
            known = f", {n_known} were there already" if n_known else ""
            left_out = f"; {len(skipped)} files were left out" if skipped else ""
            self.notice.say(
                f"{n_new} new cases{known}{left_out}.",
                "caution" if skipped else "good",
                "\n".join(f"{entry['path']}: {entry['reason']}" for entry in skipped),
            )
            self.project.refresh()

        self.jobs.submit("import", {"paths": paths}, "Importing", done)

    def predict(self, model: str) -> None:
        """Let a model draw on every case."""

        def done(result: dict[str, Any]) -> None:
            skipped = result.get("skipped", [])
            left_out = f"; it does not fit {len(skipped)} others" if skipped else ""
            self.notice.say(
                f"The model drew on {len(result['annotations'])} cases{left_out}.",
                "good",
                "\n".join(entry["reason"] for entry in skipped),
            )

        self.jobs.submit("predict", {"model": model}, "Model at work", done)

    def compare_readings(self) -> None:
        """Find the disputes in every case, so that the queue is in order."""
        self.jobs.submit(
            "findings", {}, "Comparing readings", lambda _: self.review.refresh_queue()
        )

    def export(self) -> None:
        """Ask what and where to, and write it outside the window's process."""
        session = self.session
        if session is None:
            return
        base = Path.home() if "://" in session.store.location else Path(session.store.location)
        dialog = ExportDialog(str(base / "export"), self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.export_to(dialog.format, dialog.chosen_directory())
        dialog.deleteLater()

    def export_to(self, form: str, directory: str) -> None:
        """Write everything in a format into a directory; each file is read back."""

        def done(result: dict[str, Any]) -> None:
            files = result["files"]
            self.notice.say(
                f"{len(files)} files written to {directory}; checked by reading back.",
                "good",
                "\n".join(files),
            )

        self.jobs.submit("export", {"directory": directory, "format": form}, "Exporting", done)

    def _job_ended(self, title: str, state: str, words: str) -> None:
        if state == "cancelled":
            self.notice.say(f"{title} was cancelled; what was finished stays.", "caution")
            self.project.refresh()
        elif state == "failed":
            self.notice.say(f"{title} did not work: {words}", "bad")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders where a project is open."""
        if event.mimeData().hasUrls() and self._room == "project":
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped, with our readers."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.import_paths(paths)

    # looks and help

    def switch_theme(self) -> None:
        """Switch between dark and light."""
        self.settings.theme = "light" if self.settings.theme == "dark" else "dark"
        self._dress()

    def scale_text(self, step: float | None) -> None:
        """Make text larger or smaller; None makes it normal again."""
        wanted = 1.0 if step is None else self.settings.font_scale + step
        self.settings.font_scale = round(min(1.6, max(0.8, wanted)), 2)
        self._dress()

    def _dress(self) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, self.settings.theme, self.settings.font_scale)
        self.book.dress()
        self._save_settings()

    def show_palette(self) -> None:
        """Find an action by its words."""
        palette = CommandPalette(self.book.usable(), self)

        def run() -> None:
            if palette.chosen is not None:
                self.book[palette.chosen].trigger()

        palette.accepted.connect(run)
        palette.open()

    def show_shortcuts(self) -> None:
        """Show every key and what it does."""
        ShortcutsPage(ACTIONS, self.room_name, self).open()

    # what goes wrong, and the end

    def tell_error(self, error: Exception) -> None:
        """Say in words what went wrong; something unexpected goes to the crash handler."""
        if isinstance(error, (AnnotatorError, OSError)):
            words = str(error)
            self.notice.say(
                words[:1].upper() + words[1:] + ("" if words.endswith(".") else "."), "bad"
            )
        else:
            raise error

    def flush(self) -> str | None:
        """Write what is drawn to disk; return why in words where that fails."""
        try:
            if self.rater.open_case is not None:
                self.rater.open_case.drawing.flush()
            if self.review.case is not None and self.review.is_redrawing:
                self.review.case.redraw.flush()
        except AnnotatorError as error:
            return str(error)
        return None

    def _save_settings(self) -> None:
        complaint = settings_file.save(self.settings)
        if complaint:
            self.notice.say(complaint, "caution")

    def _leave_case(self) -> bool:
        return self.rater.leave() and self.review.leave()

    def quit(self) -> None:
        """Close the window."""
        self.close()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icons anew when the theme changes."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange and hasattr(self, "book"):
            self.book.dress()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Write what is left; stay open where that does not work."""
        if not self._leave_case():
            event.ignore()
            return
        self._save_settings()
        self.shut_down()
        event.accept()

    def shut_down(self) -> None:
        """Stop every worker and let the project go."""
        if not self._is_shut_down:
            self._is_shut_down = True
            self.background.close()
            self.close_project()
