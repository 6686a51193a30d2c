"""Crossing or branching: which far side continues which branch, by brightness and by direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import (
    MOST_BRANCHES,
    angles_deg,
    climb,
    finding_at,
    odds,
    reach_out,
)
from annotator.analysis.tracing.shape_crossings import find_crossings
from annotator.analysis.tracing.tree import NO_PARENT, SOMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.profile import Profile
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.domain.tracing import TraceFinding

_ARM_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0)
"""Where an arm's brightness is read, in reaches from the crossing: at it both are mixed."""
_STRAIGHT_DEG = 150.0


def check_crossing_brightness(
    course: Course, profile: Profile, thresholds: Thresholds
) -> list[TraceFinding]:
    """Return crossings whose arms fit better in brightness with their far sides exchanged.

    The value is the mean difference of the logarithms along a branch as it is traced, less the same
    with the far sides exchanged. A crossing that is clearly straight as it is traced is left alone.
    """
    signal = np.maximum(np.nan_to_num(profile.signal), profile.noise)
    crossings = find_crossings(course, thresholds)
    if not crossings:
        return []
    before, after = _arms(course, signal, thresholds.reach_um)
    findings = []
    for crossing in crossings:
        middle = np.array([crossing.contact.nearest, crossing.contact.other_nearest])
        inner, outer = before[middle], after[middle]
        traced = np.abs(np.log(inner / outer)).mean()
        exchanged = np.abs(np.log(inner / outer[::-1])).mean()
        gain = float(traced - exchanged)
        if gain < thresholds.crossing_match or crossing.gain_deg < -thresholds.crossing_gain_deg:
            continue
        findings.append(
            finding_at(
                course,
                middle,
                check="crossing-brightness",
                source="image",
                severity="warning",
                value=gain,
                threshold=thresholds.crossing_match,
                unit="",
                probability=odds(gain, thresholds.crossing_match, base=0.6),
                impact_um=float(course.below_um[middle].sum()),
                why="Two branches cross here and each changes its brightness by "
                f"{100 * (np.exp(traced) - 1):.0f} %; with their far sides exchanged it were "
                f"{100 * (np.exp(exchanged) - 1):.0f} %.",
            )
        )
    return findings


def _arms(
    course: Course, signal: NDArray[np.float64], reach_um: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the brightness before and after each node, at a distance, ``(node,)`` each."""
    rows = np.arange(len(course.tree))
    before = [signal[climb(course, rows, step * reach_um)] for step in _ARM_STEPS]
    after = [signal[reach_out(course, step * reach_um)] for step in _ARM_STEPS]
    return np.median(before, axis=0), np.median(after, axis=0)


def check_forks_for_crossings(
    course: Course, profile: Profile | None, thresholds: Thresholds
) -> list[TraceFinding]:
    """Return forks from which two branches leave on one line across a straight third.

    Such a pair is another neurite that passes, more likely than two branches. With an image the two
    must be about as bright as each other.
    """
    pairs = list(_side_pairs(course, thresholds))
    if not pairs:
        return []
    inner = climb(course, np.arange(len(course.tree)), thresholds.reach_um)
    outer = reach_out(course, thresholds.reach_um)
    largest = _largest_children(course)
    findings = []
    for fork, one, other, along_um in pairs:
        straight, across = _crossing_angles(course, (fork, one, other), inner, outer, largest)
        if min(straight, across) < _STRAIGHT_DEG:
            continue
        if profile is not None and not _is_alike(course, profile, one, other, thresholds):
            continue
        findings.append(
            finding_at(
                course,
                [fork, one, other],
                check="crossing-as-forks",
                source="shape" if profile is None else "image",
                severity="warning",
                value=across,
                threshold=_STRAIGHT_DEG,
                unit="°",
                probability=0.4 if profile is None else 0.55,
                impact_um=float(course.below_um[one] + course.below_um[other]),
                why=f"Two branches leave within {along_um:.1f} µm, {across:.0f}° apart, across a "
                "branch that goes straight on: another neurite may pass here.",
            )
        )
    return findings


def _side_pairs(course: Course, thresholds: Thresholds) -> Iterator[tuple[int, int, int, float]]:
    """Yield (first fork, first node of two side branches, cable between their forks).

    A side branch is one that has less below it than another branch of its fork.
    """
    firsts = course.rows[course.bounds[:-1]]
    usable = (course.n_children[course.heads] > 1) & (course.tree.types[course.heads] != SOMA)
    is_side = usable & (_largest_children(course)[course.heads] != firsts)
    sides = zip(course.heads[is_side].tolist(), firsts[is_side].tolist(), strict=True)
    by_fork: dict[int, list[int]] = {}
    for fork, first in sides:
        own = by_fork.setdefault(fork, [])
        if len(own) < MOST_BRANCHES:
            own.append(first)
    for fork, own in by_fork.items():
        for k, one in enumerate(own):
            for other in own[k + 1 :]:
                yield fork, one, other, 0.0
        upper = int(course.heads[course.section[fork]]) if course.section[fork] >= 0 else fork
        gap = float(course.root_um[fork] - course.root_um[upper])
        if upper != fork and gap <= thresholds.cluster_um:
            for one in by_fork.get(upper, ()):
                for other in own:
                    if course.section[fork] != course.section[one]:
                        yield upper, one, other, gap


def _largest_children(course: Course) -> NDArray[np.int64]:
    """Return the child with the most cable below each node, ``(node,)``; -1 for tips."""
    largest = np.full(len(course.tree), NO_PARENT)
    rows = np.flatnonzero(course.is_edge)
    rows = rows[np.argsort(course.below_um[rows], kind="stable")]
    largest[course.parents[rows]] = rows
    return largest


def _crossing_angles(
    course: Course,
    rows: tuple[int, int, int],
    inner: NDArray[np.int64],
    outer: NDArray[np.int64],
    largest: NDArray[np.int64],
) -> tuple[float, float]:
    """Return how straight the branch goes through, and how straight the two sides lie; 180 is.

    ``rows`` are the fork and the first nodes of the sides; ``inner`` and ``outer`` the ends of the
    chords of all nodes.
    """
    points = course.tree.points
    fork, *firsts = rows
    heads = course.parents[firsts]
    sides = points[outer[firsts]] - points[heads]
    across = float(angles_deg(sides[0], sides[1]))
    if course.tree.parents[fork] == NO_PARENT:
        return 0.0, across
    last = int(heads[1])
    behind = points[inner[fork]] - points[fork]
    ahead = points[outer[largest[last]]] - points[last]
    return float(angles_deg(behind, ahead)), across


def _is_alike(
    course: Course, profile: Profile, one: int, other: int, thresholds: Thresholds
) -> bool:
    signal = np.maximum(np.nan_to_num(profile.signal), profile.noise)
    levels = []
    for first in (one, other):
        section = course.section[first]
        rows = course.rows[course.bounds[section] : course.bounds[section + 1]]
        near = course.root_um[rows] - course.root_um[rows[0]] <= 3 * thresholds.reach_um
        levels.append(float(np.median(signal[rows[near]])))
    return abs(float(np.log(levels[0] / levels[1]))) <= thresholds.crossing_match
