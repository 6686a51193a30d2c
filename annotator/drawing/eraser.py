"""The eraser: a brush that paints background."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.brush import Brush

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.drawing.edit import Mask


class Eraser(Brush):
    """One stroke of the eraser on a live mask ``(z, y, x)``; parameters as for the brush."""

    name: ClassVar[str] = "eraser"

    def __init__(
        self,
        mask: Mask,
        *,
        spacing_mm: Sequence[float],
        diameter_mm: float,
        plane: int,
        is_3d: bool = False,
    ) -> None:
        super().__init__(
            mask,
            spacing_mm=spacing_mm,
            value=0,
            diameter_mm=diameter_mm,
            plane=plane,
            is_3d=is_3d,
        )
