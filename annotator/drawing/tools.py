"""All tools and operations, by their stable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.drawing.brush import Brush
from annotator.drawing.eraser import Eraser
from annotator.drawing.fill import Fill
from annotator.drawing.polygon import Polygon

if TYPE_CHECKING:
    from annotator.drawing.gesture import Gesture
    from annotator.drawing.operation import Operation

TOOLS: dict[str, type[Gesture]] = {tool.name: tool for tool in (Brush, Eraser, Polygon, Fill)}
OPERATIONS: dict[str, Operation] = {}
