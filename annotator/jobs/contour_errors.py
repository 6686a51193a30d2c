"""Stretches of contours that a detector holds wrong, and how they come to review."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.contour_events import find_stretches, stretch_voxels
from annotator.analysis.contour_points import contour_points
from annotator.analysis.dispute_words import describe_stretch
from annotator.analysis.runs import decode, encode
from annotator.domain.review import CheckedContours, ContourError, Finding
from annotator.jobs.case_votes import require_unreviewed
from annotator.jobs.contour_drawn import cut_out
from annotator.jobs.label_errors import region_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.contour_events import ContourStretch
    from annotator.analysis.contour_points import ContourPoints
    from annotator.api import ContourDetector, DrawnContour, JudgedContour, Progress
    from annotator.domain.fit import Fit
    from annotator.domain.geometry import Geometry
    from annotator.jobs.contour_drawn import CutOut
    from annotator.jobs.finding import Regions
    from annotator.jobs.readings import Readings
    from annotator.registry import Registry
    from annotator.store import Store

    Positions = NDArray[np.int64]

LEAST_PROBABILITY = 0.5
"""A point that is likelier right than wrong is part of no finding."""
_LEAST_POINTS = 4
_MOST_STRETCHES = 20
"""Of one contour: the rest has less at stake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stretch:
    """A stretch of the contours of one rater or more; ``position`` in the flattened grid."""

    rater_ids: tuple[str, ...]
    label: int
    found: ContourStretch
    off_mm: float
    centre: tuple[int, int, int]
    position: Positions

    @property
    def at_stake(self) -> float:
        """Its size times how likely it is wrong."""
        return self.found.probability * self.found.size_mm


def check_contours(
    store: Store,
    registry: Registry,
    fit: Fit,
    readings: Readings,
    progress: Progress,
    *,
    actor: str,
) -> CheckedContours:
    """Keep what a fit holds wrong along the contours of a case, and return it.

    Raises AnnotatorError where verdicts were given on these readings already: the places that they
    decided would become others.
    """
    case = readings.case
    require_unreviewed(store, readings)
    detector = registry.contour_detector(fit.recipe.name)
    content = store.fit_content(fit.fit_id)
    drawn = [decode(runs) for runs in readings.masks]
    around = cut_out(store, case, readings.series, drawn)
    parts = [(part, column) for part in readings.by_group() for column in range(len(drawn))]
    stretches: list[_Stretch] = []
    for number, (part, column) in enumerate(parts if around is not None else ()):

        def report(fraction: float, message: str, *, number: int = number) -> None:
            progress((number + fraction) / len(parts), message)

        if around is not None:
            mask = drawn[column] if part is readings else decode(part.masks[column])
            rater_id = readings.rater_ids[column]
            stretches += _of_reading(detector, content, around, mask, rater_id, report)
    found = CheckedContours(
        case_id=case.case_id,
        fit_id=fit.fit_id,
        findings_key=readings.findings_key,
        errors=tuple(_error(readings, one) for one in _joined(stretches)),
    )
    store.put_contour_errors(found, actor=actor)
    return found


def with_contours(
    store: Store, readings: Readings, findings: tuple[Finding, ...], regions: Regions
) -> tuple[tuple[Finding, ...], Regions]:
    """Add to the regions of a case the stretches of contour that a check holds wrong.

    Where most of a stretch lies in a region that is there, it is told of that region; else what
    is left of it becomes one. Only what was found in exactly these readings counts. ``regions``
    holds for each label group per voxel the number of its region, or 0.
    """
    checked = store.contour_errors(readings.case.case_id)
    if checked is None or checked.findings_key != readings.findings_key or not checked.errors:
        return findings, regions
    numbers: dict[str, NDArray[np.unsignedinteger]] = {}
    said: dict[int, list[str]] = {}
    found = list(findings)
    for error in checked.errors:
        position = _positions(error)
        group = readings.values.group_of(error.label)
        if group not in numbers:
            numbers[group] = region_numbers(regions, group, readings)
        flat = numbers[group].reshape(-1)
        own = flat[position]
        if 2 * int((own > 0).sum()) > len(own):
            region = int(np.bincount(own[own > 0]).argmax())
            said.setdefault(region, []).append(error.why)
            continue
        free = position[own == 0]
        flat[free] = len(found) + 1
        found.append(_finding(readings, error, free, len(found) + 1))
    told = tuple(replace(one, why="; ".join([one.why, *said.get(one.region, ())])) for one in found)
    return told, regions | {group: encode(own) for group, own in numbers.items()}


def _of_reading(
    detector: ContourDetector,
    content: bytes,
    around: CutOut,
    mask: NDArray[np.unsignedinteger],
    rater_id: str,
    progress: Progress,
) -> list[_Stretch]:
    found = []
    for drawn in around.contours(mask):
        judged = detector.judge(content, drawn, progress)
        points = contour_points(drawn.mask == drawn.label, drawn.spacing_mm)
        stretches = find_stretches(
            points,
            judged.too_far_out,
            judged.too_far_in,
            least=LEAST_PROBABILITY,
            least_points=_LEAST_POINTS,
        )
        found += [
            _placed(around, drawn, points, judged, one, rater_id)
            for one in stretches[:_MOST_STRETCHES]
        ]
    return [one for one in found if len(one.position)]


def _placed(
    around: CutOut,
    drawn: DrawnContour,
    points: ContourPoints,
    judged: JudgedContour,
    stretch: ContourStretch,
    rater_id: str,
) -> _Stretch:
    """Return a stretch in the grid of the case, with the voxels that it takes wrongly."""
    own = drawn.mask == drawn.label
    inside = stretch_voxels(points, stretch, judged.deviation_mm, own)
    index = np.stack(np.unravel_index(inside, own.shape), axis=1) + around.start
    z, y, x = (points.inner[stretch.centre] + around.start).tolist()
    return _Stretch(
        rater_ids=(rater_id,),
        label=drawn.label,
        found=stretch,
        off_mm=float(np.abs(judged.deviation_mm[stretch.rows]).mean()),
        centre=(z, y, x),
        position=np.ravel_multi_index(tuple(index.T), around.shape).astype(np.int64),
    )


def _joined(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """Return stretches, those of several raters at one place as one, most at stake first."""
    joined: list[_Stretch] = []
    for one in sorted(stretches, key=lambda each: -each.at_stake):
        for number, other in enumerate(joined):
            is_alike = (one.label, one.found.direction) == (other.label, other.found.direction)
            if is_alike and set(one.rater_ids).isdisjoint(other.rater_ids):
                both = np.intersect1d(one.position, other.position, assume_unique=True)
                if 2 * len(both) > len(one.position):
                    joined[number] = replace(other, rater_ids=other.rater_ids + one.rater_ids)
                    break
        else:
            joined.append(one)
    return joined


def _error(readings: Readings, stretch: _Stretch) -> ContourError:
    position = stretch.position
    starts = np.flatnonzero(np.diff(position, prepend=-2) != 1)
    lengths = np.diff(np.append(starts, len(position)))
    everybody = len(stretch.rater_ids) == len(readings.rater_ids) > 1
    names = sorted(readings.raters[rater_id].name for rater_id in stretch.rater_ids)
    return ContourError(
        rater_ids=tuple(sorted(stretch.rater_ids)),
        label=stretch.label,
        direction=stretch.found.direction,
        probability=round(stretch.found.probability, 4),
        off_mm=round(stretch.off_mm, 3),
        size_mm=round(stretch.found.size_mm, 3),
        centre=stretch.centre,
        runs=tuple(zip(position[starts].tolist(), lengths.tolist(), strict=True)),
        why=describe_stretch(
            who="all raters" if everybody else " and ".join(names),
            label=stretch.label,
            direction=stretch.found.direction,
            off_mm=stretch.off_mm,
            size_mm=stretch.found.size_mm,
            probability=stretch.found.probability,
            geometry=readings.series.geometry,
            schema=readings.schema,
        ),
    )


def _positions(error: ContourError) -> Positions:
    return np.concatenate([np.arange(start, start + size) for start, size in error.runs])


def _finding(readings: Readings, error: ContourError, position: Positions, number: int) -> Finding:
    geometry = readings.series.geometry
    index = np.stack(np.unravel_index(position, geometry.shape), axis=1)
    low, high = index.min(axis=0).tolist(), (index.max(axis=0) + 1).tolist()
    is_drawn = error.direction == "out"
    return Finding(
        case_id=readings.case.case_id,
        region=number,
        label=error.label,
        kind="contour",
        score=error.probability,
        size_mm3=len(position) * geometry.voxel_mm3,
        box=((low[0], low[1], low[2]), (high[0], high[1], high[2])),
        centre=_nearest(index, error.centre, geometry),
        raters_for=error.rater_ids if is_drawn else (),
        raters_against=() if is_drawn else error.rater_ids,
        mean_entropy=0.0,
        max_distance_mm=error.off_mm,
        why=error.why,
    )


def _nearest(
    index: NDArray[np.int64], centre: tuple[int, int, int], geometry: Geometry
) -> tuple[int, int, int]:
    """Return the voxel nearest the middle of the stretch."""
    off_mm = (index - centre) * np.asarray(geometry.spacing_mm)
    z, y, x = index[int((off_mm**2).sum(axis=1).argmin())].tolist()
    return z, y, x
