"""Which pixels lie in a closed outline, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ON_LINE = 1e-9
"""Pixels whose centre lies on the outline belong to it whatever the rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stamp:
    """Voxels ``inside`` ``(z, y, x)``, the first of which lies at ``origin`` of the mask."""

    origin: tuple[int, int, int]
    inside: NDArray[np.bool_]


def fill_outline(outline: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels ``(row, column)`` whose centre lies in or on a closed outline.

    The even-odd rule along each row of pixels: sides are turned into the places where they cross
    rows, so that the cost grows with the length of the outline and not with area times corners.

    Parameters
    ----------
    outline : ndarray
        Corners ``(n, 2)`` (row, column) in pixels, centres at whole numbers; the last is joined
        to the first. May reach over the edge.
    shape : tuple of int
        Rows and columns.
    """
    rows, columns = shape
    begin, end = outline, np.roll(outline, -1, axis=0)
    upper = np.where(begin[:, :1] <= end[:, :1], begin, end)
    lower = np.where(begin[:, :1] <= end[:, :1], end, begin)
    first = np.clip(np.ceil(upper[:, 0]), 0, rows).astype(np.intp)
    stop = np.clip(np.ceil(lower[:, 0]), 0, rows).astype(np.intp)
    side = np.repeat(np.arange(len(outline)), stop - first)
    row = np.arange(len(side)) - np.repeat(np.cumsum(stop - first) - stop, stop - first)
    share = (row - upper[side, 0]) / (lower[side, 0] - upper[side, 0])
    crossed = upper[side, 1] + share * (lower[side, 1] - upper[side, 1])
    turns = np.zeros((rows, columns + 1), np.uint8)
    turned = np.clip(np.ceil(crossed - _ON_LINE), 0, columns).astype(np.intp)
    np.add.at(turns, (row, turned), 1)
    np.add.accumulate(turns, axis=1, out=turns)
    inside: NDArray[np.bool_] = (turns[:, :columns] & 1).view(np.bool_)
    _add_places(inside, row, crossed)
    whole = lower[:, 0] == np.rint(lower[:, 0])
    _add_places(inside, lower[whole, 0], lower[whole, 1])  # no row crosses a side where it ends
    for start, stop_at in zip(
        upper[whole & (upper[:, 0] == lower[:, 0])],
        lower[whole & (upper[:, 0] == lower[:, 0])],
        strict=True,
    ):
        _add_along_row(inside, int(start[0]), *sorted((float(start[1]), float(stop_at[1]))))
    return inside


def _add_places(
    inside: NDArray[np.bool_], row: NDArray[np.number], column: NDArray[np.float64]
) -> None:
    """Add pixels whose centre a side passes through."""
    near = np.rint(column)
    rows, columns = inside.shape
    met = (np.abs(column - near) <= _ON_LINE) & (near >= 0) & (near < columns)
    met &= (row >= 0) & (row < rows)
    inside[row[met].astype(np.intp), near[met].astype(np.intp)] = True


def _add_along_row(inside: NDArray[np.bool_], row: int, left: float, right: float) -> None:
    rows, columns = inside.shape
    if 0 <= row < rows:
        low = max(0, int(np.ceil(left - _ON_LINE)))
        inside[row, low : max(low, min(columns, int(np.floor(right + _ON_LINE)) + 1))] = True
