"""Outlines of what is drawn on one slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left, up as (row, column), each a right turn from the one before."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """A closed line around one part of a label: ``points`` ``(n, 2)``, pixels (row, column).

    Pixel centres lie at whole numbers; the line runs half way to the pixels outside and cuts their
    corners; its first point is its last.
    """

    label: int
    points: NDArray[np.float64]


def outlines(section: NDArray[np.integer]) -> tuple[Outline, ...]:
    """Return the outlines of each label above 0 on a slice ``(rows, columns)``, holes included.

    Parts that touch at a corner only are separate.
    """
    rows, columns = np.flatnonzero(section.any(axis=1)), np.flatnonzero(section.any(axis=0))
    if rows.size == 0:
        return ()
    corner = (int(rows[0]), int(columns[0]))
    drawn = section[corner[0] : int(rows[-1]) + 1, corner[1] : int(columns[-1]) + 1]
    found: list[Outline] = []
    for value in np.unique(drawn):
        if value == 0:
            continue
        same = drawn == value
        box = ndimage.find_objects(same.view(np.uint8))[0]
        offset = np.array([part.start + first for part, first in zip(box, corner, strict=True)])
        found.extend(Outline(label=int(value), points=line + offset) for line in _lines(same[box]))
    return tuple(found)


def _lines(inside: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Yield the closed lines around a region: chains of pixel edges, walked with it at the right.

    A line joins the middles of the edges, as marching squares would.
    """
    padded = np.pad(inside, 1)
    width = padded.shape[1] + 1
    starts, turns = [], []
    for way, (row_step, column_step) in enumerate(_STEPS):
        outside = np.roll(padded, (column_step, -row_step), axis=(0, 1))  # the pixel at the left
        row, column = np.nonzero(padded & ~outside)
        # the corner of the pixel where its edge of this direction begins
        row += way in (2, 3)
        column += way in (1, 2)
        starts.append(row * width + column)
        turns.append(np.full(row.size, way))
    start, turn = np.concatenate(starts), np.concatenate(turns)
    steps = np.asarray(_STEPS)
    end = start + steps[turn] @ np.array([width, 1])
    order = np.argsort(start * 4 + turn)
    start, turn, end = start[order], turn[order], end[order]
    middle = np.stack(np.divmod(start, width), axis=1) + steps[turn] / 2 - 1.5
    keys = start * 4 + turn
    # where parts touch at a corner two edges go on: the one to the right stays with this part
    right = end * 4 + (turn + 1) % 4
    place = np.minimum(np.searchsorted(keys, right), keys.size - 1)
    successor = np.where(keys[place] == right, place, np.searchsorted(start, end))
    for cycle in _cycles(successor.tolist()):
        yield _without_straight(middle[cycle])


def _cycles(successor: list[int]) -> Iterator[list[int]]:
    is_walked = bytearray(len(successor))
    for first in range(len(successor)):
        if is_walked[first]:
            continue
        cycle = []
        at = first
        while not is_walked[at]:
            is_walked[at] = 1
            cycle.append(at)
            at = successor[at]
        yield cycle


def _without_straight(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a closed line without the points that lie on a straight one, closed."""
    ahead = np.roll(points, -1, axis=0) - points
    behind = points - np.roll(points, 1, axis=0)
    kept = points[(ahead != behind).any(axis=1)]
    return np.concatenate([kept, kept[:1]])
