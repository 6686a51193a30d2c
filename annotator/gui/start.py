"""The first room: open a project, make one, or try the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.rows import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

HINT = "Try the demo project, or make a project of your own and import images."


class StartRoom(QWidget):
    """What to do first, and the projects that were open before."""

    new_wanted = Signal()
    open_wanted = Signal()
    demo_wanted = Signal()
    recent_picked = Signal(str)
    forget_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        columns = QHBoxLayout(self)
        columns.setContentsMargins(60, 48, 60, 40)
        columns.setSpacing(48)
        columns.addLayout(self._first_steps(), 2)
        columns.addWidget(self._recent_projects(), 3)

    def _first_steps(self) -> QVBoxLayout:
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(label("annotator", "title"))
        left.addWidget(
            label(
                "Several people read the same images, each for themselves. Their readings are "
                "fused, and you go straight to the places where they disagree.",
                "muted",
                wrap=True,
            )
        )
        left.addSpacing(12)
        self.demo = Button(
            "Try the demo project",
            "Build the sample project with real images and open it (Ctrl+D).",
            self.demo_wanted.emit,
            kind="big",
            icon_name="case",
        )
        self.new = Button(
            "New project…",
            "Make an empty project: where it lies, and what is drawn in it (Ctrl+N).",
            self.new_wanted.emit,
            kind="big",
            icon_name="plus",
        )
        self.open = Button(
            "Open project…",
            "Open a project directory that exists (Ctrl+O).",
            self.open_wanted.emit,
            kind="big",
            icon_name="folder",
        )
        for button in (self.demo, self.new, self.open):
            left.addWidget(button)
        left.addStretch(1)
        left.addWidget(label("Research use only; not a medical device.", "small"))
        return left

    def _recent_projects(self) -> QWidget:
        card = QWidget()
        card.setObjectName("card")
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        right = QVBoxLayout(card)
        right.setContentsMargins(14, 14, 14, 14)
        right.addWidget(label("Recent projects", "heading"))
        self.none_yet = label(
            "None yet. A project that you open is listed here the next time.", "muted", wrap=True
        )
        right.addWidget(self.none_yet)
        self.recent = RowList("Recent projects", "Projects that were open before. Enter opens one.")
        self.recent.picked.connect(self.recent_picked)
        right.addWidget(self.recent, 1)
        self._space = QWidget()
        right.addWidget(self._space, 1)
        self.forget = Button(
            "Remove from this list",
            "Forget the chosen project here; its files stay where they are.",
            self._forget,
            kind="quiet",
        )
        right.addWidget(self.forget, 0, Qt.AlignmentFlag.AlignLeft)
        self.recent.currentRowChanged.connect(lambda row: self.forget.setEnabled(row >= 0))
        return card

    def set_recent(self, locations: Sequence[str]) -> None:
        """List these projects, newest first."""
        self.recent.set_rows([_row(location) for location in locations])
        self.none_yet.setVisible(not locations)
        self.recent.setVisible(bool(locations))
        self._space.setVisible(not locations)
        self.forget.setVisible(bool(locations))
        self.forget.setEnabled(False)

    def _forget(self) -> None:
        key = self.recent.current_key()
        if key is not None:
            self.forget_wanted.emit(key)


def _row(location: str) -> Row:
    if "://" in location:
        return Row(key=location, title=location.rsplit("/", 1)[-1], detail="on a server")
    path = Path(location)
    is_there = (path / "project.sqlite").exists()
    return Row(
        key=location,
        title=path.name or location,
        detail=str(path.parent),
        chip="" if is_there else "not found",
        tone="" if is_there else "caution",
        tooltip=location,
    )
