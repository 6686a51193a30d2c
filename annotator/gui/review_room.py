"""The reviewer's room: the queue, the disputed case, the verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from annotator.domain.errors import AnnotatorError
from annotator.gui.canvas_holder import CanvasHolder, import_canvas
from annotator.gui.dispute_strip import DisputeStrip
from annotator.gui.drawing_tools import DrawingTools
from annotator.gui.empty_state import EmptyState
from annotator.gui.review_panel import ReviewPanel
from annotator.gui.review_queue import ReviewQueue
from annotator.gui.review_redraw import Redrawing
from annotator.gui.review_view import ReviewView
from annotator.gui.window_presets import windows_for

if TYPE_CHECKING:
    from annotator.domain.review import Choice
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.settings import Settings
    from annotator.gui.tool_strip import ToolStrip
    from annotator.session.review_case import ReviewCase
    from annotator.session.review_room import QueueEntry, ReviewRoom

RIGHT_WIDTH = 390
LEFT_WIDTH = 230
DEFAULT_METHOD = "staple"


class ReviewRoomPanel(QWidget):
    """Queue left, canvas and dispute strip in the middle, regions and verdicts right."""

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    report_wanted = Signal()
    compare_wanted = Signal()

    def __init__(
        self,
        strip: ToolStrip,
        redraw_strip: ToolStrip,
        background: Background,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("room")
        self._background = background
        self._settings = settings
        self.room: ReviewRoom | None = None
        self.case: ReviewCase | None = None
        self.view: ReviewView | None = None
        self.panel: ReviewPanel | None = None
        self.shown: set[str] = {"contours", "fused"}
        self._method = DEFAULT_METHOD
        self._methods: tuple[tuple[str, str], ...] = ()
        self._entries: tuple[QueueEntry, ...] = ()
        self._withheld: tuple[tuple[str, str], ...] = ()
        self.strip = strip
        self.view_tools = DrawingTools(strip, settings)
        self.redrawing = Redrawing(redraw_strip, settings)
        self.redrawing.tools.failed.connect(self.failed)
        self.redrawing.tools.nothing_to.connect(
            lambda word: self.hint_changed.emit(f"There is nothing to {word}.")
        )
        self.queue = ReviewQueue()
        self.queue.picked.connect(self.open)
        self.queue.report_wanted.connect(self.report_wanted)
        self.queue.compare_wanted.connect(self.compare_wanted)
        self.queue.legend.visibility_changed.connect(lambda *_: self._show_contours())
        self.holder = CanvasHolder(
            EmptyState(
                "review",
                "No case is open",
                "",
                (
                    "Open the hardest case",
                    "Open the first case of the queue that is not signed off (Shift+N).",
                    self.next_case,
                ),
            )
        )
        self.holder.canvas_made.connect(self._connect)
        self.disputes = DisputeStrip()
        self.disputes.jumped.connect(self._jump)
        self._lay_out(redraw_strip)

    def _lay_out(self, redraw_strip: ToolStrip) -> None:
        self._right = QWidget()
        self._right.setMinimumWidth(RIGHT_WIDTH)
        self._right_layout = QHBoxLayout(self._right)
        self._right_layout.setContentsMargins(0, 0, 0, 0)
        centre = QWidget()
        inner = QVBoxLayout(centre)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.strip)
        inner.addWidget(redraw_strip)
        inner.addWidget(self.holder, 1)
        inner.addWidget(self.disputes)
        self.queue.setMinimumWidth(190)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for place, side in enumerate((self.queue, centre, self._right)):
            splitter.addWidget(side)
            splitter.setCollapsible(place, False)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([LEFT_WIDTH, 800, RIGHT_WIDTH])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        for widget in (self._right, self.strip, redraw_strip, self.disputes):
            widget.hide()

    @property
    def tools(self) -> DrawingTools:
        """The tools of what is going on: looking, or redrawing."""
        return self.redrawing.tools if self.is_redrawing else self.view_tools

    @property
    def is_redrawing(self) -> bool:
        """Whether a region is being drawn anew."""
        return self.redrawing.region is not None

    @property
    def current(self) -> int | None:
        """The region that is looked at."""
        return None if self.panel is None else self.panel.table.current_region()

    # entering and leaving

    def enter(self, room: ReviewRoom, methods: tuple[tuple[str, str], ...]) -> None:
        """Take a reviewer's room; ``methods`` holds (name, title) of the fusion methods."""
        self.room = room
        self._methods = methods
        self.refresh_queue()

    def leave(self) -> bool:
        """Write what is left and let the case go; False where it could not be written."""
        if self.case is None:
            return True
        try:
            self.redrawing.end()
            self.case.close()
        except AnnotatorError as error:
            self.failed.emit(error)
            return False
        self._let_go()
        return True

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
        if self.case is not None:
            self.queue.cases.set_current(self.case.case.case_id)
        elif not self._background.is_waiting("open review case"):
            self._say_empty()
        self.say_hint()
        self.state_changed.emit()

    def _say_empty(self) -> None:
        empty = self.holder.empty
        n_open = sum(entry.state != "signed off" for entry in self._entries)
        withheld = (
            f"\n{len(self._withheld)} more cases wait until you have submitted your own reading "
            "of them."
            if self._withheld
            else ""
        )
        if not self._entries:
            words = "A case comes here once two people have submitted their reading of it."
            empty.say("Nothing to review yet", words + withheld, button=False)
        elif n_open == 0:
            empty.say(
                "Every case is signed off",
                "Export the adjudicated masks with Ctrl+E, or look at the report on raters."
                + withheld,
                button=False,
            )
        else:
            empty.say(
                f"{n_open} of {len(self._entries)} cases are to be reviewed",
                "You are taken straight to the regions that the readers dispute." + withheld,
            )
        self.holder.show_empty()

    # opening a case

    def next_case(self) -> None:
        """Open the hardest case that is not signed off."""
        here = None if self.case is None else self.case.case.case_id
        for entry in self._entries:
            if entry.state != "signed off" and entry.case_id != here:
                self.open(entry.case_id)
                return
        self.hint_changed.emit("No other case is waiting.")

    def open(self, case_id: str) -> None:
        """Open a case; readings are fused and compared on a worker thread."""
        if self.case is None or case_id != self.case.case.case_id:
            self._open(case_id, self._method)

    def fuse_by(self, method: str) -> None:
        """Fuse the open case anew by another method."""
        if self.case is not None and method != self._method:
            self._open(self.case.case.case_id, method)

    def _open(self, case_id: str, method: str) -> None:
        room = self.room
        if room is None or not self.leave():
            return
        title = next((entry.title for entry in self._entries if entry.case_id == case_id), "")
        self.holder.show_busy(f"Opening {title}…", "Fusing the readings and finding disputes.")
        self.queue.cases.set_current(case_id)

        def work() -> ReviewView:
            import_canvas()
            return ReviewView(room.open_case(case_id, method=method))

        def show(view: ReviewView) -> None:
            self._method = method
            self._show_case(view)

        self._background.run("open review case", work, show, self._could_not_open)

    def _could_not_open(self, error: Exception) -> None:
        self._say_empty()
        self.failed.emit(error)

    def _show_case(self, view: ReviewView) -> None:
        from annotator.session.review_case import REASONS

        case = view.case
        self.view, self.case = view, case
        panel = ReviewPanel(
            case.schema, REASONS, self._methods, opacity=self._settings.mask_opacity
        )
        panel.table.picked.connect(self._region_picked)
        panel.verdict.accepted.connect(lambda rater_id: self.decide("rater", rater_id))
        panel.verdict.chosen.connect(self.decide)
        panel.verdict.redraw_wanted.connect(self.begin_redraw)
        panel.verdict.undo_wanted.connect(self.undo)
        panel.sign_off_wanted.connect(self.sign_off)
        panel.method_chosen.connect(self.fuse_by)
        panel.redraw.done.connect(lambda: self.end_redraw(keep=True))
        panel.redraw.left.connect(lambda: self.end_redraw(keep=False))
        panel.show_case(case, self._method)
        self._right_layout.addWidget(panel)
        self.panel = panel
        canvas = self.holder.show_case(case.voxels, case.series, view.shown_mask, case.schema)
        canvas.set_read_only(True)
        self.strip.set_windows(windows_for(case.series, case.schema))
        self.view_tools.look(canvas, case.series)
        self.queue.set_readings(case.readings)
        self.disputes.set_profile(view.profiles[0])
        self.disputes.setVisible(case.series.geometry.shape[0] > 1)
        self._right.show()
        self.strip.show()
        self._show_layers()
        canvas.setFocus()
        self.refresh_queue()
        still_open = case.open_regions()
        if case.findings:
            panel.table.select_region((still_open or (case.findings[0].region,))[0])
        self.say_hint()
        self.state_changed.emit()

    def _connect(self, canvas: Canvas) -> None:
        self.view_tools.connect_canvas(canvas)
        self.redrawing.tools.connect_canvas(canvas)
        canvas.position_changed.connect(lambda place: self.disputes.set_position(int(place[0])))

    def _let_go(self) -> None:
        self.view_tools.end()
        self.case = self.view = None
        if self.panel is not None:
            self._right_layout.removeWidget(self.panel)
            self.panel.hide()
            self.panel.deleteLater()
            self.panel = None
        self.queue.set_readings(())
        for widget in (self._right, self.strip, self.disputes):
            widget.hide()
        self.holder.show_empty()
        self.state_changed.emit()

    # what is shown

    def toggle(self, layer: str) -> None:
        """Show or hide contours, heat, fused or probability; heat and probability exclude."""
        if layer in self.shown:
            self.shown.discard(layer)
        else:
            self.shown -= {"heat": {"probability"}, "probability": {"heat"}}.get(layer, set())
            self.shown.add(layer)
        self._show_layers()
        self.state_changed.emit()

    def _show_layers(self) -> None:
        canvas, view = self.holder.canvas, self.view
        if canvas is None or view is None:
            return
        canvas.set_mask_opacity(self._settings.mask_opacity if "fused" in self.shown else 0.0)
        heat = view.entropy if "heat" in self.shown else None
        if "probability" in self.shown:
            region = self.current
            values = view.case.schema.values
            label = view.findings[region].label if region is not None else values[0]
            heat = view.case.probability(label)
        canvas.set_heat(heat)
        self._show_contours()

    def _show_contours(self) -> None:
        canvas, view = self.holder.canvas, self.view
        if canvas is not None and view is not None:
            on = "contours" in self.shown
            visible = self.queue.legend.visible() if on else frozenset()
            canvas.set_contours(view.contours(visible))

    def _jump(self, place: int) -> None:
        canvas = self.holder.canvas
        if canvas is not None:
            _, y, x = canvas.position
            canvas.set_position((place, y, x))

    # regions and verdicts

    def step_region(self, steps: int) -> None:
        """Go to the next or previous region; round the end."""
        if self.panel is None:
            return
        regions = self.panel.table.regions()
        if regions:
            here = regions.index(self.current) if self.current in regions else -1
            self.panel.table.select_region(regions[(here + steps) % len(regions)])

    def _region_picked(self, region: int) -> None:
        canvas, view, panel = self.holder.canvas, self.view, self.panel
        if canvas is None or view is None or panel is None:
            return
        finding = view.findings[region]
        panel.verdict.show_region(finding.why, finding.kind)
        canvas.set_position(finding.centre)
        view.highlight(canvas, region)
        self.disputes.set_highlight((finding.box[0][0], finding.box[1][0]))
        if "probability" in self.shown:
            self._show_layers()
        self.say_hint()
        self.state_changed.emit()

    def has_letter(self, letter: str) -> bool:
        """Whether the open case has a reading of that letter."""
        return self.case is not None and any(
            reading.letter == letter for reading in self.case.readings
        )

    def accept_letter(self, letter: str) -> None:
        """Let the reading of that letter hold in the current region."""
        if self.case is not None:
            for reading in self.case.readings:
                if reading.letter == letter:
                    self.decide("rater", reading.rater_id)

    def choose_reason(self, place: int) -> None:
        """Choose a reason by its place in the list, from 0."""
        if self.panel is not None:
            self.panel.verdict.choose_reason(place)

    def decide(self, choice: Choice, rater_id: str | None = None) -> None:
        """Give the verdict on the current region and go to the next open one."""
        case, view, panel, region = self.case, self.view, self.panel, self.current
        if case is None or view is None or panel is None or region is None:
            return
        try:
            case.decide(
                region,
                choice,
                rater_id=rater_id,
                reason=panel.verdict.reason_code(),
                comment=panel.verdict.comment.text().strip(),
            )
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self._verdict_changed(region)
        self._go_on(region)

    def _verdict_changed(self, region: int) -> None:
        case, view, panel, canvas = self.case, self.view, self.panel, self.holder.canvas
        if case is None or view is None or panel is None or canvas is None:
            return
        view.apply_verdict(region)
        canvas.refresh_mask(view.findings[region].box)
        panel.show_verdict(case, region)
        self.refresh_queue()

    def _go_on(self, region: int) -> None:
        case, panel = self.case, self.panel
        if case is None or panel is None:
            return
        still_open = case.open_regions()
        if not still_open:
            panel.tabs.setCurrentIndex(1)
            self.say_hint()
            self.state_changed.emit()
            return
        order = panel.table.regions()
        later = [entry for entry in still_open if order.index(entry) > order.index(region)]
        panel.table.select_region((later or list(still_open))[0])

    def undo(self) -> None:
        """Take the last verdict back and go to its region."""
        case, panel = self.case, self.panel
        if case is None or panel is None:
            return
        try:
            region = case.undo()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        if region is None or region not in panel.table.regions():
            self.hint_changed.emit("There is no verdict to take back.")
            return
        self._verdict_changed(region)
        panel.tabs.setCurrentIndex(0)
        panel.table.select_region(region)

    # redrawing

    def begin_redraw(self) -> None:
        """Draw the current region anew."""
        case, view, panel, canvas = self.case, self.view, self.panel, self.holder.canvas
        region = self.current
        if case is None or view is None or panel is None or canvas is None or region is None:
            return
        try:
            self.redrawing.begin(view, region, canvas, panel.redraw.labels)
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self.holder.watch_mask(case.redraw.mask)
        canvas.set_heat(None)
        self._show_contours()
        self.strip.hide()
        self.redrawing.strip.set_windows(windows_for(case.series, case.schema))
        self.redrawing.strip.show()
        panel.show_redraw(f"Redraw region {region}")
        canvas.setFocus()
        self.hint_changed.emit(
            "Draw the region (B brush, E eraser), then press Ctrl+Enter. Every stroke is saved."
        )
        self.state_changed.emit()

    def end_redraw(self, *, keep: bool) -> None:
        """Stop redrawing; ``keep`` makes the drawing the verdict on its region."""
        case, view, panel, canvas = self.case, self.view, self.panel, self.holder.canvas
        region = self.redrawing.region
        if case is None or view is None or panel is None or canvas is None or region is None:
            return
        try:
            case.redraw.flush()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self.redrawing.end()
        self.redrawing.strip.hide()
        self.strip.show()
        panel.show_redraw(None)
        place = canvas.position
        self.holder.show_case(case.voxels, case.series, view.shown_mask, case.schema)
        canvas.set_read_only(True)
        canvas.set_layout(self.view_tools.layout)
        canvas.set_position(place)
        self._show_layers()
        view.highlight(canvas, region)
        if keep:
            self.decide("redraw")
        self.say_hint()
        self.state_changed.emit()

    # signing off

    def sign_off(self) -> None:
        """Make the adjudication final, or say what is missing."""
        case, panel = self.case, self.panel
        if case is None or panel is None:
            return
        if case.open_regions():
            panel.tabs.setCurrentIndex(0)
        elif panel.final.form.missing():
            panel.tabs.setCurrentIndex(1)
            panel.final.form.show_missing(on=True)
            panel.final.form.focus_first_missing()
        try:
            case.sign_off(panel.final.form.diagnosis())
        except AnnotatorError as error:
            words = str(error)
            panel.complain(words[:1].upper() + words[1:])
            self.hint_changed.emit("The case cannot be signed off yet: see the right side.")
            return
        title = case.case.title
        if self.leave():
            self.refresh_queue()
            self.hint_changed.emit(f"“{title}” is signed off. Shift+N opens the next case.")

    def say_hint(self) -> None:
        """Say the next step."""
        if self.case is None or self.panel is None:
            if any(entry.state != "signed off" for entry in self._entries):
                self.hint_changed.emit("Press Shift+N for the hardest case, or pick one.")
            else:
                self.hint_changed.emit("Nothing is waiting for a review.")
            return
        if self.case.open_regions():
            letters = ", ".join(reading.letter for reading in self.case.readings[:8])
            self.hint_changed.emit(
                f"Decide the region: {letters} accept a reading, M the fused label, X none, "
                "R redraws. N goes on, U takes back."
            )
        elif self.panel.final.form.missing():
            self.hint_changed.emit("All regions are decided. Fill in the diagnosis on the right.")
        else:
            self.hint_changed.emit("All is decided: sign off with Ctrl+Enter.")
