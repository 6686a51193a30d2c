"""Which points of which contours a network learns from, and which cases are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator_recipes.contour_patches import N_ACROSS, N_ALONG, PatchCutter, PatchPlan, points_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import ContourLesson, Progress

    Floats = NDArray[np.float32]
    Rows = NDArray[np.int64]

LEAST_CASES = 6
_LEAST_WRONG_CASES = 4
_HELD_OUT = 0.2
_MOST_EACH = 400
"""Points of a contour that are learned from at the most: neighbours are much alike."""
_MOST_POINTS = 12_000
_MOST_JUDGED = 3_000
_REACH = 2.0
_LEAST_REACH_VOX, _MOST_REACH_VOX = 8.0, 64.0
_SAMPLES_TO_TOLERANCE = 3.0
_TOLERATED_VOX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointSet:
    """Points to learn from: what a network sees of each, and what is true of it.

    ``way`` is 0 where right, 1 where too far out, 2 where too far in, ``(row,)`` int64;
    ``deviation`` is in units of the reach, at most 1 either way.
    """

    patches: Floats
    facts: Floats
    way: Rows
    deviation: Floats


def plan_patches(lessons: Sequence[ContourLesson], tolerance_mm: float) -> PatchPlan:
    """Return patches that reach twice as far as most wrong points lie off."""
    finest = finest_mm(lessons)
    off = np.concatenate([np.abs(one.deviation_mm) for one in lessons])
    off = off[np.isfinite(off) & (off > tolerance_mm)]
    wanted = _REACH * float(np.percentile(off, 90)) if len(off) else 0.0
    return PatchPlan(
        reach_mm=float(np.clip(wanted, _LEAST_REACH_VOX * finest, _MOST_REACH_VOX * finest)),
        finest_mm=max(finest, tolerance_mm / _SAMPLES_TO_TOLERANCE),
        is_volume=any(len(one.drawn.mask) > 1 for one in lessons),
        labels=tuple(sorted({one.drawn.label for one in lessons})),
    )


def finest_mm(lessons: Sequence[ContourLesson]) -> float:
    """Return the finest edge of a voxel, the median over contours."""
    edges = [min(one.drawn.spacing_mm[len(one.drawn.mask) == 1 :]) for one in lessons]
    return float(np.median(edges))


def tolerated_mm(lessons: Sequence[ContourLesson], given: float) -> float:
    """Return from how far off a point counts as wrong: what was given, or two voxels for 0."""
    return given or _TOLERATED_VOX * finest_mm(lessons)


def ways_of(lesson: ContourLesson, tolerance_mm: float) -> Rows:
    """Return 0 for each right point, 1 for one too far out, 2 for one too far in, ``(point,)``."""
    off = lesson.deviation_mm
    return np.where(off > tolerance_mm, 1, np.where(off < -tolerance_mm, 2, 0))


def split_lessons(
    lessons: Sequence[ContourLesson], tolerance_mm: float, random: np.random.Generator
) -> tuple[list[ContourLesson], list[ContourLesson]]:
    """Split by case into those to learn from and those held out.

    Both parts hold something wrong. Raises AnnotatorError where there are too few cases.
    """
    wrong = {one.drawn.name for one in lessons if ways_of(one, tolerance_mm).any()}
    names = sorted({one.drawn.name for one in lessons})
    if len(names) < LEAST_CASES:
        raise AnnotatorError(
            f"contour errors are learned from {LEAST_CASES} signed-off cases or more; "
            f"there {'is' if len(names) == 1 else 'are'} {len(names)}"
        )
    if len(wrong) < _LEAST_WRONG_CASES:
        raise AnnotatorError(
            f"in {len(wrong)} of {len(names)} signed-off cases a reading is off by more than "
            f"{tolerance_mm:.3g} mm; {_LEAST_WRONG_CASES} are needed to learn what errors look "
            "like (a smaller tolerance_mm takes more of them for errors)"
        )
    with_errors = random.permutation(sorted(wrong)).tolist()
    without = random.permutation([name for name in names if name not in wrong]).tolist()
    n_held_out = max(2, round(_HELD_OUT * len(with_errors)))
    held_out = {*with_errors[:n_held_out], *without[: round(_HELD_OUT * len(without))]}
    learn = [one for one in lessons if one.drawn.name not in held_out]
    return learn, [one for one in lessons if one.drawn.name in held_out]


def gather_points(
    lessons: Sequence[ContourLesson],
    plan: PatchPlan,
    tolerance_mm: float,
    random: np.random.Generator,
    progress: Progress,
    *,
    is_judged: bool,
) -> PointSet:
    """Return points of all contours, as many wrong ones as right ones where there are enough."""
    most = _MOST_JUDGED if is_judged else _MOST_POINTS
    each = min(_MOST_EACH, -(-most // len(lessons)))
    chosen = [_choose(ways_of(one, tolerance_mm), each, random) for one in lessons]
    n_rows = sum(len(rows) for rows in chosen)
    patches = np.empty((n_rows, plan.n_channels, N_ACROSS, N_ALONG), np.float32)
    facts = np.empty((n_rows, plan.n_facts), np.float32)
    done = 0
    for number, (lesson, rows) in enumerate(zip(lessons, chosen, strict=True)):
        progress(number / len(lessons), f"looking at contours of {lesson.drawn.name}")
        here = slice(done, done + len(rows))
        cutter = PatchCutter(lesson.drawn, points_of(lesson.drawn), plan)
        patches[here], facts[here] = cutter.cut(rows)
        done += len(rows)
    off = [one.deviation_mm[rows] for one, rows in zip(lessons, chosen, strict=True)]
    ways = [ways_of(one, tolerance_mm)[rows] for one, rows in zip(lessons, chosen, strict=True)]
    return PointSet(
        patches=patches,
        facts=facts,
        way=np.concatenate(ways),
        deviation=np.clip(np.concatenate(off) / plan.reach_mm, -1.0, 1.0).astype(np.float32),
    )


def _choose(ways: Rows, most: int, random: np.random.Generator) -> Rows:
    """Return points, half of them wrong as far as there are any."""
    wrong = random.permutation(np.flatnonzero(ways))[: most // 2]
    right = random.permutation(np.flatnonzero(ways == 0))[: most - len(wrong)]
    return np.sort(np.concatenate([wrong, right]))
