"""A slide as the views of a canvas get it; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.mask_levels import MaskLevels
from annotator.analysis.pyramid import Key, PyramidVoxels
from annotator.analysis.slide_tiles import SlideTiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask


class SlidePicture(PyramidVoxels):
    """The voxels of a pyramid with its tiles in memory, and the levels of the mask on it.

    Parameters
    ----------
    levels : MaskLevels or None
        Those of ``mask``; None where nothing is drawn on it yet.
    tell_failure : callable
        Called with the error where a part could not be read.
    """

    def __init__(
        self,
        voxels: PyramidVoxels,
        mask: Mask,
        levels: MaskLevels | None = None,
        tell_failure: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        super().__init__(voxels.pyramid)
        self.tell_failure = tell_failure
        self.tiles = SlideTiles(voxels.pyramid)
        self.levels = MaskLevels(mask) if levels is None else levels

    @property
    def is_rgb(self) -> bool:
        """Whether it has colours."""
        return self.pyramid.n_channels > 1

    def __getitem__(self, key: Key | tuple[Key, ...]) -> NDArray[Any]:
        """Return what a key cuts out; of one pixel what is in memory, if only as seen from afar."""
        if isinstance(key, tuple) and all(isinstance(one, int) for one in key[:3]):
            _, row, column = (int(one) for one in key[:3] if isinstance(one, int))
            held = self.tiles.value(0, row, column)
            return np.zeros(self.shape[3:], self.dtype) if held is None else held
        return super().__getitem__(key)

    def sample(self) -> NDArray[Any]:
        """Return the picture as seen from afar, ``(1, rows, columns[, channel])``."""
        return self.tiles.overview()[None]
