"""The smoothing brush: evens out a border where it goes over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.brush import PRESSURE, SHAPE, Brush
from annotator.drawing.edit import common_box
from annotator.drawing.options import NumberOption

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.capsule import Swept
    from annotator.drawing.options import Option

REACH = NumberOption(
    key="reach",
    title="Evens out",
    tooltip="How far from a voxel others have a say in whether it belongs to the label; a voxel "
    "to each side at least. More takes larger bumps away.",
    default=1.5,
    minimum=0.1,
    maximum=20.0,
    unit="mm",
)


class SmoothBrush(Brush):
    """A stroke that gives each voxel what most around it are: the label in hand, or nothing.

    The median filter of a box around each voxel, as far as the brush reaches; voxels of other
    labels stay. Going over a border again smooths it further.
    """

    name: ClassVar[str] = "smooth-brush"
    title: ClassVar[str] = "Smoothing brush"
    options: ClassVar[tuple[Option, ...]] = (REACH, SHAPE, PRESSURE)
    advice: ClassVar[str] = "Go over a border with the left button held: it becomes smoother."

    def _lay(self, swept: Swept) -> Box | None:
        from scipy import ndimage  # takes a while to import

        if self.held.label == 0:
            return None
        reach = self._reach()
        (z0, y0, x0), (z1, y1, x1) = swept.box
        z, y, x = reach
        wide = common_box(((z0 - z, y0 - y, x0 - x), (z1 + z, y1 + y, x1 + x)), self.surface.whole)
        labels = self.surface.labels(wide)
        is_own = labels == self.held.label
        share = ndimage.uniform_filter(
            is_own.astype(np.float32), [2 * far + 1 for far in reach], mode="nearest"
        )
        inner = tuple(
            slice(a - low, b - low) for a, b, low in zip(*swept.box, wide[0], strict=True)
        )
        is_most, is_own, is_free = share[inner] > 0.5, is_own[inner], labels[inner] == 0
        is_more, is_less = swept.inside & is_most & is_free, swept.inside & ~is_most & is_own
        box = None
        for changed, value in ((is_more, self.held.label), (is_less, 0)):
            if changed.any():
                box = self._recorder.paint(swept.origin, changed, value)
        return box

    def _reach(self) -> tuple[int, int, int]:
        """Return how many voxels to each side have a say; none across a slice."""
        mm = float(self.held.chosen[REACH.key])
        z, y, x = (
            0 if axis == self.plane and not self.held.is_3d else max(1, round(mm / step))
            for axis, step in enumerate(self.surface.spacing_mm)
        )
        return z, y, x
