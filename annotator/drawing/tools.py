"""All tools and operations, by their stable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.drawing.adaptive_brush import AdaptiveBrush
from annotator.drawing.booleans import Booleans
from annotator.drawing.brush import Brush
from annotator.drawing.copy_slice import CopySlice
from annotator.drawing.eraser import Eraser
from annotator.drawing.fill import Fill
from annotator.drawing.fill_holes import FillHoles
from annotator.drawing.grow_from_seeds import GrowFromSeeds
from annotator.drawing.hollow import Hollow
from annotator.drawing.interpolation import Interpolation
from annotator.drawing.islands import Islands
from annotator.drawing.lasso import Lasso
from annotator.drawing.level_tracing import LevelTracing
from annotator.drawing.livewire import Livewire
from annotator.drawing.margin import Margin
from annotator.drawing.mark_tools import BoxMark, LandmarkMark, PointMark
from annotator.drawing.mirror import Mirror
from annotator.drawing.nudge import Nudge
from annotator.drawing.polygon import Polygon
from annotator.drawing.region_growing import RegionGrowing
from annotator.drawing.ruler import Ruler
from annotator.drawing.scissors import Scissors
from annotator.drawing.smooth_brush import SmoothBrush
from annotator.drawing.smoothing import Smoothing
from annotator.drawing.threshold import Threshold
from annotator.drawing.threshold_brush import ThresholdBrush

if TYPE_CHECKING:
    from annotator.drawing.gesture import Gesture
    from annotator.drawing.operation import Operation

TOOLS: dict[str, type[Gesture]] = {
    tool.name: tool
    for tool in (
        Brush,
        Eraser,
        ThresholdBrush,
        AdaptiveBrush,
        SmoothBrush,
        Nudge,
        Polygon,
        Lasso,
        Livewire,
        LevelTracing,
        Scissors,
        Fill,
        RegionGrowing,
        Ruler,
        PointMark,
        LandmarkMark,
        BoxMark,
    )
}
OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Islands(),
        Smoothing(),
        Margin(),
        Hollow(),
        FillHoles(),
        Booleans(),
        Mirror(),
        CopySlice(),
        Threshold(),
        GrowFromSeeds(),
        Interpolation(),
    )
}
