"""How far the raters of a project agree on marks, gathered over cases."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.analysis.agreement_icc import intraclass
from annotator.analysis.bland_altman import bland_altman
from annotator.analysis.mark_agreement import WITHIN, landmark_agreement, shares_within
from annotator.analysis.mark_groups import MarkKey, by_key, groups_of, pairs_of
from annotator.analysis.mark_matching import Found
from annotator.domain.marks import MATCH_LIMIT
from annotator.drawing.measures import angle_degrees, area_mm2, length_mm
from annotator.jobs.agreement_means import mean_over_cases
from annotator.jobs.mark_facts import (
    IMAGE,
    LPS,
    LandmarkPoint,
    LandmarkRater,
    LandmarkRow,
    MarkAgreement,
    MarkPair,
    MarkRow,
)
from annotator.jobs.mark_scale import scale_of_marks
from annotator.jobs.readings import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.domain.marks import Mark, MarkKind
    from annotator.domain.reading import Annotation
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.jobs.mark_facts import Unit
    from annotator.jobs.mark_scale import MarkScale
    from annotator.store import Store

SIZES: dict[MarkKind, Literal["length", "angle", "area"]] = {
    "line": "length",
    "angle": "angle",
    "area": "area",
}
"""Kinds of marks that have a size to be compared, and what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedCase:
    """What the readings of one case marked, by rater: also those who marked nothing."""

    case_id: str
    scale: MarkScale
    marks: Mapping[str, Mapping[MarkKey, tuple[Mark, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PairCase:
    """Two raters on marks of one key in one case; of what was matched: comparison and sizes."""

    rater_a: str
    rater_b: str
    found: Found
    compared: tuple[float, ...]
    sizes: tuple[tuple[float, float], ...]


def agree_on_marks(
    store: Store,
    annotations: Sequence[Annotation],
    order: Sequence[str],
    pooled: frozenset[str],
    *,
    limit: float = MATCH_LIMIT,
) -> MarkAgreement:
    """Compare the marks of readings; ``order`` names the raters, ``pooled`` those who count.

    Means and consensus are over the pooled raters; the others stand in the rows of raters and
    pairs. ``limit``, in mm (pixels without a scale), is how far apart marks without a name in the
    schema may lie to be taken for the same.
    """
    cases = marked_cases(store, annotations)
    if not cases:
        return MarkAgreement()
    schema = store.project().schema
    units = sorted({case.scale.unit for case in cases})
    keys = sorted(
        {key for case in cases for own in case.marks.values() for key in own},
        key=lambda key: (key.kind, key.name, key.label),
    )
    landmarks, matched = [], []
    for key, unit in itertools.product(keys, units):
        own = [case for case in cases if case.scale.unit == unit and _has(case, key)]
        if own and key.kind == "landmark":
            landmarks.append(_landmark_row(key.name, own, unit, schema, order, pooled))
        elif own:
            row = _mark_row(key, own, unit, schema, order, pooled, limit)
            matched.append(row)
    wanted = [landmark.key for landmark in schema.landmarks]
    landmarks.sort(key=lambda row: wanted.index(row.name) if row.name in wanted else len(wanted))
    return MarkAgreement(
        landmarks=tuple(landmarks), matched=tuple(matched), limit=limit, within=WITHIN
    )


def compare_marks(
    store: Store, cases: Sequence[Case], *, include_models: bool, limit: float = MATCH_LIMIT
) -> MarkAgreement:
    """Compare the marks of cases that have two readings of all of them or more.

    Where fewer than two people read, models count as raters.
    """
    partial = {(entry.case_id, entry.rater_id) for entry in store.partial_readers()}
    readings = [
        [
            entry
            for entry in counted(store, case.case_id, include_models=include_models)
            if (case.case_id, entry.rater_id) not in partial
        ]
        for case in cases
    ]
    annotations = [entry for given in readings if len(given) >= 2 for entry in given]
    readers = {entry.rater_id for entry in annotations}
    raters = [rater for rater in store.raters() if rater.rater_id in readers]
    people = [rater.rater_id for rater in raters if not rater.is_model]
    order = [rater.rater_id for rater in raters]
    pooled = frozenset(people if len(people) >= 2 else order)
    return agree_on_marks(store, annotations, order, pooled, limit=limit)


def marked_cases(store: Store, annotations: Sequence[Annotation]) -> tuple[MarkedCase, ...]:
    """Return the cases of readings in which any of them has a mark."""
    marks = store.annotation_marks([entry.annotation_id for entry in annotations])
    found: dict[str, list[Annotation]] = {}
    for entry in annotations:
        found.setdefault(entry.case_id, []).append(entry)
    return tuple(
        MarkedCase(
            case_id=case_id,
            scale=scale_of_marks(store.series(store.case(case_id).series_ids[0])),
            marks={
                entry.rater_id: by_key(marks.get(entry.annotation_id, ())) for entry in readings
            },
        )
        for case_id, readings in found.items()
        if any(entry.annotation_id in marks for entry in readings)
    )


def size_of(mark: Mark, spacing: tuple[float, float, float]) -> float:
    """Return the length of a line, the angle of an angle in degrees, the area of an area."""
    if mark.kind == "line":
        return length_mm(mark.places, spacing)
    if mark.kind == "angle":
        return angle_degrees(mark.places[0], mark.places[1], mark.places[2], spacing)
    return area_mm2(mark.places, spacing)


def _concerns(
    rater_id: str, key: MarkKey, cases: Sequence[MarkedCase], pooled: frozenset[str]
) -> bool:
    """Whether a rater could have set such a mark: models that never do are not made for it."""
    return rater_id in pooled or any(key in case.marks.get(rater_id, {}) for case in cases)


def _has(case: MarkedCase, key: MarkKey) -> bool:
    return any(key in own for own in case.marks.values())


def _landmark_row(
    name: str,
    cases: Sequence[MarkedCase],
    unit: Unit,
    schema: LabelSchema,
    order: Sequence[str],
    pooled: frozenset[str],
) -> LandmarkRow:
    key = MarkKey(kind="landmark", name=name, label=0)
    positions = np.full((len(cases), len(order), 3), np.nan)
    was_read = np.zeros((len(cases), len(order)), np.bool_)
    for row, case in enumerate(cases):
        for column, rater_id in enumerate(order):
            was_read[row, column] = rater_id in case.marks
            for mark in case.marks.get(rater_id, {}).get(key, ()):
                positions[row, column] = case.scale.position(mark.places[0])
    is_pooled = np.array([rater_id in pooled for rater_id in order], np.bool_)
    found = landmark_agreement(positions, was_read, is_pooled)
    landmark = schema.landmark(name)
    distances = np.array(
        [one.distances for one, counts in zip(found.raters, is_pooled, strict=True) if counts]
    )
    return LandmarkRow(
        name=name,
        title=landmark.title if landmark else name,
        unit=unit,
        axes=LPS if unit == "mm" else IMAGE,
        n_cases=found.n_cases,
        n_read=found.n_read,
        n_missing=found.n_missing,
        distance=mean_over_cases(
            float(apart.mean()) if len(apart) else None for apart in found.pair_distances
        ),
        spread=found.pairs,
        to_consensus=mean_over_cases(_known_mean(row) for row in found.to_consensus),
        within=shares_within(distances),
        icc=found.icc,
        raters=tuple(
            LandmarkRater(
                rater_id=rater_id,
                n_read=one.n_read,
                n_missing=one.n_missing,
                distance=mean_over_cases(_or_none(value) for value in one.distances),
                within=shares_within(one.distances),
                offset=one.offset,
            )
            for rater_id, one in zip(order, found.raters, strict=True)
            if one.n_read and _concerns(rater_id, key, cases, pooled)
        ),
        points=tuple(
            LandmarkPoint(case_id=case.case_id, rater_id=rater_id, distance=float(value))
            for case, row in zip(cases, found.to_consensus, strict=True)
            for rater_id, value in zip(order, row, strict=True)
            if np.isfinite(value)
        ),
    )


def _mark_row(
    key: MarkKey,
    cases: Sequence[MarkedCase],
    unit: Unit,
    schema: LabelSchema,
    order: Sequence[str],
    pooled: frozenset[str],
    limit: float,
) -> MarkRow:
    readers = [rater_id for rater_id in order if _concerns(rater_id, key, cases, pooled)]
    by_case = [_pairs_of_case(key, case, readers, limit) for case in cases]
    counted = [
        [pair for pair in pairs if {pair.rater_a, pair.rater_b} <= pooled] for pairs in by_case
    ]
    size, label = SIZES.get(key.kind), schema.label(key.label)
    return MarkRow(
        kind=key.kind,
        name=key.name,
        label=key.label,
        label_name=label.name if label else "",
        unit=unit,
        n_cases=len(cases),
        n_marks=sum(len(own.get(key, ())) for case in cases for own in case.marks.values()),
        f1=mean_over_cases(
            _known_mean(np.array([pair.found.f1 for pair in pairs], np.float64))
            for pairs in counted
        ),
        compared=mean_over_cases(
            _known_mean(np.array([value for pair in pairs for value in pair.compared]))
            for pairs in counted
        ),
        size=size,
        icc=None if size is None else intraclass(_sizes(key, cases, order, pooled, limit)),
        pairs=_pair_rows([pair for pairs in by_case for pair in pairs], order),
    )


def _pairs_of_case(
    key: MarkKey, case: MarkedCase, readers: Sequence[str], limit: float
) -> list[_PairCase]:
    readers = [rater_id for rater_id in readers if rater_id in case.marks]
    spacing = case.scale.spacing
    found = []
    for rater_a, rater_b in itertools.combinations(readers, 2):
        first, second = (case.marks[rater_id].get(key, ()) for rater_id in (rater_a, rater_b))
        if not first and not second:
            continue
        pairs = pairs_of(key.kind, first, second, spacing, limit)
        sizes = [
            (size_of(first[one], spacing), size_of(second[other], spacing))
            for one, other, _ in pairs
            if key.kind in SIZES
        ]
        found.append(
            _PairCase(
                rater_a=rater_a,
                rater_b=rater_b,
                found=Found(n_first=len(first), n_second=len(second), n_matched=len(pairs)),
                compared=tuple(value for _, _, value in pairs),
                sizes=tuple(sizes),
            )
        )
    return found


def _pair_rows(pairs: Sequence[_PairCase], order: Sequence[str]) -> tuple[MarkPair, ...]:
    rows = []
    for rater_a, rater_b in itertools.combinations(order, 2):
        own = [pair for pair in pairs if (pair.rater_a, pair.rater_b) == (rater_a, rater_b)]
        if not own:
            continue
        found = Found(
            n_first=sum(pair.found.n_first for pair in own),
            n_second=sum(pair.found.n_second for pair in own),
            n_matched=sum(pair.found.n_matched for pair in own),
        )
        sizes = np.array([size for pair in own for size in pair.sizes], np.float64).reshape(-1, 2)
        rows.append(
            MarkPair(
                rater_a=rater_a,
                rater_b=rater_b,
                n_cases=len(own),
                n_a=found.n_first,
                n_b=found.n_second,
                n_matched=found.n_matched,
                precision=found.precision,
                recall=found.recall,
                f1=found.f1,
                compared=_known_mean(np.array([v for pair in own for v in pair.compared])),
                difference=bland_altman(sizes[:, 0], sizes[:, 1]),
            )
        )
    return tuple(rows)


def _sizes(
    key: MarkKey,
    cases: Sequence[MarkedCase],
    order: Sequence[str],
    pooled: frozenset[str],
    limit: float,
) -> NDArray[np.float64]:
    """Return the size of each mark for each pooled rater, ``(mark, rater)``; NaN where none."""
    columns = [rater_id for rater_id in order if rater_id in pooled]
    rows = []
    for case in cases:
        spacing = case.scale.spacing
        marks = [case.marks.get(rater_id, {}).get(key, ()) for rater_id in columns]
        for group in groups_of(key.kind, marks, spacing, limit):
            row = np.full(len(columns), np.nan)
            for column, number in group.items():
                row[column] = size_of(marks[column][number], spacing)
            rows.append(row)
    return np.array(rows, np.float64).reshape(-1, len(columns))


def _known_mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
