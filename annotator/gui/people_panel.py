"""Who are you? People only, one row each, with what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.empty_state import EmptyState
from annotator.gui.reading_panel import scrolled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.reading import Rater


class PeoplePanel(QWidget):
    """The chooser. Emits ``read_wanted(rater_id)`` and ``review_wanted(rater_id)``."""

    read_wanted = Signal(str)
    review_wanted = Signal(str)
    add_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[tuple[str, str], Button] = {}
        self._rows = QWidget()
        self._layout = QVBoxLayout(self._rows)
        self._layout.setContentsMargins(0, 0, 8, 0)
        self._layout.setSpacing(10)
        self._empty = EmptyState(
            "people",
            "Nobody works in this project yet",
            "Add the people who read and review.",
            ("Add a person", "Go to the field for a name.", self.add_wanted.emit),
        )
        self._area = scrolled(self._rows)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(label("Who are you?", "title"))
        layout.addWidget(
            label(
                "Reading is blinded: you see your own cases and marks only. Arrow keys move, "
                "Space chooses.",
                "muted",
                wrap=True,
            )
        )
        layout.addSpacing(10)
        layout.addWidget(self._area, 1)
        layout.addWidget(self._empty, 1)

    def set_people(self, people: Sequence[Rater], *, has_cases: bool) -> None:
        """Show these people; without cases there is nothing to read yet."""
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons.clear()
        for rater in people:
            self._layout.addWidget(self._row(rater, has_cases=has_cases))
        self._layout.addStretch(1)
        self._area.setVisible(bool(people))
        self._empty.setVisible(not people)

    def focus_first(self) -> None:
        """Put the keyboard on the first person."""
        for button in self.buttons.values():
            button.setFocus()
            return

    def _row(self, rater: Rater, *, has_cases: bool) -> QWidget:
        card = QWidget()
        card.setObjectName("card")
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        name = label(rater.name, "heading")
        name.setToolTip(rater.name)
        read = Button(
            "Read my cases",
            f"Go to the worklist of {rater.name}."
            if has_cases
            else "There are no cases yet: import images first.",
            lambda: self.read_wanted.emit(rater.rater_id),
            icon_name="case",
        )
        read.setAccessibleName(f"{rater.name}: read my cases")
        read.setEnabled(has_cases)
        row = QHBoxLayout(card)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(10)
        row.addWidget(name, 1)
        row.addWidget(read)
        self.buttons[rater.rater_id, "read"] = read
        if rater.may_review:
            review = Button(
                "Review",
                f"{rater.name} goes through the disputed regions, hardest case first."
                if has_cases
                else "There are no cases yet: import images first.",
                lambda: self.review_wanted.emit(rater.rater_id),
                icon_name="review",
            )
            review.setAccessibleName(f"{rater.name}: review")
            review.setEnabled(has_cases)
            row.addWidget(review)
            self.buttons[rater.rater_id, "review"] = review
        for button in (read, *([review] if rater.may_review else [])):
            button.setMinimumHeight(40)
        return card
