"""The image of a slide at a level of its mask, to be cut like an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.slide_tiles import grid_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.slide_tiles import SlideTiles


class LevelPixels:
    """Pixels ``(1, y, x[, channel])`` that are ``factor`` finest ones along each side.

    What is cut is what a view shows there: the grid of the pyramid that is just finer, at the
    centre of each pixel. Tiles that are not in memory are read.

    Parameters
    ----------
    rows, columns : tuple of int
        Which part of the level it is, in pixels of the level.
    """

    def __init__(
        self, tiles: SlideTiles, factor: int, rows: tuple[int, int], columns: tuple[int, int]
    ) -> None:
        self._tiles = tiles
        self._number = grid_for(tiles.grids, factor)
        self._factor = factor
        self._origin = (rows[0], columns[0])
        self.dtype = tiles.pyramid.dtype
        channels = () if tiles.pyramid.n_channels == 1 else (tiles.pyramid.n_channels,)
        self.shape = (1, rows[1] - rows[0], columns[1] - columns[0], *channels)

    @property
    def ndim(self) -> int:
        """3 for grey, 4 for colours."""
        return len(self.shape)

    def __getitem__(self, key: tuple[slice, slice, slice]) -> NDArray[Any]:
        """Return what slices without steps cut out."""
        _, rows, columns = key
        places = [
            self._places(axis, part, size)
            for axis, (part, size) in enumerate(zip((rows, columns), self.shape[1:3], strict=True))
        ]
        if not all(place.size for place in places):
            shape = (1, places[0].size, places[1].size, *self.shape[3:])
            return np.zeros(shape, self.dtype)
        ends = [(int(place[0]), int(place[-1]) + 1) for place in places]
        found = self._tiles.area(self._number, ends[0], ends[1], reads=True)
        if any(
            place.size != stop - first for place, (first, stop) in zip(places, ends, strict=True)
        ):
            found = found[(places[0] - ends[0][0])[:, None], places[1] - ends[1][0]]
        whole: NDArray[Any] = found[np.newaxis]
        return whole

    def _places(self, axis: int, part: slice, size: int) -> NDArray[np.intp]:
        """Return the rows or columns of the grid that hold the centres of those of the level."""
        grid = self._tiles.grids[self._number]
        numbers = np.arange(*part.indices(size)) + self._origin[axis]
        centres = (numbers + 0.5) * self._factor
        return np.minimum((centres / grid.factor).astype(np.intp), grid.shape[axis] - 1)
