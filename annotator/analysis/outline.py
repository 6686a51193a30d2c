"""Outlines of what is drawn on one slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterator

    from numpy.typing import NDArray

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left, up as (row, column), each a right turn from the one before."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """A closed line around one part of a label: ``points`` ``(n, 2)``, pixels (row, column).

    It joins the middles of the pixels' edges, as marching squares would. Pixel centres lie at
    whole numbers; the first point is the last.
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
    first = (int(rows[0]), int(columns[0]))
    drawn = np.pad(section[first[0] : int(rows[-1]) + 1, first[1] : int(columns[-1]) + 1], 1)
    library = kernels.library()
    if library is not None and drawn.dtype.kind in "bu":
        return _traced(library, drawn, first)
    width = drawn.shape[1] + 1
    keys, labels = _edges(drawn, width)
    start, way = np.divmod(keys, 4)
    steps = np.asarray(_STEPS)
    middle = np.stack(np.divmod(start, width), axis=1) + steps[way] / 2 - 1.5 + np.asarray(first)
    return tuple(
        Outline(label=int(labels[cycle[0]]), points=_without_straight(middle[cycle]))
        for cycle in _cycles(_successors(keys, labels, width).tolist())
    )


def _traced(
    library: ctypes.CDLL, drawn: NDArray[np.integer], first: tuple[int, int]
) -> tuple[Outline, ...]:
    """Return the outlines by the compiled way; ``drawn`` has a rim of background."""
    given = (kernels.address(drawn), drawn.itemsize, *drawn.shape)
    n_sides: int = library.count_sides(*given)
    walked = np.zeros(drawn.shape, np.uint8)
    points = np.empty((n_sides + n_sides // 4, 2))
    ends, labels = np.empty(n_sides // 4, np.int64), np.empty(n_sides // 4, np.int64)
    n_outlines: int = library.trace_outlines(
        *given, *(kernels.address(array) for array in (walked, points, ends, labels))
    )
    stops = ends[:n_outlines].tolist()
    points = points[: stops[-1]] + np.asarray(first)
    return tuple(
        Outline(label=label, points=points[start:stop])
        for label, start, stop in zip(labels.tolist(), [0, *stops], stops, strict=False)
    )


def _edges(drawn: NDArray[np.integer], width: int) -> tuple[NDArray[np.intp], NDArray[np.integer]]:
    """Return the pixel edges around labels, walked with the label at the right.

    An edge is the corner of pixels where it begins, as row * ``width`` + column, times 4, plus its
    direction; ascending, each with its label.
    """
    keys, labels = [], []
    inside = drawn > 0
    for way, (row_step, column_step) in enumerate(_STEPS):
        at_left = np.roll(drawn, (column_step, -row_step), axis=(0, 1))
        row, column = np.nonzero(inside & (drawn != at_left))
        labels.append(drawn[row, column])
        row += way in (2, 3)
        column += way in (1, 2)
        keys.append((row * width + column) * 4 + way)
    key, label = np.concatenate(keys), np.concatenate(labels)
    order = np.argsort(key)
    return key[order], label[order]


def _successors(
    keys: NDArray[np.intp], labels: NDArray[np.integer], width: int
) -> NDArray[np.intp]:
    """Return where each edge goes on: to the right where it can, so that parts stay apart."""
    start, way = np.divmod(keys, 4)
    end = start + np.asarray(_STEPS)[way] @ np.array([width, 1])
    found = np.zeros(keys.size, np.intp)
    for turn in (3, 0, 1):  # left, straight on, right: the last that is there stays
        wanted = end * 4 + (way + turn) % 4
        place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        found = np.where((keys[place] == wanted) & (labels[place] == labels), place, found)
    return found


def _cycles(successor: list[int]) -> Iterator[list[int]]:
    """Yield the closed chains, each as its edges in the order of walking."""
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
