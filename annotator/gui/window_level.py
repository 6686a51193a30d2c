"""The grey-level window: which values are shown black and which white; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.study import Series

_SAMPLES = 200_000
_CT = (40.0, 400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLevel:
    """``level`` and ``width`` in modality units, and how those come from stored values."""

    level: float
    width: float
    slope: float = 1.0
    intercept: float = 0.0
    range: float = 1000.0
    """Span of values in the series, modality units: what a drag across the view moves over."""

    @property
    def limits(self) -> tuple[float, float]:
        """Stored values that are shown black and white, ascending."""
        ends = [
            (value - self.intercept) / self.slope
            for value in (self.level - self.width / 2, self.level + self.width / 2)
        ]
        return min(ends), max(ends)

    @property
    def text(self) -> str:
        """The window as it is written on the view."""
        digits = 0 if self.width >= 10 else 3
        return f"L {self.level:.{digits}f}  W {self.width:.{digits}f}"

    def at(self, level: float, width: float) -> WindowLevel:
        """Return another window on the same series."""
        return replace(self, level=level, width=max(width, self.range / 1e5))

    def dragged(self, dx: float, dy: float) -> WindowLevel:
        """Return the window after dragging by screen pixels: right widens, down brightens."""
        step = max(self.width, self.range / 500) / 250
        return self.at(self.level - dy * step, self.width + dx * step)


def window_of(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the level and width that show nearly all of some values, in their unit."""
    low, high = (float(value) for value in np.percentile(values, [2, 98]))
    return (low + high) / 2, max(high - low, 1e-6)


def first_window(voxels: NDArray[Any], series: Series) -> WindowLevel | None:
    """Return the window to open a series with: the file's, a usual one, or most of its values.

    None for colour, which is shown as it is.
    """
    if series.n_channels > 1:
        return None
    flat = voxels.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLES)].astype(np.float64)
    values = sample * series.slope + series.intercept
    values = values[np.isfinite(values)]
    low, high = (float(v) for v in np.percentile(values, [0.5, 99.5])) if values.size else (0, 1)
    span = max(high - low, 1e-6)
    if series.windows:
        level, width = series.windows[0].level, series.windows[0].width
    elif series.modality == "CT":
        level, width = _CT
    else:
        level, width = (low + high) / 2, span
    return WindowLevel(
        level=level,
        width=width,
        slope=series.slope or 1.0,
        intercept=series.intercept,
        range=span,
    )
