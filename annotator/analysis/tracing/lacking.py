"""Where the tracings of others differ from one: what most lack, and what it lacks itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.course import finding_at, group_events, trace_course
from annotator.analysis.tracing.match import match_trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.match import Matched
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import TraceFinding

EXTRA_UP_TO = 0.5
"""Share of tracers, the reviewed one among them, up to which its cable is asked about."""
MISSED_FROM = 1 / 3
"""Share of tracers from which on cable that the reviewed tracing lacks is asked about."""
_SHORTEST_PER_TOLERANCE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBranch:
    """A branch of another tracing: its number among the others, its node ids, parents first.

    ``to_id`` is the node of the reviewed tracing that lies nearest to where the branch leaves.
    """

    other: int
    node_ids: tuple[int, ...]
    to_id: int
    length_um: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A finding of the reviewed tracing, and the branches of others that would settle it."""

    finding: TraceFinding
    branches: tuple[OtherBranch, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Missed:
    """A branch that the reviewed tracing lacks, in the tracing that it was found in first."""

    other: int
    rows: NDArray[np.int64]
    branches: list[OtherBranch]
    against: tuple[str, ...]
    names: tuple[str, ...]


def find_differences(
    base: Tree, others: Sequence[Tree], names: Sequence[str], *, tolerance_um: float
) -> tuple[Difference, ...]:
    """Return where other tracings differ from the one that is reviewed, as events.

    Two tracings agree along an edge where they run beside each other within the tolerance and in
    the same direction (`match_trees`). Stretches of less than three tolerances are no event.

    Parameters
    ----------
    base : Tree
        The reviewed tracing; node ids of findings are its.
    names : sequence of str
        The tracer of the base, then those of the others in their order.
    """
    if not others or not len(base):
        return ()
    matched = match_trees([base, *others], tolerance=tolerance_um)
    shortest = _SHORTEST_PER_TOLERANCE * tolerance_um
    return (
        *_extra(base, matched, tuple(names), shortest),
        *_missed(base, others, matched, tuple(names), shortest),
    )


def _beside(matched: Matched, number: int, n_nodes: int) -> NDArray[np.bool_]:
    """Return which tracers run along most of each given edge, ``(node, tracer)``."""
    fine, shared = matched.trees[number], matched.shared[number]
    lengths = np.nan_to_num(fine.lengths)
    whole = np.bincount(fine.origins, lengths, n_nodes)
    along = [
        np.bincount(fine.origins, lengths * shared[:, at], n_nodes) for at in range(shared.shape[1])
    ]
    # An edge without length is wherever its node is: nothing to disagree on.
    return np.stack([2 * part >= whole for part in along], axis=1)


def _extra(
    base: Tree, matched: Matched, names: tuple[str, ...], shortest: float
) -> list[Difference]:
    beside = _beside(matched, 0, len(base))
    course = trace_course(base)
    found = []
    for rows in group_events(course, beside.mean(axis=1) <= EXTRA_UP_TO):
        length = float(course.lengths[rows].sum())
        if length < shortest:
            continue
        support = _share(course, rows, beside)
        lacking = tuple(name for name, share in zip(names, support, strict=True) if share < 0.5)
        agreeing = tuple(name for name in names if name not in lacking)
        finding = finding_at(
            course,
            rows.tolist(),
            check="traced by few",
            source="tracers",
            severity="warning",
            value=len(agreeing) / len(names),
            threshold=EXTRA_UP_TO,
            unit="share of tracers",
            probability=len(lacking) / len(names),
            impact_um=length,
            why=(
                f"{_of(agreeing, names)} traced this branch of {length:.0f} µm; "
                f"{', '.join(lacking)} did not"
            ),
        )
        found.append(
            Difference(finding=replace(finding, tracers_for=agreeing, tracers_against=lacking))
        )
    return found


def _missed(
    base: Tree,
    others: Sequence[Tree],
    matched: Matched,
    names: tuple[str, ...],
    shortest: float,
) -> list[Difference]:
    nearest = cKDTree(np.nan_to_num(base.points))
    courses = [trace_course(tree) for tree in others]
    missed: list[_Missed] = []
    for other, (tree, course) in enumerate(zip(others, courses, strict=True)):
        beside = _beside(matched, other + 1, len(tree))
        for rows in group_events(course, ~beside[:, 0]):
            length = float(course.lengths[rows].sum())
            support = _share(course, rows, beside)
            if length < shortest or (support >= 0.5).mean() < MISSED_FROM:
                continue
            branch = _branch(tree, course, rows, other, nearest, base, length)
            known = _known(missed, courses, support, course, rows)
            if known is not None:
                known.branches.append(branch)
                continue
            against = tuple(name for name, at in zip(names, support, strict=True) if at < 0.5)
            missed.append(
                _Missed(other=other, rows=rows, branches=[branch], against=against, names=names)
            )
    course = trace_course(base)
    return [_told(course, courses[entry.other], entry) for entry in missed]


def _branch(
    tree: Tree,
    course: Course,
    rows: NDArray[np.int64],
    other: int,
    nearest: cKDTree,
    base: Tree,
    length: float,
) -> OtherBranch:
    leaves = tree.points[course.parents[rows[0]]]
    at = int(nearest.query(np.nan_to_num(leaves))[1])
    return OtherBranch(
        other=other,
        node_ids=tuple(int(tree.ids[row]) for row in rows),
        to_id=int(base.ids[at]),
        length_um=length,
    )


def _known(
    missed: Sequence[_Missed],
    courses: Sequence[Course],
    support: NDArray[np.float64],
    course: Course,
    rows: NDArray[np.int64],
) -> _Missed | None:
    """Return the branch that was found before, in the tracing of another, if it is this one."""
    middle = course.tree.points[rows[len(rows) // 2]]
    before = [entry for entry in missed if support[entry.other + 1] >= 0.5]

    def gap(entry: _Missed) -> float:
        points = courses[entry.other].tree.points[entry.rows]
        return float(np.linalg.norm(points - middle, axis=1).min())

    return min(before, key=gap, default=None)


def _told(base: Course, course: Course, entry: _Missed) -> Difference:
    length = max(branch.length_um for branch in entry.branches)
    to_id = entry.branches[0].to_id
    row = int(np.flatnonzero(base.tree.ids == to_id)[0])
    agreeing = tuple(name for name in entry.names if name not in entry.against)
    finding = finding_at(
        base,
        [row],
        check="traced by others",
        source="tracers",
        severity="warning",
        value=len(agreeing) / len(entry.names),
        threshold=MISSED_FROM,
        unit="share of tracers",
        probability=len(agreeing) / len(entry.names),
        impact_um=length,
        why=f"{_of(agreeing, entry.names)} traced a branch of {length:.0f} µm that is lacking here",
    )
    x, y, z = (float(number) for number in course.tree.points[entry.rows[0]])
    return Difference(
        finding=replace(
            finding,
            point_um=(x, y, z),
            tracers_for=agreeing,
            tracers_against=entry.against,
        ),
        branches=tuple(entry.branches),
    )


def _share(
    course: Course, rows: NDArray[np.int64], beside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how much of the cable of some rows each tracer runs along, 0 to 1."""
    lengths = course.lengths[rows]
    shares: NDArray[np.float64] = (lengths @ beside[rows]) / max(float(lengths.sum()), 1e-12)
    return shares


def _of(agreeing: tuple[str, ...], names: tuple[str, ...]) -> str:
    shown = ", ".join(agreeing) if len(agreeing) <= 3 else f"{len(agreeing)} tracers"
    return f"{shown} ({len(agreeing)} of {len(names)})"
