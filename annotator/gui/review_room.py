"""The reviewer's room: the queue, and the disputed case with its verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QWidget

from annotator.gui.empty_state import EmptyState
from annotator.gui.review_masks import MaskReview
from annotator.gui.review_queue import ReviewQueue
from annotator.gui.review_side import WIDTH, ReviewSide
from annotator.gui.tracing.review_page import TraceReviewPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.background import Background
    from annotator.gui.review_desk import ReviewDesk
    from annotator.gui.settings import Settings
    from annotator.gui.tool_strip import ToolStrip
    from annotator.gui.workbench import Workbench
    from annotator.session.review_case import ReviewCase
    from annotator.session.review_methods import MethodOption
    from annotator.session.review_room import QueueEntry, ReviewRoom
    from annotator.session.session import Session

LEFT_WIDTH = 222


class ReviewRoomPanel(QWidget):
    """Queue left, the open case in the middle, regions and verdicts right.

    What is done with an open case is done by ``masks`` or, where it was traced, by ``traces``.
    """

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    report_wanted = Signal()
    compare_wanted = Signal(object)

    def __init__(
        self,
        strip: ToolStrip,
        bench: Workbench,
        trace_strip: ToolStrip,
        background: Background,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        self._background = background
        self.room: ReviewRoom | None = None
        self._entries: tuple[QueueEntry, ...] = ()
        self._withheld: tuple[tuple[str, str], ...] = ()
        self.queue = ReviewQueue()
        self.queue.picked.connect(self.open)
        self.queue.report_wanted.connect(self.report_wanted)
        self.queue.compare_wanted.connect(self.compare_wanted)
        empty = EmptyState(
            "review",
            "No case is open",
            "",
            (
                "Open the hardest case",
                "Open the first case of the queue that is not signed off (Shift+N).",
                self.next_case,
            ),
        )
        self.side = ReviewSide()
        self.masks = MaskReview(strip, bench, empty, self.queue, self.side, background, settings)
        self.traces = TraceReviewPage(trace_strip, self.queue, self.side, background)
        self._pages = QStackedWidget()
        for page in (self.masks, self.traces):
            self._pages.addWidget(page)
            page.hint_changed.connect(self.hint_changed)
            page.state_changed.connect(self._state_changed)
            page.failed.connect(self.failed)
            page.verdict_changed.connect(self.refresh_queue)
            page.signed_off.connect(self._signed_off)
            page.could_not_open.connect(self._could_not_open)
        self._lay_out()

    def _lay_out(self) -> None:
        self.queue.setMinimumWidth(190)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for place, part in enumerate((self.queue, self._pages, self.side)):
            splitter.addWidget(part)
            splitter.setCollapsible(place, False)
        splitter.setHandleWidth(2)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([LEFT_WIDTH, 800, WIDTH])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        self.side.hide()

    @property
    def is_redrawing(self) -> bool:
        """Whether a region is being drawn anew."""
        return self.masks.is_redrawing

    @property
    def is_tracing(self) -> bool:
        """Whether a traced case is open."""
        return self.traces.desk is not None

    @property
    def case(self) -> ReviewCase | None:
        """The case of masks that is open."""
        return self.masks.case

    @property
    def desk(self) -> ReviewDesk | None:
        """The desk of the case of masks that is open."""
        return self.masks.desk

    def on_desk(self, run: Callable[[ReviewDesk], None]) -> None:
        """Do something to the open case of masks; nothing where none is open."""
        self.masks.on_desk(run)

    @property
    def open_case_id(self) -> str | None:
        """Which case is open, of masks or traced."""
        if self.traces.desk is not None:
            return self.traces.desk.review.case.case_id
        return None if self.case is None else self.case.case.case_id

    # entering and leaving

    def enter(self, room: ReviewRoom, session: Session, methods: tuple[MethodOption, ...]) -> None:
        """Take a reviewer's room and the fusion methods to choose from."""
        self.room = room
        self.masks.enter(room, session, methods)
        self.traces.enter(room)
        # What the person before could see may be withheld from this one.
        self._entries, self._withheld = (), ()
        self.queue.set_entries(())
        self.refresh_queue()

    def leave(self) -> bool:
        """Write what is left and let the case go; False where it could not be written."""
        self._background.drop("open review case")
        if self.is_tracing:
            self.traces.leave()
            self._say_empty()
        return self.masks.leave()

    def refresh_queue(self) -> None:
        """Ask for the queue again."""
        room = self.room
        if room is not None:
            self._background.run("queue", lambda: (room.queue(), room.withheld()), self._show_queue)

    def _show_queue(
        self, found: tuple[tuple[QueueEntry, ...], tuple[tuple[str, str], ...]]
    ) -> None:
        self._entries, self._withheld = found
        self.queue.set_entries(self._entries)
        if self.open_case_id is not None:
            self.queue.cases.set_current(self.open_case_id)
        elif not self._background.is_waiting("open review case"):
            self._say_empty()
        self.say_hint()
        self.state_changed.emit()

    def _say_empty(self) -> None:
        empty = self.masks.holder.empty
        n_open = sum(entry.state != "signed off" for entry in self._entries)
        withheld = (
            f"\n{len(self._withheld)} more cases wait until you have submitted your own reading "
            "of them."
            if self._withheld
            else ""
        )
        if not self._entries:
            words = (
                "A case comes here once two people have submitted their reading of it; a traced "
                "one with its first tracing."
            )
            empty.say("Nothing to review yet", words + withheld, button=False)
        elif n_open == 0:
            empty.say(
                "Every case is signed off",
                "Export what was adjudicated with Ctrl+E, or look at the report." + withheld,
                button=False,
            )
        else:
            empty.say(
                f"{n_open} of {len(self._entries)} cases are to be reviewed",
                "You are taken straight to what is in dispute, or may be wrong." + withheld,
            )
        self.masks.holder.show_empty()
        self._pages.setCurrentWidget(self.masks)

    # opening a case

    def next_case(self) -> None:
        """Open the hardest case that is not signed off."""
        for entry in self._entries:
            if entry.state != "signed off" and entry.case_id != self.open_case_id:
                self.open(entry.case_id)
                return
        self.hint_changed.emit("No other case is waiting.")

    def open(self, case_id: str) -> None:
        """Open a case; what must be compared or looked through is, on a worker thread."""
        entry = next((entry for entry in self._entries if entry.case_id == case_id), None)
        if case_id == self.open_case_id or not self.leave():
            return
        is_traced = entry is not None and entry.reads == "tracing"
        title = "" if entry is None else entry.title
        self._pages.setCurrentWidget(self.masks)
        self.masks.holder.show_busy(
            f"Opening {title}…",
            "Looking through the tracing and comparing tracers."
            if is_traced
            else "Fusing the readings and finding disputes.",
        )
        self.queue.cases.set_current(case_id)
        page = self.traces if is_traced else self.masks
        page.open(case_id)

    def _could_not_open(self, error: Exception) -> None:
        self._say_empty()
        self.failed.emit(error)

    def _signed_off(self, title: str) -> None:
        if self.leave():
            self.refresh_queue()
            self.hint_changed.emit(f"“{title}” is signed off. Shift+N opens the next case.")

    def _state_changed(self) -> None:
        self._pages.setCurrentWidget(self.traces if self.is_tracing else self.masks)
        self.state_changed.emit()

    def say_hint(self) -> None:
        """Say the next step."""
        if self.traces.desk is not None:
            self.traces.desk.say_hint()
        elif self.desk is not None:
            self.desk.say_hint()
        elif any(entry.state != "signed off" for entry in self._entries):
            self.hint_changed.emit("Press Shift+N for the hardest case, or pick one.")
        else:
            self.hint_changed.emit("Nothing is waiting for a review.")
