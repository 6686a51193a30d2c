"""What is shown of a traced case in review: tracings, places, the part at stake, the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.gui.tracing.paint import Sketch
from annotator.gui.tracing.review_shown import (
    BASE,
    extent_um,
    marks_of,
    offer_of,
    rows_of,
    shown_reading,
    shown_result,
    stake_of,
)

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.trace_review import TraceItem, TraceOffer
    from annotator.gui.raters_legend import RatersLegend
    from annotator.gui.tracing.canvas import TraceCanvas
    from annotator.gui.tracing.coloring import ColorMode
    from annotator.gui.tracing.shown import Pointer, ShownTree
    from annotator.session.trace_review import TraceReview


MOST_AT_ONCE = 8
"""Tracings that are shown from the start; of more, the others hide the one that is reviewed."""


class TraceScene:
    """Paints one case on a canvas; decides nothing.

    ``layers`` are those that are shown, of ``others``, ``places`` and ``result``; ``offer`` is
    the branch that is previewed.
    """

    def __init__(
        self, review: TraceReview, canvas: TraceCanvas, legend: RatersLegend, mode: ColorMode
    ) -> None:
        self.mode: ColorMode = mode
        self.layers = {"others", "places"} if len(review.readings) <= MOST_AT_ONCE else {"places"}
        self.offer: TraceOffer | None = None
        self.readings = {one.annotation.annotation_id: one for one in review.readings}
        self._review = review
        self._canvas = canvas
        self._legend = legend
        self._shown: dict[str, ShownTree] = {}
        self._stake: ShownTree | None = None
        self._result: tuple[ShownTree, ...] = ()

    @property
    def is_result_shown(self) -> bool:
        """Whether what the verdicts make is shown in place of the reviewed tracing."""
        return "result" in self.layers

    def paint(self) -> None:
        """Colour the reviewed tracing anew."""
        findings = [reason for item in self._review.items for reason in item.reasons]
        for reading in self._review.readings:
            # The others' colours never change: the canvas keeps what it made of them.
            if reading.is_base or reading.rater_id not in self._shown:
                self._shown[reading.rater_id] = shown_reading(reading, self.mode, findings)
        self.show_trees()

    def show_trees(self) -> None:
        """Show the trees whose eyes are open, the part at stake, the branch that is previewed."""
        visible = self._legend.visible()
        base_id = self._review.base.rater_id
        trees = [
            shown
            for rater_id, shown in self._shown.items()
            if rater_id in visible and rater_id != base_id and "others" in self.layers
        ]
        if self.is_result_shown:
            trees += self._result
        else:
            if base_id in visible:
                trees.append(self._shown[base_id])
            if self._stake is not None:
                trees.append(self._stake)
        if self.offer is not None:
            reading = self.readings[self.offer.annotation_id]
            trees.append(offer_of(reading, self._review.tree, self.offer))
        self._canvas.show_trees(trees)

    def mark(self, current: int | None) -> None:
        """Ring the places that are open, and the one that is looked at."""
        items = self._review.items
        decided = (
            self._review.verdicts.keys()
            if "places" in self.layers
            else {item.region for item in items}
        )
        self._canvas.mark_findings(marks_of(items, decided, current))

    def take_result(self, result: Tree) -> None:
        """Take what the verdicts make of the tracing; seen where that layer is shown."""
        self._result = shown_result(self._review.tree, result) if self.is_result_shown else ()

    def look_at(self, item: TraceItem) -> bool:
        """Show what is at stake at a place and fly there; False where it has no place."""
        self.offer = None
        self._stake = stake_of(self._review.tree, item)
        self.show_trees()
        self.mark(item.region)
        if not np.isfinite(item.point_um).all():
            return False
        tree = self._review.tree
        points = [tree.points[rows_of(tree, item.reasons[0].node_ids)]]
        for offer in item.offers[:1]:
            other = self.readings[offer.annotation_id].tree
            points.append(other.points[rows_of(other, offer.node_ids)])
        self._canvas.fly_to(item.point_um, extent_um(points, item.point_um))
        return True

    def ring(self, node_id: int) -> None:
        """Ring a node of the reviewed tracing."""
        rows = rows_of(self._review.tree, (node_id,))
        self._canvas.select_node(BASE, int(rows[0]) if len(rows) else None)

    def node_at(self, pointer: Pointer | None) -> int | None:
        """Return the node of the reviewed tracing that is under the pointer."""
        if pointer is None or pointer.hit is None or pointer.hit.key != BASE:
            return None
        return int(self._review.tree.ids[pointer.hit.row])

    def sketch_joint(self, node_id: int, pointer: Pointer | None) -> None:
        """Show a line from a node to the pointer; whole where there is a node to connect to."""
        tree = self._review.tree
        rows = rows_of(tree, (node_id,))
        if pointer is None or not len(rows):
            self._canvas.show_sketch(None)
            return
        is_on = self.node_at(pointer) is not None
        end = np.array(pointer.point_um)
        if pointer.hit is not None and is_on:
            end = tree.points[pointer.hit.row]
        self._canvas.show_sketch(Sketch(path=np.stack([tree.points[rows[0]], end]), is_sure=is_on))
