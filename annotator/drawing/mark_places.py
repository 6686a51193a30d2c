"""Where the marks of a case can be taken hold of on a slice, and what moving such a place does."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annotator.domain.marks import Mark
    from annotator.drawing.edit import Point


_FLAT = 0.5
"""Voxels."""
QUICK_VOXELS = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Grip:
    """A place of a mark, as it is seen on a slice.

    ``moves`` says for each array axis which of the mark's places it moves; None where it moves
    none. A corner of a box on a slice may take its row from one place and its column from the
    other.
    """

    mark: Mark
    at: Point
    moves: tuple[int | None, int | None, int | None]

    def moved(self, to: Point) -> Mark:
        """Return the mark with this place brought to ``to``, which lies on the same slice."""
        places = [list(place) for place in self.mark.places]
        for axis, number in enumerate(self.moves):
            if number is not None:
                places[number][axis] = to[axis]
        return replace(self.mark, places=tuple((z, y, x) for z, y, x in places))


def depth(mark: Mark, plane: int) -> tuple[float, float]:
    """Return from where to where a mark reaches along an axis, array positions."""
    along = [place[plane] for place in mark.places]
    return min(along), max(along)


def lies_on(mark: Mark, plane: int, index: int) -> bool:
    """Whether a slice shows all of a mark; a box is shown whole on each slice that it meets."""
    low, high = depth(mark, plane)
    if mark.kind == "box":
        return math.floor(low + 0.5) <= index <= math.floor(high + 0.5)
    return math.floor(low + 0.5) == index == math.floor(high + 0.5)


def is_looked_into(places: Sequence[Point], most: int = QUICK_VOXELS) -> bool:
    """Whether the image around places is small enough to be measured while a person waits."""
    n_voxels = 1
    for axis in range(3):
        along = [place[axis] for place in places]
        n_voxels *= math.ceil(max(along)) - math.floor(min(along)) + 1
    return n_voxels <= most


def is_flat(mark: Mark) -> bool:
    """Whether a mark lies on one slice of any of the three directions."""
    return any(high - low < _FLAT for low, high in (depth(mark, axis) for axis in range(3)))


def crossings(mark: Mark, plane: int, index: int) -> list[Point]:
    """Return where the lines of a mark go through a slice that they do not lie on."""
    if mark.kind not in ("line", "angle", "area"):
        return []
    around = [*mark.places, mark.places[0]] if mark.kind == "area" else mark.places
    found: list[Point] = []
    for first, last in itertools.pairwise(around):
        rise = last[plane] - first[plane]
        if rise and 0 <= (share := (index - first[plane]) / rise) <= 1:
            z, y, x = (a + share * (b - a) for a, b in zip(first, last, strict=True))
            found.append((z, y, x))
    return found


def grips(mark: Mark, plane: int, index: int) -> list[Grip]:
    """Return the places of a mark that can be taken hold of on a slice."""
    rows, columns = (axis for axis in range(3) if axis != plane)
    if mark.kind != "box":
        return [
            Grip(mark=mark, at=place, moves=_two(rows, columns, number, number))
            for number, place in enumerate(mark.places)
            if math.floor(place[plane] + 0.5) == index
        ]
    if not lies_on(mark, plane, index):
        return []
    found = []
    for first, second in itertools.product((0, 1), (0, 1)):
        corner = [0.0, 0.0, 0.0]
        corner[plane] = float(index)
        corner[rows] = mark.places[first][rows]
        corner[columns] = mark.places[second][columns]
        at = (corner[0], corner[1], corner[2])
        found.append(Grip(mark=mark, at=at, moves=_two(rows, columns, first, second)))
    return found


def grip_at(
    marks: Iterable[Mark],
    at: Point,
    plane: int,
    index: int,
    *,
    spacing_mm: Sequence[float],
    reach_mm: float,
) -> Grip | None:
    """Return the nearest place within reach of a place on a slice; the newest mark wins a tie."""
    best, best_mm = None, reach_mm
    for mark in marks:
        for grip in grips(mark, plane, index):
            away = mm_between(grip.at, at, spacing_mm, plane)
            if away <= best_mm:
                best, best_mm = grip, away
    return best


def mm_between(one: Point, other: Point, spacing_mm: Sequence[float], plane: int) -> float:
    """Return how far two places lie apart as a slice across ``plane`` shows it."""
    return math.hypot(
        *((one[axis] - other[axis]) * spacing_mm[axis] for axis in range(3) if axis != plane)
    )


def _two(
    rows: int, columns: int, first: int, second: int
) -> tuple[int | None, int | None, int | None]:
    found: list[int | None] = [None, None, None]
    found[rows], found[columns] = first, second
    return found[0], found[1], found[2]
