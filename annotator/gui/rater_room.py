"""The rater's room: own worklist, the canvas, labels and diagnosis. Knows nothing of others."""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QWidget

from annotator.domain.errors import AnnotatorError
from annotator.gui.canvas_holder import import_canvas
from annotator.gui.empty_state import EmptyState
from annotator.gui.mask_desk import MaskDesk
from annotator.gui.worklist import Worklist
from annotator.session.open_case import OpenCase

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.background import Background
    from annotator.gui.reading_panel import ReadingPanel
    from annotator.gui.save_indicator import SaveIndicator
    from annotator.gui.settings import Settings
    from annotator.gui.tool_strip import ToolStrip
    from annotator.gui.tracing.desk import TraceDesk
    from annotator.gui.tracing.slab import PreparedImage
    from annotator.gui.workbench import Workbench
    from annotator.session.feedback import LabelFeedback
    from annotator.session.rater_room import RaterRoom, WorklistEntry
    from annotator.session.tracing import OpenTracing

    Opened = tuple[OpenCase, None] | tuple[OpenTracing, PreparedImage]

RIGHT_WIDTH = 284
LEFT_WIDTH = 222
ANSWER_DELAY_MS = 300
"""Answers go on their way to disk this long after the last key."""


class RaterRoomPanel(QWidget):
    """Worklist left, a desk in the middle, the work's facts and diagnosis right."""

    hint_changed = Signal(str)
    state_changed = Signal()
    """What may be done now changed: the window asks its actions again."""
    failed = Signal(object)
    """An exception that the person should be told in words."""

    def __init__(
        self,
        bench: Workbench,
        make_trace_strip: Callable[[], ToolStrip],
        background: Background,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        self._background = background
        self._make_trace_strip = make_trace_strip
        self.room: RaterRoom | None = None
        self.open_case: OpenCase | OpenTracing | None = None
        self._entries: tuple[WorklistEntry, ...] = ()
        self.worklist = Worklist()
        self.worklist.picked.connect(self.pick)
        self.worklist.next_wanted.connect(self.next_case)
        self.worklist.feedback_wanted.connect(self.show_feedback)
        empty = EmptyState(
            "case",
            "No case is open",
            "",
            ("Open next case  (N)", "Open the next case that is not submitted.", self.next_case),
        )
        self.masks = MaskDesk(bench, empty, background, settings)
        # What of the desk for masks actions and the window ask for.
        self.holder, self.strip, self.tools = self.masks.holder, self.masks.strip, self.masks.tools
        self.pointing, self.doubt = self.masks.pointing, self.masks.doubt
        self._desks = QStackedWidget()
        self._desks.addWidget(self.masks)
        self._listen(self.masks)
        self.panel: ReadingPanel | None = None
        self._right = QWidget()
        self._right.setMinimumWidth(RIGHT_WIDTH)
        self._right_layout = QHBoxLayout(self._right)
        self._right_layout.setContentsMargins(0, 0, 0, 0)
        self._answers = QTimer(self, singleShot=True, interval=ANSWER_DELAY_MS)
        self._answers.timeout.connect(self._keep_answers)
        self._lay_out()
        self._right.hide()

    def _lay_out(self) -> None:
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for place, side in enumerate((self.worklist, self._desks, self._right)):
            splitter.addWidget(side)
            splitter.setCollapsible(place, False)
        splitter.setHandleWidth(2)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([LEFT_WIDTH, 800, RIGHT_WIDTH])
        self.worklist.setMinimumWidth(180)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def _listen(self, desk: MaskDesk | TraceDesk) -> None:
        desk.hint_changed.connect(self.hint_changed)
        desk.state_changed.connect(self.state_changed)
        desk.failed.connect(self.failed)
        desk.drew.connect(self._drew)

    @cached_property
    def traces(self) -> TraceDesk:
        """The desk for tracings, made when the first traced case opens."""
        from annotator.gui.tracing.desk import TraceDesk

        made = TraceDesk(self._make_trace_strip(), self._background)
        self._desks.addWidget(made)
        self._listen(made)
        return made

    @property
    def is_tracing(self) -> bool:
        """Whether the open case is traced."""
        return self.open_case is not None and not isinstance(self.open_case, OpenCase)

    @property
    def _desk(self) -> MaskDesk | TraceDesk:
        return self.traces if self.is_tracing else self.masks

    @property
    def saving(self) -> SaveIndicator:
        """What says whether everything is on disk."""
        return self._desk.saving

    # entering and leaving

    def enter(self, room: RaterRoom) -> None:
        """Take a rater's room and show the worklist."""
        self.room = room
        self._drop_panel()
        # What the person before was given is nothing that this one may see, not for a moment.
        self._entries = ()
        self.worklist.set_entries(())
        self.holder.empty.say("Looking up your cases…", "", button=False)
        self.holder.show_empty()
        self.refresh_worklist()

    def leave(self) -> bool:
        """Write what is left and let the case go; False where it could not be written."""
        self._background.drop("open case")
        if self.open_case is None:
            return True
        try:
            self.masks.settle()
            self._keep_answers()
            self.open_case.close()
        except AnnotatorError as error:
            self.failed.emit(error)
            self.saving.refresh()
            return False
        self._let_go()
        return True

    def refresh_worklist(self) -> None:
        """Ask for the worklist again."""
        room = self.room
        if room is not None:
            self._background.run(
                "worklist",
                room.worklist,
                self._show_worklist,
            )
            self._background.run(
                "gives feedback", lambda: room.gives_feedback, self.worklist.feedback.setVisible
            )

    def show_feedback(self) -> None:
        """Show where the rater tends to draw too much or too little."""
        room = self.room
        if room is None:
            return

        def show(found: tuple[LabelFeedback, ...]) -> None:
            from annotator.gui.feedback_dialog import FeedbackDialog

            FeedbackDialog(found, self).open()

        self.hint_changed.emit("Your readings are being compared with what was signed off.")
        self._background.run("own feedback", room.feedback, show, self.failed.emit)

    def _show_worklist(self, entries: tuple[WorklistEntry, ...]) -> None:
        self._entries = entries
        self.worklist.set_entries(entries)
        if self.open_case is not None:
            self.worklist.cases.set_current(self.open_case.case.case_id)
        elif not self._background.is_waiting("open case"):
            self._say_empty()
        self.say_hint()
        self.state_changed.emit()

    def _say_empty(self) -> None:
        n_open = sum(entry.state != "submitted" for entry in self._entries)
        empty = self.holder.empty
        if not self._entries:
            empty.say(
                "No cases are assigned to you yet",
                "Go back to the project page, import studies and press Assign.",
                button=False,
            )
        elif n_open == 0:
            empty.say(
                "All your cases are submitted",
                "Thank you. To correct one, pick it on the left; the correction becomes a new "
                "revision.",
                button=False,
            )
        else:
            empty.say(
                f"{n_open} of {len(self._entries)} cases are waiting for you",
                "Draw, answer the questions, submit. Every stroke is saved as soon as it is "
                "finished.",
            )
        self.holder.show_empty()

    # opening a case

    def next_case(self) -> None:
        """Open the next case that is not submitted."""
        if self.room is None:
            return
        after = self.open_case.case.case_id if self.open_case is not None else None
        case_id = self.room.next_case(after)
        if case_id is None:
            self.hint_changed.emit("All your cases are submitted.")
        elif self.open_case is None or case_id != self.open_case.case.case_id:
            self.open(case_id)
        else:
            self.hint_changed.emit("This is your last open case.")

    def pick(self, case_id: str) -> None:
        """Open a case of the worklist; one that is submitted only after a second click."""
        if self.open_case is not None and case_id == self.open_case.case.case_id:
            return
        self.open(case_id)

    def open(self, case_id: str) -> None:
        """Open an own case; the images are read on a worker thread."""
        room = self.room
        if room is None or not self.leave():
            return
        entry = self._entry(case_id)
        self.holder.show_busy(f"Opening {entry.title if entry else ''}…", "Reading the images.")
        self.worklist.cases.set_current(case_id)

        def work() -> Opened:
            import_canvas()
            if entry is None or entry.reads == "mask":
                return room.open_case(case_id), None
            importlib.import_module("annotator.gui.tracing.canvas")
            from annotator.gui.tracing.slab import prepare_image

            opened = room.open_tracing(case_id)
            return opened, prepare_image(opened.image)

        def let_go(found: Opened) -> None:
            found[0].drawing.discard()  # nobody has drawn on it

        self._background.run("open case", work, self._show_case, self._could_not_open, late=let_go)

    def _entry(self, case_id: str) -> WorklistEntry | None:
        return next((entry for entry in self._entries if entry.case_id == case_id), None)

    def _could_not_open(self, error: Exception) -> None:
        self._say_empty()
        self.failed.emit(error)

    def _show_case(self, found: Opened) -> None:
        room = self.room
        if room is None:
            return
        opened = found[0]
        self.open_case = opened
        self._drop_panel()
        # Laid out before the canvas shows: each change of its size draws every view again.
        panel: ReadingPanel = (
            self.masks.begin(found[0]) if found[1] is None else self.traces.begin(*found)
        )
        self._take_panel(panel)
        desk = self._desk
        self._desks.setCurrentWidget(desk)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        desk.show_case(room, self._entry(opened.case.case_id))
        panel.form.show_diagnosis(opened.drawing.draft.diagnosis)
        self.refresh_worklist()
        self.say_hint()
        self.state_changed.emit()

    def _take_panel(self, panel: ReadingPanel) -> None:
        panel.form.changed.connect(self._answered)
        panel.submit_wanted.connect(self.submit)
        panel.start_wanted.connect(self.start_from)
        self._right_layout.addWidget(panel)
        self.panel = panel
        self._right.show()

    def _drop_panel(self) -> None:
        if self.panel is not None:
            self._right_layout.removeWidget(self.panel)
            self.panel.hide()
            self.panel.deleteLater()
            self.panel = None

    def _let_go(self) -> None:
        self._answers.stop()
        self._desk.let_go()
        self.open_case = None
        self._desks.setCurrentWidget(self.masks)
        self._right.hide()
        self.state_changed.emit()

    # working on a case

    def _drew(self) -> None:
        if self.panel is not None:
            self.panel.calm()
        self._mark_started()
        self.say_hint()
        self.state_changed.emit()

    def _mark_started(self) -> None:
        here = self.open_case.case.case_id if self.open_case is not None else ""
        if any(entry.case_id == here and entry.state == "new" for entry in self._entries):
            QTimer.singleShot(ANSWER_DELAY_MS, self.refresh_worklist)

    def start_from(self, annotation_id: str) -> None:
        """Put what a program drew in place of the drawing; undo takes it back."""
        opened = self.open_case
        if opened is None:
            return
        try:
            self.masks.settle()
            opened.start_from(annotation_id)
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self._desk.show_start()
        self._mark_started()
        self.hint_changed.emit(self._desk.started_words)
        self.state_changed.emit()

    def _answered(self) -> None:
        self._answers.start()
        self.say_hint()

    def _keep_answers(self) -> None:
        self._answers.stop()
        if self.open_case is None or self.panel is None:
            return
        diagnosis = self.panel.form.diagnosis()
        if diagnosis != self.open_case.drawing.draft.diagnosis:
            self.open_case.drawing.set_diagnosis(diagnosis)
            self.saving.refresh()

    def submit(self, confirmed: bool = False) -> None:
        """Submit the reading, or say what is missing, or ask about what looks forgotten."""
        opened, panel = self.open_case, self.panel
        if opened is None or panel is None:
            return
        confirmed = confirmed or panel.is_asking()
        try:
            self.masks.settle()
            self._keep_answers()
            problems = opened.problems()
            if problems:
                panel.complain(problems)
                self.hint_changed.emit("Something is missing: see the right side.")
                return
            cautions = () if confirmed else opened.cautions()
            if cautions:
                panel.ask(cautions)
                self.hint_changed.emit("Please confirm on the right side, or keep working.")
                return
            opened.submit()
        except AnnotatorError as error:
            self.failed.emit(error)
            self.saving.refresh()
            return
        title = opened.case.title
        self._let_go()
        self.refresh_worklist()
        self.hint_changed.emit(f"“{title}” is submitted. Press N for the next case.")

    # what to do next, in words

    def say_hint(self) -> None:
        """Say the next step."""
        if self.open_case is None or self.panel is None:
            if any(entry.state != "submitted" for entry in self._entries):
                self.hint_changed.emit("Press N for your next case, or pick one on the left.")
            else:
                self.hint_changed.emit("Nothing is left to do here.")
            return
        missing = self.panel.form.missing()
        draft = self.open_case.drawing.draft
        if not draft.can_undo and draft.parent_id is None and not self.open_case.drawing.n_pending:
            self.hint_changed.emit(self._desk.begin_words)
        elif missing:
            sentence = next(iter(missing.values()))
            self.hint_changed.emit(f"{sentence} Then submit with Ctrl+Enter.")
        else:
            self.hint_changed.emit("When the drawing is complete, submit with Ctrl+Enter.")
