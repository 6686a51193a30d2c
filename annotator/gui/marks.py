"""What is drawn over the image, shared by the views of one canvas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from annotator.drawing.gesture import NOTHING, Preview
from annotator.gui.contours import ContourBook
from annotator.gui.mark_layer import NO_MARKS, MarkLayer
from annotator.gui.view_style import ViewStyle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Prompt
    from annotator.domain.reading import Box
    from annotator.drawing.label_layers import LabelLayers
    from annotator.gui.hint import Hint
    from annotator.gui.suggestion import Suggestion
    from annotator.gui.tint import Tint

PLANE_COLORS = {
    "axial": "#ff6b6b",
    "coronal": "#59d98c",
    "sagittal": "#ffd24d",
    "XY": "#ff6b6b",
    "XZ": "#59d98c",
    "YZ": "#ffd24d",
    "picture": "#c8d0da",
    "video": "#c8d0da",
}
"""One colour a direction: the frame of a view and the line at which the others cut it."""

HEAT_COLORS = (
    (0.0, 0.0, 0.0, 0.0),
    (0.25, 0.1, 0.6, 0.45),
    (0.85, 0.15, 0.4, 0.65),
    (1.0, 0.6, 0.1, 0.75),
    (1.0, 1.0, 0.6, 0.85),
)
"""Of a heat map from 0 to 1, RGBA: nothing where nothing is, bright where it is hottest."""


@dataclass(slots=True, kw_only=True)
class Marks:
    """Mutable: the canvas writes it, the overlays read it when they paint.

    Attributes
    ----------
    position : tuple of int
        Voxel ``(z, y, x)`` where the crosshair is.
    unit : str
        What one unit of the planes' spacing is.
    window_ends : tuple of float
        Values, in modality units, that have the first and the last colour.
    style : ViewStyle
        How image and mask are shown.
    slab_text : str
        How much is seen besides the slice; empty where only that is.
    brush_mm : float or None
        Diameter of the outline at the cursor; None where the tool has no size.
    brush_px : float or None
        The same on the screen, where it does not depend on the zoom.
    brush_is_square : bool
        Whether that outline is a square.
    color : str
        Colour of what is being drawn, ``#rrggbb``.
    preview, preview_axis, preview_index
        What is seen of the gesture in progress, on which slice along which axis.
    layers : LabelLayers or None
        Given where labels of several groups may share a voxel.
    kept : MarkLayer
        Points, lines and the like that were set on the case.
    suggestion : Suggestion or None
        What an operation would change, shown in place of the mask.
    tint : Tint or None
        Where the rules let tools draw.
    highlight : Box, mask or None
        Region to point at: a voxel box, or a ``(z, y, x)`` array that is True inside.
    flash : Box or None
        What undo or redo has just changed.
    tool_takes_shift : bool
        Whether Shift means something to the tool in hand, and does not move the crosshair.
    hints : tuple of Prompt
        What was pointed at for the object in progress.
    hint : Hint or None
        What is being pointed at.
    heat_title : str
        What the heat map shows; empty where there is none.
    """

    position: tuple[int, int, int] = (0, 0, 0)
    has_crosshair: bool = False
    is_calibrated: bool = True
    unit: Literal["mm", "µm"] = "mm"
    slab_text: str = ""
    window_text: str = ""
    window_ends: tuple[float, float] = (0.0, 1.0)
    style: ViewStyle = field(default_factory=ViewStyle)
    brush_mm: float | None = None
    brush_px: float | None = None
    brush_is_square: bool = False
    color: str = "#ffffff"
    preview: Preview = NOTHING
    preview_axis: int | None = None
    preview_index: int | None = None
    layers: LabelLayers | None = None
    kept: MarkLayer = NO_MARKS
    suggestion: Suggestion | None = None
    tint: Tint | None = None
    tool_takes_shift: bool = False
    hints: tuple[Prompt, ...] = ()
    hint: Hint | None = None
    contours: ContourBook = field(default_factory=ContourBook)
    highlight: Box | NDArray[np.bool_] | None = None
    flash: Box | None = None
    heat_title: str = ""
    banner: str = ""

    def brush_radius_px(self, zoom: float) -> float | None:
        """Return the radius of the outline at the cursor in a view of this zoom, pixels a mm."""
        if self.brush_mm is None:
            return None
        return (self.brush_mm * zoom if self.brush_px is None else self.brush_px) / 2
