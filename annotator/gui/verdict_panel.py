"""Big buttons for the verdict on one disputed region, each with its key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.label_palette import swatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.session.review_case import Reading

COLUMNS = 3
DEFAULT_REASON = {"presence": "missed", "boundary": "boundary-unclear"}
"""Kind of finding → the reason that is preset; the reviewer changes it where it is another."""


def reason_box(reasons: Sequence[tuple[str, str]]) -> QComboBox:
    """Return the list of reasons for a verdict, each with the number of its key."""
    box = QComboBox()
    box.setAccessibleName("Reason for the verdict")
    box.setToolTip("Why you decide so; kept with the verdict. Alt+1, Alt+2 … choose.")
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for place, (code, title) in enumerate(reasons):
        box.addItem(f"{place + 1}  {title}", code)
    return box


class VerdictPanel(QWidget):
    """Accept a rater, the fused label or none; redraw; why; undo.

    Emits ``accepted(rater_id)``, ``chosen(choice)`` for fusion and none, ``redraw_wanted`` and
    ``undo_wanted``.
    """

    accepted = Signal(str)
    chosen = Signal(str)
    redraw_wanted = Signal()
    undo_wanted = Signal()

    def __init__(self, reasons: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.why = label("", "muted", wrap=True)
        self.why.setAccessibleName("Why this region is disputed")
        self._grid = QGridLayout()
        self._grid.setSpacing(5)
        self.raters: dict[str, Button] = {}
        self.fused = Button(
            "Fused  M",
            "In this region the fused label holds (M).",
            lambda: self.chosen.emit("fusion"),
            kind="verdict",
            icon_name="fused",
        )
        self.none = Button(
            "None  X",
            "In this region nothing is drawn (X).",
            lambda: self.chosen.emit("none"),
            kind="verdict",
            icon_name="none",
        )
        self.redraw = Button(
            "Redraw  R",
            "Draw this region yourself (R).",
            self.redraw_wanted.emit,
            kind="verdict",
            icon_name="redraw",
        )
        others = QHBoxLayout()
        others.setSpacing(5)
        for button in (self.fused, self.none, self.redraw):
            others.addWidget(button, 1)
        self.reason = reason_box(reasons)
        self.comment = QLineEdit()
        self.comment.setAccessibleName("Comment on the verdict")
        self.comment.setToolTip("A remark on this region; optional. Kept with the verdict.")
        self.comment.setPlaceholderText("Comment (optional)")
        self.undo = Button(
            "Undo last verdict  (U)",
            "Take the last verdict back and go to its region (U).",
            self.undo_wanted.emit,
            kind="quiet",
            icon_name="undo",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.why)
        layout.addWidget(label("Whose reading holds here?", "section"))
        layout.addLayout(self._grid)
        layout.addLayout(others)
        layout.addWidget(self.reason)
        layout.addWidget(self.comment)
        layout.addWidget(self.undo, 0, Qt.AlignmentFlag.AlignLeft)

    def set_readings(self, readings: Sequence[Reading]) -> None:
        """Give each reading its button."""
        for button in self.raters.values():
            self._grid.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.raters.clear()
        for place, reading in enumerate(readings):
            button = Button(
                f"Accept {reading.letter}",
                f"In this region the reading of {reading.letter}, {reading.name}, holds "
                f"({reading.letter}).",
                partial(self.accepted.emit, reading.rater_id),
                kind="verdict",
            )
            button.setIcon(swatch(reading.color, 14))
            button.setText(f" {button.text()}")  # Qt leaves no room between an icon and its words
            self._grid.addWidget(button, place // COLUMNS, place % COLUMNS)
            self.raters[reading.rater_id] = button

    def show_region(self, why: str, kind: str) -> None:
        """Say why the region is disputed and preset the likely reason."""
        self.why.setText(why)
        self.comment.clear()
        self.reason.setCurrentIndex(max(0, self.reason.findData(DEFAULT_REASON.get(kind))))

    def choose_reason(self, place: int) -> None:
        """Choose a reason by its place, from 0."""
        if place < self.reason.count():
            self.reason.setCurrentIndex(place)

    def reason_code(self) -> str:
        """Return the code of the chosen reason."""
        return str(self.reason.currentData())
