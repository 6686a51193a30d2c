"""Drawing one disputed region anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annotator.gui.drawing_tools import DrawingTools
from annotator.gui.operation_desk import OperationDesk

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.study import Series
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.drawing_side import DrawingSide
    from annotator.gui.pointing import Pointing
    from annotator.gui.review_view import ReviewView
    from annotator.gui.settings import Settings
    from annotator.gui.workbench import Workbench
    from annotator.session.draft import DraftSession


class Redrawn(NamedTuple):
    """What is pointed at while a region is drawn anew."""

    voxels: NDArray[Any]
    series: Series
    drawing: DraftSession


class Redrawing:
    """The canvas on the reviewer's own draft, for one region at a time.

    ``offer`` finds the models that can be pointed with on a case, and hands them over.
    """

    def __init__(
        self,
        bench: Workbench,
        settings: Settings,
        pointing: Pointing,
        background: Background,
        offer: Callable[[Pointing, Canvas, Redrawn], None],
    ) -> None:
        self.bench = bench
        self.tools = DrawingTools(bench.strip, settings, bench.options)
        self.operations = OperationDesk(background, settings, self.tools)
        self.tools.operations = self.operations
        self.tools.pointing = self.pointing = pointing
        self._offer = offer
        self.region: int | None = None

    def begin(self, view: ReviewView, region: int, canvas: Canvas, side: DrawingSide) -> None:
        """Put the draft on the canvas; a region that is empty in it starts from the fused label."""
        case = view.case
        drawing = case.redraw
        self._prefill(view, region)
        place = canvas.position
        canvas.show_volume(case.voxels, case.series, drawing.mask, case.schema)
        canvas.set_read_only(False)
        side.labels.choose(view.findings[region].label)
        self.tools.begin(canvas, drawing, case.series, side, (view.findings[region].box,))
        canvas.set_position(place)
        canvas.frame(view.findings[region].box)
        view.highlight(canvas, region)
        self.region = region
        self._offer(self.pointing, canvas, Redrawn(case.voxels, case.series, drawing))
        self.pointing.take_up(self.tools.tool)

    def end(self) -> None:
        """Stop drawing."""
        self.tools.cancel()
        self.pointing.end()
        self.tools.end()
        self.region = None

    def _prefill(self, view: ReviewView, region: int) -> None:
        from annotator.drawing.edit import Edit

        drawing = view.case.redraw
        place, inside = view.slices(region), view.inside(region)
        before = drawing.mask[place].copy()
        finding = view.findings[region]
        if np.any(view.case.own_of(finding, before)[inside]):
            return
        after = before.copy()
        view.case.put(finding, view.fused_in(region), after)
        if np.array_equal(before, after):
            return
        drawing.mask[place] = after
        drawing.record(
            "start from fused", Edit(box=view.findings[region].box, before=before, after=after)
        )
