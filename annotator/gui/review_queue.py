"""The left side of the reviewer's room: hard cases first, and who is who in the open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.raters_legend import RatersLegend
from annotator.gui.reading_panel import scrolled
from annotator.gui.rows import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.study import Reads
    from annotator.gui.raters_legend import Shown
    from annotator.session.review_room import QueueEntry

MOST_LEGEND_PX = 240
"""Of the legend; more readings are scrolled to."""
STATES = {
    "waiting": ("to do", ""),
    "open": ("begun", "caution"),
    "signed off": ("signed off", "good"),
}
"""State of a case → (word on the chip, tone)."""


def is_new(entry: QueueEntry) -> bool:
    """Whether its readings, or its tracing, have not been looked through as they are now."""
    return bool(entry.note) if entry.reads == "tracing" else entry.score is None


def entry_row(entry: QueueEntry) -> Row:
    """Return the row that shows a case of the queue."""
    word, tone = STATES[entry.state]
    if entry.reads == "tracing":
        return _traced_row(entry)
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


def _traced_row(entry: QueueEntry) -> Row:
    word, tone = STATES[entry.state]
    facts = f"{entry.n_readings} tracing{'s' if entry.n_readings != 1 else ''}"
    if entry.n_regions:
        facts += f" · {entry.n_decided} of {entry.n_regions} decided"
    lines = [facts]
    if entry.at_stake_um:
        lines.append(f"{entry.at_stake_um:,.0f} µm of cable at stake")
    if entry.note:
        lines.append(entry.note[:1].upper() + entry.note[1:])
    return Row(key=entry.case_id, title=entry.title, detail="\n".join(lines), chip=word, tone=tone)


class ReviewQueue(QWidget):
    """Queue above, legend below.

    Emits ``picked(case_id)``, ``report_wanted`` and ``compare_wanted``.
    """

    picked = Signal(str)
    report_wanted = Signal()
    compare_wanted = Signal(object)
    """What is read on the cases that are to be looked through: masks, tracings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("leftPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._new: frozenset[Reads] = frozenset()
        self.done = label("", "muted")
        self.cases = RowList("Cases to review", "Hardest first. Enter or a click opens a case.")
        self.cases.picked.connect(self.picked)
        self.compare = Button(
            "Compare all readings",
            "Find what is in dispute or may be wrong in every case: the queue is in order then.",
            lambda: self.compare_wanted.emit(self._new),
        )
        self.report = Button(
            "Report on raters",
            "How each rater compares with the consensus (Ctrl+R).",
            self.report_wanted.emit,
            icon_name="report",
        )
        self.legend = RatersLegend()
        self._legend_area = scrolled(self.legend)
        self._legend_area.setAccessibleName("Readings of this case")
        self._legend_area.setToolTip("Who is who. The eye shows or hides a reading.")
        self._legend_title = label("Readings of this case", "section")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(label("Hard cases first", "section"))
        layout.addWidget(self.done)
        layout.addWidget(self.cases, 1)
        layout.addWidget(self._legend_title)
        layout.addWidget(self._legend_area)
        layout.addWidget(self.compare)
        layout.addWidget(self.report)
        self.set_readings(())

    def set_entries(self, entries: Sequence[QueueEntry]) -> None:
        """Show these cases."""
        n_done = sum(entry.state == "signed off" for entry in entries)
        self.done.setText(f"{n_done} of {len(entries)} signed off")
        self.cases.set_rows([entry_row(entry) for entry in entries])
        self._new = frozenset(entry.reads for entry in entries if is_new(entry))
        self.compare.setVisible(bool(self._new))

    def set_readings(self, readings: Sequence[Shown], noun: str = "contours") -> None:
        """Show who is who; no readings hide the legend."""
        self.legend.set_readings(readings, noun)
        self._legend_area.setVisible(bool(readings))
        self._legend_area.setFixedHeight(min(self.legend.sizeHint().height(), MOST_LEGEND_PX))
        self._legend_title.setVisible(bool(readings))
