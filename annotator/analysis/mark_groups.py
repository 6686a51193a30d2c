"""Marks of several raters on one case: which mean the same, and where they agree that it is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.mark_agreement import geometric_median
from annotator.analysis.mark_matching import (
    box_overlap,
    line_distance,
    match_all,
    match_near,
    match_overlapping,
)
from annotator.domain.marks import MATCH_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.domain.marks import Mark, MarkKind, Place

    _Match = Callable[[NDArray[np.float64]], list[tuple[int, int]]]

POINTS: tuple[MarkKind, ...] = ("point", "landmark")
"""Kinds of marks that have one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkKey:
    """What marks have in common that are compared: marks of other keys never mean the same.

    Of a landmark the label plays no part, and is 0 here.
    """

    kind: MarkKind
    name: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkGroup:
    """Marks of several raters, one each, that mean the same.

    Attributes
    ----------
    marks : mapping
        By rater.
    consensus : Place or None
        Of points and landmarks the geometric median of their places; None of others.
    distances : mapping
        From each rater's place to the consensus, by rater; in mm, or in pixels. None of others.
    """

    key: MarkKey
    marks: Mapping[str, Mark]
    consensus: Place | None
    distances: Mapping[str, float]


def by_key(marks: Sequence[Mark]) -> dict[MarkKey, tuple[Mark, ...]]:
    """Return marks by what they are compared under; of a landmark set twice the last one counts."""
    found: dict[MarkKey, list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda mark: mark.mark_id):
        is_landmark = mark.kind == "landmark"
        key = MarkKey(kind=mark.kind, name=mark.name, label=0 if is_landmark else mark.label)
        if is_landmark:
            found[key].clear()
        found[key].append(mark)
    return {key: tuple(own) for key, own in found.items()}


def group_marks(
    readings: Mapping[str, Sequence[Mark]],
    spacing: tuple[float, float, float],
    limit: float = MATCH_LIMIT,
) -> tuple[MarkGroup, ...]:
    """Return the marks of a case, by rater, in groups that mean the same; by key, then by mark.

    Landmarks by their name, however far apart; all others as `match_all` groups them. ``spacing``
    is that of voxels along ``(z, y, x)``, and ``limit`` is in its unit.
    """
    own = {rater_id: by_key(marks) for rater_id, marks in readings.items()}
    keys = sorted(
        {key for found in own.values() for key in found},
        key=lambda key: (key.kind, key.name, key.label),
    )
    groups: list[MarkGroup] = []
    for key in keys:
        marks = {rater_id: found.get(key, ()) for rater_id, found in own.items()}
        for members in groups_of(key.kind, list(marks.values()), spacing, limit):
            raters = list(marks)
            chosen = {raters[rater]: marks[raters[rater]][at] for rater, at in members.items()}
            groups.append(_group(key, chosen, spacing))
    return tuple(groups)


def groups_of(
    kind: MarkKind,
    marks: Sequence[Sequence[Mark]],
    spacing: tuple[float, float, float],
    limit: float,
) -> list[dict[int, int]]:
    """Return which marks of one key, ``[rater][mark]``, mean the same: rater → number of mark."""

    def compared(rater: int, mark: int, other: int, place: int) -> float:
        return compare(marks[rater][mark], marks[other][place], spacing)

    return match_all([len(own) for own in marks], compared, _matcher(kind, limit))


def pairs_of(
    kind: MarkKind,
    first: Sequence[Mark],
    second: Sequence[Mark],
    spacing: tuple[float, float, float],
    limit: float,
) -> list[tuple[int, int, float]]:
    """Return which marks of two raters, of one key, mean the same, and how `compare` finds them."""
    compared = np.array(
        [[compare(one, other, spacing) for other in second] for one in first], np.float64
    ).reshape(len(first), len(second))
    matched = _matcher(kind, limit)(compared)
    return [(row, column, float(compared[row, column])) for row, column in matched]


def compare(first: Mark, second: Mark, spacing: tuple[float, float, float]) -> float:
    """Return the overlap of two boxes, 0 to 1; of others of one kind the distance, in mm or px."""
    if first.kind == "box":
        return box_overlap(np.asarray(first.places), np.asarray(second.places), np.asarray(spacing))
    one, other = placed(first, spacing), placed(second, spacing)
    if first.kind in POINTS:
        return float(np.linalg.norm(one - other))
    return line_distance(one, other)


def placed(mark: Mark, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the places of a mark times the spacing, ``(place, 3)``; of an area a closed line."""
    places = [*mark.places, mark.places[0]] if mark.kind == "area" else mark.places
    return np.asarray(np.multiply(places, spacing), np.float64)


def _matcher(kind: MarkKind, limit: float) -> _Match:
    if kind == "box":
        return match_overlapping
    return partial(match_near, limit=np.inf if kind == "landmark" else limit)


def _group(
    key: MarkKey, marks: Mapping[str, Mark], spacing: tuple[float, float, float]
) -> MarkGroup:
    if key.kind not in POINTS:
        return MarkGroup(key=key, marks=marks, consensus=None, distances={})
    places = {rater_id: placed(mark, spacing)[0] for rater_id, mark in marks.items()}
    middle = geometric_median(np.array(list(places.values())))
    z, y, x = (middle / np.asarray(spacing)).tolist()
    return MarkGroup(
        key=key,
        marks=marks,
        consensus=(z, y, x),
        distances={
            rater_id: float(np.linalg.norm(place - middle)) for rater_id, place in places.items()
        },
    )
