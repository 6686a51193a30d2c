"""One open review case: what is shown of it, its regions, the verdicts, the sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from annotator.analysis.dispute_words import label_name
from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import UNMARKED
from annotator.gui.review_marks import review_layer
from annotator.gui.window_presets import windows_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.review import Choice, Fusion
    from annotator.gui.canvas import Canvas
    from annotator.gui.canvas_holder import CanvasHolder
    from annotator.gui.contours import RaterContour
    from annotator.gui.dispute_strip import DisputeStrip
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.raters_legend import RatersLegend
    from annotator.gui.review_panel import ReviewPanel
    from annotator.gui.review_redraw import Redrawing
    from annotator.gui.review_view import ReviewView
    from annotator.gui.settings import Settings
    from annotator.session.differences import Difference


MAPS = frozenset({"heat", "probability", "belief", "doubt"})
"""Layers that colour the image, of which one is shown at a time."""


class ReviewDesk(QObject):
    """Lives as long as the case is open. Belongs to the window's thread."""

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    verdict_changed = Signal()
    signed_off = Signal(str)
    """title of the case"""

    def __init__(
        self,
        view: ReviewView,
        panel: ReviewPanel,
        holder: CanvasHolder,
        tools: DrawingTools,
        redrawing: Redrawing,
        legend: RatersLegend,
        disputes: DisputeStrip,
        settings: Settings,
        shown: set[str],
    ) -> None:
        super().__init__(panel)
        self.view = view
        self.case = view.case
        self.panel = panel
        self.shown = shown
        self._holder = holder
        self._tools = tools
        self._redrawing = redrawing
        self._legend = legend
        self._disputes = disputes
        self._settings = settings
        self._believed = 0
        self._differences: tuple[Difference, ...] | None = None
        self._difference = -1
        self._model: RaterContour | None = None
        self._doubt: tuple[NDArray[np.float32], str] | None = None
        self.canvas: Canvas = self._show()
        if self.canvas.surface is not None:
            panel.show_marks(self.case, self.canvas.surface)
        panel.marks.wanted.connect(self.canvas.go_to)
        panel.table.picked.connect(self._region_picked)
        panel.verdict.accepted.connect(lambda rater_id: self.decide("rater", rater_id))
        panel.verdict.chosen.connect(self.decide)
        panel.verdict.redraw_wanted.connect(self.begin_redraw)
        panel.verdict.undo_wanted.connect(self.undo)
        panel.sign_off_wanted.connect(self.sign_off)
        panel.redraw.done.connect(lambda: self.end_redraw(keep=True))
        panel.redraw.left.connect(lambda: self.end_redraw(keep=False))
        legend.visibility_changed.connect(self._show_contours)
        disputes.jumped.connect(self._jump)

    def begin(self) -> None:
        """Show the layers and go to the first region that is open."""
        self._show_layers()
        self.canvas.setFocus()
        if self.case.findings:
            still_open = self.case.open_regions()
            self.panel.table.select_region((still_open or (self.case.findings[0].region,))[0])

    def _show(self) -> Canvas:
        case = self.case
        canvas = self._holder.show_case(case.voxels, case.series, self.view.shown_mask, case.schema)
        canvas.set_read_only(True)
        return canvas

    @property
    def current(self) -> int | None:
        """The region that is looked at."""
        return self.panel.table.current_region()

    # what is shown

    def toggle(self, layer: str) -> None:
        """Show or hide contours, heat, fused, probability or belief; of maps only one shows."""
        if layer in self.shown:
            self.shown.discard(layer)
        else:
            self.shown -= MAPS if layer in MAPS else set()
            self.shown.add(layer)
        self._show_layers()
        self.state_changed.emit()

    def step_belief(self) -> None:
        """Show how far the first rater is believed, then the next; after the last, nothing."""
        if "belief" not in self.shown:
            self._believed = 0
            self.toggle("belief")
        elif self._believed + 1 < len(self.case.readings):
            self._believed += 1
            self._show_layers()
        else:
            self.toggle("belief")

    def _show_layers(self) -> None:
        canvas, view = self.canvas, self.view
        heat, title = None, ""
        if "heat" in self.shown:
            heat, title = view.entropy, "Disagreement (vote entropy)"
        elif "probability" in self.shown:
            label = self._label_in_question()
            named = view.case.schema.label(label)
            heat = view.case.probability(label)
            title = f"Probability of {named.name if named else label}"
        elif "belief" in self.shown:
            reading = view.case.readings[self._believed]
            heat = view.case.belief(reading.rater_id)
            title = f"How far {reading.letter} is believed"
        elif "doubt" in self.shown and self._doubt is not None:
            heat, title = self._doubt
        # A filled mask would hide the heat: the fused label is a line then.
        is_filled = "fused" in self.shown and heat is None
        canvas.set_mask_opacity(self._settings.mask_opacity if is_filled else 0.0)
        canvas.set_heat(heat, title)
        self._show_contours()

    def _label_in_question(self) -> int:
        region = self.current
        if region is not None:
            return self.view.findings[region].label
        return self.view.case.schema.values[0]

    def _show_contours(self) -> None:
        visible = self._legend.visible() if "contours" in self.shown else frozenset()
        has_heat = bool(self.shown & MAPS)
        with_fused = self._redrawing.region is not None or (has_heat and "fused" in self.shown)
        contours = self.view.contours(visible, with_fused=with_fused)
        self.canvas.set_contours(contours + ([self._model] if self._model else []))
        surface = self.canvas.surface
        if surface is not None and self.view.has_marks:
            self.canvas.set_marks(review_layer(self.case, surface, visible), UNMARKED)

    def show_doubt(self, doubt: NDArray[np.float32] | None, title: str) -> None:
        """Show where a model was unsure, ``(z, y, x)``, in place of other maps; None hides it."""
        self._doubt = None if doubt is None else (doubt, title)
        self.shown -= MAPS if doubt is not None else {"doubt"}
        if doubt is not None:
            self.shown.add("doubt")
        self._show_layers()
        self.state_changed.emit()

    def show_model(self, contour: RaterContour | None) -> None:
        """Show what a model draws as one more line; None takes it away."""
        self._model = contour
        self._show_contours()

    def _jump(self, place: int) -> None:
        _, y, x = self.canvas.position
        self.canvas.set_position((place, y, x))

    def use_fusion(self, fusion: Fusion) -> bool:
        """Go by another fusion of these readings; False, in words, where that may not be."""
        try:
            self.view.use(fusion)
        except AnnotatorError as error:
            self.failed.emit(error)
            self.panel.show_method(self.case.fusion)
            return False
        self._differences, self._difference = None, -1
        self.canvas.refresh_mask()
        self.panel.show_method(fusion)
        self._show_layers()
        self.state_changed.emit()
        return True

    @property
    def has_differences(self) -> bool:
        """Whether it is known where the fusion in use differs from the majority vote."""
        return self._differences is not None

    def set_differences(self, found: tuple[Difference, ...]) -> None:
        """Take where the fusion in use differs from the majority vote."""
        self._differences = found

    def step_difference(self, steps: int) -> None:
        """Go to the next or previous of these places; round the end."""
        found, canvas = self._differences or (), self.canvas
        if not found:
            self.hint_changed.emit("The fused label is the majority vote everywhere.")
            return
        start = self._difference if self._difference >= 0 else (-1 if steps > 0 else 0)
        self._difference = (start + steps) % len(found)
        place = found[self._difference]
        canvas.set_position(place.centre)
        canvas.frame(place.box)
        canvas.set_highlight(place.box)
        self.hint_changed.emit(
            f"Difference {self._difference + 1} of {len(found)}: {self._named(place.label)} by the "
            f"fusion, {self._named(place.other)} by the majority ({place.n_voxels} voxels). "
            "N goes back to the regions."
        )

    def _named(self, value: int) -> str:
        return label_name(self.case.schema, value) if value else "background"

    # regions and verdicts

    def step_region(self, steps: int) -> None:
        """Go to the next or previous region; round the end."""
        regions = self.panel.table.regions()
        if regions:
            here = regions.index(self.current) if self.current in regions else -1
            self.panel.table.select_region(regions[(here + steps) % len(regions)])

    def _region_picked(self, region: int) -> None:
        canvas, view, panel = self.canvas, self.view, self.panel
        finding = view.findings[region]
        panel.verdict.show_region(finding.why, finding.kind)
        canvas.set_position(finding.centre)
        canvas.frame(finding.box)
        view.highlight(canvas, region)
        self._disputes.set_highlight((finding.box[0][0], finding.box[1][0]))
        if "probability" in self.shown:
            self._show_layers()
        self.say_hint()
        self.state_changed.emit()

    def has_letter(self, letter: str) -> bool:
        """Whether the open case has a reading of that letter."""
        return any(reading.letter == letter for reading in self.case.readings)

    def accept_letter(self, letter: str) -> None:
        """Let the reading of that letter hold in the current region."""
        for reading in self.case.readings:
            if reading.letter == letter:
                self.decide("rater", reading.rater_id)

    def choose_reason(self, place: int) -> None:
        """Choose a reason by its place in the list, from 0."""
        self.panel.verdict.choose_reason(place)

    def decide(self, choice: Choice, rater_id: str | None = None) -> None:
        """Give the verdict on the current region and go to the next open one."""
        case, panel, region = self.case, self.panel, self.current
        if region is None:
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
        self.view.apply_verdict(region)
        self.canvas.refresh_mask(self.view.findings[region].box)
        self.panel.show_verdict(self.case, region)
        self.verdict_changed.emit()

    def _go_on(self, region: int) -> None:
        case, panel = self.case, self.panel
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
        case, panel, canvas, region = self.case, self.panel, self.canvas, self.current
        if region is None:
            return
        try:
            self._redrawing.begin(self.view, region, canvas, panel.redraw.drawing)
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self._holder.watch_mask(case.redraw.mask)
        canvas.set_heat(None)
        self._show_contours()
        self._tools.strip.hide()
        self._redrawing.bench.strip.set_windows(windows_for(case.series, case.schema))
        self._redrawing.bench.set_shown(True)
        panel.show_redraw(f"Redraw region {region}")
        canvas.setFocus()
        self.hint_changed.emit(
            "Draw the region (B brush, E eraser, A points), then press Ctrl+Enter. "
            "Every stroke is saved."
        )
        self.state_changed.emit()

    def end_redraw(self, *, keep: bool) -> None:
        """Stop redrawing; ``keep`` makes the drawing the verdict on its region."""
        region = self._redrawing.region
        if region is None:
            return
        try:
            self.case.redraw.flush()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self._redrawing.end()
        self._redrawing.bench.set_shown(False)
        self._tools.strip.show()
        self.panel.show_redraw(None)
        place = self.canvas.position
        self._show()
        self.canvas.set_layout(self._tools.layout)
        self.canvas.set_position(place)
        self.canvas.frame(self.view.findings[region].box)
        self._show_layers()
        self.view.highlight(self.canvas, region)
        if keep:
            self.decide("redraw")
        self.say_hint()
        self.state_changed.emit()

    # signing off

    def sign_off(self) -> None:
        """Make the adjudication final, or say what is missing."""
        case, panel = self.case, self.panel
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
            panel.foot.complain(words[:1].upper() + words[1:])
            self.hint_changed.emit("The case cannot be signed off yet: see the right side.")
            return
        self.signed_off.emit(case.case.title)

    def say_hint(self) -> None:
        """Say the next step."""
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
