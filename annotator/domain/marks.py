"""Marks: points, lines, angles, areas, boxes and landmarks that a rater leaves on a case.

Places are continuous array positions ``(z, y, x)`` of the case's first series; voxel centres lie
at whole numbers. What a mark measures follows from its places and the geometry, and is not kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annotator.domain.reading import Box

MarkKind = Literal["point", "landmark", "line", "angle", "area", "box"]
MARK_KINDS: tuple[MarkKind, ...] = ("point", "landmark", "line", "angle", "area", "box")
N_PLACES: dict[MarkKind, tuple[int, int | None]] = {
    "point": (1, 1),
    "landmark": (1, 1),
    "line": (2, None),
    "angle": (3, 3),
    "area": (3, None),
    "box": (2, 2),
}
"""How many places a mark has: at least, and at most (None: any number)."""
Place = tuple[float, float, float]
"""``(z, y, x)``."""
MATCH_LIMIT = 10.0
"""How far apart, in mm (pixels without a scale), marks of two raters may lie to mean the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark.

    Attributes
    ----------
    mark_id : int
        Given once in a reading, from 1; a mark that is moved keeps it.
    kind : str
        ``landmark`` is a point that the schema asks for by name; ``area`` a closed outline.
    places : tuple of Place
        One for a point or landmark; two opposite corners of a box; three of an angle, its vertex
        in the middle; two and more along a line; three and more around an area.
    name : str
        Key of the landmark in the schema; a name that the rater gave otherwise, or nothing.
    label : int
        The label that it is about; 0 for none.
    """

    mark_id: int
    kind: MarkKind
    places: tuple[Place, ...]
    name: str = ""
    label: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkEdit:
    """One step: a mark was set (``before`` is None), changed, or taken away (``after`` is None)."""

    before: Mark | None
    after: Mark | None

    @property
    def inverse(self) -> MarkEdit:
        """The edit that takes this one back."""
        return MarkEdit(before=self.after, after=self.before)

    @property
    def mark_id(self) -> int:
        """The mark that it is about; raises AnnotatorError for an edit of none, or of two."""
        found = {mark.mark_id for mark in (self.before, self.after) if mark is not None}
        if len(found) != 1:
            raise AnnotatorError(
                "an edit is about one mark, before it, after it or both; this one is about "
                + (f"marks {sorted(found)}" if found else "none")
            )
        return found.pop()


def sound_mark(mark: Mark) -> Mark:
    """Return a mark with plain numbers in it; raises AnnotatorError where it cannot be one."""
    if mark.kind not in MARK_KINDS:
        raise UnknownNameError("kind of mark", str(mark.kind), MARK_KINDS)
    if mark.mark_id < 1:
        raise AnnotatorError(f"marks are numbered from 1; got {mark.mark_id}")
    least, most = N_PLACES[mark.kind]
    n_places = len(mark.places)
    if n_places < least or (most is not None and n_places > most):
        wanted = f"{least}" if most == least else f"{least} or more"
        raise AnnotatorError(f"a mark of kind {mark.kind} has {wanted} places; got {n_places}")
    if mark.kind == "landmark" and not mark.name:
        raise AnnotatorError("a landmark has a name: the key that the label schema gives it")
    places = tuple((float(z), float(y), float(x)) for z, y, x in mark.places)
    if not all(math.isfinite(value) for place in places for value in place):
        raise AnnotatorError(f"the places of mark {mark.mark_id} are not all numbers: {places}")
    return replace(mark, mark_id=int(mark.mark_id), places=places, label=int(mark.label))


def apply_edits(marks: Mapping[int, Mark], edits: Iterable[MarkEdit]) -> dict[int, Mark]:
    """Return marks by id after edits; raises AnnotatorError where one does not find its mark."""
    found = dict(marks)
    for edit in edits:
        mark_id = edit.mark_id
        if found.get(mark_id) != edit.before:
            raise AnnotatorError(
                f"mark {mark_id} is not as the edit says that it was: it is "
                f"{found.get(mark_id)}, not {edit.before}"
            )
        if edit.after is None:
            del found[mark_id]
        else:
            found[mark_id] = edit.after
    return found


def edits_between(before: Mapping[int, Mark], after: Mapping[int, Mark]) -> tuple[MarkEdit, ...]:
    """Return the edits that lead from some marks, by id, to others."""
    return tuple(
        MarkEdit(before=before.get(mark_id), after=after.get(mark_id))
        for mark_id in sorted(before.keys() | after.keys())
        if before.get(mark_id) != after.get(mark_id)
    )


def in_order(marks: Mapping[int, Mark]) -> tuple[Mark, ...]:
    """Return marks by ascending id."""
    return tuple(marks[mark_id] for mark_id in sorted(marks))


def box_of_edit(edit: MarkEdit, shape: tuple[int, int, int]) -> Box:
    """Return the smallest box of voxels around a mark before and after an edit.

    Inside the grid of ``shape`` ``(z, y, x)``; of a mark that lies outside, the voxels nearest.
    """
    places = [
        place for mark in (edit.before, edit.after) if mark is not None for place in mark.places
    ]
    low, high = [], []
    for axis, size in enumerate(shape):
        voxels = [min(max(math.floor(place[axis] + 0.5), 0), size - 1) for place in places]
        low.append(min(voxels))
        high.append(max(voxels) + 1)
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
