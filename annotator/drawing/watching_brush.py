"""What brushes that look at the image share: they tell what they would paint before the press."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.brush import Brush
from annotator.drawing.gesture import NOTHING, Held, Preview

if TYPE_CHECKING:
    from annotator.drawing.surface import Surface


class WatchingBrush(Brush):
    """A stroke of a brush that begins to watch when the pointer enters a view."""

    watches: ClassVar[bool] = True
    needs_image: ClassVar[bool] = True

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self._preview: Preview = NOTHING

    @property
    def has_begun(self) -> bool:
        """Whether the button went down."""
        return self._at is not None

    @property
    def preview(self) -> Preview:
        """The value under the pointer, and which values are painted."""
        return self._preview
