"""The rater's desk for masks: the strip of tools, the canvas, the labels, models to point with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.analysis.pyramid import PyramidVoxels
from annotator.domain.errors import AnnotatorError
from annotator.gui.beside_desk import BesideDesk
from annotator.gui.canvas_holder import CanvasHolder
from annotator.gui.doubt_layer import DoubtLayer
from annotator.gui.drawing_tools import DrawingTools
from annotator.gui.history_desk import HistoryDesk
from annotator.gui.mark_desk import MarkDesk
from annotator.gui.mask_panel import MaskPanel
from annotator.gui.operation_desk import OperationDesk
from annotator.gui.pointing import Pointing
from annotator.gui.prompt_bar import PromptBar
from annotator.gui.save_indicator import SaveIndicator
from annotator.gui.start_note import StartNote
from annotator.gui.tool_strip import HEIGHT
from annotator.gui.window_presets import windows_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.empty_state import EmptyState
    from annotator.gui.settings import Settings
    from annotator.gui.workbench import Workbench
    from annotator.session.open_case import OpenCase
    from annotator.session.rater_room import RaterRoom, WorklistEntry


class MaskDesk(QWidget):
    """Where a mask is drawn; it also says what is going on while no case is open."""

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    drew = Signal()
    """A stroke ended."""

    @property
    def begin_words(self) -> str:
        """What to do first."""
        is_slide = self._opened is not None and isinstance(self._opened.voxels, PyramidVoxels)
        wheel = "zooms, the middle button drags" if is_slide else "turns slices"
        return (
            "Draw with the brush (B): hold the left mouse button. Keys 1–9 pick the label, "
            f"[ and ] the size, the wheel {wheel}."
        )

    started_words = (
        "The model's drawing is in place. Check every slice and correct it; Z takes it back."
    )

    def __init__(
        self, bench: Workbench, empty: EmptyState, background: Background, settings: Settings
    ) -> None:
        super().__init__()
        self._background = background
        self._settings = settings
        self._opened: OpenCase | None = None
        self._panel: MaskPanel | None = None
        self.holder = CanvasHolder(empty)
        self.holder.canvas_made.connect(self._connect)
        self.saving = SaveIndicator()
        self.holder.foot.addWidget(self.saving, 1)
        self._bench, self.strip = bench, bench.strip
        self.tools = DrawingTools(bench.strip, settings, bench.options)
        self.tools.operations = OperationDesk(background, settings, self)
        self.tools.operations.told.connect(self.hint_changed)
        self.tools.operations.opened.connect(self.state_changed)
        self.marks = MarkDesk(self.tools, self)
        self.marks.told.connect(self.hint_changed)
        self.marks.failed.connect(self.failed)
        self.marks.state_changed.connect(self.state_changed)
        self.history = HistoryDesk(background, self.tools.operations, self.marks, self)
        self.marks.changed.connect(self.history.mask_changed)
        self.marks.changed.connect(self.drew)
        self.history.told.connect(self.hint_changed)
        self.tools.moved.connect(self.history.mask_changed)
        self.tools.cancelled.connect(self.history.look_away)
        self.tools.advised.connect(self.hint_changed)
        self.tools.tool_changed.connect(self.state_changed)
        self.tools.nothing_to.connect(
            lambda word: self.hint_changed.emit(f"There is nothing to {word}.")
        )
        self.tools.failed.connect(self.failed)
        self.beside = BesideDesk(self.holder, background, self)
        self.beside.told.connect(self.hint_changed)
        self.beside.changed.connect(self.state_changed)
        self.tools.beside = self.beside
        self.pointing = self._make_pointing()
        self.start_note = StartNote(background, self)
        self.tools.moved.connect(self.start_note.touch)
        self.doubt = DoubtLayer(background, self._start, self._doubt_of, self._show_doubt, self)
        self.doubt.told.connect(self.hint_changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bench.lay_out(self.holder), 1)
        bench.set_shown(False)

    def _make_pointing(self) -> Pointing:
        bar = PromptBar(HEIGHT, self)
        self.strip.add(bar)
        made = Pointing(bar, self._background, self)
        made.told.connect(self.hint_changed)
        self.marks.changed.connect(made.next_object)
        self.tools.pointing = made
        return made

    def begin(self, opened: OpenCase) -> MaskPanel:
        """Make room for a case before it shows, and return its right side."""
        panel = MaskPanel(opened.schema, opacity=self._settings.mask_opacity)
        self._opened, self._panel = opened, panel
        self.strip.set_windows(windows_for(opened.series, opened.schema))
        self.start_note.follow(opened, panel)
        self._bench.set_shown(True)
        return panel

    def show_case(self, room: RaterRoom, entry: WorklistEntry | None) -> None:
        """Show the case that room was made for."""
        opened, panel = self._opened, self._panel
        if opened is None or panel is None:
            return
        drawing = opened.drawing
        canvas = self.holder.show_case(
            opened.voxels, opened.series, drawing.mask, opened.schema, opened.levels
        )
        canvas.set_read_only(False)
        regions = () if entry is None else entry.regions
        self.tools.begin(canvas, drawing, opened.series, panel.drawing, regions)
        self.history.begin(canvas, opened)
        self.beside.begin(canvas, opened)
        self.marks.begin(canvas, drawing, opened.schema, panel.marks, panel.drawing.unit)
        self._point_at(canvas, opened, room)
        self.saving.follow(drawing)
        self._frame_regions(canvas, opened, entry)
        canvas.setFocus()

    def settle(self) -> None:
        """Keep what is being measured."""
        if self.holder.canvas is not None:
            self.holder.canvas.settle()

    def let_go(self) -> None:
        """Let the case go."""
        self._opened = self._panel = None
        self.start_note.follow(None, None)
        self.doubt.off()
        self.saving.follow(None)
        self.history.end()
        self.beside.end()
        self.marks.end()
        self.tools.end()
        self._background.drop("prompt models")
        self.pointing.end()
        self._bench.set_shown(False)
        self.holder.show_empty()

    def show_start(self) -> None:
        """Show what the drawing has just started from."""
        if self.holder.canvas is not None:
            self.holder.canvas.refresh_mask()
        self.history.mask_changed()
        self.start_note.show_start()
        self.saving.refresh()

    def toggle_doubt(self) -> None:
        """Show or hide where the model was unsure that the drawing started from."""
        if self._opened is None:
            return
        if self.doubt.is_on:
            self.doubt.off()
        elif not self._opened.start():
            self.hint_changed.emit("This drawing did not start from a model.")
        else:
            self.doubt.step()

    def _connect(self, canvas: Canvas) -> None:
        self.tools.connect_canvas(canvas)
        self.pointing.connect_canvas(canvas)
        self.history.connect_canvas(canvas)
        self.beside.connect_canvas(canvas)
        self.marks.connect_canvas(canvas)
        if self.tools.operations is not None:
            self.tools.operations.connect_canvas(canvas)
        canvas.edited.connect(self._drew)

    def _drew(self, tool: str) -> None:
        del tool
        self.start_note.touch()
        self.drew.emit()

    def _point_at(self, canvas: Canvas, opened: OpenCase, room: RaterRoom) -> None:
        """Offer the models that can be pointed with on this case; none of them reads slides."""
        if isinstance(opened.voxels, PyramidVoxels):
            self.pointing.take_up("")
            return
        self.pointing.begin(canvas, opened, room.prompt_desk)  # type: ignore[arg-type]  # no slide
        self.pointing.take_up(self.tools.tool)
        case_id = opened.case.case_id
        self._background.run(
            "prompt models", lambda: room.prompt_models(case_id), self.pointing.offer
        )

    def _frame_regions(self, canvas: Canvas, opened: OpenCase, entry: WorklistEntry | None) -> None:
        """Frame the places that the rater was asked for, and go to the first."""
        regions = () if entry is None else entry.regions
        if not regions:
            canvas.set_highlight(None)
            return
        if isinstance(opened.voxels, PyramidVoxels):
            canvas.set_highlight(regions[0])
            canvas.frame(regions[0])
            return
        inside = np.zeros(opened.series.geometry.shape, np.bool_)
        for low, high in regions:
            inside[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = True
        canvas.set_highlight(inside)
        (z0, y0, x0), (z1, y1, x1) = regions[0]
        canvas.set_position(((z0 + z1) // 2, (y0 + y1) // 2, (x0 + x1) // 2))

    def _start(self) -> tuple[tuple[str, str], ...]:
        return () if self._opened is None else self._opened.start()

    def _doubt_of(self, annotation_id: str) -> NDArray[np.float32]:
        if self._opened is None:
            raise AnnotatorError("no case is open")
        return self._opened.doubt(annotation_id)

    def _show_doubt(self, doubt: NDArray[np.float32] | None, title: str) -> None:
        if self.holder.canvas is not None:
            self.holder.canvas.set_heat(doubt, title)
        self.state_changed.emit()
