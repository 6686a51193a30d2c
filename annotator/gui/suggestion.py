"""What an operation suggests, as the views show it: pasted into slices, outlined where it differs.

The live mask is not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF
from qtpy.QtGui import QPainterPath

from annotator.analysis.outline import outlines
from annotator.drawing.edit import box_slices, common_box
from annotator.drawing.operation import Change

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.gui.planes import Plane


class Suggestion:
    """A change that is looked at before it is accepted.

    Parameters
    ----------
    before : ndarray
        Labels over the box of the change when it was worked out. What is drawn since is kept.
    """

    def __init__(self, change: Change, before: Mask) -> None:
        self.change = change
        self._before = before
        self._outlines: dict[tuple[int, int], QPainterPath] = {}

    @property
    def n_voxels(self) -> int:
        """How many voxels it changes."""
        return int(np.count_nonzero(self.change.labels != self._before))

    def on(self, mask: Mask) -> Change:
        """Return the change without what was drawn into a mask since."""
        now = mask[box_slices(self.change.box)]
        labels = np.where(now == self._before, self.change.labels, now)
        return Change(box=self.change.box, labels=labels)

    def paste(self, labels: Mask, box: Box) -> None:
        """Write what is suggested into a copy ``(z, y, x)`` of what a mask holds over a box."""
        low, high = common_box(box, self.change.box)
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return
        here, there = (
            tuple(slice(a - c, b - c) for a, b, c in zip(low, high, start, strict=True))
            for start in (box[0], self.change.box[0])
        )
        np.copyto(
            labels[here], self.change.labels[there], where=labels[here] == self._before[there]
        )

    def pasted(self, section: NDArray[Any], plane: Plane, index: int) -> NDArray[Any]:
        """Return a slice ``(rows, columns)`` of the mask with what is suggested on it."""
        box = self.change.box
        if not plane.meets(box, index):
            return section
        shown = section.copy()
        window = shown[plane.window(box)]
        wanted, before = self._cut(plane, index)
        np.copyto(window, wanted, where=window == before)
        return shown

    def outline(self, plane: Plane, index: int) -> QPainterPath:
        """Return the lines around what would change on a slice, in pixels (column, row)."""
        found = self._outlines.get((plane.axis, index))
        if found is None:
            found = self._outlines[plane.axis, index] = self._trace(plane, index)
        return found

    def _cut(self, plane: Plane, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        place = index - self.change.box[0][plane.axis]
        return plane.cut(self.change.labels, place), plane.cut(self._before, place)

    def _trace(self, plane: Plane, index: int) -> QPainterPath:
        path = QPainterPath()
        if not plane.meets(self.change.box, index):
            return path
        rows, columns = plane.window(self.change.box)
        wanted, before = self._cut(plane, index)
        for outline in outlines((wanted != before).view(np.uint8)):
            path.addPolygon([QPointF(column, row) for row, column in outline.points])
        path.translate(columns.start, rows.start)
        return path
