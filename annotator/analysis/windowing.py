"""A grey-level window from the voxels themselves, where no file and no preset gives one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.domain.study import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = 1 << 18
"""Voxels looked at: more do not change a percentile that anyone sees."""
LOW_PERCENT, HIGH_PERCENT = 0.5, 99.5


def auto_window(voxels: NDArray[Any], slope: float = 1.0, intercept: float = 0.0) -> Window:
    """Return a window over the grey values that occur, in modality units.

    Parameters
    ----------
    voxels : ndarray
        Stored grey values, ``(z, y, x)``. Must not be colour.
    slope, intercept : float
        Stored value * slope + intercept = modality value.

    Returns
    -------
    Window
        From the 0.5th to the 99.5th percentile of an even sample. The most frequent value is left
        out where it is also the lowest and fills more than a third (air around a head).
    """
    step = max(1, round((voxels.size / SAMPLE) ** (1 / max(1, voxels.ndim))))
    sample = voxels[tuple(slice(side // step // 2 % step, None, step) for side in voxels.shape)]
    values = sample[np.isfinite(sample)].astype(np.float64) if sample.dtype.kind == "f" else sample
    values = values.ravel()
    if values.size == 0:
        return Window(name="auto", level=0.0, width=1.0)
    lowest = values.min()
    inside = values[values > lowest]
    if 0 < inside.size < values.size * 2 / 3:
        values = inside
    low, high = np.percentile(values, [LOW_PERCENT, HIGH_PERCENT]) * slope + intercept
    width = abs(float(high - low)) or max(abs(slope), 1e-6)
    return Window(name="auto", level=float(low + high) / 2, width=width)
