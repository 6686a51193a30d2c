"""A tracing against its image along the path: darkness, dips, distance from the middle, radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import finding_at, group_events, odds
from annotator.analysis.tracing.tree import SOMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.profile import Profile
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.domain.tracing import TraceFinding

_DIP_WINDOW_UM = 25.0
_BRIDGE = 1
_NEAR_DARK = 2.0


def check_darkness(course: Course, profile: Profile, thresholds: Thresholds) -> list[TraceFinding]:
    """Return stretches as dark as what is around them: nothing is seen where a branch is traced."""
    findings = []
    for event in _dark_events(course, profile, thresholds):
        length_um = float(course.lengths[event].sum())
        contrast = float(np.nanmedian(profile.contrast[event]))
        findings.append(
            finding_at(
                course,
                event,
                check="dark-path",
                source="image",
                severity="warning",
                value=contrast,
                threshold=thresholds.min_contrast,
                unit="noise",
                probability=odds(length_um, thresholds.dark_um, base=0.85),
                why=f"Along {length_um:.0f} µm the path is {contrast:.1f} times the noise brighter "
                f"than its surroundings{_of(profile)}; {thresholds.min_contrast:g} times would be "
                "seen.",
            )
        )
    return findings


def _dark_events(
    course: Course, profile: Profile, thresholds: Thresholds
) -> list[NDArray[np.int64]]:
    dark = _dark_nodes(course, profile, thresholds)
    events = group_events(course, dark, bridge=_BRIDGE)
    return [rows for rows in events if course.lengths[rows].sum() >= thresholds.dark_um]


def _of(profile: Profile) -> str:
    return " in the projection" if profile.is_flat else ""


def _dark_nodes(course: Course, profile: Profile, thresholds: Thresholds) -> NDArray[np.bool_]:
    contrast = smooth_along(course, profile.contrast)
    dark = np.nan_to_num(contrast, nan=np.inf) < thresholds.min_contrast
    dark &= ~_beside_nodes(course, profile, thresholds)
    return np.asarray(dark & (course.section >= 0) & (course.tree.types != SOMA))


def _beside_limit_um(
    course: Course, profile: Profile, thresholds: Thresholds
) -> NDArray[np.float64]:
    radii = np.maximum(np.nan_to_num(profile.radii), np.nan_to_num(course.tree.radii))
    return np.maximum(thresholds.offset_um, thresholds.offset_radii * radii)


def _beside_nodes(course: Course, profile: Profile, thresholds: Thresholds) -> NDArray[np.bool_]:
    """Return nodes that have something bright beside them, too far to be on it."""
    limit = _beside_limit_um(course, profile, thresholds)
    beside = np.linalg.norm(profile.offsets, axis=1) > limit
    above = np.nan_to_num((profile.middle - profile.background) / profile.noise)
    beside &= above >= thresholds.min_contrast
    return np.asarray(beside & (course.section >= 0) & (course.tree.types != SOMA))


def smooth_along(course: Course, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each node, its parent and its only child."""
    child = np.arange(len(values))
    only = np.flatnonzero((course.section >= 0) & (course.n_children[course.parents] == 1))
    child[course.parents[only]] = only
    stack = np.stack([values[course.parents], values, values[child]])
    middle: NDArray[np.float64] = np.median(np.nan_to_num(stack, nan=np.inf), axis=0)
    return middle


def check_dips(course: Course, profile: Profile, thresholds: Thresholds) -> list[TraceFinding]:
    """Return valleys of brightness between two brighter places of one branch.

    The value is the depth of the valley as a share of the lower of the two places, above the
    background. Stretches that are dark by themselves, or beside the neurite, are not told again.
    """
    depth = measure_dips(course, profile)
    deep = (depth >= thresholds.dip) & (course.tree.types != SOMA)
    # Neurites are beaded: only a valley that comes near the background may part two of them.
    deep &= smooth_along(course, profile.contrast) < _NEAR_DARK * thresholds.min_contrast
    dark = _beside_nodes(course, profile, thresholds)
    for event in _dark_events(course, profile, thresholds):
        dark[event] = True
    findings = []
    for event in group_events(course, deep, bridge=_BRIDGE):
        if dark[event].mean() > 0.5:
            continue
        deepest = int(event[np.argmax(depth[event])])
        findings.append(
            finding_at(
                course,
                event,
                check="brightness-dip",
                source="image",
                severity="hint",
                value=float(depth[deepest]),
                threshold=thresholds.dip,
                unit="",
                probability=0.4 * odds(float(depth[deepest]), thresholds.dip, base=0.8),
                why=f"Brightness falls by {100 * depth[deepest]:.0f} % between two brighter places "
                f"of the branch{_of(profile)}: two neurites may have been joined.",
            )
        )
    return findings


def measure_dips(course: Course, profile: Profile) -> NDArray[np.float64]:
    """Return how deep a valley of brightness each node lies in, ``(node,)``, 0 to 1."""
    signal = smooth_along(course, np.nan_to_num(profile.signal, nan=0.0))
    depth = np.zeros(len(signal))
    for section in range(course.n_sections):
        rows = course.section_rows(section)
        if len(rows) >= 5:
            depth[rows] = np.maximum(
                depth[rows], _valley_depths(signal[rows], course.root_um[rows])
            )
    return depth


def _valley_depths(signal: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each place lies below the lower of the highest places on its two sides."""
    left = np.searchsorted(along, along - _DIP_WINDOW_UM)
    right = np.searchsorted(along, along + _DIP_WINDOW_UM, side="right")
    width = int((right - left).max())
    at = np.arange(len(signal))
    steps = np.arange(1, width + 1)[:, None]
    before = np.where(at - steps >= left, signal[np.maximum(at - steps, 0)], -np.inf)
    after = np.where(at + steps < right, signal[np.minimum(at + steps, len(signal) - 1)], -np.inf)
    lower = np.minimum(before.max(axis=0), after.max(axis=0))
    found: NDArray[np.float64] = np.where(
        lower > 0, (lower - signal) / np.where(lower > 0, lower, 1.0), 0.0
    )
    return np.clip(found, 0.0, 1.0)


def check_middle(course: Course, profile: Profile, thresholds: Thresholds) -> list[TraceFinding]:
    """Return stretches that run beside the middle of what is bright."""
    limit = _beside_limit_um(course, profile, thresholds)
    distance = np.linalg.norm(profile.offsets, axis=1)
    beside = _beside_nodes(course, profile, thresholds)
    findings = []
    for event in group_events(course, beside, bridge=_BRIDGE):
        length_um = float(course.lengths[event].sum())
        if length_um < thresholds.offset_along_um:
            continue
        typical = float(np.median(distance[event]))
        findings.append(
            finding_at(
                course,
                event,
                check="off-middle",
                source="image",
                severity="warning",
                value=typical,
                threshold=float(np.median(limit[event])),
                unit="µm",
                probability=odds(typical, float(np.median(limit[event])), base=0.8),
                impact_um=length_um,
                why=f"Over {length_um:.0f} µm the path runs {typical:.1f} µm beside the middle of "
                f"the neurite{_of(profile)}.",
            )
        )
    return findings


def check_radius(course: Course, profile: Profile, thresholds: Thresholds) -> list[TraceFinding]:
    """Return stretches whose radius is not what the image shows.

    Not asked where every radius is the same: `constant-radii` says so once.
    """
    change = measure_radius_changes(course, profile, thresholds)
    findings = []
    for sign, word in ((1.0, "thick"), (-1.0, "thin")):
        wrong = sign * change >= np.log(thresholds.radius_ratio)
        for event in group_events(course, wrong, bridge=_BRIDGE):
            length_um = float(course.lengths[event].sum())
            if length_um < thresholds.radius_along_um:
                continue
            ratio = float(np.exp(np.median(np.abs(change[event]))))
            findings.append(
                finding_at(
                    course,
                    event,
                    check="wrong-radius",
                    source="image",
                    severity="hint",
                    value=ratio,
                    threshold=thresholds.radius_ratio,
                    unit="×",
                    probability=odds(ratio, thresholds.radius_ratio, base=0.6),
                    impact_um=length_um,
                    why=f"Over {length_um:.0f} µm the tracing is {ratio:.1f} times as {word} as "
                    f"the image shows{_of(profile)}, beside what is usual in this tree.",
                )
            )
    return findings


def measure_radius_changes(
    course: Course, profile: Profile, thresholds: Thresholds
) -> NDArray[np.float64]:
    """Return the logarithm of traced by measured radius, ``(node,)``, less the tree's median.

    Tracers measure at different levels of the flank: only what differs from the rest is wrong. 0
    where nothing is known, and everywhere in a tree with one radius.
    """
    tree = course.tree
    usable = (course.section >= 0) & (tree.types != SOMA) & (tree.radii > 0)
    usable &= np.isfinite(profile.radii) & (profile.contrast >= thresholds.min_contrast)
    change = np.zeros(len(tree))
    if not usable.any() or np.ptp(tree.radii[usable]) == 0:
        return change
    change[usable] = np.log(tree.radii[usable] / profile.radii[usable])
    usual = float(np.median(change[usable]))
    return np.where(usable, smooth_along(course, change - usual), 0.0)
