"""Pictures too large to be held: several resolutions, read by regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


Key = int | slice


class Pyramid(Protocol):
    """A picture at several levels, the finest first; may be read from several threads at once."""

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Size of each level, ``(rows, columns)``."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        ...

    @property
    def n_channels(self) -> int:
        """1 for grey, 3 for RGB."""
        ...

    def read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of a level, ``(rows, columns[, channel])``; it lies inside the level."""
        ...


class PyramidVoxels:
    """The finest level of a pyramid, to be cut like an array ``(1, y, x[, channel])``.

    Only what is cut is read. What tools take from an image is small; who shows a picture asks the
    ``pyramid`` for the level that is seen.
    """

    def __init__(self, pyramid: Pyramid) -> None:
        self.pyramid = pyramid
        self.dtype = pyramid.dtype
        rows, columns = pyramid.shapes[0]
        channels = () if pyramid.n_channels == 1 else (pyramid.n_channels,)
        self.shape: tuple[int, ...] = (1, rows, columns, *channels)

    @property
    def ndim(self) -> int:
        """3 for grey, 4 for colours."""
        return len(self.shape)

    @property
    def damage(self) -> str:
        """What of the pyramid could not be read so far, in words; empty where all could."""
        return str(getattr(self.pyramid, "damage", ""))

    def __getitem__(self, key: Key | tuple[Key, ...]) -> NDArray[Any]:
        """Return what a key of whole numbers and slices with steps above 0 cuts out."""
        keys = key if isinstance(key, tuple) else (key,)
        first, rows, columns = (*keys, slice(None), slice(None), slice(None))[:3]
        row_range = _range(rows, self.shape[1])
        column_range = _range(columns, self.shape[2])
        if not row_range or not column_range:
            found = np.zeros((len(row_range), len(column_range), *self.shape[3:]), self.dtype)
        else:
            found = self.pyramid.read(0, _around(row_range), _around(column_range))
            found = found[:: row_range.step, :: column_range.step]
        whole = found[np.newaxis]
        inner = tuple(0 if isinstance(one, int) else slice(None) for one in (rows, columns))
        cut: NDArray[Any] = whole[(first, *inner, *keys[3:])]
        return cut


def _range(key: Key, size: int) -> range:
    if isinstance(key, slice):
        return range(size)[key]
    place = range(size)[key]
    return range(place, place + 1)


def _around(wanted: range) -> slice:
    return slice(wanted.start, wanted[-1] + 1)
