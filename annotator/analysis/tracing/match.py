"""Several tracings of one neuron laid over each other: whose cable runs along whose.

Cable of one tree is *shared* by another where this runs within a tolerance of it in about the same
direction, wherever it came from and whichever way it is rooted. That is told edge by edge (long
edges are cut first), and then made whole along each section from fork to fork: a gap shorter than
twice the tolerance is none, and a run so short is only two branches that pass each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.cable import Cable
from annotator.analysis.tracing.course import Course, climb, reach_out, trace_course, unit
from annotator.analysis.tracing.sound import sound_tree
from annotator.analysis.tracing.tree import NO_PARENT, Tree, edge_lengths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Flags = NDArray[np.bool_]

LEAST_COSINE = 0.5
_STEPS_PER_TOLERANCE = 2
_SHORT_PER_TOLERANCE = 2
_WINDOW_PER_TOLERANCE = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fine:
    """A tree whose edges are short, and what it takes to lay others over it.

    Attributes
    ----------
    course : Course
        Of the fine tree: the nodes of the given one first, then those put between.
    n_given : int
        How many nodes were given.
    origins : ndarray
        Row, among the given ones, of the node at the outer end of each node's edge, ``(node,)``.
    cable : Cable
        Its edges.
    middles, tangents : ndarray
        Middle and direction of each node's edge, ``(node, 3)``; the direction is that of the
        course around it, and zero where there is no edge.
    """

    course: Course
    n_given: int
    origins: Rows
    cable: Cable
    middles: Floats
    tangents: Floats

    @property
    def tree(self) -> Tree:
        """The fine tree."""
        return self.course.tree

    @property
    def lengths(self) -> Floats:
        """Length of each node's edge, ``(node,)``."""
        return self.course.lengths


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Trees of one neuron laid over each other.

    Attributes
    ----------
    trees : tuple of Fine
        One a tracer.
    shared : tuple of ndarray
        For each tree, which tracers' cable runs along each node's edge, ``(node, tracer)`` bool;
        the tracer's own column is true.
    beside : tuple of ndarray
        The nearest edge of each tracer's tree that runs along each node's edge, by its row,
        ``(node, tracer)``; -1 where none does.
    tolerance : float
        µm.
    """

    trees: tuple[Fine, ...]
    shared: tuple[Flags, ...]
    beside: tuple[Rows, ...]
    tolerance: float

    def in_order(self, order: Rows) -> Matched:
        """Return the same with the tracers in another order."""
        return Matched(
            trees=tuple(self.trees[tracer] for tracer in order),
            shared=tuple(self.shared[tracer][:, order] for tracer in order),
            beside=tuple(self.beside[tracer][:, order] for tracer in order),
            tolerance=self.tolerance,
        )

    def share_lengths(self) -> Floats:
        """Return how much cable of each tree each tracer has, ``(tree, tracer)`` µm."""
        sums = [fine.lengths @ shared for fine, shared in zip(self.trees, self.shared, strict=True)]
        return np.array(sums, np.float64).reshape(len(self.trees), -1)


def match_trees(trees: Sequence[Tree], *, tolerance: float) -> Matched:
    """Lay trees over each other; ``tolerance`` is in µm."""
    fine = tuple(refine(tree, tolerance) for tree in trees)
    shared: list[Flags] = []
    beside: list[Rows] = []
    for own in fine:
        rows = np.stack([_beside(own, other, tolerance) for other in fine], axis=1)
        beside.append(rows)
        flags = [
            np.asarray(own.course.is_edge)
            if own is other
            else _made_whole(own.course, column >= 0, tolerance)
            for other, column in zip(fine, rows.T, strict=True)
        ]
        shared.append(np.stack(flags, axis=1))
    return Matched(trees=fine, shared=tuple(shared), beside=tuple(beside), tolerance=tolerance)


def _beside(own: Fine, other: Fine, tolerance: float) -> Rows:
    if own is other:
        return np.where(own.course.is_edge, np.arange(len(own.tree)), -1)
    return find_beside(own, other.cable, other.tangents, tolerance)


def refine(tree: Tree, tolerance: float) -> Fine:
    """Return a tree with edges of at most half the tolerance, and its course.

    Nodes whose place is no number are left out, and loops are cut.
    """
    tree = sound_tree(tree)
    n_given = len(tree)
    lengths = edge_lengths(tree)
    n_parts = np.maximum(np.ceil(lengths * _STEPS_PER_TOLERANCE / tolerance), 1).astype(np.int64)
    n_new = n_parts - 1
    owners = np.repeat(np.arange(n_given), n_new)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(n_new) - n_new, n_new) + 1
    there = np.where(tree.parents == NO_PARENT, np.arange(n_given), tree.parents)
    steps = (tree.points[there] - tree.points) / n_parts[:, None]
    rows = n_given + np.arange(len(owners))
    is_last = number == n_new[owners]
    parents = np.concatenate([tree.parents, np.where(is_last, tree.parents[owners], rows + 1)])
    is_first = number == 1
    parents[owners[is_first]] = rows[is_first]
    first_id = int(tree.ids.max(initial=0)) + 1
    finer = Tree(
        ids=np.concatenate([tree.ids, first_id + np.arange(len(owners))]),
        types=np.concatenate([tree.types, tree.types[owners]]),
        points=np.concatenate([tree.points, tree.points[owners] + steps[owners] * number[:, None]]),
        radii=np.concatenate([tree.radii, tree.radii[owners]]),
        parents=parents,
    )
    course = trace_course(finer)
    ends = finer.points[course.parents]
    return Fine(
        course=course,
        n_given=n_given,
        origins=np.concatenate([np.arange(n_given), owners]),
        cable=Cable(finer),
        middles=(finer.points + ends) / 2,
        tangents=_tangents(course, _WINDOW_PER_TOLERANCE * tolerance),
    )


def _tangents(course: Course, window: float) -> Floats:
    """Return the direction of the course around each edge, never beyond its section."""
    inner = climb(course, np.arange(len(course.tree)), window)
    heads = course.parents.copy()
    heads[course.rows] = course.heads[course.section[course.rows]]
    inner = np.where(course.depth[inner] < course.depth[heads], heads, inner)
    chords = course.tree.points[reach_out(course, window)] - course.tree.points[inner]
    has_chord = course.is_edge & (course.depth > 0)
    tangents = unit(np.where(has_chord[:, None], chords, 0.0))
    # A course that comes back to where it was has no chord; its edges have directions.
    is_lost = course.is_edge & ~tangents.any(axis=1)
    tangents[is_lost] = unit(course.vectors[is_lost])
    return tangents


def find_beside(own: Fine, cable: Cable, tangents: Floats, tolerance: float) -> Rows:
    """Return the row of the nearest edge that runs along each of a tree's, ``(node,)``; -1: none.

    ``tangents`` are the directions of the cable's edges, by row. ``tolerance`` is from the middle
    of the edge; directions may differ by 60 degrees.
    """
    rows = np.flatnonzero(own.course.is_edge)
    points = own.middles[rows]
    asked, edges = cable.pairs_within(points, np.full(len(rows), tolerance))
    beside = cable.rows[edges]
    starts, steps = cable.starts[edges], cable.steps[edges]
    squared = np.einsum("px,px->p", steps, steps)
    along = np.einsum("px,px->p", points[asked] - starts, steps)
    fractions = np.clip(along / np.where(squared > 0, squared, 1.0), 0.0, 1.0)
    gaps = np.linalg.norm(points[asked] - starts - fractions[:, None] * steps, axis=1)
    cosines = np.abs(np.einsum("px,px->p", own.tangents[rows[asked]], tangents[beside]))
    fits = np.flatnonzero((gaps <= tolerance) & (cosines >= LEAST_COSINE))
    fits = fits[np.lexsort((gaps[fits], asked[fits]))]
    is_nearest = np.diff(asked[fits], prepend=-1) != 0
    found = np.full(len(own.tree), -1)
    found[rows[asked[fits[is_nearest]]]] = beside[fits[is_nearest]]
    return found


def _made_whole(course: Course, flags: Flags, tolerance: float) -> Flags:
    """Close short gaps within sections, then drop short runs; a whole section is never turned."""
    whole = flags.copy()
    for value in (False, True):
        for rows, is_set, length, is_section in _runs(course, whole):
            if is_set == value and length < _SHORT_PER_TOLERANCE * tolerance and not is_section:
                whole[rows] = not value
    return whole


def _runs(course: Course, flags: Flags) -> list[tuple[Rows, bool, float, bool]]:
    """Return runs of equal flags along sections: rows, flag, µm, and whether it is all of it."""
    rows = course.rows
    if not len(rows):
        return []
    values = flags[rows]
    is_head = np.zeros(len(rows), np.bool_)
    is_head[course.bounds[:-1]] = True
    starts = np.flatnonzero(is_head | np.append(True, values[1:] != values[:-1]))
    stops = np.append(starts[1:], len(rows))
    lengths = np.add.reduceat(course.lengths[rows], starts)
    is_section = is_head[starts] & np.append(is_head, True)[stops]
    return [
        (rows[start:stop], bool(values[start]), float(length), bool(is_whole))
        for start, stop, length, is_whole in zip(starts, stops, lengths, is_section, strict=True)
    ]
