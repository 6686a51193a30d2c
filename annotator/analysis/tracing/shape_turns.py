"""Directions and angles of a tracing: sharp turns, angles at forks, tortuosity, flat branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import (
    MOST_BRANCHES,
    angles_deg,
    climb,
    finding_at,
    group_events,
    odds,
    reach_out,
)
from annotator.analysis.tracing.tree import NO_PARENT, SOMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import TraceFinding

_MIN_NODES_FOR_CONTRACTION = 5


def check_turns(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return sharp turns along branches: the direction before against the direction after.

    Both are chords of ``reach_um``, so that the shake of single nodes is no turn.
    """
    angles = measure_turns(tree, course, thresholds.reach_um)
    sharp = np.nan_to_num(angles, nan=0.0) >= thresholds.turn_deg
    findings = []
    for event in group_events(course, sharp, bridge=1):
        apex = int(event[np.argmax(angles[event])])
        others = [int(row) for row in event if row != apex]
        angle = float(angles[apex])
        is_reversal = angle >= thresholds.u_turn_deg
        findings.append(
            finding_at(
                course,
                [apex, *others],
                check="sharp-turn",
                source="shape",
                severity="error" if is_reversal else "warning",
                value=angle,
                threshold=thresholds.turn_deg,
                unit="°",
                probability=0.65 if is_reversal else odds(angle, thresholds.turn_deg, base=0.5),
                why=f"The branch {'turns back' if is_reversal else 'turns sharply'}, by "
                f"{angle:.0f}° within {2 * thresholds.reach_um:g} µm.",
            )
        )
    return findings


def measure_turns(tree: Tree, course: Course, reach_um: float) -> NDArray[np.float64]:
    """Return the turn of the path at each node, ``(node,)`` degrees; NaN where none is told.

    That is at forks, tips and roots, about a soma, and where a chord would be a stub.
    """
    before = climb(course, np.arange(len(tree)), reach_um)
    after = reach_out(course, reach_um)
    angles = angles_deg(tree.points - tree.points[before], tree.points[after] - tree.points)
    shorter = np.minimum(
        course.root_um - course.root_um[before], course.root_um[after] - course.root_um
    )
    is_soma = tree.types == SOMA
    told = (shorter >= reach_um / 2) & (course.section >= 0) & (course.n_children == 1)
    return np.where(told & ~is_soma & ~is_soma[before], angles, np.nan)


def check_forks(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return forks with implausible angles: between branches, and of a branch to what it leaves.

    One finding a fork: a branch that leaves nearly straight back before two that lie too near or
    too far apart.
    """
    firsts, heads, outward = fork_branches(tree, course, thresholds.reach_um)
    reversal = measure_reversals(tree, course, heads, outward, thresholds.reach_um)
    findings, told = [], set()
    for k in np.flatnonzero(reversal < thresholds.from_reversal_deg):
        told.add(int(heads[k]))
        findings.append(
            finding_at(
                course,
                [int(firsts[k]), int(heads[k])],
                check="branch-direction",
                source="shape",
                severity="warning",
                value=float(reversal[k]),
                threshold=thresholds.from_reversal_deg,
                unit="°",
                probability=0.65,
                why=f"The branch leaves its fork {reversal[k]:.0f}° from straight back along what "
                "leads to the fork.",
            )
        )
    for fork, one, other, angle in branch_pairs(tree, course, firsts, heads, outward):
        is_near = angle < thresholds.min_branch_deg
        if fork in told or not (is_near or angle > thresholds.max_branch_deg):
            continue
        told.add(fork)
        findings.append(
            finding_at(
                course,
                [other, fork, one],
                check="branch-angle",
                source="shape",
                severity="warning",
                value=angle,
                threshold=thresholds.min_branch_deg if is_near else thresholds.max_branch_deg,
                unit="°",
                probability=0.35,
                why=f"Two branches leave the fork {angle:.0f}° apart"
                + (": they may be one." if is_near else ", on one line: one may pass by."),
            )
        )
    return findings


def fork_branches(
    tree: Tree, course: Course, reach_um: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return first nodes, forks and directions ``(branch, 3)`` of all branches of forks."""
    firsts = course.rows[course.bounds[:-1]]
    is_branch = course.n_children[course.heads] > 1
    firsts, heads = firsts[is_branch], course.heads[is_branch]
    far = reach_out(course, reach_um)[firsts]
    return firsts, heads, tree.points[far] - tree.points[heads]


def measure_reversals(
    tree: Tree,
    course: Course,
    heads: NDArray[np.int64],
    outward: NDArray[np.float64],
    reach_um: float,
) -> NDArray[np.float64]:
    """Return how far each branch of a fork is from straight back, degrees; NaN at roots, somata."""
    before = climb(course, heads, reach_um)
    reversal = 180.0 - angles_deg(tree.points[heads] - tree.points[before], outward)
    has_way_in = (tree.parents[heads] != NO_PARENT) & (tree.types[heads] != SOMA)
    return np.where(has_way_in, reversal, np.nan)


def branch_pairs(
    tree: Tree,
    course: Course,
    firsts: NDArray[np.int64],
    heads: NDArray[np.int64],
    outward: NDArray[np.float64],
) -> list[tuple[int, int, int, float]]:
    """Return (fork, first nodes of two branches, angle) of all pairs; the smaller branch last."""
    order = np.argsort(heads, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(heads[order])) + 1)
    one, other = [], []
    for whole in groups:
        group = whole[:MOST_BRANCHES]
        if len(group) > 1 and tree.types[heads[group[0]]] != SOMA:
            first, second = np.triu_indices(len(group), 1)
            one.extend(group[first].tolist())
            other.extend(group[second].tolist())
    if not one:
        return []
    angles = angles_deg(outward[one], outward[other])
    below = course.below_um[firsts]
    return [
        (int(heads[a]), int(firsts[a]), int(firsts[b]), float(angle))
        if below[a] >= below[b]
        else (int(heads[a]), int(firsts[b]), int(firsts[a]), float(angle))
        for a, b, angle in zip(one, other, angles, strict=True)
    ]


def check_contraction(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return branches that are much straighter, or much less, than the one they leave."""
    if not course.n_sections:
        return []
    contraction, gap = measure_contraction(tree, course)
    cable = course.section_um()
    parent = course.section[course.heads]
    odd = np.nan_to_num(gap) > thresholds.contraction_gap
    return [
        finding_at(
            course,
            course.rows[course.bounds[k] : course.bounds[k + 1]],
            impact_um=float(cable[k]),
            check="tortuosity",
            source="shape",
            severity="hint",
            value=float(gap[k]),
            threshold=thresholds.contraction_gap,
            unit="",
            probability=0.4,
            why=f"Chord by cable is {contraction[k]:.2f} here and {contraction[parent[k]]:.2f} in "
            "the branch that this one leaves.",
        )
        for k in np.flatnonzero(odd)
    ]


def measure_contraction(
    tree: Tree, course: Course
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return chord by cable of each section, and how far that is from the section it leaves.

    ``(section,)`` each; the second is NaN where there is none or one of the two is short.
    """
    chords = np.linalg.norm(tree.points[course.ends] - tree.points[course.heads], axis=1)
    cable = course.section_um()
    contraction = chords / np.where(cable > 0, cable, 1.0)
    parent = course.section[course.heads]
    is_long = np.diff(course.bounds) >= _MIN_NODES_FOR_CONTRACTION
    told = (parent >= 0) & is_long & is_long[parent]
    return contraction, np.where(told, np.abs(contraction - contraction[parent]), np.nan)


def check_depth(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return long branches without depth in a tree that has some; or that the tree has none."""
    if not course.n_sections:
        return []
    z = np.where(np.isfinite(tree.points[:, 2]), tree.points[:, 2], 0.0)
    cable = course.section_um()
    longest_um = float(course.root_um.max(initial=0.0))
    if np.ptp(z) < thresholds.min_z_ratio * longest_um:
        if np.ptp(z) == 0 or longest_um < thresholds.flat_branch_um:
            return []
        root = int(course.heads[0])
        ratio = float(np.ptp(z)) / longest_um
        return [_flat(course, [root], ratio, thresholds, "The whole tree has hardly any depth")]
    highest = np.maximum.reduceat(z[course.rows], course.bounds[:-1])
    lowest = np.minimum.reduceat(z[course.rows], course.bounds[:-1])
    ratios = (highest - lowest) / np.where(cable > 0, cable, 1.0)
    flat = (ratios < thresholds.min_z_ratio) & (cable >= thresholds.flat_branch_um)
    return [
        _flat(
            course,
            course.rows[course.bounds[k] : course.bounds[k + 1]].tolist(),
            float(ratios[k]),
            thresholds,
            f"This branch of {cable[k]:.0f} µm stays in one plane",
        )
        for k in np.flatnonzero(flat)
    ]


def _flat(
    course: Course, rows: list[int], ratio: float, thresholds: Thresholds, what: str
) -> TraceFinding:
    return finding_at(
        course,
        rows,
        check="flat",
        source="shape",
        severity="hint",
        value=ratio,
        threshold=thresholds.min_z_ratio,
        unit="",
        probability=0.2,
        why=f"{what}: it may have been traced without its depth.",
    )
