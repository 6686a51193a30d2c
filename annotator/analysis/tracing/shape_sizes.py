"""Lengths and radii of a tracing: short twigs, near forks, thickness, far parts, loose parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.course import (
    angles_deg,
    finding_at,
    group_events,
    odds,
    reach_out,
)
from annotator.analysis.tracing.structure_whole import same_places
from annotator.analysis.tracing.tree import NO_PARENT, SOMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import TraceFinding

_NODES_OF_A_RADIUS = 5
_MIN_NODES_OF_CONSTANT = 10
_MOST_JOINTS = 1000
"""Loose parts that are asked where they point, the largest."""
_MOST_NEAR = 256
_AT_ONCE = 1 << 20


def check_twigs(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return terminal branches that are shorter than a limit, or end inside what they leave."""
    if not course.n_sections:
        return []
    cable = course.section_um()
    limit = np.maximum(thresholds.min_tip_um, tree.radii[course.heads])
    short = is_terminal(tree, course) & (cable < limit)
    return [
        finding_at(
            course,
            course.rows[course.bounds[k] : course.bounds[k + 1]],
            check="short-twig",
            source="shape",
            severity="warning",
            value=float(cable[k]),
            threshold=float(limit[k]),
            unit="µm",
            probability=0.4,
            why=f"A terminal branch of {cable[k]:.2f} µm; shorter than {limit[k]:.2f} µm is "
            "seldom a branch.",
        )
        for k in np.flatnonzero(short)
    ]


def is_terminal(tree: Tree, course: Course) -> NDArray[np.bool_]:
    """Return which sections lead from a fork, not a soma, to a tip, ``(section,)``."""
    return np.asarray(
        (course.n_children[course.ends] == 0)
        & (course.n_children[course.heads] > 1)
        & (tree.types[course.heads] != SOMA)
    )


def joins_forks(tree: Tree, course: Course) -> NDArray[np.bool_]:
    """Return which sections lead from a fork, not a soma, to a fork, ``(section,)``."""
    return np.asarray(
        (course.n_children[course.ends] > 1)
        & (course.n_children[course.heads] > 1)
        & (tree.types[course.heads] != SOMA)
    )


def check_fork_distance(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return forks that follow each other too closely: two, or a cluster that may be one fork."""
    if not course.n_sections:
        return []
    cable = course.section_um()
    near = joins_forks(tree, course) & (cable < thresholds.cluster_um)
    flagged = np.zeros(len(tree), bool)
    inner = np.repeat(near, np.diff(course.bounds))
    flagged[course.rows[inner]] = True
    flagged[course.heads[near]] = True
    findings = []
    firsts, heads = course.rows[course.bounds[:-1]], course.heads
    for event in group_events(course, flagged):
        forks = event[course.n_children[event] > 1]
        links = course.section[forks]
        gaps = cable[links[(links >= 0) & near[links]]]
        is_cluster = len(forks) > 2
        if not is_cluster and gaps.min() >= thresholds.min_forks_um:
            continue
        limit = thresholds.cluster_um if is_cluster else thresholds.min_forks_um
        findings.append(
            finding_at(
                course,
                [int(row) for row in forks],
                # Whatever is wrong with them, at most the least of their branches is.
                impact_um=float(course.below_um[firsts[np.isin(heads, forks)]].min()),
                check="near-forks",
                source="shape",
                severity="hint",
                value=float(gaps.min()),
                threshold=limit,
                unit="µm",
                probability=0.5 if is_cluster else odds(limit, float(gaps.min()) + 0.1, base=0.3),
                why=f"{len(forks)} forks follow each other within {gaps.max():.1f} µm: "
                "a branch may have been missed between them, or they are one.",
            )
        )
    return findings


def check_fork_radius(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return branches that are much thicker than the fork they leave."""
    return [
        finding_at(
            course,
            course.rows[course.bounds[k] : course.bounds[k + 1]][:_NODES_OF_A_RADIUS],
            check="thick-branch",
            source="shape",
            severity="hint",
            value=ratio,
            threshold=thresholds.fork_radius_ratio,
            unit="×",
            probability=odds(ratio, thresholds.fork_radius_ratio, base=0.5),
            why=f"The branch is {ratio:.1f} times as thick as the fork that it leaves.",
        )
        for k, ratio in enumerate(measure_fork_radius(tree, course).tolist())
        if ratio > thresholds.fork_radius_ratio
    ]


def measure_fork_radius(tree: Tree, course: Course) -> NDArray[np.float64]:
    """Return the radius where each section begins by that of the fork it leaves, ``(section,)``.

    The median of its first nodes; NaN at roots and somata, and where a radius is missing.
    """
    ratios = np.full(course.n_sections, np.nan)
    usable = (course.n_children[course.heads] > 1) & (tree.radii[course.heads] > 0)
    usable &= tree.types[course.heads] != SOMA
    for k in np.flatnonzero(usable):
        radii = tree.radii[course.rows[course.bounds[k] : course.bounds[k + 1]]]
        radii = radii[:_NODES_OF_A_RADIUS][radii[:_NODES_OF_A_RADIUS] > 0]
        if len(radii):
            ratios[k] = np.median(radii) / tree.radii[course.heads[k]]
    return ratios


def check_rising_radius(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return runs along which the radius rises outwards from node to node."""
    before = tree.radii[course.parents]
    rises = (tree.radii > before) & (before > 0) & (course.section >= 0)
    rises &= course.section[course.parents] == course.section
    findings = []
    for event in group_events(course, rises):
        first = int(course.parents[event[0]])
        ratio = float(tree.radii[event].max() / tree.radii[first])
        if len(event) < thresholds.rising_nodes or ratio < thresholds.rising_ratio:
            continue
        findings.append(
            finding_at(
                course,
                [first, *event.tolist()],
                impact_um=float(course.lengths[event].sum()),
                check="rising-radius",
                source="shape",
                severity="hint",
                value=float(len(event)),
                threshold=float(thresholds.rising_nodes),
                unit="nodes",
                probability=0.2,
                why=f"The radius rises outwards over {len(event)} nodes, to {ratio:.1f} times.",
            )
        )
    return findings


def check_constant_radii(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return trees whose nodes all have one radius: it was never measured."""
    del thresholds
    own = course.rows[tree.types[course.rows] != SOMA]
    if len(own) < _MIN_NODES_OF_CONSTANT or np.ptp(tree.radii[own]) > 0 or tree.radii[own[0]] <= 0:
        return []
    return [
        finding_at(
            course,
            own[:1],
            check="constant-radii",
            source="shape",
            severity="hint",
            value=float(tree.radii[own[0]]),
            threshold=None,
            unit="µm",
            probability=0.9,
            impact_um=0.0,
            why=f"All {len(own)} nodes have the radius {tree.radii[own[0]]:g}: it was filled in, "
            "not measured.",
        )
    ]


def check_soma_distance(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return parts that begin far from every node of a soma."""
    somas = np.flatnonzero((tree.types == SOMA) & np.isfinite(tree.points).all(axis=1))
    roots = np.flatnonzero((tree.parents == NO_PARENT) & (tree.types != SOMA))
    roots = roots[np.isfinite(tree.points[roots]).all(axis=1)]
    if not len(somas) or not len(roots):
        return []
    distances = np.atleast_1d(cKDTree(tree.points[somas]).query(tree.points[roots])[0])
    return [
        finding_at(
            course,
            [int(root)],
            check="far-from-soma",
            source="shape",
            severity="hint",
            value=float(distance),
            threshold=thresholds.soma_um,
            unit="µm",
            probability=0.3,
            why=f"This part begins {distance:.0f} µm from the soma.",
        )
        for root, distance in zip(roots, distances, strict=True)
        if distance > thresholds.soma_um
    ]


def check_loose_parts(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return loose parts whose end lies near another part and points at it: they may be joined.

    The largest part is the neuron; each other is asked for its end (root or tip) that is nearest
    to any other part.
    """
    cable: NDArray[np.float64] = np.bincount(course.piece, course.lengths).astype(np.float64)
    is_finite = np.isfinite(tree.points).all(axis=1)
    if len(cable) < 2:
        return []
    ends = np.flatnonzero(
        is_finite & ((tree.parents == NO_PARENT) | (course.n_children == 0)) & (course.depth >= 0)
    )
    ends = ends[course.piece[ends] != int(np.argmax(cable))]
    # Searches are slow where most nodes lie on top of each other, which is told by itself.
    places = np.flatnonzero(is_finite)
    if 2 * np.count_nonzero(same_places(tree.points[places]) >= 0) > len(places):
        return []
    gaps, found = _nearest_elsewhere(course, places, ends, thresholds.joint_um)
    # Of each part the end that is nearest to any other part, the first of several.
    order = np.lexsort((gaps, course.piece[ends]))
    best = order[np.unique(course.piece[ends[order]], return_index=True)[1]]
    best = best[np.isfinite(gaps[best])]
    best = best[np.argsort(-cable[course.piece[ends[best]]], kind="stable")[:_MOST_JOINTS]]
    outward = reach_out(course, thresholds.reach_um)
    findings = [
        _joint(
            course, outward, int(ends[one]), int(found[one]), float(gaps[one]), cable, thresholds
        )
        for one in np.sort(best).tolist()
    ]
    return [finding for finding in findings if finding is not None]


def _nearest_elsewhere(
    course: Course, rows: NDArray[np.int64], ends: NDArray[np.int64], reach_um: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how far the nearest of these rows in another part is from each end, and which it is.

    Infinite where there is none within reach, or none among the nearest `_MOST_NEAR` rows.
    """
    gaps, found = np.full(len(ends), np.inf), np.full(len(ends), -1, np.int64)
    if not len(ends):
        return gaps, found
    search = cKDTree(course.tree.points[rows])
    open_ends, k = np.arange(len(ends)), 4
    while len(open_ends) and k <= _MOST_NEAR:
        for first in range(0, len(open_ends), _AT_ONCE // k):
            asked = open_ends[first : first + _AT_ONCE // k]
            answer = search.query(
                course.tree.points[ends[asked]], k=k, distance_upper_bound=reach_um
            )
            distances, places = map(np.asarray, answer)
            there = np.append(rows, -1)[places]
            is_other = (there >= 0) & (course.piece[there] != course.piece[ends[asked], None])
            nearest = is_other.argmax(axis=1)
            has_one = is_other.any(axis=1)
            picked = np.flatnonzero(has_one)
            gaps[asked[picked]] = distances[picked, nearest[picked]]
            found[asked[picked]] = there[picked, nearest[picked]]
            # All within reach were seen.
            gaps[asked[~has_one & np.isinf(distances[:, -1])]] = -np.inf
        open_ends = open_ends[gaps[open_ends] == np.inf]
        k *= 8
    return np.where(gaps < 0, np.inf, gaps), found


def _joint(
    course: Course,
    outward: NDArray[np.int64],
    end: int,
    other: int,
    gap_um: float,
    cable: NDArray[np.float64],
    thresholds: Thresholds,
) -> TraceFinding | None:
    bridge = course.tree.points[other] - course.tree.points[end]
    angle = 0.0
    if gap_um > 0:
        angle = float(angles_deg(_heading(course, outward, end, thresholds.reach_um), bridge))
    if gap_um > thresholds.joint_um or angle > thresholds.joint_deg:
        return None
    other_id = int(course.tree.ids[other])
    part_um = float(cable[course.piece[end]])
    return finding_at(
        course,
        [end, other],
        check="loose-part",
        source="shape",
        severity="warning",
        value=gap_um,
        threshold=thresholds.joint_um,
        unit="µm",
        probability=0.25 + 0.35 * (1 - gap_um / thresholds.joint_um),
        impact_um=part_um,
        why=f"A loose part of {part_um:.0f} µm ends {gap_um:.1f} µm from node {other_id} and "
        f"points at it within {angle:.0f}°: they may be joined.",
    )


def _heading(
    course: Course, outward: NDArray[np.int64], end: int, reach_um: float
) -> NDArray[np.float64]:
    """Return the direction in which a tip, or the root of a part, points out of its part."""
    points = course.tree.points
    if course.tree.parents[end] != NO_PARENT:
        goal, behind = course.root_um[end] - reach_um, end
        while course.root_um[behind] > goal and course.parents[behind] != behind:
            behind = int(course.parents[behind])
        return np.asarray(points[end] - points[behind])
    if not course.n_children[end]:
        return np.zeros(3)
    child = int(np.argmax(course.tree.parents == end))
    return np.asarray(points[end] - points[outward[child]])
