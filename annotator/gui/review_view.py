"""What the reviewer sees of a case: contours, heat, fused label with the verdicts applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.review import Finding, Fusion, Verdict
    from annotator.gui.canvas import Canvas
    from annotator.gui.contours import RaterContour
    from annotator.session.review_case import ReviewCase


class ReviewView:
    """The arrays of one open review case, decoded once.

    Building it may be done on a worker thread; everything else belongs to the window's.
    """

    def __init__(self, case: ReviewCase) -> None:
        self.case = case
        self.masks: dict[str, NDArray[np.unsignedinteger]] = {
            reading.rater_id: case.reading_mask(reading.rater_id) for reading in case.readings
        }
        self._fused = case.fused
        self.entropy = case.entropy
        self.has_marks = bool(case.marks.groups)
        self.profiles = tuple(case.profile(axis) for axis in range(3))
        self.findings: dict[int, Finding] = {entry.region: entry for entry in case.findings}
        self.shown_mask = self._fused.copy()
        """What the canvas shows: the fused label with the verdicts applied."""
        self._apply_verdicts()

    def use(self, fusion: Fusion) -> None:
        """Show another fusion of the same readings; the mask on the canvas changes in place."""
        self.case.use(fusion)
        self._fused = self.case.fused
        np.copyto(self.shown_mask, self._fused)
        self._apply_verdicts()

    def _apply_verdicts(self) -> None:
        verdicts = self.case.verdicts
        for region, finding in self.findings.items():
            if region in verdicts:
                self._apply(finding, verdicts[region])

    def slices(self, region: int) -> tuple[slice, slice, slice]:
        """Return the slices that cut a region's box out of ``(z, y, x)``."""
        (z0, y0, x0), (z1, y1, x1) = self.findings[region].box
        return slice(z0, z1), slice(y0, y1), slice(x0, x1)

    def inside(self, region: int) -> NDArray[np.bool_]:
        """Return which voxels of a region's box are the region's."""
        return self.case.inside(self.findings[region])

    def fused_in(self, region: int) -> NDArray[np.unsignedinteger]:
        """Return the fused labels of a region's box."""
        return self._fused[self.slices(region)]

    def apply_verdict(self, region: int) -> None:
        """Show what the verdict that holds on a region makes of it."""
        self._apply(self.findings[region], self.case.verdicts.get(region))

    def contours(self, visible: frozenset[str], *, with_fused: bool) -> list[RaterContour]:
        """Return the readings' contours for the canvas; ``visible`` holds rater ids.

        ``with_fused`` adds the fused label as a white line with the letter M.
        """
        from annotator.gui.contours import RaterContour

        fused = RaterContour(letter="M", color="#ffffff", dash="solid", mask=self._fused)
        return [
            *([fused] if with_fused else []),
            *(
                RaterContour(
                    letter=reading.letter,
                    color=reading.color,
                    dash=reading.dash,
                    mask=self.masks[reading.rater_id],
                    is_visible=reading.rater_id in visible,
                )
                for reading in self.case.readings
            ),
        ]

    def highlight(self, canvas: Canvas, region: int | None) -> None:
        """Frame a region in the views, or none."""
        canvas.set_highlight(None if region is None else self.findings[region].box)

    def _apply(self, finding: Finding, verdict: Verdict | None) -> None:
        place = self.slices(finding.region)
        chosen = self._fused[place]
        if verdict is not None and verdict.choice == "rater":
            chosen = self.masks[verdict.rater_id or ""][place]
        elif verdict is not None and verdict.choice == "redraw":
            chosen = self.case.redrawn(verdict.reviewer_id)[place]
        elif verdict is not None and verdict.fusion_id is not None:
            chosen = self.case.fused_by(verdict.fusion_id)[place]
        clears = verdict is not None and verdict.choice == "none"
        self.case.put(finding, chosen, self.shown_mask[place], clears=clears)
