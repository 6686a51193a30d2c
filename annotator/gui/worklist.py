"""The left side of the rater's room: own cases in own order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.rows import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.session.rater_room import WorklistEntry

STATES = {
    "new": ("new", ""),
    "started": ("in progress", "caution"),
    "submitted": ("submitted", "good"),
}
"""State of an assignment → (word on the chip, tone)."""


def entry_row(entry: WorklistEntry) -> Row:
    """Return the row that shows a case of the worklist."""
    word, tone = STATES[entry.state]
    slices = "1 picture" if entry.n_slices == 1 else f"{entry.n_slices} slices"
    what = entry.modality if entry.reads == "mask" else "to trace"
    n_places = len(entry.regions)
    places = "one framed place" if n_places == 1 else f"{n_places} framed places"
    only = f" · only {places}" if n_places else ""
    return Row(
        key=entry.case_id,
        title=f"{entry.position}. {entry.title}",
        detail=f"{what} · {slices}{only}",
        chip=word,
        tone=tone,
        tooltip=f"{entry.title}: {word}. Click to open.",
    )


class Worklist(QWidget):
    """Own cases with their state, how many are done, and the way to the next one.

    Emits ``picked(case_id)``, ``next_wanted`` and ``feedback_wanted``.
    """

    picked = Signal(str)
    next_wanted = Signal()
    feedback_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("leftPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Submitted cases")
        self.progress.setToolTip("How many of your cases are submitted.")
        self.done = label("", "muted")
        self.cases = RowList(
            "My cases", "Your cases, in your own order. Enter or a click opens one."
        )
        self.cases.picked.connect(self.picked)
        self.next = Button(
            "Next case  (N)",
            "Open the next case that you have not submitted.",
            self.next_wanted.emit,
            icon_name="next",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(label("My cases", "section"))
        layout.addWidget(self.done)
        layout.addWidget(self.progress)
        layout.addWidget(self.cases, 1)
        self.feedback = Button(
            "Feedback on my readings",
            "Where you tend to draw too much or too little, over your own finished cases.",
            self.feedback_wanted.emit,
            icon_name="report",
        )
        self.feedback.hide()
        layout.addWidget(self.next)
        layout.addWidget(self.feedback)

    def set_entries(self, entries: Sequence[WorklistEntry]) -> None:
        """Show these cases."""
        n_done = sum(entry.state == "submitted" for entry in entries)
        self.done.setText(f"{n_done} of {len(entries)} submitted")
        self.progress.setRange(0, max(1, len(entries)))
        self.progress.setValue(n_done)
        self.next.setEnabled(n_done < len(entries))
        self.cases.set_rows([entry_row(entry) for entry in entries])
