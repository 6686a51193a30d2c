"""Thresholds from tracings that are trusted: what is usual in them is not reported elsewhere.

Each limit becomes the quantile of what the trusted trees show, so that about one in a hundred of
their own branches or forks would be reported. SNT's Curation Assistant calibrates by percentiles of
reference tracings too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.image_path import (
    measure_dips,
    measure_radius_changes,
    smooth_along,
)
from annotator.analysis.tracing.profile import measure_profile
from annotator.analysis.tracing.shape_sizes import is_terminal, joins_forks, measure_fork_radius
from annotator.analysis.tracing.shape_turns import (
    branch_pairs,
    fork_branches,
    measure_contraction,
    measure_reversals,
    measure_turns,
)
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS, Thresholds, unit_of
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.profile import Profile
    from annotator.analysis.tracing.tree import Tree
    from annotator.analysis.tracing.volume import ImageLike

MIN_MEASURES = 20
"""Fewer branches or forks say too little: the threshold stays as it is."""
_WIDEST = 5.0
"""A threshold moves to a fifth or five times of what it was at most."""
_FLAGGED_BELOW = frozenset(
    {"min_branch_deg", "from_reversal_deg", "min_tip_um", "min_forks_um", "min_contrast"}
)
_MOST = {"turn_deg": 175.0, "max_branch_deg": 178.0, "contraction_gap": 0.95, "dip": 0.97}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A threshold, what it was and became, and of how many places, with the reason in words."""

    name: str
    before: float
    after: float
    n_measures: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Thresholds for tracings like the trusted ones, and what was changed or left, and why."""

    thresholds: Thresholds
    changes: tuple[Change, ...]


def calibrate(
    trees: Sequence[Tree],
    images: Sequence[ImageLike | None] = (),
    *,
    quantile: float = 0.99,
    start: Thresholds = DEFAULT_THRESHOLDS,
) -> Calibration:
    """Return thresholds at which about ``1 - quantile`` of the trusted trees is reported.

    Parameters
    ----------
    trees : sequence of Tree
        Trusted tracings, at least one.
    images : sequence of ImageLike or None
        The image of each tree; empty where there are none. Thresholds of checks with an image stay
        as they are without one.
    quantile : float
        Share of branches, forks or tips that is to pass, 0.5 to 1.
    start : Thresholds
        What is changed.

    Raises
    ------
    AnnotatorError
        No tree is given, another number of images than of trees, or an impossible quantile.
    """
    if not trees:
        raise AnnotatorError("no tracing to calibrate from: give at least one that is trusted.")
    if images and len(images) != len(trees):
        raise AnnotatorError(
            f"{len(images)} images for {len(trees)} tracings: give one for each, or none."
        )
    if not 0.5 <= quantile < 1:
        raise AnnotatorError(f"the quantile is {quantile}; it must be from 0.5 to below 1.")
    measured: dict[str, list[NDArray[np.float64]]] = {}
    for tree, image in zip(trees, images or [None] * len(trees), strict=True):
        for name, values in _measure(tree, image, start).items():
            measured.setdefault(name, []).append(values[np.isfinite(values)])
    changes = tuple(
        _change(name, np.concatenate(parts), quantile, start, len(trees))
        for name, parts in measured.items()
    )
    return Calibration(
        thresholds=replace(start, **{change.name: change.after for change in changes}),
        changes=changes,
    )


def _change(
    name: str, values: NDArray[np.float64], quantile: float, start: Thresholds, n_trees: int
) -> Change:
    before = float(getattr(start, name))
    unit = unit_of(name)
    if len(values) < MIN_MEASURES:
        why = f"left as it is: only {len(values)} places show it, {MIN_MEASURES} are needed"
        return Change(name=name, before=before, after=before, n_measures=len(values), why=why)
    is_below = name in _FLAGGED_BELOW
    found = float(np.quantile(values, 1 - quantile if is_below else quantile))
    after = float(np.clip(found, before / _WIDEST, min(before * _WIDEST, _MOST.get(name, np.inf))))
    after = float(f"{after:.4g}")
    word = "above" if is_below else "below"
    why = f"{100 * quantile:g} % of {len(values)} in {n_trees} trees lie {word} {found:.3g}"
    if not np.isclose(after, found, rtol=1e-3):
        why += f"; held at {after:g}"
    why += f" {unit}".rstrip()
    return Change(name=name, before=before, after=after, n_measures=len(values), why=why)


def _measure(
    tree: Tree, image: ImageLike | None, start: Thresholds
) -> Mapping[str, NDArray[np.float64]]:
    """Return what a tree shows of each threshold: a value a branch, a fork or a tip."""
    course = trace_course(tree)
    if not course.n_sections:
        return {}
    firsts, heads, outward = fork_branches(tree, course, start.reach_um)
    pairs = np.array(
        [angle for *_, angle in branch_pairs(tree, course, firsts, heads, outward)], np.float64
    )
    cable = course.section_um()
    shown = {
        "turn_deg": _per_section(course, measure_turns(tree, course, start.reach_um), np.fmax),
        "min_branch_deg": pairs,
        "max_branch_deg": pairs,
        "from_reversal_deg": measure_reversals(tree, course, heads, outward, start.reach_um),
        "fork_radius_ratio": measure_fork_radius(tree, course),
        "min_tip_um": cable[is_terminal(tree, course)],
        "min_forks_um": cable[joins_forks(tree, course)],
        "contraction_gap": measure_contraction(tree, course)[1],
    }
    if image is not None:
        profile = measure_profile(course, image, start.reach_um)
        shown.update(_measure_image(course, profile, start))
    return shown


def _measure_image(
    course: Course, profile: Profile, start: Thresholds
) -> Mapping[str, NDArray[np.float64]]:
    contrast = smooth_along(course, profile.contrast)
    contrast = np.where(np.isfinite(profile.contrast), contrast, np.nan)
    change = np.exp(np.abs(measure_radius_changes(course, profile, start)))
    return {
        "min_contrast": _dim_parts(course, contrast),
        "dip": _per_section(course, measure_dips(course, profile), np.fmax),
        "offset_um": np.linalg.norm(profile.offsets, axis=1)[course.section >= 0],
        "radius_ratio": change[change > 1],
    }


def _per_section(
    course: Course, values: NDArray[np.float64], pick: np.ufunc
) -> NDArray[np.float64]:
    """Return the highest or lowest value of each section, ``(section,)``."""
    picked: NDArray[np.float64] = pick.reduceat(values[course.rows], course.bounds[:-1])
    return picked


def _dim_parts(course: Course, contrast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a low quartile of the contrast of each section: one dark node is no dark stretch."""
    sections = np.split(contrast[course.rows], course.bounds[1:-1])
    seen = [values[np.isfinite(values)] for values in sections]
    return np.array([np.quantile(values, 0.25) for values in seen if len(values)])


def describe_changes(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return a line for each threshold: what it was, what it is, and why."""
    return tuple(
        f"{change.name}: {change.before:g}"
        + (f" -> {change.after:g}" if change.after != change.before else " stays")
        + f" ({change.why})"
        for change in changes
    )
