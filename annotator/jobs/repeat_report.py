"""How far raters agree with themselves: cases that they read twice without knowing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.bootstrap import bootstrap_interval
from annotator.analysis.group_votes import split_masks
from annotator.analysis.kappa import answer_table, cohen_kappa
from annotator.analysis.overlap import measure_overlap
from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import merge_votes
from annotator.domain.label_groups import MaskValues
from annotator.jobs.comparing import mean_interval
from annotator.jobs.readings import labels_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.bootstrap import Interval
    from annotator.api import Progress
    from annotator.domain.quality import RepeatCase
    from annotator.domain.reading import Annotation, Diagnosis
    from annotator.domain.schema import LabelSchema
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatPair:
    """One label of a case that a rater read twice, first against second reading.

    ``dice`` is None where the label was drawn neither time, ``hd95_mm`` where it was not drawn both
    times, in videos, and where the image says nothing of its spacing. ``days_between`` runs from
    submission to submission.
    """

    rater_id: str
    original_id: str
    label: int
    dice: float | None
    hd95_mm: float | None
    days_between: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntraLabel:
    """One rater on one label, over the cases read twice; intervals are 95 % over cases."""

    rater_id: str
    rater_name: str
    label: int
    n_cases: int
    dice: float | None
    dice_interval: Interval | None
    hd95_mm: float | None
    hd95_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntraQuestion:
    """One rater on one question of the form: Cohen's kappa of first and second answers.

    For a number, kappa has quadratic weights. None where it is undefined, for example where only
    one answer occurs.
    """

    rater_id: str
    rater_name: str
    key: str
    title: str
    n_cases: int
    n_equal: int
    kappa: float | None
    kappa_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntraReport:
    """What the repeats of a project tell; ``n_waiting`` of them were not read yet."""

    labels: tuple[IntraLabel, ...]
    questions: tuple[IntraQuestion, ...]
    pairs: tuple[RepeatPair, ...]
    n_waiting: int


def report_repeats(store: Store, progress: Progress, *, without: str | None = None) -> IntraReport:
    """Compare first and second readings of every case that was read twice, but by one rater."""
    pairs: list[RepeatPair] = []
    answers: dict[str, list[tuple[Diagnosis, Diagnosis]]] = defaultdict(list)
    repeats = [entry for entry in store.repeats() if entry.rater_id != without]
    n_waiting = 0
    for number, repeat in enumerate(repeats):
        progress(number / len(repeats), "comparing first and second readings")
        first = _reading(store, repeat.original_id, repeat.rater_id)
        second = _reading(store, repeat.case_id, repeat.rater_id)
        if first is None or second is None:
            n_waiting += 1
            continue
        pairs.extend(_compare(store, repeat, first, second))
        answers[repeat.rater_id].append((first.diagnosis, second.diagnosis))
    names = {rater.rater_id: rater.name for rater in store.raters()}
    schema = store.project().schema
    return IntraReport(
        labels=_labels(pairs, names),
        questions=tuple(
            entry
            for rater_id in names
            if rater_id in answers
            for entry in _questions(rater_id, names[rater_id], answers[rater_id], schema)
        ),
        pairs=tuple(pairs),
        n_waiting=n_waiting,
    )


def _reading(store: Store, case_id: str, rater_id: str) -> Annotation | None:
    """Return the rater's last revision."""
    own = [entry for entry in store.annotations(case_id) if entry.rater_id == rater_id]
    return own[0] if own else None


def _compare(
    store: Store, repeat: RepeatCase, first: Annotation, second: Annotation
) -> list[RepeatPair]:
    masks = store.annotation_masks([first.annotation_id, second.annotation_id])
    series = store.series(store.case(repeat.original_id).series_ids[0])
    geometry = series.geometry
    days = (_submitted(second) - _submitted(first)).total_seconds() / 86400
    found = []
    for _, own in split_masks(masks, MaskValues(store.project().schema)):
        votes = merge_votes(own, labels=labels_in(own))
        overlap = measure_overlap(votes, geometry.voxel_mm3)
        for label in votes.labels[1:]:
            dice, _ = overlap.pair(label, 0, 1)
            if dice is None:
                continue
            hd95_mm = None
            if geometry.is_calibrated and series.kind != "video":
                (distance,) = surface_distances(votes, label, geometry.spacing_mm)
                hd95_mm = distance.hd95_mm
            found.append(
                RepeatPair(
                    rater_id=repeat.rater_id,
                    original_id=repeat.original_id,
                    label=label,
                    dice=dice,
                    hd95_mm=hd95_mm,
                    days_between=days,
                )
            )
    return found


def _submitted(annotation: Annotation) -> datetime:
    return datetime.fromisoformat(annotation.created_at)


def _labels(pairs: Sequence[RepeatPair], names: dict[str, str]) -> tuple[IntraLabel, ...]:
    found = []
    for rater_id, name in names.items():
        for label in sorted({entry.label for entry in pairs if entry.rater_id == rater_id}):
            own = [e for e in pairs if (e.rater_id, e.label) == (rater_id, label)]
            dice = [entry.dice for entry in own if entry.dice is not None]
            hd95 = [entry.hd95_mm for entry in own if entry.hd95_mm is not None]
            found.append(
                IntraLabel(
                    rater_id=rater_id,
                    rater_name=name,
                    label=label,
                    n_cases=len(own),
                    dice=_mean(dice),
                    dice_interval=mean_interval(dice),
                    hd95_mm=_mean(hd95),
                    hd95_interval=mean_interval(hd95),
                )
            )
    return tuple(found)


def _questions(
    rater_id: str,
    name: str,
    answers: Sequence[tuple[Diagnosis, Diagnosis]],
    schema: LabelSchema,
) -> list[IntraQuestion]:
    found = []
    for field in schema.fields:
        given = [(one.answer(field.key), other.answer(field.key)) for one, other in answers]
        both = [(one, other) for one, other in given if one and other]
        if field.kind == "text" or not both:
            continue
        is_number = field.kind == "number"
        said = {answer for pair in both for answer in pair}
        categories = sorted(said, key=float) if is_number else sorted(said)
        values = [float(category) for category in categories] if is_number else None
        place = {category: number for number, category in enumerate(categories)}
        coded = np.array([[place[one], place[other]] for one, other in both], np.int64)

        def kappa(
            drawn: NDArray[np.int64],
            *,
            n: int = len(categories),
            values: Sequence[float] | None = values,
        ) -> float | None:
            table = answer_table(drawn[:, 0].tolist(), drawn[:, 1].tolist(), range(n))
            return cohen_kappa(table, "none" if values is None else "quadratic", values)

        found.append(
            IntraQuestion(
                rater_id=rater_id,
                rater_name=name,
                key=field.key,
                title=field.title,
                n_cases=len(both),
                n_equal=int((coded[:, 0] == coded[:, 1]).sum()),
                kappa=kappa(coded),
                kappa_interval=bootstrap_interval(coded, kappa),
            )
        )
    return found


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
