"""Where parts of a tracing come near each other in space that are far apart along the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.structure_whole import same_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course


_SAMPLES_PER_NODE, _PAIRS_PER_PLACE, _MOST_MORE = 8, 30, 100_000
"""Samples and pairs up to these are all looked at, however long edges are and near each other."""
_ASKED, _NEAREST = 4000, 4
_AT_ONCE = 1 << 18
_MOST_CONTACTS = 5_000
"""Contacts that are told apart, the nearest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contact:
    """Two stretches, each of one section, that lie near each other.

    Attributes
    ----------
    rows, other_rows : ndarray
        Nodes of either stretch from the root outwards.
    nearest, other_nearest : int
        The node on either side next to the nearest places of the two.
    distance_um : float
        Between the nearest places, which may lie between nodes.
    """

    rows: NDArray[np.int64]
    other_rows: NDArray[np.int64]
    nearest: int
    other_nearest: int
    distance_um: float


def find_contacts(course: Course, near_um: float, far_along_um: float) -> list[Contact]:
    """Return the contacts: nearer than ``near_um`` in space, further than ``far_along_um`` along.

    Edges are sampled so that long ones hide nothing. Parts that are not connected are infinitely
    far apart along the tree.
    """
    # Edges may be absurdly long, and nodes in a heap.
    most = _SAMPLES_PER_NODE * len(course.tree) + _MOST_MORE
    rows, places, along = sample_edges(course, max(near_um / 2, course.lengths.sum() / most))
    pairs = _near_pairs(places, near_um)
    if not len(pairs):
        return []
    section = np.where(
        course.section >= 0, course.section, course.n_sections + np.arange(len(course.tree))
    )
    one, other = pairs.T
    same = section[rows[one]] == section[rows[other]]
    pairs = pairs[~same | (np.abs(along[one] - along[other]) >= far_along_um)]
    one, other = pairs.T
    meeting = course.root_um[find_meetings(course, rows[one], rows[other])]
    is_apart = course.piece[rows[one]] != course.piece[rows[other]]
    pairs = pairs[is_apart | (along[one] + along[other] - 2 * meeting >= far_along_um)]
    return _group(pairs, rows, places, along, section, near_um)


def _near_pairs(places: NDArray[np.float64], near_um: float) -> NDArray[np.intp]:
    """Return pairs of places near each other; where there are very many, those of the nearest."""
    if not len(places):
        return np.empty((0, 2), np.intp)
    first = np.flatnonzero(same_places(places) < 0)
    if len(first) < len(places) // 2:
        # Most lie on top of each other, which makes searches slow: that is told by itself.
        return np.asarray(first[_near_pairs(places[first], near_um)])
    search = cKDTree(places)
    # How many there are is guessed from some: counting all takes as long as finding them.
    some = places[np.random.default_rng(0).integers(0, len(places), _ASKED)]
    n_near = search.query_ball_point(some, near_um, return_length=True).sum() / len(some)
    if (n_near - 1) * len(places) <= 2 * (_PAIRS_PER_PLACE * len(places) + _MOST_MORE):
        return np.asarray(search.query_pairs(near_um, output_type="ndarray"))
    found = []
    for begin in range(0, len(places), _AT_ONCE):
        asked = places[begin : begin + _AT_ONCE]
        near = search.query(asked, k=_NEAREST + 1, distance_upper_bound=near_um)[1]
        one = np.repeat(np.arange(begin, begin + len(asked)), _NEAREST + 1)
        other = near.reshape(-1)
        is_pair = (other < len(places)) & (one != other)
        found.append(np.sort(np.column_stack([one, other])[is_pair], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def sample_edges(
    course: Course, step_um: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (row, place, cable from the root) of samples along all edges, nodes among them."""
    usable = np.flatnonzero(
        np.logical_and.reduce(np.isfinite(course.tree.points), axis=1) & (course.depth >= 0)
    )
    counts = np.maximum(np.ceil(course.lengths[usable] / step_um).astype(np.int64), 1)
    rows = np.repeat(usable, counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    back = (np.arange(len(rows)) - first) / np.repeat(counts, counts)
    places = course.tree.points[rows] - back[:, None] * course.vectors[rows]
    return rows, places, course.root_um[rows] - back * course.lengths[rows]


def find_meetings(
    course: Course, one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the last common ancestor of each pair of rows; a root where they share none."""
    jumps = [course.parents]
    for _ in range(max(1, int(course.depth.max(initial=0))).bit_length()):
        jumps.append(jumps[-1][jumps[-1]])
    low = np.where(course.depth[one] >= course.depth[other], one, other)
    high = np.where(course.depth[one] >= course.depth[other], other, one)
    lift = course.depth[low] - course.depth[high]
    for power, jump in enumerate(jumps):
        low = np.where((lift >> power) & 1, jump[low], low)
    for jump in reversed(jumps):
        apart = jump[low] != jump[high]
        low, high = np.where(apart, jump[low], low), np.where(apart, jump[high], high)
    return np.where(low == high, low, course.parents[low])


def _group(
    pairs: NDArray[np.intp],
    rows: NDArray[np.int64],
    places: NDArray[np.float64],
    along: NDArray[np.float64],
    section: NDArray[np.int64],
    near_um: float,
) -> list[Contact]:
    """Join near pairs of the same two sections that follow each other along the first."""
    if not len(pairs):
        return []
    swap = section[rows[pairs[:, 0]]] > section[rows[pairs[:, 1]]]
    one = np.where(swap, pairs[:, 1], pairs[:, 0])
    other = np.where(swap, pairs[:, 0], pairs[:, 1])
    order = np.lexsort((along[one], section[rows[other]], section[rows[one]]))
    one, other = one[order], other[order]
    is_new = (
        (np.diff(section[rows[one]]) != 0)
        | (np.diff(section[rows[other]]) != 0)
        | (np.diff(along[one]) > 2 * near_um)
    )
    distances = np.linalg.norm(places[one] - places[other], axis=1)
    contacts = []
    bounds = np.concatenate([[0], np.flatnonzero(is_new) + 1, [len(one)]])
    kept = np.argsort(np.minimum.reduceat(distances, bounds[:-1]), kind="stable")[:_MOST_CONTACTS]
    for number in np.sort(kept).tolist():
        part = np.arange(bounds[number], bounds[number + 1])
        best = part[np.argmin(distances[part])]
        contacts.append(
            Contact(
                rows=_in_order(rows[one[part]], along[one[part]]),
                other_rows=_in_order(rows[other[part]], along[other[part]]),
                nearest=int(rows[one[best]]),
                other_nearest=int(rows[other[best]]),
                distance_um=float(distances[best]),
            )
        )
    return contacts


def _in_order(rows: NDArray[np.int64], along: NDArray[np.float64]) -> NDArray[np.int64]:
    ordered = rows[np.argsort(along, kind="stable")]
    _, first = np.unique(ordered, return_index=True)
    return ordered[np.sort(first)]
