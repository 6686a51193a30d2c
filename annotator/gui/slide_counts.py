"""How much of each label is drawn on a slide, counted beside the window; no Qt."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.schema import Label
    from annotator.drawing.slide_surface import SlideSurface


class SlideCounts:
    """Pixels and area of labels; values of the image are not looked at: they would all be read."""

    def __init__(self, surface: SlideSurface) -> None:
        self._surface = surface
        self._counts: NDArray[np.int64] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether all is counted."""
        return self._counts is not None

    def row(self, entry: Label) -> tuple[str, ...]:
        """Return a line of the table: name, pixels, area, and nothing of the image."""
        _, row_mm, column_mm = self._surface.spacing_mm
        found = 0 if self._counts is None else self._surface.n_pixels(entry.value, self._counts)
        area = f"{found * row_mm * column_mm:.4g}"
        return (entry.name, str(found), area, "", "", "", "", "", "")

    def _work(self) -> None:
        self._counts = self._surface.levels.counts()
