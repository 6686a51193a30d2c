"""How far raters agree: masks pair by pair and label by label, diagnoses over all cases."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.bootstrap import Interval, bootstrap_interval
from annotator.analysis.chance import count_answers, fleiss_kappa, krippendorff_alpha
from annotator.analysis.group_votes import join_overlaps, mean_entropy_of
from annotator.analysis.overlap import measure_overlap, voxel_kappa
from annotator.analysis.surface import surface_distances
from annotator.jobs.readings import Readings, counted
from annotator.jobs.table_files import Table, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.overlap import Overlap
    from annotator.api import Progress
    from annotator.domain.reading import Annotation
    from annotator.domain.schema import DiagnosisField, LabelSchema
    from annotator.domain.study import Case
    from annotator.store import Store


_UNKNOWN = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """Two raters, by id, on one label of one case; None where a number is undefined.

    Dice and IoU are undefined where neither drew the label, distances where one did not, and in
    videos. Distances are in pixels, not mm, where the image says nothing of its spacing.
    """

    rater_a: str
    rater_b: str
    label: int
    dice: float | None
    iou: float | None
    hd95_mm: float | None
    mean_surface_mm: float | None
    hd95_px: float | None
    mean_surface_px: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAgreement:
    """All pairs of raters on one case.

    ``mean_dice`` runs over labels and pairs; ``kappa`` is Fleiss' over all voxels,
    ``mean_entropy_bits`` the votes' entropy a voxel. Where labels of several groups may share
    voxels, ``kappa`` is the mean of the groups', a voxel's entropy the largest of the groups'.
    """

    case: Case
    rater_ids: tuple[str, ...]
    pairs: tuple[PairAgreement, ...]
    mean_dice: float | None
    kappa: float | None
    mean_entropy_bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAgreement:
    """One label over all cases: the mean of each case's mean over its pairs.

    Intervals are 95 % bootstrap intervals over cases, None for fewer than two cases. Distances in
    mm are known in fewer cases, ``n_cases_hd95``, than overlaps are.
    """

    label: int
    n_cases: int
    n_cases_hd95: int
    dice: float | None
    dice_interval: Interval | None
    hd95_mm: float | None
    hd95_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisAgreement:
    """One question over all cases with two or more answers.

    ``kappa`` is Fleiss', None where the cases have different numbers of answers; ``alpha`` is
    Krippendorff's: nominal for choices, interval for numbers. Intervals as in LabelAgreement.
    """

    key: str
    title: str
    n_cases: int
    n_answers: int
    kappa: float | None
    kappa_interval: Interval | None
    alpha: float | None
    alpha_interval: Interval | None


def compare_case(readings: Readings) -> CaseAgreement:
    """Compare all pairs of readings of a case."""
    readings.require_two()
    geometry = readings.series.geometry
    parts = readings.by_group()
    overlaps = [measure_overlap(part.votes, geometry.voxel_mm3) for part in parts]
    kappas = [voxel_kappa(part.votes) for part in parts]
    pairs = [
        pair
        for part, overlap in zip(parts, overlaps, strict=True)
        for pair in _pairs(part, overlap)
    ]
    return CaseAgreement(
        case=readings.case,
        rater_ids=readings.rater_ids,
        pairs=tuple(sorted(pairs, key=lambda pair: pair.label)),
        mean_dice=join_overlaps(overlaps).mean_dice(),
        kappa=_mean([kappa for kappa in kappas if kappa is not None]),
        mean_entropy_bits=mean_entropy_of(readings.votes, readings.values),
    )


def _pairs(readings: Readings, overlap: Overlap) -> list[PairAgreement]:
    votes, geometry = readings.votes, readings.series.geometry
    # The frames of a video lie apart in time: no length leads from one to the next.
    is_video = readings.series.kind == "video"
    pairs: list[PairAgreement] = []
    for label in votes.labels[1:]:
        for distance in surface_distances(votes, label, geometry.spacing_mm):
            dice, iou = overlap.pair(label, distance.first, distance.second)
            lengths = (distance.hd95_mm, distance.mean_mm)
            in_mm = lengths if geometry.is_calibrated and not is_video else _UNKNOWN
            in_px = _UNKNOWN if geometry.is_calibrated or is_video else lengths
            pairs.append(
                PairAgreement(
                    rater_a=readings.rater_ids[distance.first],
                    rater_b=readings.rater_ids[distance.second],
                    label=label,
                    dice=dice,
                    iou=iou,
                    hd95_mm=in_mm[0],
                    mean_surface_mm=in_mm[1],
                    hd95_px=in_px[0],
                    mean_surface_px=in_px[1],
                )
            )
    return pairs


def compare_cases(
    store: Store, cases: Sequence[Case], progress: Progress, *, include_models: bool
) -> tuple[CaseAgreement, ...]:
    """Compare the readings of each case that has two or more."""
    found: list[CaseAgreement] = []
    for number, case in enumerate(cases):
        progress(number / len(cases), f"comparing {case.title}")
        readings = Readings.load(store, case.case_id, include_models=include_models)
        if len(readings.annotations) >= 2:
            found.append(compare_case(readings))
    return tuple(found)


def compare_labels(cases: Sequence[CaseAgreement]) -> tuple[LabelAgreement, ...]:
    """Return each label's agreement over cases, with bootstrap intervals."""
    dice: dict[int, list[float]] = defaultdict(list)
    hd95: dict[int, list[float]] = defaultdict(list)
    labels = sorted({pair.label for case in cases for pair in case.pairs})
    for case, label in itertools.product(cases, labels):
        own = [pair for pair in case.pairs if pair.label == label]
        overlaps = [pair.dice for pair in own if pair.dice is not None]
        distances = [pair.hd95_mm for pair in own if pair.hd95_mm is not None]
        if overlaps:
            dice[label].append(float(np.mean(overlaps)))
        if distances:
            hd95[label].append(float(np.mean(distances)))
    return tuple(
        LabelAgreement(
            label=label,
            n_cases=len(dice[label]),
            n_cases_hd95=len(hd95[label]),
            dice=_mean(dice[label]),
            dice_interval=mean_interval(dice[label]),
            hd95_mm=_mean(hd95[label]),
            hd95_interval=mean_interval(hd95[label]),
        )
        for label in labels
    )


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return a mean over cases with its 95 % bootstrap interval; None for fewer than two."""
    return bootstrap_interval(np.asarray(values, np.float64), lambda drawn: float(drawn.mean()))


def compare_diagnoses(
    annotations: Sequence[Annotation], schema: LabelSchema
) -> tuple[DiagnosisAgreement, ...]:
    """Return how far readings agree on each question of the form, over all their cases."""
    by_case: dict[str, list[Annotation]] = defaultdict(list)
    for entry in annotations:
        by_case[entry.case_id].append(entry)
    return tuple(
        _compare_answers(
            field,
            [
                [entry.diagnosis.answer(field.key) or None for entry in own]
                for own in by_case.values()
            ],
        )
        for field in schema.fields
        if field.kind != "text"
    )


def agreement_table(store: Store, cases: Sequence[Case], progress: Progress) -> Table:
    """Return every pair of readings, models' too, on every label of every case."""
    names = {rater.rater_id: rater.name for rater in store.raters()}
    schema = store.project().schema
    rows: list[dict[str, Value]] = []
    for entry in compare_cases(store, cases, progress, include_models=True):
        for pair in entry.pairs:
            label = schema.label(pair.label)
            rows.append(
                {
                    "case_id": entry.case.case_id,
                    "case": entry.case.title,
                    "label": pair.label,
                    "label_name": label.name if label else None,
                    "rater_a": names[pair.rater_a],
                    "rater_b": names[pair.rater_b],
                    "dice": pair.dice,
                    "iou": pair.iou,
                    "hd95_mm": pair.hd95_mm,
                    "mean_surface_mm": pair.mean_surface_mm,
                    "hd95_px": pair.hd95_px,
                    "mean_surface_px": pair.mean_surface_px,
                }
            )
    return Table(columns=_AGREEMENT_COLUMNS, rows=tuple(rows))


_AGREEMENT_COLUMNS = (
    "case_id", "case", "label", "label_name", "rater_a", "rater_b", "dice", "iou", "hd95_mm",
    "mean_surface_mm", "hd95_px", "mean_surface_px",
)  # fmt: skip
_DIAGNOSIS_COLUMNS = (
    "key", "title", "n_cases", "n_answers", "kappa", "kappa_low", "kappa_high", "alpha",
    "alpha_low", "alpha_high",
)  # fmt: skip


def diagnosis_table(store: Store, cases: Sequence[Case]) -> Table:
    """Return the agreement on every question of the form, one a row."""
    rows: list[dict[str, Value]] = []
    people = [
        entry for case in cases for entry in counted(store, case.case_id, include_models=False)
    ]
    for entry in compare_diagnoses(people, store.project().schema):
        rows.append(
            {
                "key": entry.key,
                "title": entry.title,
                "n_cases": entry.n_cases,
                "n_answers": entry.n_answers,
                "kappa": entry.kappa,
                "kappa_low": entry.kappa_interval.low if entry.kappa_interval else None,
                "kappa_high": entry.kappa_interval.high if entry.kappa_interval else None,
                "alpha": entry.alpha,
                "alpha_low": entry.alpha_interval.low if entry.alpha_interval else None,
                "alpha_high": entry.alpha_interval.high if entry.alpha_interval else None,
            }
        )
    return Table(columns=_DIAGNOSIS_COLUMNS, rows=tuple(rows))


def _compare_answers(
    field: DiagnosisField, answers: Sequence[Sequence[str | None]]
) -> DiagnosisAgreement:
    given = {answer for row in answers for answer in row if answer is not None}
    is_number = field.kind == "number"
    categories = sorted(given, key=float) if is_number else sorted(given)
    values = [float(category) for category in categories] if is_number else None
    counts = count_answers(answers, categories)
    counts = counts[counts.sum(axis=1) >= 2]

    def alpha(drawn: NDArray[np.int64]) -> float | None:
        return krippendorff_alpha(drawn, "interval" if is_number else "nominal", values)

    is_even = len(Counter(counts.sum(axis=1).tolist())) == 1
    return DiagnosisAgreement(
        key=field.key,
        title=field.title,
        n_cases=len(counts),
        n_answers=int(counts.sum()),
        kappa=fleiss_kappa(counts) if is_even else None,
        kappa_interval=bootstrap_interval(counts, fleiss_kappa) if is_even else None,
        alpha=alpha(counts) if len(counts) else None,
        alpha_interval=bootstrap_interval(counts, alpha),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
