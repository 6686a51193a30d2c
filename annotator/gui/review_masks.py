"""The mask's side of the reviewer's room: the disputed case, its fusions, models and redrawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.analysis.dispute_words import group_choices
from annotator.domain.errors import AnnotatorError
from annotator.gui.canvas_holder import CanvasHolder, import_canvas
from annotator.gui.dispute_strip import DisputeStrip
from annotator.gui.drawing_tools import DrawingTools
from annotator.gui.model_desk import ModelDesk
from annotator.gui.pointing import Pointing
from annotator.gui.prompt_bar import PromptBar
from annotator.gui.review_desk import ReviewDesk
from annotator.gui.review_panel import ReviewPanel
from annotator.gui.review_redraw import Redrawing
from annotator.gui.review_view import ReviewView
from annotator.gui.tool_strip import HEIGHT
from annotator.gui.window_presets import windows_for
from annotator.session.trained_models import trainer_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.domain.review import Fusion
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.empty_state import EmptyState
    from annotator.gui.review_queue import ReviewQueue
    from annotator.gui.review_redraw import Redrawn
    from annotator.gui.review_side import ReviewSide
    from annotator.gui.settings import Settings
    from annotator.gui.tool_strip import ToolStrip
    from annotator.gui.workbench import Workbench
    from annotator.session.differences import Difference
    from annotator.session.review_case import ReviewCase
    from annotator.session.review_methods import MethodOption
    from annotator.session.review_room import ReviewRoom
    from annotator.session.session import Session

DEFAULT_METHOD = "staple"


class MaskReview(QWidget):
    """Canvas and dispute strip of the case that is open, if it is one of masks.

    Its regions and verdicts stand on the side that it is given.
    """

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    verdict_changed = Signal()
    signed_off = Signal(str)
    """title of the case"""
    could_not_open = Signal(object)
    fusion_wanted = Signal(str, object)
    """case id, MethodOption: to be fused outside the window's process"""
    batch_wanted = Signal(object, object)
    """ids of cases, MethodOption: all of them to be fused outside the window's process"""
    training_wanted = Signal(str, str, object)
    """trainer, fusion method to aim at or empty, label group or None"""
    foretell_wanted = Signal(str)
    """fit id: to say of every case how hard it is"""
    keep_wanted = Signal(str, str, object)
    """fit id, case id, trust by rater id: to be kept as a model's reading"""

    def __init__(
        self,
        strip: ToolStrip,
        bench: Workbench,
        empty: EmptyState,
        queue: ReviewQueue,
        side: ReviewSide,
        background: Background,
        settings: Settings,
    ) -> None:
        super().__init__()
        self._background = background
        self._settings = settings
        self._queue = queue
        self._side = side
        self._room: ReviewRoom | None = None
        self._session: Session | None = None
        self._methods: tuple[MethodOption, ...] = ()
        self._method = DEFAULT_METHOD
        self.model_desk: ModelDesk | None = None
        self.desk: ReviewDesk | None = None
        self.shown: set[str] = {"contours", "fused"}
        self.strip = strip
        self.view_tools = DrawingTools(strip, settings)
        bar = PromptBar(HEIGHT, self)
        bench.strip.add(bar)
        pointing = Pointing(bar, background, self)
        pointing.told.connect(self.hint_changed)
        self.redrawing = Redrawing(bench, settings, pointing, background, self._point_at)
        self.redrawing.tools.advised.connect(self.hint_changed)
        self.redrawing.tools.tool_changed.connect(self.state_changed)
        self.redrawing.operations.told.connect(self.hint_changed)
        self.redrawing.operations.opened.connect(self.state_changed)
        self.redrawing.tools.failed.connect(self.failed)
        self.redrawing.tools.nothing_to.connect(
            lambda word: self.hint_changed.emit(f"There is nothing to {word}.")
        )
        self.holder = CanvasHolder(empty)
        self.holder.canvas_made.connect(self._connect)
        self.disputes = DisputeStrip()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.strip)
        layout.addLayout(bench.lay_out(self.holder), 1)
        bench.set_shown(False)
        layout.addWidget(self.disputes)
        for widget in (self.strip, self.disputes):
            widget.hide()

    def enter(self, room: ReviewRoom, session: Session, methods: tuple[MethodOption, ...]) -> None:
        """Take a reviewer's room and the fusion methods to choose from."""
        self._room = room
        self._session = session
        self._methods = methods

    @property
    def tools(self) -> DrawingTools:
        """The tools of what is going on: looking, or redrawing."""
        return self.redrawing.tools if self.is_redrawing else self.view_tools

    @property
    def is_redrawing(self) -> bool:
        """Whether a region is being drawn anew."""
        return self.redrawing.region is not None

    @property
    def case(self) -> ReviewCase | None:
        """The case that is open."""
        return None if self.desk is None else self.desk.case

    def on_desk(self, run: Callable[[ReviewDesk], None]) -> None:
        """Do something to the open case; nothing where none is open."""
        if self.desk is not None:
            run(self.desk)

    def open(self, case_id: str) -> None:
        """Open a case; readings are fused and compared on a worker thread."""
        room, method = self._room, self._method
        if room is None:
            return

        def work() -> ReviewView:
            import_canvas()
            return ReviewView(room.open_case(case_id, method=method))

        self._background.run(
            "open review case",
            work,
            self._show_case,
            self.could_not_open.emit,
            late=lambda view: view.case.close(),
        )

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

    def fuse_by(self, method: str) -> None:
        """Fuse the open case by another method; verdicts that were given stay."""
        desk = self.desk
        option = next((entry for entry in self._methods if entry.name == method), None)
        if desk is None or option is None or desk.case.fusion.recipe.method == method:
            return
        if option.takes_long:
            self.fusion_wanted.emit(desk.case.case.case_id, option)
            desk.panel.show_method(desk.case.fusion)
            self.hint_changed.emit(f"{option.title} is at work; you can go on.")
            return
        case = desk.case
        self._background.run(
            "fuse review case",
            lambda: case.fuse(method),
            lambda fusion: self.use_fusion(case.case.case_id, fusion),
        )

    def use_fusion(self, case_id: str, fusion: Fusion) -> None:
        """Go by another fusion, where its case is still open."""
        if self.desk is None or self.desk.case.case.case_id != case_id:
            return
        if self.desk.use_fusion(fusion):
            self._method = fusion.recipe.method

    def step_difference(self, steps: int) -> None:
        """Go to the next place where the fusion in use differs from the majority vote."""
        desk = self.desk
        if desk is None:
            return
        if desk.has_differences:
            desk.step_difference(steps)
            return
        from annotator.session.review_methods import differences_from_vote

        case, fusion = desk.case, desk.case.fusion

        def show(found: tuple[Difference, ...]) -> None:
            if self.desk is desk and desk.case.fusion is fusion:
                desk.set_differences(found)
                desk.step_difference(steps)

        self._background.run("differences", lambda: differences_from_vote(case), show)

    def _fuse_every(self, option: MethodOption) -> None:
        room = self._room
        if room is not None:
            self._background.run(
                "cases to fuse",
                room.visible_case_ids,
                lambda case_ids: self.batch_wanted.emit(case_ids, option),
            )

    def compare_methods(self) -> None:
        """Show what every method makes of the open case, side by side."""
        if self.desk is None:
            return
        from annotator.gui.methods_dialog import MethodsDialog

        dialog = MethodsDialog(self.desk, self._methods, self._background, self)
        dialog.method_wanted.connect(self.fuse_by)
        dialog.batch_wanted.connect(self._fuse_every)
        dialog.open()

    def _show_case(self, view: ReviewView) -> None:
        from annotator.session.review_case import REASONS

        case = view.case
        named = [(entry.name, entry.title) for entry in self._methods]
        panel = ReviewPanel(case.schema, REASONS, named, opacity=self._settings.mask_opacity)
        panel.method_chosen.connect(self.fuse_by)
        panel.compare_wanted.connect(self.compare_methods)
        panel.show_case(case)
        self._side.show_panel(panel)
        self._queue.set_readings(case.readings)
        self.disputes.set_profile(view.profiles[0])
        self.disputes.setVisible(case.series.geometry.shape[0] > 1)
        self.strip.show()
        desk = ReviewDesk(
            view,
            panel,
            self.holder,
            self.view_tools,
            self.redrawing,
            self._queue.legend,
            self.disputes,
            self._settings,
            self.shown,
        )
        self.desk = desk
        self.strip.set_windows(windows_for(case.series, case.schema))
        self.view_tools.look(desk.canvas, case.series)
        desk.hint_changed.connect(self.hint_changed)
        desk.state_changed.connect(self.state_changed)
        desk.failed.connect(self.failed)
        desk.verdict_changed.connect(self.verdict_changed)
        desk.signed_off.connect(self.signed_off)
        self._open_models(desk)
        self.verdict_changed.emit()
        desk.begin()
        desk.say_hint()
        self.state_changed.emit()

    def _open_models(self, desk: ReviewDesk) -> None:
        session, panel = self._session, desk.panel.model
        if session is None:
            return
        panel.train_wanted.connect(self.training_wanted)
        self.model_desk = ModelDesk(desk, panel, session, self._background)
        self.model_desk.keep_wanted.connect(self.keep_wanted)
        self.model_desk.foretell_wanted.connect(self.foretell_wanted)
        methods, groups = self._methods, group_choices(desk.case.schema)
        self._background.run(
            "trainers",
            lambda: trainer_options(session.registry),
            lambda trainers: panel.set_choices(trainers, methods, groups),
        )

    def toggle_model(self) -> None:
        """Show or hide what the trained model draws."""
        if self.model_desk is not None:
            self.model_desk.toggle()

    def step_doubt(self) -> None:
        """Show where the next model was unsure."""
        if self.model_desk is not None:
            self.model_desk.doubt.step()

    def refresh_models(self) -> None:
        """Ask again which models there are."""
        if self.model_desk is not None:
            self.model_desk.refresh()

    def _point_at(self, pointing: Pointing, canvas: Canvas, redrawn: Redrawn) -> None:
        """Offer the models that can be pointed with while a region is drawn anew."""
        room = self._room
        if room is None:
            return
        pointing.begin(canvas, redrawn, room.prompt_desk)
        series = redrawn.series
        self._background.run("prompt models", lambda: room.prompt_models(series), pointing.offer)

    def _connect(self, canvas: Canvas) -> None:
        self.view_tools.connect_canvas(canvas)
        self.redrawing.tools.connect_canvas(canvas)
        self.redrawing.pointing.connect_canvas(canvas)
        self.redrawing.operations.connect_canvas(canvas)
        canvas.position_changed.connect(lambda place: self.disputes.set_position(int(place[0])))

    def _let_go(self) -> None:
        self.view_tools.end()
        if self.model_desk is not None:
            self._background.drop("trainers")
            self.model_desk.close()
            self.model_desk = None
        self.desk = None
        self._side.drop_panel()
        self._queue.set_readings(())
        self.redrawing.bench.set_shown(False)
        for widget in (self.strip, self.disputes):
            widget.hide()
        self.holder.show_empty()
        self.state_changed.emit()
