"""Where the rules let tools draw, as a tint over the slices that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtGui import QImage

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.surface import Surface
    from annotator.gui.planes import Plane

_COLOR = 0x4D0C3942
"""Blue-green, premultiplied by its opacity, ARGB: no label has it by default."""
_KEPT = 6
"""Slices that are kept: those of three views, and where they were before."""


class Tint:
    """Asks the rules of a surface, once a slice; thrown away when rules or mask change."""

    def __init__(self, surface: Surface, label: int) -> None:
        self._surface = surface
        self._label = label
        self._images: dict[tuple[int, int], QImage] = {}

    def image(self, plane: Plane, index: int) -> QImage:
        """Return the tint of a slice as it lies on the screen, a pixel a voxel."""
        key = (plane.axis, index)
        found = self._images.get(key)
        if found is None:
            while len(self._images) >= _KEPT:
                self._images.pop(next(iter(self._images)))
            found = self._images[key] = self._make(plane, index)
        return found

    def _make(self, plane: Plane, index: int) -> QImage:
        surface = self._surface
        low, high = [0, 0, 0], list(surface.shape)
        low[plane.axis], high[plane.axis] = index, index + 1
        box: Box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        allowed = surface.editable(box, self._label)
        pixels = np.where(plane.cut(allowed, 0), np.uint32(_COLOR), np.uint32(0))
        rows, columns = pixels.shape
        kind = QImage.Format.Format_ARGB32_Premultiplied
        return QImage(np.ascontiguousarray(pixels).data, columns, rows, 4 * columns, kind).copy()
