"""All tools and operations, by their stable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.drawing.adaptive_brush import AdaptiveBrush
from annotator.drawing.brush import Brush
from annotator.drawing.eraser import Eraser
from annotator.drawing.fill import Fill
from annotator.drawing.lasso import Lasso
from annotator.drawing.nudge import Nudge
from annotator.drawing.polygon import Polygon
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
        Nudge,
        Polygon,
        Lasso,
        Fill,
    )
}
OPERATIONS: dict[str, Operation] = {}
