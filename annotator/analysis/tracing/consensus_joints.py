"""Where branches of several tracings are joined, and how many tracers join them there.

A *branch* is a run of pieces of the union along one section of one tracer's tree. A tracer *joins*
two branches by going from the one to the other without much unknown cable between. Where most
tracers who have both join two branches in the midst of one, it is cut there: that is how a crossing
that the one took for two turns becomes a crossing again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis.tracing.cable import Cable
from annotator.analysis.tracing.match import find_beside
from annotator.analysis.tracing.tree import NO_PARENT, make_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.consensus_votes import Union
    from annotator.analysis.tracing.match import Fine, Matched

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

KEPT = 0.5
_LEAP_PER_TOLERANCE = 3
_MIDST_PER_TOLERANCE = 2
_NEAR_PER_TOLERANCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """Two branches that some tracers join.

    ``pieces`` are the pieces that come nearest to each other, the first branch's first;
    ``support`` is the trust of the tracers who join them as a share of that of all who have both.
    """

    branches: tuple[int, int]
    pieces: tuple[int, int]
    voters: tuple[int, ...]
    support: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branches:
    """The union as branches.

    Attributes
    ----------
    pieces : list of ndarray
        The pieces of each branch, from the root of their tree outwards.
    number : ndarray
        The branch of each piece, ``(piece,)``.
    joints : tuple of Joint
        In no order.
    """

    pieces: list[Rows]
    number: Rows
    joints: tuple[Joint, ...]


class _Steps(NamedTuple):
    """Steps of one tracer from a piece to the next one, ``(step,)`` each."""

    pieces: Rows
    next_pieces: Rows


def find_branches(matched: Matched, union: Union) -> Branches:
    """Return the branches of the union and how they are joined."""
    steps = _walk_all(matched, union)
    pieces = _first_branches(matched, union)
    number, starts = _numbered(union, pieces)
    near = _NEAR_PER_TOLERANCE * matched.tolerance
    joints = _joints(union, number, starts, steps, near)
    cuts = _cuts(union, pieces, starts, joints, matched.tolerance)
    if cuts:
        pieces = [
            part
            for branch, own in enumerate(pieces)
            for part in np.split(own, cuts.get(branch, []))
        ]
        number, starts = _numbered(union, pieces)
        joints = _joints(union, number, starts, steps, near)
    return Branches(pieces=pieces, number=number, joints=joints)


def _numbered(union: Union, pieces: list[Rows]) -> tuple[Rows, Floats]:
    """Return the branch of each piece, and how far along it the piece begins."""
    number = np.full(len(union.rows), -1)
    starts = np.zeros(len(union.rows))
    for branch, own in enumerate(pieces):
        number[own] = branch
        starts[own] = np.cumsum(union.lengths[own]) - union.lengths[own]
    return number, starts


def _first_branches(matched: Matched, union: Union) -> list[Rows]:
    """Return runs of pieces along sections, parted where they begin or cease to be likely."""
    is_kept = union.probability > KEPT
    branches: list[Rows] = []
    for tracer, fine in enumerate(matched.trees):
        course = fine.course
        piece_of = np.full(len(course.tree), -1)
        own = np.flatnonzero(union.tracers == tracer)
        piece_of[union.rows[own]] = own
        along = piece_of[course.rows]
        if not len(along):
            continue
        state = np.where(along >= 0, is_kept[along].astype(np.int64), -1)
        is_first = np.append(True, state[1:] != state[:-1])
        is_first[course.bounds[:-1]] = True
        runs = np.split(along, np.flatnonzero(is_first)[1:])
        branches += [run for run in runs if run[0] >= 0]
    return branches


def _walk_all(matched: Matched, union: Union) -> list[_Steps]:
    """Return each tracer's steps between pieces that are not the same."""
    cable, tangents = _union_cable(matched, union)
    steps: list[_Steps] = []
    for tracer, fine in enumerate(matched.trees):
        found = find_beside(fine, cable, tangents, matched.tolerance)
        piece_of = np.where(found >= 0, found // 2, -1)
        own = np.flatnonzero(union.tracers == tracer)
        piece_of[union.rows[own]] = own
        steps.append(_walk(fine, piece_of, _LEAP_PER_TOLERANCE * matched.tolerance))
    return steps


def _union_cable(matched: Matched, union: Union) -> tuple[Cable, Floats]:
    """Return all pieces as one cable, and the direction of each row's edge.

    Piece ``k`` is the edge from row ``2 k`` to row ``2 k + 1``.
    """
    n_pieces = len(union.rows)
    points = np.zeros((2 * n_pieces, 3))
    tangents = np.zeros((2 * n_pieces, 3))
    for tracer, fine in enumerate(matched.trees):
        own = np.flatnonzero(union.tracers == tracer)
        rows = union.rows[own]
        points[2 * own] = fine.tree.points[rows]
        points[2 * own + 1] = fine.tree.points[fine.tree.parents[rows]]
        tangents[2 * own] = fine.tangents[rows]
    parents = np.full(2 * n_pieces, NO_PARENT)
    parents[::2] = np.arange(1, 2 * n_pieces, 2)
    return Cable(make_tree(points, parents)), tangents


def _walk(fine: Fine, piece_of: Rows, leap: float) -> _Steps:
    """Return the steps from each piece to the next one towards the root, over at most ``leap``.

    What begins at a root is joined to whatever else begins there.
    """
    course = fine.course
    is_end = (piece_of >= 0) | (course.depth <= 0)
    ahead = np.where(is_end, np.arange(len(is_end)), course.parents)
    for _ in range(len(ahead).bit_length()):
        ahead = ahead[ahead]
    rows = np.flatnonzero((piece_of >= 0) & (course.depth > 0))
    inner = ahead[course.parents[rows]]
    gaps = course.root_um[course.parents[rows]] - course.root_um[inner]
    is_root = piece_of[inner] < 0
    plain = ~is_root & (gaps <= leap)
    firsts, seconds = [piece_of[rows[plain]]], [piece_of[inner[plain]]]
    at_root = np.flatnonzero(is_root)
    at_root = at_root[np.lexsort((gaps[at_root], inner[at_root]))]
    is_nearest = np.diff(inner[at_root], prepend=-1) != 0
    nearest = at_root[is_nearest][np.cumsum(is_nearest) - 1] if len(at_root) else at_root
    fits = ~is_nearest & (gaps[at_root] + gaps[nearest] <= leap)
    firsts.append(piece_of[rows[at_root[fits]]])
    seconds.append(piece_of[rows[nearest[fits]]])
    return _Steps(np.concatenate(firsts), np.concatenate(seconds))


def _joints(
    union: Union, number: Rows, starts: Floats, steps: list[_Steps], near: float
) -> tuple[Joint, ...]:
    """Return every pair of branches that somebody steps between, and where."""
    has = _has_branches(union, number)
    found: dict[tuple[int, int], list[_Votes]] = {}
    for tracer, own in enumerate(steps):
        ends = np.stack([number[own.pieces], number[own.next_pieces]], axis=1)
        for step in np.flatnonzero(ends[:, 0] != ends[:, 1]).tolist():
            pair = int(own.pieces[step]), int(own.next_pieces[step])
            key = int(ends[step, 0]), int(ends[step, 1])
            if key[0] > key[1]:
                pair, key = pair[::-1], key[::-1]
            at = float(starts[pair[0]]), float(starts[pair[1]])
            same = found.setdefault(key, [])
            votes = next((votes for votes in same if votes.is_near(at, near)), None)
            if votes is None:
                # Whoever agrees most with the others says where.
                votes = _Votes(at, pair, [])
                same.append(votes)
            if tracer not in votes.voters:
                votes.voters.append(tracer)
    joints: list[Joint] = []
    for key, places in found.items():
        for votes in places:
            could = has[key[0]] & has[key[1]]
            could[votes.voters] = True
            joints.append(
                Joint(
                    branches=key,
                    pieces=votes.pieces,
                    voters=tuple(votes.voters),
                    support=float(union.trust[votes.voters].sum() / union.trust[could].sum()),
                )
            )
    return tuple(joints)


class _Votes(NamedTuple):
    """Who joins two branches at a place: how far along each, and the pieces there."""

    at: tuple[float, float]
    pieces: tuple[int, int]
    voters: list[int]

    def is_near(self, at: tuple[float, float], near: float) -> bool:
        return max(abs(at[0] - self.at[0]), abs(at[1] - self.at[1])) <= near


def _has_branches(union: Union, number: Rows) -> NDArray[np.bool_]:
    """Return who has more than half of each branch, ``(branch, tracer)``."""
    n_branches = int(number.max(initial=-1)) + 1
    whole = np.bincount(number, weights=union.lengths, minlength=n_branches)
    has = [
        np.bincount(number, weights=union.lengths * votes, minlength=n_branches)
        for votes in union.votes.T
    ]
    return np.stack(has, axis=1) > whole[:, None] / 2


def _cuts(
    union: Union,
    pieces: list[Rows],
    starts: Floats,
    joints: tuple[Joint, ...],
    tolerance: float,
) -> dict[int, list[int]]:
    """Return after how many of its pieces each branch is to be cut."""
    margin = _MIDST_PER_TOLERANCE * tolerance
    cuts: dict[int, list[int]] = {}
    done: dict[int, list[float]] = {}
    for joint in sorted(joints, key=lambda joint: (-joint.support, joint.branches)):
        if joint.support <= KEPT:
            break
        for branch, piece in zip(joint.branches, joint.pieces, strict=True):
            own = pieces[branch]
            at, end = float(starts[piece]), float(starts[own[-1]] + union.lengths[own[-1]])
            others = [0.0, end, *done.get(branch, [])]
            if min(abs(at - other) for other in others) > margin:
                done.setdefault(branch, []).append(at)
                cuts.setdefault(branch, []).append(int(np.flatnonzero(own == piece)[0]))
    return {branch: sorted(places) for branch, places in cuts.items()}
