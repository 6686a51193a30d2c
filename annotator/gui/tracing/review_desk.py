"""One traced case in review: what is shown of it, its places, the verdicts, the sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from annotator.analysis.tracing.tree import edge_lengths
from annotator.domain.errors import AnnotatorError
from annotator.gui.tracing.coloring import COLOR_MODES, COLOR_TITLES
from annotator.gui.tracing.review_panel import DIAGNOSIS, PLACES, RESULT
from annotator.gui.tracing.review_scene import TraceScene

if TYPE_CHECKING:
    from annotator.domain.trace_review import TraceOffer
    from annotator.domain.tracing import TraceChoice
    from annotator.gui.raters_legend import RatersLegend
    from annotator.gui.tracing.canvas import TraceCanvas
    from annotator.gui.tracing.coloring import ColorMode
    from annotator.gui.tracing.review_panel import TraceReviewPanel
    from annotator.gui.tracing.shown import Pointer
    from annotator.session.trace_review import TraceReview

_CHANGES = ("cut", "connect", "take")


class TraceReviewDesk(QObject):
    """Lives as long as the case is open. Belongs to the window's thread."""

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    verdict_changed = Signal()
    signed_off = Signal(str)
    """title of the case"""

    def __init__(
        self,
        review: TraceReview,
        canvas: TraceCanvas,
        panel: TraceReviewPanel,
        legend: RatersLegend,
        mode: ColorMode,
    ) -> None:
        super().__init__(panel)
        self.review = review
        self.canvas = canvas
        self.panel = panel
        self.scene = TraceScene(review, canvas, legend, mode)
        self.is_connecting = False
        self.here: int = 0
        """Id of the node that cut and connect are about."""
        self._legend = legend
        verdict = panel.verdict
        panel.picked.connect(self._pick)
        panel.sign_off_wanted.connect(self.sign_off)
        panel.result_wanted.connect(lambda: self.toggle("result"))
        verdict.chosen.connect(self.decide)
        verdict.connect_wanted.connect(self.begin_connect)
        verdict.taken.connect(self.take)
        verdict.previewed.connect(self.preview)
        verdict.undo_wanted.connect(self.undo)
        legend.visibility_changed.connect(self._eyes_changed)
        canvas.pressed.connect(self._pressed)
        canvas.hovered.connect(self._hovered)

    def begin(self) -> None:
        """Show the trees and go to the first place that is open."""
        self.scene.paint()
        self._tell_result()
        self.canvas.setFocus()
        if self.review.items:
            still_open = self.review.undecided()
            first = (still_open or (self.review.items[0].region,))[0]
            self.panel.table.select_region(first)

    def end(self) -> None:
        """Listen to the canvas and the legend no longer."""
        self.canvas.pressed.disconnect(self._pressed)
        self.canvas.hovered.disconnect(self._hovered)
        self._legend.visibility_changed.disconnect(self._eyes_changed)

    @property
    def current(self) -> int | None:
        """The place that is looked at."""
        return self.panel.table.current_region()

    # what is shown

    def toggle(self, layer: str) -> None:
        """Show or hide the other tracings, the places, or the result."""
        self.scene.layers ^= {layer}
        self._tell_result()
        self.scene.show_trees()
        self.scene.mark(self.current)
        self.state_changed.emit()

    def _eyes_changed(self) -> None:
        self.scene.show_trees()

    def color_by(self, mode: ColorMode) -> None:
        """Colour the reviewed tracing by tracer, branch order, type or findings."""
        self.scene.mode = mode
        self.scene.paint()
        self.hint_changed.emit(f"Coloured by: {COLOR_TITLES[mode].lower()}.")
        self.state_changed.emit()

    def step_color(self) -> None:
        """Colour by the next thing."""
        place = COLOR_MODES.index(self.scene.mode) + 1
        self.color_by(COLOR_MODES[place % len(COLOR_MODES)])

    def _tell_result(self) -> None:
        """Work out what the verdicts make of the tracing; shown and told in words."""
        review = self.review
        try:
            result = review.adjudicated()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self.scene.take_result(result)
        before, after = (float(np.nansum(edge_lengths(one))) for one in (review.tree, result))
        n_changed = sum(verdict.choice in _CHANGES for verdict in review.verdicts.values())
        self.panel.show_result(
            review,
            f"{n_changed} change{'s' if n_changed != 1 else ''}: "
            f"{len(review.tree):,} nodes become {len(result):,}, "
            f"{before:,.0f} µm of cable {after:,.0f} µm.",
        )

    # places

    def step_place(self, steps: int) -> None:
        """Go to the next or previous place; round the end."""
        regions = self.panel.table.regions()
        if regions:
            here = regions.index(self.current) if self.current in regions else -1
            self.panel.table.select_region(regions[(here + steps) % len(regions)])

    def _pick(self, region: int) -> None:
        item = self.review.item(region)
        self.is_connecting = False
        self.canvas.show_sketch(None)
        self.panel.tabs.setCurrentIndex(PLACES)
        self.panel.verdict.show_item(item, self.scene.readings)
        has_place = self.scene.look_at(item)
        self._aim(item.node_id)
        self.say_hint()
        if not has_place:
            self.hint_changed.emit("This node has no place: its coordinates are no numbers.")
        self.state_changed.emit()

    def _aim(self, node_id: int) -> None:
        """Let cut and connect be about a node."""
        region = self.current
        self.here = node_id
        own = region is not None and self.review.item(region).node_id == node_id
        self.scene.ring(node_id)
        self.panel.verdict.show_here(node_id, is_own=own)

    def give_up(self) -> None:
        """Leave connecting; else go back to the node of the finding."""
        if self.is_connecting:
            self.is_connecting = False
            self.canvas.show_sketch(None)
            self.canvas.say("")
        elif self.current is not None:
            self._aim(self.review.item(self.current).node_id)
        self.preview(None)
        self.say_hint()
        self.state_changed.emit()

    def _pressed(self, pointer: Pointer) -> None:
        node_id = self.scene.node_at(pointer)
        if node_id is None or self.current is None:
            if self.is_connecting:
                self.hint_changed.emit("Click the reviewed tracing where it belongs; Esc leaves.")
            return
        if self.is_connecting:
            self._connect(node_id)
            return
        self._aim(node_id)
        self.hint_changed.emit(
            f"X cuts at node {node_id}, R connects it elsewhere; Esc goes back to the finding's."
        )

    def _hovered(self, pointer: Pointer | None) -> None:
        if self.is_connecting:
            self.scene.sketch_joint(self.here, pointer)

    # verdicts

    def preview(self, offer: TraceOffer | None) -> None:
        """Show a branch that could be taken; None shows none."""
        if offer is not self.scene.offer:
            self.scene.offer = offer
            self.panel.verdict.mark_offer(offer)
            self.scene.show_trees()

    def step_offer(self, steps: int) -> None:
        """Preview the next or previous branch that could be taken here."""
        offers = [offer for offer, _ in self.panel.verdict.offers]
        if not offers:
            self.hint_changed.emit("No other tracer offers a branch here.")
            return
        here = next((at for at, offer in enumerate(offers) if offer is self.scene.offer), None)
        start = here if here is not None else (-1 if steps > 0 else 0)
        shown = offers[(start + steps) % len(offers)]
        self.preview(shown)
        reading = self.scene.readings[shown.annotation_id]
        self.hint_changed.emit(
            f"{reading.letter} traced {shown.length_um:,.0f} µm here; T takes it."
        )

    def has_letter(self, letter: str) -> bool:
        """Whether the tracer of that letter offers a branch at the current place."""
        return self._offer_by(letter) is not None

    def _offer_by(self, letter: str) -> TraceOffer | None:
        """Return the branch that is previewed, if it is that tracer's; else their longest."""
        own = [
            offer
            for offer, _ in self.panel.verdict.offers
            if self.scene.readings[offer.annotation_id].letter == letter
        ]
        return self.scene.offer if self.scene.offer in own else next(iter(own), None)

    def take_letter(self, letter: str) -> None:
        """Take the branch of the tracer of that letter."""
        offer = self._offer_by(letter)
        if offer is not None:
            self.take(offer)

    def take_shown(self) -> None:
        """Take the branch that is previewed; show one first where none is."""
        if self.scene.offer is None:
            self.step_offer(+1)
        else:
            self.take(self.scene.offer)

    def take(self, offer: TraceOffer) -> None:
        """Take a branch of another tracer."""
        self._decide("take", annotation_id=offer.annotation_id, taken=offer.node_ids)

    def begin_connect(self) -> None:
        """Wait for a click on the node to connect to."""
        if self.current is None:
            return
        if self.scene.is_result_shown:
            self.toggle("result")
        self.is_connecting = True
        self.canvas.say("Click where it belongs; Esc leaves.", lasting=True)
        self.hint_changed.emit(
            f"Click the node that node {self.here}, with all below it, belongs on. Esc leaves."
        )
        self.canvas.setFocus()
        self.state_changed.emit()

    def _connect(self, to_id: int) -> None:
        if self._decide("connect", node_id=self.here, to_id=to_id):
            self.canvas.say("")

    def decide(self, choice: TraceChoice) -> None:
        """Keep, cut or leave uncertain; then go to the next open place."""
        self._decide(choice, node_id=self.here if choice == "cut" else None)

    def _decide(
        self,
        choice: TraceChoice,
        *,
        node_id: int | None = None,
        to_id: int | None = None,
        annotation_id: str | None = None,
        taken: tuple[int, ...] | None = None,
    ) -> bool:
        region, verdict = self.current, self.panel.verdict
        if region is None:
            return False
        try:
            self.review.decide(
                region,
                choice,
                reason=verdict.reason_code(),
                comment=verdict.comment.text().strip(),
                node_id=node_id,
                to_id=to_id,
                annotation_id=annotation_id,
                taken=taken,
            )
        except AnnotatorError as error:
            self.failed.emit(error)
            return False
        self._verdict_changed(region)
        self._go_on(region)
        return True

    def _verdict_changed(self, region: int) -> None:
        self.panel.show_verdict(self.review, region)
        self._tell_result()
        self.scene.show_trees()
        self.verdict_changed.emit()

    def _go_on(self, region: int) -> None:
        self.is_connecting = False
        after = self.review.next_item(region)
        if after is not None:
            self.panel.table.select_region(after)
            return
        self.scene.mark(region)
        self.panel.tabs.setCurrentIndex(RESULT)
        self.say_hint()
        self.state_changed.emit()

    def undo(self) -> None:
        """Take the last verdict back and go to its place."""
        try:
            region = self.review.undo()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        if region is None or region not in self.panel.table.regions():
            self.hint_changed.emit("There is no verdict to take back.")
            return
        self._verdict_changed(region)
        self.panel.table.select_region(region)

    def sign_off(self) -> None:
        """Make the adjudication final, or say what is missing."""
        review, panel = self.review, self.panel
        if review.undecided():
            panel.tabs.setCurrentIndex(PLACES)
        elif panel.final.form.missing():
            panel.tabs.setCurrentIndex(DIAGNOSIS)
            panel.final.form.show_missing(on=True)
            panel.final.form.focus_first_missing()
        try:
            review.sign_off(panel.final.form.diagnosis())
        except AnnotatorError as error:
            words = str(error)
            panel.foot.complain(words[:1].upper() + words[1:])
            self.hint_changed.emit("The case cannot be signed off yet: see the right side.")
            return
        self.signed_off.emit(review.case.title)

    def say_hint(self) -> None:
        """Say the next step."""
        if self.review.undecided():
            take = ". shows a branch and T takes it, " if self.panel.verdict.offers else ""
            self.hint_changed.emit(
                f"Decide the place: M keeps, X cuts here, R connects, {take}Q is uncertain. "
                "N goes on, U takes back."
            )
        elif self.panel.final.form.missing():
            self.hint_changed.emit(
                "All places are decided. 3 shows the result; then the diagnosis on the right."
            )
        else:
            self.hint_changed.emit("All is decided: 3 shows the result, Ctrl+Enter signs off.")
