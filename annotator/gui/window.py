"""The main window: one room at a time, and the way between them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QApplication,
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
from annotator.gui.errands import Errands
from annotator.gui.frame import BottomBar, TopBar
from annotator.gui.jobs_bar import JobsBar
from annotator.gui.key_bindings import with_keys
from annotator.gui.notice import Notice
from annotator.gui.project_door import ProjectDoor
from annotator.gui.project_room import ProjectRoom
from annotator.gui.rater_room import RaterRoomPanel
from annotator.gui.shortcuts_page import ShortcutsPage
from annotator.gui.start import HINT, StartRoom
from annotator.gui.tool_bar import ToolBar
from annotator.gui.tool_options import ToolOptions
from annotator.gui.tool_strip import ToolStrip
from annotator.gui.tool_table import TOOL_GROUPS
from annotator.gui.tracing.actions import TRACE_GROUPS
from annotator.gui.tracing.review_actions import TRACE_REVIEW_GROUPS
from annotator.gui.workbench import Workbench

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from annotator.gui.canvas_tools import CanvasTools
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.project_door import BuildDemo
    from annotator.gui.report_room import ReportRoom
    from annotator.gui.review_room import ReviewRoomPanel
    from annotator.gui.settings import Settings
    from annotator.session.review_methods import MethodOption
    from annotator.session.review_room import ReviewRoom
    from annotator.session.session import Session

PRELOAD_AFTER_MS = 400
"""How long after a worklist has shown the canvas is imported, beside the window."""

DRAWING_GROUPS = (
    ("edit.undo", "edit.redo"),
    ("tool.sphere", "operation.panel"),
    ("view.hide", "view.layout", "beside.show"),
)
REVIEW_GROUPS = (
    (
        "show.contours",
        "show.heat",
        "show.fused",
        "show.probability",
        "show.belief",
        "show.doubt",
    ),
    ("region.previous", "region.next"),
    ("view.layout",),
)


class MainWindow(QMainWindow):
    """Holds the session and the rooms; knows which room is shown, and little else."""

    start: StartRoom
    project: ProjectRoom
    rater: RaterRoomPanel
    notice: Notice
    errands: Errands
    door: ProjectDoor

    def __init__(self, settings: Settings, *, build_demo: BuildDemo | None = None) -> None:
        super().__init__()
        self.setWindowTitle("annotator")
        self.setAcceptDrops(True)
        self.settings = settings
        self.session: Session | None = None
        self._person = ""
        self._is_shut_down = False
        self.background = Background(self)
        self.background.failed.connect(lambda _key, error: self.tell_error(error))
        self._room = "start"
        self.door = ProjectDoor(self, build_demo)
        self._make_rooms()
        self.book.fill(self.menuBar())
        self.go("start")
        self.resize(1440, 900)

    def _make_rooms(self) -> None:
        self.start = StartRoom()
        self.project = ProjectRoom(self.background)
        self.notice = Notice()
        self.jobs = JobsBar(self.background)
        self.bottom = BottomBar(self.jobs)
        self.errands = Errands(self, self.jobs)
        self.book = ActionBook(self, with_keys(ACTIONS, self.settings.keys))
        self.top = TopBar([self.book[key] for key in ("app.palette", "app.shortcuts", "app.theme")])
        self.rater = RaterRoomPanel(
            self._workbench(),
            lambda: self._strip(TRACE_GROUPS),
            self.background,
            self.settings,
        )
        self.stack = QStackedWidget()
        for room in (self.start, self.project, self.rater):
            self.stack.addWidget(room)
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self.top, self.notice, self.stack, self.bottom):
            layout.addWidget(widget, 1 if widget is self.stack else 0)
        self.setCentralWidget(holder)
        # The canvas draws with OpenGL. Told before it is shown, the window need not be torn down
        # and made again, losing the keyboard, when the first case opens.
        QOpenGLWidget(self).hide()
        self._connect()

    def _strip(self, groups: tuple[tuple[str, ...], ...]) -> ToolStrip:
        return ToolStrip([[self.book[key] for key in group] for group in groups])

    def _workbench(self) -> Workbench:
        bar = ToolBar([[self.book[tool.action] for tool in group] for group in TOOL_GROUPS])
        strip, options = self._strip(DRAWING_GROUPS), ToolOptions(self.settings)
        strip.add(options.chip)
        return Workbench(strip=strip, options=options, bar=bar)

    def _connect(self) -> None:
        self.top.back.clicked.connect(self.back)
        start, project = self.start, self.project
        start.demo_wanted.connect(self.door.demo)
        start.new_wanted.connect(self.door.new)
        start.open_wanted.connect(self.door.choose)
        start.recent_picked.connect(self.door.open)
        start.forget_wanted.connect(self.door.forget)
        start.demo.setVisible(self.door.has_demo)
        project.read_wanted.connect(self.read_cases)
        project.review_wanted.connect(self.review_cases)
        project.setup.folder_wanted.connect(self.errands.import_folder)
        project.setup.files_wanted.connect(self.errands.import_files)
        project.setup.models_wanted.connect(self.errands.models.show)
        project.setup.export_wanted.connect(self.errands.export)
        project.setup.quality_wanted.connect(self.errands.keep_quality)
        project.setup.beside_wanted.connect(self.errands.put_beside)
        self.rater.masks.beside.register_wanted.connect(self.errands.register_beside)
        for room in (self.project, self.rater):
            self._listen(room)
            room.state_changed.connect(self.book.refresh)

    def _listen(self, room: ProjectRoom | RaterRoomPanel | ReviewRoomPanel | ReportRoom) -> None:
        room.hint_changed.connect(lambda text: self._hint(room, text))
        room.failed.connect(self.tell_error)

    # rooms

    @cached_property
    def review(self) -> ReviewRoomPanel:
        """The reviewer's room, made when it is first entered: most starts never do."""
        from annotator.gui.review_room import ReviewRoomPanel

        made = ReviewRoomPanel(
            self._strip(REVIEW_GROUPS),
            self._workbench(),
            self._strip(TRACE_REVIEW_GROUPS),
            self.background,
            self.settings,
        )
        self._listen(made)
        made.state_changed.connect(self.book.refresh)
        made.report_wanted.connect(self.open_report)
        made.compare_wanted.connect(self.errands.compare_readings)
        masks = made.masks
        masks.fusion_wanted.connect(self.errands.fuse_case)
        masks.batch_wanted.connect(self.errands.fuse_cases)
        masks.training_wanted.connect(self.errands.train)
        masks.keep_wanted.connect(self.errands.predict_by_fit)
        masks.foretell_wanted.connect(self.errands.foretell)
        self.stack.addWidget(made)
        return made

    @cached_property
    def report(self) -> ReportRoom:
        """The report, made when it is first entered."""
        from annotator.gui.report_room import ReportRoom

        made = ReportRoom(self.background)
        self._listen(made)
        made.told.connect(lambda words: self.notice.say(words, "good"))
        made.report_wanted.connect(self.errands.write_report)
        made.trace_report_wanted.connect(
            lambda path, cases: self.errands.write_report(path, cases, "trace report")
        )
        made.case_wanted.connect(self._review_case)
        self.stack.addWidget(made)
        return made

    @property
    def _has_review(self) -> bool:
        return "review" in self.__dict__

    @property
    def room_name(self) -> str:
        """The room that keys belong to; see ``actions.ROOMS``."""
        if self._room == "review" and self.review.is_redrawing:
            return "redraw"
        if self._room == "rater" and self.rater.is_tracing:
            return "trace"
        if self._room == "review" and self.review.is_tracing:
            return "trace_review"
        return self._room

    def canvas_tools(self) -> CanvasTools:
        """Return what moves the canvas that is worked on, takes back and does again."""
        if self.room_name == "trace":
            return self.rater.traces.tools
        if self.room_name == "trace_review":
            return self.review.traces
        return self.tools()

    def tools(self) -> DrawingTools:
        """Return the tools of the masks that are worked on."""
        return self.review.masks.tools if self._room == "review" else self.rater.tools

    def go(self, room: str) -> None:
        """Show a room; who leaves one with a case must have left the case before."""
        self._room = room
        self.stack.setCurrentWidget(getattr(self, room))
        if room == "start":
            self.start.set_recent(self.settings.recent)
            self.bottom.say(HINT)
        self._say_where()
        self.book.refresh()

    def back(self) -> None:
        """Go back one step; what is drawn is already on disk."""
        if self._room == "report":
            self.report.leave()
            self.go("review")
            self.review.say_hint()
        elif self._room in ("rater", "review"):
            room = self.rater if self._room == "rater" else self.review
            if room.leave():
                self._person = ""
                self.go("project")
                self.project.refresh(focus=True)
        elif self._room == "project":
            self.door.close()
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

        def work() -> tuple[ReviewRoom, tuple[MethodOption, ...]]:
            from annotator.session.review_methods import method_options

            return session.review_room(rater_id), method_options(session.registry)

        def show(found: tuple[ReviewRoom, tuple[MethodOption, ...]]) -> None:
            room, methods = found
            self._person = room.reviewer.name
            self.go("review")
            self.review.enter(room, session, methods)
            self._preload()

        self.background.run("review", work, show)

    def open_report(self) -> None:
        """Compare the raters with the consensus."""
        if self.review.room is not None and self.review.leave():
            self.go("report")
            self.report.enter(self.review.room)

    def _review_case(self, case_id: str) -> None:
        self.back()
        self.review.open(case_id)

    def _preload(self) -> None:
        QTimer.singleShot(
            PRELOAD_AFTER_MS,
            lambda: (
                None
                if self._is_shut_down
                else self.background.run("preload", import_canvas, lambda _: None, lambda _: None)
            ),
        )

    # files dropped on the window

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders where a project is open."""
        if event.mimeData().hasUrls() and self._room == "project":
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped, with our readers."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.errands.import_paths(paths)

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
        self.save_settings()

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
        page = ShortcutsPage(ACTIONS, self.settings.keys, self.room_name, self)
        page.keys_changed.connect(self._bind)
        page.open()

    def _bind(self, keys: dict[str, tuple[str, ...]]) -> None:
        self.settings.keys = keys
        self.book.bind(with_keys(ACTIONS, keys))
        self.save_settings()

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
            if self._has_review and self.review.case is not None and self.review.is_redrawing:
                self.review.case.redraw.flush()
        except AnnotatorError as error:
            return str(error)
        return None

    def save_settings(self) -> None:
        """Keep the settings; say so where that fails."""
        complaint = settings_file.save(self.settings)
        if complaint:
            self.notice.say(complaint, "caution")

    def leave_case(self) -> bool:
        """Write what is left of an open case and let it go; False where that fails."""
        return self.rater.leave() and (not self._has_review or self.review.leave())

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
        if not self.leave_case():
            event.ignore()
            return
        self.save_settings()
        self.shut_down()
        event.accept()

    def shut_down(self) -> None:
        """Stop every worker and let the project go."""
        if not self._is_shut_down:
            self._is_shut_down = True
            if "report" in self.__dict__:
                self.report.leave()
            self.background.close()
            self.door.close()
