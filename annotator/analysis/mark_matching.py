"""Which marks of two raters mean the same: points and lines by place, boxes by overlap.

One to one, by the assignment of Kuhn (1955), "The Hungarian Method for the Assignment Problem",
Naval Research Logistics Quarterly 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_SAMPLES = 101
"""Places along a line, as far apart as each other, at which its distance is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How many marks of two raters mean the same: the second is held against the first.

    ``precision`` is the share of the second's that the first has too, ``recall`` the share of the
    first's that the second has; None where there is none to take a share of.
    """

    n_first: int
    n_second: int
    n_matched: int

    @property
    def precision(self) -> float | None:
        """Share of the second's marks that are among the first's."""
        return self.n_matched / self.n_second if self.n_second else None

    @property
    def recall(self) -> float | None:
        """Share of the first's marks that are among the second's."""
        return self.n_matched / self.n_first if self.n_first else None

    @property
    def f1(self) -> float | None:
        """Twice the matched over all marks of both: the same whoever is held against whom."""
        n = self.n_first + self.n_second
        return 2 * self.n_matched / n if n else None


def match_near(distances: NDArray[np.float64], limit: float) -> list[tuple[int, int]]:
    """Return pairs (row, column) of ``(first, second)`` distances, none farther than ``limit``.

    As many pairs as can be made; of all ways to make so many, that with the least sum.
    """
    if not distances.size:
        return []
    is_near = distances <= limit
    too_far = (float(distances.max()) + 1.0) * (min(distances.shape) + 1)
    rows, columns = linear_sum_assignment(np.where(is_near, distances, too_far))
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if is_near[row, column]
    ]


def match_overlapping(overlaps: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs (row, column) of ``(first, second)`` overlaps with the largest sum.

    Those that do not overlap at all are not paired.
    """
    if not overlaps.size:
        return []
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if overlaps[row, column] > 0
    ]


def match_all(
    counts: Sequence[int],
    compare: Callable[[int, int, int, int], float],
    match: Callable[[NDArray[np.float64]], list[tuple[int, int]]],
) -> list[dict[int, int]]:
    """Return groups of marks of several raters that mean the same: rater → number of the mark.

    ``counts`` is how many marks each rater has, ``compare(rater, mark, other rater, mark)`` how far
    apart two are, or how much they overlap. Rater by rater, marks join the groups with which
    ``match`` pairs them by the mean over a group's marks, or begin one: other orders of raters may
    give other groups.
    """
    groups: list[dict[int, int]] = []
    for rater, count in enumerate(counts):
        apart = np.array(
            [
                [
                    np.mean([compare(other, place, rater, mark) for other, place in group.items()])
                    for mark in range(count)
                ]
                for group in groups
            ],
            np.float64,
        ).reshape(len(groups), count)
        joined = match(apart)
        for group, mark in joined:
            groups[group][rater] = mark
        taken = {mark for _, mark in joined}
        groups += [{rater: mark} for mark in range(count) if mark not in taken]
    return groups


def line_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return how far two lines through places, ``(place, 3)``, lie apart on the mean.

    From places along each, as far apart as each other, to the nearest place of the other; the mean
    of both ways.
    """
    ways = (_to_line(_along(first), second), _to_line(_along(second), first))
    return float(np.mean([way.mean() for way in ways]))


def box_overlap(
    first: NDArray[np.float64], second: NDArray[np.float64], spacing: NDArray[np.float64]
) -> float:
    """Return the intersection over union of two boxes of opposite corners, ``(2, 3)`` voxels.

    A box on one slice is as thick as the slice. 0 where both have no size at all.
    """
    one, other = _thick(first), _thick(second)
    edges = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    shared = float(np.prod(np.maximum(edges, 0.0) * spacing))
    whole = sum(float(np.prod((box[1] - box[0]) * spacing)) for box in (one, other)) - shared
    return shared / whole if whole > 0 else 0.0


def _thick(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    ends = np.sort(corners, axis=0)
    is_flat = ends[0] == ends[1]
    middle = np.floor(ends[0] + 0.5)
    ends[0] = np.where(is_flat, middle - 0.5, ends[0])
    ends[1] = np.where(is_flat, middle + 0.5, ends[1])
    return ends


def _along(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places along a line, ``(place, 3)``, its ends among them."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    reached = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0.0, reached[-1], _SAMPLES)
    return np.stack([np.interp(at, reached, line[:, axis]) for axis in range(3)], axis=1)


def _to_line(places: NDArray[np.float64], line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each place to the nearest one of a line, ``(place,)``."""
    starts, spans = line[:-1], np.diff(line, axis=0)
    squares = np.maximum((spans**2).sum(axis=1), np.finfo(np.float64).tiny)
    gaps = places[:, None] - starts[None]
    share = np.clip((gaps * spans).sum(axis=2) / squares, 0.0, 1.0)
    return np.asarray(np.linalg.norm(gaps - share[..., None] * spans, axis=2).min(axis=1))
