"""The room of a project: who are you, and what there is to set up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.people_panel import PeoplePanel
from annotator.gui.project_setup import ProjectFacts, ProjectSetup
from annotator.gui.reading_panel import scrolled

if TYPE_CHECKING:
    from annotator.gui.background import Background
    from annotator.session.session import Session

SETUP_WIDTH = 430


class ProjectRoom(QWidget):
    """People left, set-up right. What it cannot do itself it asks the window for, by signals."""

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    read_wanted = Signal(str)
    review_wanted = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        self._background = background
        self._session: Session | None = None
        self.facts: ProjectFacts | None = None
        self.people = PeoplePanel()
        self.people.read_wanted.connect(self.read_wanted)
        self.people.review_wanted.connect(self.review_wanted)
        self.setup = ProjectSetup()
        self.people.add_wanted.connect(self.setup.name.setFocus)
        self.setup.person_wanted.connect(self._add_person)
        self.setup.assign_wanted.connect(self._assign)
        left = QVBoxLayout()
        left.addWidget(self.people, 1)
        right = scrolled(self.setup)
        right.setFixedWidth(SETUP_WIDTH)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(48, 28, 32, 20)
        layout.setSpacing(36)
        layout.addLayout(left, 1)
        layout.addWidget(right, 0)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def enter(self, session: Session) -> None:
        """Show a project."""
        self._session = session
        self.refresh(focus=True)

    def leave(self) -> None:
        """Let the project go; until another one's facts are there, nobody may act on its own."""
        self._session = None
        self.facts = None
        self.setEnabled(False)

    def refresh(self, *, focus: bool = False) -> None:
        """Ask for cases, people and assignments again."""
        session = self._session
        if session is None:
            return

        def show(facts: ProjectFacts) -> None:
            self._show(facts)
            if focus:
                self.people.focus_first()

        self._background.run("project", lambda: ProjectFacts.of(session), show)

    def _show(self, facts: ProjectFacts) -> None:
        self.facts = facts
        self.setEnabled(True)
        self.people.set_people(facts.people, has_cases=bool(facts.cases))
        self.setup.show_facts(facts)
        self.say_hint()
        self.state_changed.emit()

    def say_hint(self) -> None:
        """Say the next step."""
        facts = self.facts
        if facts is None:
            return
        if not facts.cases:
            self.hint_changed.emit(
                "First bring in images: drop files or folders on the window, or press Ctrl+I."
            )
        elif not facts.people:
            self.hint_changed.emit("Next, add the people who read: type a name on the right.")
        elif not facts.n_assignments:
            self.hint_changed.emit("Next, press Assign: every case gets its readers.")
        else:
            self.hint_changed.emit("Choose who you are.")

    def _add_person(self, name: str, may_review: bool) -> None:
        session = self._session
        if session is not None:
            self._background.run(
                "add person",
                lambda: session.add_rater(name, may_review=may_review),
                lambda _: self.refresh(),
            )

    def _assign(self, n_readers: int, by_gain: bool) -> None:
        session = self._session
        if session is None:
            return

        def show(n_new: int) -> None:
            self.refresh()
            self.setup.say_assigned(n_new, by_gain=by_gain)

        def work() -> int:
            ordered = session.quality.next_cases().cases if by_gain else ()
            return session.assign(n_readers or None, first=[one.case_id for one in ordered])

        self._background.run("assign", work, show)
