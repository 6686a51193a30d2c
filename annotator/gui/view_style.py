"""How the views show image and mask, besides window and colours; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.reslicing import slab, slices_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.reslicing import Projection
    from annotator.gui.planes import Plane

Ramp = tuple[str, ...]
"""Colours ``#rrggbb`` from the lowest value to the highest, evenly spaced."""

COLORMAPS: dict[str, tuple[str, Ramp]] = {
    "grey": ("Grey", ("#000000", "#ffffff")),
    "hot": ("Hot iron", ("#000000", "#8b0000", "#ff6e00", "#ffd23c", "#ffffff")),
    "viridis": (
        "Viridis",
        (
            *("#440154", "#482878", "#3e4a89", "#31688e", "#26828e"),
            *("#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"),
        ),
    ),
    "turbo": (
        "Turbo",
        (
            *("#30123b", "#4662d7", "#36aaf9", "#1ae4b6", "#72fe5e"),
            *("#c8ef34", "#faba39", "#f66b19", "#cb2a04", "#7a0403"),
        ),
    ),
}
"""Stable name → title and colours. Even in lightness but for turbo, which tells most apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStyle:
    """What can be switched of all views of a case.

    Attributes
    ----------
    colormap : str
        Key of :data:`COLORMAPS`.
    is_inverted : bool
        Whether the highest values have the first colour.
    is_smooth : bool
        Whether the image between voxel centres is interpolated.
    is_contour : bool
        Whether labels are lines and not areas.
    slab_mm : float
        How thick a slab is projected; 0 shows the slice alone.
    """

    colormap: str = "grey"
    is_inverted: bool = False
    is_smooth: bool = True
    is_contour: bool = False
    slab_mm: float = 0.0
    projection: Projection = "maximum"

    @property
    def ramp(self) -> Ramp:
        """The colours from the lowest value to the highest."""
        colors = COLORMAPS[self.colormap][1]
        return colors[::-1] if self.is_inverted else colors

    @property
    def slab_text(self) -> str:
        """What is written on the view where more than a slice is seen."""
        return f"{self.projection.capitalize()} of {self.slab_mm:g} mm" if self.slab_mm else ""

    def section(self, voxels: NDArray[Any], plane: Plane, index: int) -> NDArray[Any]:
        """Return what is shown of a volume at a slice, as it lies on the screen."""
        n_slices = slices_within(self.slab_mm, plane.thickness_mm)
        if n_slices == 1 or plane.n_slices == 1:
            return plane.cut(voxels, index)
        projected = slab(voxels, plane.axis, index, n_slices, self.projection)
        return plane.cut(np.expand_dims(projected, plane.axis), 0)
