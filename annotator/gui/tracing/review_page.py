"""The tracing's side of the reviewer's room: the canvas of the open case and what is above it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from annotator.gui.buttons import label
from annotator.gui.canvas_holder import import_canvas
from annotator.gui.tool_strip import HEIGHT
from annotator.gui.tracing.coloring import COLOR_MODES, COLOR_TITLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.background import Background
    from annotator.gui.review_queue import ReviewQueue
    from annotator.gui.review_side import ReviewSide
    from annotator.gui.tool_strip import ToolStrip
    from annotator.gui.tracing.canvas import TraceCanvas
    from annotator.gui.tracing.coloring import ColorMode
    from annotator.gui.tracing.review_desk import TraceReviewDesk
    from annotator.gui.tracing.shown import Pointer
    from annotator.gui.tracing.slab import PreparedImage
    from annotator.session.review_room import ReviewRoom
    from annotator.session.trace_review import TraceReview

COLORED_BY: dict[ColorMode, str] = {**COLOR_TITLES, "plain": "Tracer"}


class TraceReviewPage(QWidget):
    """Opens traced cases; what is decided stands on the side that it is given.

    It is also what the shared actions of a canvas ask (`CanvasTools`): nothing is drawn here.
    """

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    verdict_changed = Signal()
    signed_off = Signal(str)
    """title of the case"""
    could_not_open = Signal(object)

    is_drawing = False

    def __init__(
        self, strip: ToolStrip, queue: ReviewQueue, side: ReviewSide, background: Background
    ) -> None:
        super().__init__()
        self._background = background
        self._queue = queue
        self._side = side
        self._room: ReviewRoom | None = None
        self._mode: ColorMode = "plain"
        self.desk: TraceReviewDesk | None = None
        self.canvas: TraceCanvas | None = None
        self.are_marks_hidden = False
        self.strip = strip
        strip.windows.hide()
        self.colors = QComboBox()
        self.colors.setAccessibleName("Colour of the reviewed tracing")
        self.colors.setToolTip("What the reviewed tracing is coloured by (4 goes on).")
        self.colors.setFixedHeight(HEIGHT)
        for mode in COLOR_MODES:
            self.colors.addItem(COLORED_BY[mode], mode)
        self.colors.activated.connect(
            lambda _: self.on_desk(lambda desk: desk.color_by(self.colors.currentData()))
        )
        strip.add(self.colors)
        self.readout = label("", "small")
        self.readout.setAccessibleName("What is under the pointer")
        self.readout.setToolTip("Place and node under the pointer, µm.")
        self._foot = QWidget()
        self._foot.setObjectName("bottombar")
        self._foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(10, 3, 10, 3)
        foot.addWidget(self.readout)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(strip)
        self._layout.addWidget(self._foot)

    def enter(self, room: ReviewRoom) -> None:
        """Take a reviewer's room."""
        self._room = room

    def on_desk(self, run: Callable[[TraceReviewDesk], None]) -> None:
        """Do something to the open case; nothing where none is open."""
        if self.desk is not None:
            run(self.desk)

    def open(self, case_id: str, base: str | None = None) -> None:
        """Open a case; its tracing is looked through on a worker thread where it was not yet.

        ``base`` is the rater whose tracing is to be reviewed.
        """
        room = self._room
        if room is None:
            return

        def work() -> tuple[TraceReview, PreparedImage]:
            from annotator.gui.tracing.slab import prepare_image

            import_canvas()
            importlib.import_module("annotator.gui.tracing.canvas")
            review = room.open_tracing(case_id, base=base)
            return review, prepare_image(review.image)

        self._background.run("open review case", work, self._show, self.could_not_open.emit)

    def leave(self) -> None:
        """Let the case go; every verdict is on disk."""
        desk, self.desk = self.desk, None
        if desk is None:
            return
        desk.end()
        self._side.drop_panel()
        self._queue.set_readings(())
        if self.canvas is not None:
            self.canvas.clear()
        self.state_changed.emit()

    def _show(self, opened: tuple[TraceReview, PreparedImage]) -> None:
        from annotator.gui.tracing.review_desk import TraceReviewDesk
        from annotator.gui.tracing.review_panel import TraceReviewPanel
        from annotator.session.trace_review import TRACE_REASONS

        review, prepared = opened
        self.leave()
        canvas = self._canvas()
        self.are_marks_hidden = False
        canvas.open(review.image, prepared)
        panel = TraceReviewPanel(review, TRACE_REASONS)
        panel.base_chosen.connect(lambda rater_id: self._review_other(review, rater_id))
        self._side.show_panel(panel)
        self._queue.set_readings(review.readings, "tracing")
        desk = TraceReviewDesk(review, canvas, panel, self._queue.legend, self._mode)
        self.desk = desk
        desk.hint_changed.connect(self.hint_changed)
        desk.state_changed.connect(self._keep_state)
        desk.failed.connect(self.failed)
        desk.verdict_changed.connect(self.verdict_changed)
        desk.signed_off.connect(self.signed_off)
        self.state_changed.emit()
        self.verdict_changed.emit()
        # The page has come to the front; how large the views are they learn with the next events.
        QTimer.singleShot(0, desk, lambda: self._begin(desk))

    def _begin(self, desk: TraceReviewDesk) -> None:
        if desk is self.desk:
            desk.begin()
            desk.say_hint()
            self.state_changed.emit()

    def _review_other(self, review: TraceReview, rater_id: str) -> None:
        if rater_id != review.base.rater_id:
            self.hint_changed.emit("Looking through the other tracing…")
            self.open(review.case.case_id, rater_id)

    def _keep_state(self) -> None:
        if self.desk is not None:
            self._mode = self.desk.scene.mode
            self.colors.setCurrentIndex(self.colors.findData(self._mode))
        self.state_changed.emit()

    def _canvas(self) -> TraceCanvas:
        if self.canvas is None:
            from annotator.gui.tracing.canvas import TraceCanvas

            self.canvas = TraceCanvas()
            self.canvas.hovered.connect(self._read)
            self._layout.insertWidget(self._layout.indexOf(self._foot), self.canvas, 1)
        return self.canvas

    def _read(self, pointer: Pointer | None) -> None:
        if pointer is None or self.desk is None:
            self.readout.setText("")
            return
        x, y, z = pointer.point_um
        words = f"x {x:.1f}, y {y:.1f}, z {z:.1f} µm"
        if pointer.hit is not None:
            words += f" · node {self.desk.review.tree.ids[pointer.hit.row]}"
        self.readout.setText(words)

    # what the shared actions of a canvas ask

    @property
    def has_canvas(self) -> bool:
        """Whether a case is on the canvas."""
        return self.desk is not None and self.canvas is not None

    @property
    def is_3d(self) -> bool:
        """Whether the 3D view is shown."""
        return self.canvas is not None and self.canvas.is_3d

    def show_3d(self, on: bool) -> None:
        """Show the 3D view beside the slabs, or the slabs alone."""
        if self.canvas is not None:
            self.canvas.show_3d(on)
            self.state_changed.emit()

    @property
    def shows_outside(self) -> bool:
        """Whether what lies outside the slab is painted faintly."""
        return self.canvas is not None and self.canvas.shows_outside

    def switch_outside(self) -> None:
        """Paint faintly what lies outside the slab, or hide it."""
        if self.canvas is not None:
            self.canvas.set_outside_shown(not self.canvas.shows_outside)

    def step_slab(self, steps: int) -> None:
        """Show more or less of the depth at once."""
        if self.canvas is not None:
            self.canvas.step_slab(steps)

    def hide_marks(self, on: bool) -> None:
        """Show the image alone, or the trees on it."""
        self.are_marks_hidden = on
        if self.canvas is not None:
            self.canvas.set_trees_hidden(on)

    def switch_layout(self) -> None:
        """Show three slabs, or one."""
        if self.canvas is not None:
            self.canvas.set_layout("single" if self.canvas.layout_name == "three" else "three")

    def step_slice(self, steps: int) -> None:
        """Go on by slices in the slab that was worked in last."""
        if self.canvas is not None:
            self.canvas.step_slices(steps)

    def zoom(self, factor: float) -> None:
        """Zoom the slab that was worked in last."""
        if self.canvas is not None:
            self.canvas.zoom_by(factor)

    def fit(self) -> None:
        """Show everything."""
        if self.canvas is not None:
            self.canvas.fit()

    def undo(self) -> None:
        """Take the last verdict back."""
        self.on_desk(lambda desk: desk.undo())

    def redo(self) -> None:
        """Say that a verdict is given anew: what was taken back is not kept."""
        self.hint_changed.emit("Give the verdict again: one that was taken back is not kept.")
