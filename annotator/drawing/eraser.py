"""The eraser: a brush that paints background."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.brush import Brush

if TYPE_CHECKING:
    from annotator.drawing.gesture import Held
    from annotator.drawing.surface import Surface


class Eraser(Brush):
    """One stroke of the eraser, whatever label is held."""

    name: ClassVar[str] = "eraser"
    title: ClassVar[str] = "Eraser"
    advice: ClassVar[str] = "Hold the left button and wipe."

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, replace(held, label=0), plane=plane, index=index)
