"""Outlines of labels as paths that can be painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF
from qtpy.QtGui import QPainterPath, QPolygonF

from annotator.analysis.outline import outlines

if TYPE_CHECKING:
    from numpy.typing import NDArray


def label_paths(labels: NDArray[np.unsignedinteger]) -> dict[int, QPainterPath]:
    """Return the outline of each label of a slice, pixel centres at whole numbers."""
    found: dict[int, QPainterPath] = {}
    for one in outlines(np.asarray(labels).astype(np.uint16)):
        path = found.setdefault(one.label, QPainterPath())
        path.addPolygon(QPolygonF([QPointF(column, row) for row, column in one.points]))
    return found
