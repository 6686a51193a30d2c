"""The verdict on one place of a tracing: why it was found, buttons with keys, reason, comment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look
from annotator.gui.label_palette import swatch
from annotator.gui.reading_panel import scrolled
from annotator.gui.tracing.review_items import number_words, stake_words
from annotator.gui.verdict_panel import reason_box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.domain.trace_review import TraceItem, TraceOffer
    from annotator.session.trace_review import TracerReading

COLUMNS = 3
MOST_OFFERS = 60
MOST_ROWS = 2
"""Of branches that are offered; more are scrolled to."""
TOLD_LINES = 6
"""Of reasons that are seen at once; more are scrolled to."""
_BY_CHECK = {
    "missing-branch": "missed",
    "missed-branch": "missed",
    "missed-continuation": "missed",
    "joined-elsewhere": "wrongly-joined",
    "fragment": "wrongly-joined",
    "loose-part": "wrongly-joined",
    "wrong-crossing": "wrongly-joined",
    "crossing-bend": "wrongly-joined",
    "crossing-brightness": "wrongly-joined",
    "crossing-as-forks": "wrongly-joined",
    "sharp-turn": "wrong-turn",
    "back-track": "wrong-turn",
    "traced-by-some": "not-this-neuron",
    "dark-path": "not-this-neuron",
}
"""Check → the reason that is preset; the reviewer changes it where it is another."""
DEFAULT_REASON = "artefact"


def measured_words(item: TraceItem) -> str:
    """Say what was measured at a place, from where on it counts, and what is at stake."""
    worst = item.reasons[0]
    parts = []
    if worst.value is not None:
        parts.append(f"measured {number_words(worst.value)} {worst.unit}".rstrip())
    if worst.threshold is not None:
        parts.append(f"limit {number_words(worst.threshold)} {worst.unit}".rstrip())
    parts.append(f"{worst.impact_um:,.0f} µm × {worst.probability:.0%} likely wrong")
    return f"{item.severity.capitalize()} · " + " · ".join(parts)


class TraceVerdictPanel(QWidget):
    """Keep, cut, connect, take, uncertain; why; undo.

    Emits ``chosen(choice)`` for keep, cut and uncertain, ``connect_wanted``, ``taken(offer)``,
    ``previewed(offer or None)`` and ``undo_wanted``.
    """

    chosen = Signal(str)
    connect_wanted = Signal()
    taken = Signal(object)
    previewed = Signal(object)
    undo_wanted = Signal()

    def __init__(self, reasons: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.why = label("", "muted", wrap=True)
        self.why.setAccessibleName("Why this place was found")
        self.measured = label("", "small", wrap=True)
        self.measured.setAccessibleName("What was measured")
        self.here = label("", "small")
        self.here.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.here.setAccessibleName("Which node the verdict is about")
        held = QWidget()
        self._grid = QGridLayout(held)
        self._grid.setContentsMargins(0, 0, 4, 0)
        self._grid.setSpacing(5)
        self._offer_area = scrolled(held)
        self._offer_area.setAccessibleName("Branches that others traced")
        self._offer_area.setToolTip("Branches that others traced here, the longest first.")
        self._pointer_was = QCursor.pos()
        self.offers: list[tuple[TraceOffer, Button]] = []
        self._offered = label("Take a branch that others traced", "section")
        self.keep = self._verdict("Keep  M", "It is right as it is (M).", "check", "keep")
        self.cut = self._verdict(
            "Cut here  X",
            "From this node on it is not of this neuron, and is taken away (X).",
            "scissors",
            "cut",
        )
        self.uncertain = self._verdict(
            "Uncertain  Q",
            "Leave it as it is, on the list of places to look at again (Q).",
            "doubt",
            "uncertain",
        )
        self.connect_to = Button(
            "Connect  R",
            "This node, with all below it, belongs elsewhere: click where (R).",
            self.connect_wanted.emit,
            kind="verdict",
            icon_name="joint",
        )
        self.reason = reason_box(reasons)
        self.comment = QLineEdit()
        self.comment.setAccessibleName("Comment on the verdict")
        self.comment.setToolTip("A remark on this place; optional. Kept with the verdict.")
        self.comment.setPlaceholderText("Comment (optional)")
        self.undo = Button(
            "Undo  (U)",
            "Take the last verdict back and go to its place (U).",
            self.undo_wanted.emit,
            kind="quiet",
            icon_name="undo",
        )
        self._lay_out()

    def _verdict(self, text: str, tooltip: str, icon: str, choice: str) -> Button:
        return Button(
            text, tooltip, lambda: self.chosen.emit(choice), kind="verdict", icon_name=icon
        )

    def _lay_out(self) -> None:
        verdicts = QGridLayout()
        verdicts.setSpacing(5)
        for place, button in enumerate((self.keep, self.cut, self.connect_to, self.uncertain)):
            verdicts.addWidget(button, place // 2, place % 2)
        foot = QHBoxLayout()
        foot.setSpacing(4)
        foot.addWidget(self.comment, 1)
        foot.addWidget(self.undo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        told = QWidget()
        words = QVBoxLayout(told)
        words.setContentsMargins(0, 0, 4, 0)
        words.setSpacing(4)
        words.addWidget(self.why)
        words.addWidget(self.measured)
        words.addStretch(1)
        self._told = scrolled(told)
        self._told.setAccessibleName("Why this place was found")
        self._told.setToolTip("Every reason why this place was found, the worst first.")
        self._fit_told()
        layout.addWidget(self._told)
        layout.addWidget(self._offered)
        layout.addWidget(self._offer_area)
        asked = QHBoxLayout()
        asked.addWidget(label("What holds here?", "section"))
        asked.addWidget(self.here, 1)
        layout.addLayout(asked)
        layout.addLayout(verdicts)
        layout.addWidget(self.reason)
        layout.addLayout(foot)

    def _fit_told(self) -> None:
        self._told.setFixedHeight(TOLD_LINES * self.fontMetrics().lineSpacing())

    def changeEvent(self, event: QEvent) -> None:
        """Keep the same number of lines whatever the size of the text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_told"):
            self._fit_told()

    def show_item(self, item: TraceItem, readings: Mapping[str, TracerReading]) -> None:
        """Say why a place was found, offer what could be taken, and preset the likely reason.

        ``readings`` are the tracings by annotation id.
        """
        whys = list(dict.fromkeys(reason.why for reason in item.reasons))
        self.why.setText(whys[0])
        others = [f"Also: {why}" for why in whys[1:]]
        self.measured.setText("\n".join((measured_words(item), *others)))
        bar = self._told.verticalScrollBar()
        if bar is not None:
            bar.setValue(0)
        self.comment.clear()
        preset = _BY_CHECK.get(item.reasons[0].check, DEFAULT_REASON)
        self.reason.setCurrentIndex(max(0, self.reason.findData(preset)))
        self._show_offers(item, readings)

    def _show_offers(self, item: TraceItem, readings: Mapping[str, TracerReading]) -> None:
        self._pointer_was = QCursor.pos()
        for _, button in self.offers:
            self._grid.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.offers = []
        longest = sorted(item.offers, key=lambda offer: -offer.length_um)[:MOST_OFFERS]
        for place, offer in enumerate(longest):
            reading = readings[offer.annotation_id]
            button = Button(
                f"{reading.letter}  {stake_words(offer.length_um)} µm",
                f"Take the branch of {reading.letter}, {reading.name}: "
                f"{len(offer.node_ids)} nodes. Point at it, or press . and , to see it first; T "
                "takes the one that is shown.",
                partial(self.taken.emit, offer),
                kind="verdict",
            )
            button.setIcon(swatch(reading.color, 14))
            button.installEventFilter(self)
            self._grid.addWidget(button, place // COLUMNS, place % COLUMNS)
            self.offers.append((offer, button))
        for widget in (self._offered, self._offer_area):
            widget.setVisible(bool(longest))
        if self.offers:
            n_rows = min(MOST_ROWS, -(-len(longest) // COLUMNS))
            height = self.offers[0][1].sizeHint().height() + self._grid.spacing()
            self._offer_area.setFixedHeight(n_rows * height)

    def mark_offer(self, offer: TraceOffer | None) -> None:
        """Mark which branch is previewed."""
        for own, button in self.offers:
            set_look(button, "marked", "true" if own is offer else "false")
            if own is offer:
                self._offer_area.ensureWidgetVisible(button)

    def show_here(self, node_id: int, *, is_own: bool) -> None:
        """Say which node cut and connect are about: the finding's own, or one that was clicked."""
        words = "where it was found" if is_own else "which you clicked; Esc goes back"
        self.here.setText(f"At node {node_id}, {words}")

    def choose_reason(self, place: int) -> None:
        """Choose a reason by its place, from 0."""
        if place < self.reason.count():
            self.reason.setCurrentIndex(place)

    def reason_code(self) -> str:
        """Return the code of the chosen reason."""
        return str(self.reason.currentData())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Preview the branch whose button the pointer was moved onto."""
        # A button that came up under a pointer at rest was not pointed at.
        if event.type() == QEvent.Type.Enter and QCursor.pos() != self._pointer_was:
            for offer, button in self.offers:
                if button is watched and button.isEnabled():
                    self.previewed.emit(offer)
        return super().eventFilter(watched, event)
