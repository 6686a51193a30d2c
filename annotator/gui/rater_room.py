"""The rater's room: own worklist, the canvas, labels and diagnosis. Knows nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from annotator.domain.errors import AnnotatorError
from annotator.gui.canvas_holder import CanvasHolder, import_canvas
from annotator.gui.doubt_layer import DoubtLayer
from annotator.gui.drawing_tools import DrawingTools
from annotator.gui.empty_state import EmptyState
from annotator.gui.pointing import Pointing
from annotator.gui.prompt_bar import PromptBar
from annotator.gui.reading_panel import ReadingPanel
from annotator.gui.save_indicator import SaveIndicator
from annotator.gui.start_note import StartNote
from annotator.gui.tool_strip import HEIGHT
from annotator.gui.window_presets import windows_for
from annotator.gui.worklist import Worklist

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.settings import Settings
    from annotator.gui.tool_strip import ToolStrip
    from annotator.session.feedback import LabelFeedback
    from annotator.session.open_case import OpenCase
    from annotator.session.rater_room import RaterRoom, WorklistEntry

RIGHT_WIDTH = 284
LEFT_WIDTH = 222
ANSWER_DELAY_MS = 300
"""Answers go on their way to disk this long after the last key."""


class RaterRoomPanel(QWidget):
    """Worklist left, canvas in the middle, labels and diagnosis right."""

    hint_changed = Signal(str)
    state_changed = Signal()
    """What may be done now changed: the window asks its actions again."""
    failed = Signal(object)
    """An exception that the person should be told in words."""

    def __init__(
        self,
        strip: ToolStrip,
        background: Background,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        self._background = background
        self._settings = settings
        self.room: RaterRoom | None = None
        self.open_case: OpenCase | None = None
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
        self.holder = CanvasHolder(empty)
        self.holder.canvas_made.connect(self._connect)
        self.saving = SaveIndicator()
        self.holder.foot.addWidget(self.saving, 1)
        self.strip = strip
        self.tools = DrawingTools(strip, settings)
        self.tools.nothing_to.connect(
            lambda word: self.hint_changed.emit(f"There is nothing to {word}.")
        )
        self.tools.failed.connect(self.failed)
        self.pointing = self._make_pointing()
        self.start_note = StartNote(background, self)
        self.tools.moved.connect(self.start_note.touch)
        self.doubt = DoubtLayer(background, self._start, self._doubt_of, self._show_doubt, self)
        self.doubt.told.connect(self.hint_changed)
        self.panel: ReadingPanel | None = None
        self._right = QWidget()
        self._right.setMinimumWidth(RIGHT_WIDTH)
        self._right_layout = QHBoxLayout(self._right)
        self._right_layout.setContentsMargins(0, 0, 0, 0)
        self._answers = QTimer(self, singleShot=True, interval=ANSWER_DELAY_MS)
        self._answers.timeout.connect(self._keep_answers)
        self._lay_out()
        self._right.hide()
        strip.hide()

    def _lay_out(self) -> None:
        centre = QWidget()
        centre_layout = QVBoxLayout(centre)
        centre_layout.setContentsMargins(0, 0, 0, 0)
        centre_layout.setSpacing(0)
        centre_layout.addWidget(self.strip)
        centre_layout.addWidget(self.holder, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for place, side in enumerate((self.worklist, centre, self._right)):
            splitter.addWidget(side)
            splitter.setCollapsible(place, False)
        splitter.setHandleWidth(2)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([LEFT_WIDTH, 800, RIGHT_WIDTH])
        self.worklist.setMinimumWidth(180)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def _make_pointing(self) -> Pointing:
        bar = PromptBar(HEIGHT, self)
        self.strip.add(bar)
        made = Pointing(bar, self._background, self)
        made.told.connect(self.hint_changed)
        self.tools.pointing = made
        return made

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
                # Tracings are drawn by other programs and brought in by the command line.
                lambda: tuple(entry for entry in room.worklist() if entry.reads == "mask"),
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
        title = next((entry.title for entry in self._entries if entry.case_id == case_id), "")
        self.holder.show_busy(f"Opening {title}…", "Reading the images.")
        self.worklist.cases.set_current(case_id)

        def work() -> OpenCase:
            import_canvas()
            return room.open_case(case_id)

        def let_go(opened: OpenCase) -> None:
            opened.drawing.discard()  # nobody has drawn on it

        self._background.run("open case", work, self._show_case, self._could_not_open, late=let_go)

    def _could_not_open(self, error: Exception) -> None:
        self._say_empty()
        self.failed.emit(error)

    def _show_case(self, opened: OpenCase) -> None:
        self.open_case = opened
        drawing = opened.drawing
        panel = self._panel_for(opened)
        # Laid out before the canvas shows: each change of its size draws every view again.
        self.strip.set_windows(windows_for(opened.series, opened.schema))
        self.start_note.follow(opened, panel)
        self._right.show()
        self.strip.show()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        canvas = self.holder.show_case(opened.voxels, opened.series, drawing.mask, opened.schema)
        canvas.set_read_only(False)
        self.tools.begin(canvas, drawing, opened.series, panel.labels)
        self._point_at(canvas, opened)
        self.saving.follow(drawing)
        panel.form.show_diagnosis(drawing.draft.diagnosis)
        self._frame_regions(canvas, opened)
        canvas.setFocus()
        self.refresh_worklist()
        self.say_hint()
        self.state_changed.emit()

    def _point_at(self, canvas: Canvas, opened: OpenCase) -> None:
        """Offer the models that can be pointed with on this case."""
        room = self.room
        if room is None:
            return
        self.pointing.begin(canvas, opened, room.prompt_desk)
        self.pointing.take_up(self.tools.tool)
        case_id = opened.case.case_id
        self._background.run(
            "prompt models", lambda: room.prompt_models(case_id), self.pointing.offer
        )

    def _frame_regions(self, canvas: Canvas, opened: OpenCase) -> None:
        """Frame the places that the rater was asked for, and go to the first."""
        regions = next(
            (entry.regions for entry in self._entries if entry.case_id == opened.case.case_id), ()
        )
        if not regions:
            canvas.set_highlight(None)
            return
        inside = np.zeros(opened.series.geometry.shape, np.bool_)
        for low, high in regions:
            inside[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = True
        canvas.set_highlight(inside)
        (z0, y0, x0), (z1, y1, x1) = regions[0]
        canvas.set_position(((z0 + z1) // 2, (y0 + y1) // 2, (x0 + x1) // 2))

    def _panel_for(self, opened: OpenCase) -> ReadingPanel:
        self._drop_panel()
        panel = ReadingPanel(opened.schema, opacity=self._settings.mask_opacity)
        panel.form.changed.connect(self._answered)
        panel.submit_wanted.connect(self.submit)
        panel.start_wanted.connect(self.start_from)
        self._right_layout.addWidget(panel)
        self.panel = panel
        return panel

    def _drop_panel(self) -> None:
        if self.panel is not None:
            self._right_layout.removeWidget(self.panel)
            self.panel.hide()
            self.panel.deleteLater()
            self.panel = None

    def _connect(self, canvas: Canvas) -> None:
        self.tools.connect_canvas(canvas)
        self.pointing.connect_canvas(canvas)
        canvas.edited.connect(self._drew)

    def _let_go(self) -> None:
        self._answers.stop()
        self.start_note.follow(None, None)
        self.doubt.off()
        self.saving.follow(None)
        self.tools.end()
        self._background.drop("prompt models")
        self.pointing.end()
        self.open_case = None
        self._right.hide()
        self.strip.hide()
        self.holder.show_empty()
        self.state_changed.emit()

    # working on a case

    def _drew(self, tool: str, edit: Any) -> None:  # noqa: ANN401 - an Edit, through a Qt signal
        if self.panel is not None:
            self.panel.calm()
        self.start_note.touch()
        self._mark_started()
        self.say_hint()
        self.state_changed.emit()

    def _mark_started(self) -> None:
        here = self.open_case.case.case_id if self.open_case is not None else ""
        if any(entry.case_id == here and entry.state == "new" for entry in self._entries):
            QTimer.singleShot(ANSWER_DELAY_MS, self.refresh_worklist)

    def start_from(self, annotation_id: str) -> None:
        """Put a model's prediction in place of the drawing; undo takes it back."""
        opened, panel, canvas = self.open_case, self.panel, self.holder.canvas
        if opened is None or panel is None or canvas is None:
            return
        try:
            opened.start_from(annotation_id)
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        canvas.refresh_mask()
        self.start_note.show_start()
        self.saving.refresh()
        self._mark_started()
        self.hint_changed.emit(
            "The model's drawing is in place. Check every slice and correct it; Z takes it back."
        )
        self.state_changed.emit()

    def toggle_doubt(self) -> None:
        """Show or hide where the model was unsure that the drawing started from."""
        if self.open_case is None:
            return
        if self.doubt.is_on:
            self.doubt.off()
        elif not self.open_case.start():
            self.hint_changed.emit("This drawing did not start from a model.")
        else:
            self.doubt.step()

    def _start(self) -> tuple[tuple[str, str], ...]:
        return () if self.open_case is None else self.open_case.start()

    def _doubt_of(self, annotation_id: str) -> NDArray[np.float32]:
        if self.open_case is None:
            raise AnnotatorError("no case is open")
        return self.open_case.doubt(annotation_id)

    def _show_doubt(self, doubt: NDArray[np.float32] | None, title: str) -> None:
        if self.holder.canvas is not None:
            self.holder.canvas.set_heat(doubt, title)
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
            self.hint_changed.emit(
                "Draw with the brush (B): hold the left mouse button. Keys 1–9 pick the label, "
                "[ and ] the size, the wheel turns slices."
            )
        elif missing:
            sentence = next(iter(missing.values()))
            self.hint_changed.emit(f"{sentence} Then submit with Ctrl+Enter.")
        else:
            self.hint_changed.emit("When the drawing is complete, submit with Ctrl+Enter.")
