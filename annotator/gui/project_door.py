"""How projects are opened, made and closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QDialog, QFileDialog

from annotator.gui.start import HINT

if TYPE_CHECKING:
    from annotator.api import Progress
    from annotator.gui.window import MainWindow
    from annotator.session.session import Session

BuildDemo = Callable[[Path, "Progress"], None]
"""Makes the sample project in a directory."""


class ProjectDoor(QObject):
    """Opens projects on a worker thread and hands them to the window."""

    def __init__(self, window: MainWindow, build_demo: BuildDemo | None) -> None:
        super().__init__(window)
        self._window = window
        self._build_demo = build_demo

    @property
    def has_demo(self) -> bool:
        """Whether there is something that builds the sample project."""
        return self._build_demo is not None

    def open(self, location: str) -> None:
        """Open a project and show its room."""

        def work() -> Session:
            from annotator.session.session import Session  # takes half a second the first time

            return Session.open(location)

        self._open(work, location)

    def choose(self) -> None:
        """Ask for a project directory and open it."""
        chosen = QFileDialog.getExistingDirectory(self._window, "Open project", str(Path.home()))
        if chosen:
            self.open(chosen)

    def new(self) -> None:
        """Ask for name, place and labels, make the project and open it."""
        from annotator.gui.new_project import NewProjectDialog  # brings pydantic

        dialog = NewProjectDialog(self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            location, title, schema = dialog.location, dialog.title, dialog.schema

            def work() -> Session:
                from annotator.session.session import Session

                return Session.create(location, title=title, schema=schema)

            self._open(work, location)
        dialog.deleteLater()

    def demo(self) -> None:
        """Build the sample project where that was not done yet, and open it."""
        build = self._build_demo
        if build is None:
            return
        directory = Path(platformdirs.user_data_dir("annotator", appauthor=False)) / "demo"

        def work() -> Session:
            from annotator.session.session import Session

            if not (directory / "project.sqlite").exists():
                directory.parent.mkdir(parents=True, exist_ok=True)
                build(directory, lambda _fraction, _message: None)
            return Session.open(directory)

        self._window.bottom.say(
            "The sample project is being built; this takes about half a minute."
        )
        self._open(work, str(directory))

    def _open(self, work: Callable[[], Session], location: str) -> None:
        if not self._window.leave_case():
            return
        self._window.notice.hide()
        self._window.start.setEnabled(False)

        def show(session: Session) -> None:
            self._window.start.setEnabled(True)
            self.close()
            session.jobs.gives_way = True
            self._window.session = session
            self._window.jobs.use(session)
            self._window.settings.remember(location)
            self._window.save_settings()
            self._window.go("project")
            self._window.project.enter(session)
            if session.store.is_read_only:
                self._window.notice.say("This project is open for reading only.", "caution")

        def failed(error: Exception) -> None:
            self._window.start.setEnabled(True)
            if self._window.room_name == "start":
                self._window.bottom.say(HINT)
            self._window.tell_error(error)

        self._window.background.run("open project", work, show, failed)

    def close(self) -> None:
        """Let the project go."""
        if self._window.session is not None:
            for key in ("project", "worklist", "queue", "open case", "open review case", "report"):
                self._window.background.drop(key)
            self._window.jobs.use(None)
            self._window.project.leave()
            self._window.session.close()
            self._window.session = None

    def forget(self, location: str) -> None:
        """Drop a project from the recent ones; its files stay."""
        self._window.settings.forget(location)
        self._window.save_settings()
        self._window.start.set_recent(self._window.settings.recent)
