"""The left side of the reviewer's room: hard cases first, and who is who in the open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.raters_legend import RatersLegend
from annotator.gui.rows import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.session.review_case import Reading
    from annotator.session.review_room import QueueEntry

STATES = {
    "waiting": ("to do", ""),
    "open": ("begun", "caution"),
    "signed off": ("signed off", "good"),
}
"""State of a case → (word on the chip, tone)."""


def entry_row(entry: QueueEntry) -> Row:
    """Return the row that shows a case of the queue."""
    word, tone = STATES[entry.state]
    facts = f"{entry.n_readings} readings"
    if entry.score is not None:
        facts += f" · {entry.n_decided} of {entry.n_regions} decided"
    lines = [facts]
    if entry.standing is not None:
        lines.append(entry.standing.why)
    elif entry.foretold is not None:
        lines.append(f"Foretold difficulty {entry.foretold:.2f}, from the image alone")
    if entry.note:
        lines.append(entry.note[:1].upper() + entry.note[1:])
    return Row(key=entry.case_id, title=entry.title, detail="\n".join(lines), chip=word, tone=tone)


class ReviewQueue(QWidget):
    """Queue above, legend below.

    Emits ``picked(case_id)``, ``report_wanted`` and ``compare_wanted``.
    """

    picked = Signal(str)
    report_wanted = Signal()
    compare_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("leftPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.done = label("", "muted")
        self.cases = RowList("Cases to review", "Hardest first. Enter or a click opens a case.")
        self.cases.picked.connect(self.picked)
        self.compare = Button(
            "Compare all readings",
            "Find the disputes in every case, so that the queue is in order.",
            self.compare_wanted.emit,
        )
        self.report = Button(
            "Report on raters",
            "How each rater compares with the consensus (Ctrl+R).",
            self.report_wanted.emit,
            icon_name="report",
        )
        self.legend = RatersLegend()
        self._legend_title = label("Readings of this case", "section")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(label("Hard cases first", "section"))
        layout.addWidget(self.done)
        layout.addWidget(self.cases, 1)
        layout.addWidget(self._legend_title)
        layout.addWidget(self.legend)
        layout.addWidget(self.compare)
        layout.addWidget(self.report)
        self.set_readings(())

    def set_entries(self, entries: Sequence[QueueEntry]) -> None:
        """Show these cases."""
        n_done = sum(entry.state == "signed off" for entry in entries)
        self.done.setText(f"{n_done} of {len(entries)} signed off")
        self.cases.set_rows([entry_row(entry) for entry in entries])
        self.compare.setVisible(any(entry.score is None for entry in entries))

    def set_readings(self, readings: Sequence[Reading]) -> None:
        """Show who is who; no readings hide the legend."""
        self.legend.set_readings(readings)
        self.legend.setVisible(bool(readings))
        self._legend_title.setVisible(bool(readings))
