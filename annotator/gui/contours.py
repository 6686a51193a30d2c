"""Raters' contours on a slice, as paths that Qt can stroke."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF
from qtpy.QtGui import QPainterPath, QPolygonF

from annotator.analysis.outline import outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.drawing.label_layers import LabelLayers
    from annotator.gui.planes import Plane

DASHES: dict[str, tuple[float, ...]] = {
    "solid": (),
    "dash": (6, 3),
    "dot": (1.5, 2.5),
    "dashdot": (8, 3, 1.5, 3),
    "dashdotdot": (8, 3, 1.5, 2.5, 1.5, 3),
    "longdash": (12, 4),
    "shortdash": (3, 2),
    "longdashdot": (14, 3, 2, 3),
}
"""Line patterns by name: drawn and left out, in pen widths."""
_KEPT = 256


@dataclass(frozen=True, slots=True, eq=False)
class RaterContour:
    """A reading to show as lines: letter, colour ``#rrggbb``, dash (a key of ``DASHES``), mask.

    ``mask`` is ``(z, y, x)`` on the grid of the series and must not change while it is shown.
    """

    letter: str
    color: str
    dash: str
    mask: NDArray[np.integer]
    is_visible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """One rater's lines on one slice, in pixels.

    ``path`` runs in (column, row); ``tag`` is where the letter stands, (row, column), or None
    where nothing is drawn.
    """

    path: QPainterPath
    tag: tuple[float, float] | None


class ContourBook:
    """The contours of a case; lines of slices that were seen lately are kept.

    ``layers`` is given where labels of several groups may share a voxel: each has its own lines.
    """

    def __init__(
        self, contours: Sequence[RaterContour] = (), layers: LabelLayers | None = None
    ) -> None:
        self.contours = tuple(contours)
        self._layers = layers
        self._kept: OrderedDict[tuple[int, int, int], Trace] = OrderedDict()

    def with_contours(self, contours: Sequence[RaterContour]) -> ContourBook:
        """Return a book of other contours; lines of the same masks at the same places are kept."""
        book = ContourBook(contours, self._layers)
        if [id(entry.mask) for entry in book.contours] == [
            id(entry.mask) for entry in self.contours
        ]:
            book._kept = self._kept
        return book

    def trace(self, number: int, plane: Plane, index: int) -> Trace:
        """Return the lines of contour ``number`` on a slice of a plane."""
        key = (number, plane.axis, index)
        if key not in self._kept:
            section = plane.cut(self.contours[number].mask, index)
            self._kept[key] = _trace(self._groups(section), number, len(self.contours))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _groups(self, section: NDArray[np.integer]) -> list[NDArray[np.integer]]:
        """Return what a slice of a mask holds of each group."""
        layers = self._layers
        if layers is None:
            return [section]
        return [layers.labels(section, group) for group in layers.values.groups]


def _trace(sections: Sequence[NDArray[np.integer]], number: int, total: int) -> Trace:
    path = QPainterPath()
    tag: tuple[float, float] | None = None
    largest = 0
    angle = 2 * np.pi * number / max(total, 1) - np.pi / 2
    away = np.array([np.sin(angle), np.cos(angle)])
    for outline in (found for section in sections for found in outlines(section)):
        points = outline.points
        path.addPolygon(QPolygonF([QPointF(column, row) for row, column in points]))
        if len(points) > largest:  # the letter stands at the largest part, each on its own side
            largest = len(points)
            row, column = points[int(np.argmax(points @ away))]
            tag = (float(row), float(column))
    return Trace(path=path, tag=tag)
