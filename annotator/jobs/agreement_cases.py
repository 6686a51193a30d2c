"""What one case says of agreement: pairs, raters against references, sizes. From vote patterns."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.kappa import cohen_kappa, gwet_ac1
from annotator.analysis.overlap import measure_overlap
from annotator.analysis.set_distance import dice_match, dice_max, ged_squared
from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import count_near, merge_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.overlap import Overlap
    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.study import Case, Series
    from annotator.jobs.agreement_facts import Reference
    from annotator.jobs.readings import Readings

    _Chosen = tuple[NDArray[np.uint16] | None, ...]
    """For each rater the label of each pattern that they are held against, ``(pattern,)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCase:
    """Two raters on one label of one case, by id, ``rater_a`` before ``rater_b``."""

    case_id: str
    label: int
    rater_a: str
    rater_b: str
    dice: float | None
    iou: float | None
    kappa: float | None
    ac1: float | None
    hd95_mm: float | None
    mean_surface_mm: float | None
    surface_dice: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterCase:
    """One rater on one label of one case against a reference; sizes in the unit of the case."""

    case_id: str
    rater_id: str
    label: int
    reference: Reference
    dice: float | None
    size: float
    reference_size: float
    submitted_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCase:
    """People against models on one label of one case."""

    label: int
    nearest_of_people: float
    nearest_of_models: float
    matched: float
    energy: float
    energy_unbiased: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCase:
    """One label of one case over all readings that count as raters' here."""

    label: int
    agreed_share: float
    disputed_size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """Everything that one case says; ``sizes`` is by rater id and label, in ``unit``."""

    case: Case
    unit: str
    rater_ids: tuple[str, ...]
    pairs: tuple[PairCase, ...]
    raters: tuple[RaterCase, ...]
    labels: tuple[LabelCase, ...]
    groups: tuple[GroupCase, ...]
    sizes: dict[tuple[str, int], float]


def measure_case(
    readings: Readings,
    models: frozenset[str],
    references: Sequence[tuple[Reference, MaskRuns]],
    *,
    pooled: frozenset[str],
    tolerance_mm: float | None,
) -> CaseFacts:
    """Compare the readings of a case with each other and with references.

    ``models`` are the ids of raters who are models, ``pooled`` those over whom sums run: their
    majority is what each is held against. Distances between surfaces are measured where
    ``tolerance_mm``, that of the surface Dice, is given.
    """
    parts = [
        _measure_group(
            own,
            models,
            [(kind, own.own(mask)) for kind, mask in references],
            pooled=pooled,
            tolerance_mm=tolerance_mm,
        )
        for own in readings.by_group(*(mask for _, mask in references))
    ]
    first, *others = parts
    return first if not others else _join(first, others)


def _join(first: CaseFacts, others: Sequence[CaseFacts]) -> CaseFacts:
    """Return what one case says of all label groups."""
    parts = (first, *others)
    return replace(
        first,
        pairs=tuple(entry for one in parts for entry in one.pairs),
        raters=tuple(entry for one in parts for entry in one.raters),
        labels=tuple(entry for one in parts for entry in one.labels),
        groups=tuple(entry for one in parts for entry in one.groups),
        sizes={key: size for one in parts for key, size in one.sizes.items()},
    )


def _measure_group(
    readings: Readings,
    models: frozenset[str],
    references: Sequence[tuple[Reference, MaskRuns]],
    *,
    pooled: frozenset[str],
    tolerance_mm: float | None,
) -> CaseFacts:
    votes = readings.votes
    unit, voxel_size = size_unit(readings.series)
    is_model = np.array([rater_id in models for rater_id in readings.rater_ids], np.bool_)
    counts = np.flatnonzero([rater_id in pooled for rater_id in readings.rater_ids])
    overlap = measure_overlap(votes, voxel_size)
    against: list[tuple[Reference, VoteRuns, _Chosen]]
    against = [(kind, *_with_reference(readings, mask)) for kind, mask in references]
    against.append(("others", votes, others_majority(votes, counts)))
    sizes = overlap.volumes_mm3
    return CaseFacts(
        case=readings.case,
        unit=unit,
        rater_ids=readings.rater_ids,
        pairs=_pairs(readings, overlap, tolerance_mm),
        raters=tuple(
            entry
            for kind, joint, chosen in against
            for entry in _raters_against(readings, kind, joint, chosen, voxel_size)
        ),
        labels=_labels(votes, counts, voxel_size),
        groups=_groups(overlap, is_model),
        sizes={
            (rater_id, label): float(sizes[place, column])
            for place, label in enumerate(overlap.labels)
            for column, rater_id in enumerate(readings.rater_ids)
        },
    )


def size_unit(series: Series) -> tuple[str, float]:
    """Return the unit of sizes in a series, and the size of one voxel in it."""
    geometry = series.geometry
    if not geometry.is_calibrated or series.kind == "video":
        return "px", 1.0
    if series.kind == "picture" or geometry.shape[0] == 1:
        return "mm²", geometry.spacing_mm[1] * geometry.spacing_mm[2]
    return "mm³", geometry.voxel_mm3


def others_majority(votes: VoteRuns, pooled: NDArray[np.intp]) -> _Chosen:
    """Return for each rater what most of the others gave each pattern, ``(pattern,)``; ties: least.

    Only ``pooled`` columns have a say. None where there is no other.
    """
    tally = count_votes(votes.patterns[:, pooled], votes.labels)
    found: list[NDArray[np.uint16] | None] = []
    for column in range(votes.patterns.shape[1]):
        is_one = bool((pooled == column).any())
        n_others = len(pooled) - is_one
        if not n_others:
            found.append(None)
            continue
        own = count_votes(votes.patterns[:, [column]], votes.labels) if is_one else 0
        found.append(choose((tally - own) / n_others, votes.labels)[0])
    return tuple(found)


def labels_in(masks: Sequence[MaskRuns]) -> tuple[int, ...]:
    """Return the labels that occur in any mask, ascending, 0 first."""
    held = [np.unique(runs.labels) for mask in masks for runs in mask.slabs.values()]
    return tuple(np.unique(np.concatenate([np.zeros(1, np.uint16), *held])).tolist())


def _with_reference(readings: Readings, mask: MaskRuns) -> tuple[VoteRuns, _Chosen]:
    """Return the votes with a reference as one more column, and that column for every rater."""
    masks = [*readings.masks, mask]
    joint = merge_votes(masks, labels=labels_in(masks))
    return joint, (joint.patterns[:, -1],) * len(readings.rater_ids)


def _raters_against(
    readings: Readings,
    kind: Reference,
    votes: VoteRuns,
    chosen: _Chosen,
    voxel_size: float,
) -> list[RaterCase]:
    found = []
    for column, annotation in enumerate(readings.annotations):
        reference = chosen[column]
        if reference is None:
            continue
        for label in votes.labels[1:]:
            said, is_there = votes.patterns[:, column] == label, reference == label
            size, expected = int(votes.counts[said].sum()), int(votes.counts[is_there].sum())
            common = int(votes.counts[said & is_there].sum())
            found.append(
                RaterCase(
                    case_id=readings.case.case_id,
                    rater_id=annotation.rater_id,
                    label=label,
                    reference=kind,
                    dice=2.0 * common / (size + expected) if size + expected else None,
                    size=size * voxel_size,
                    reference_size=expected * voxel_size,
                    submitted_at=annotation.created_at,
                )
            )
    return found


def _pairs(
    readings: Readings, overlap: Overlap, tolerance_mm: float | None
) -> tuple[PairCase, ...]:
    votes, geometry = readings.votes, readings.series.geometry
    near = [_count_near(votes, label) for label in overlap.labels]
    found: list[PairCase] = []
    distances = {}
    # Frames of a video lie apart in time, and a picture without a scale has no mm.
    has_mm = geometry.is_calibrated and readings.series.kind != "video"
    if tolerance_mm is not None and has_mm:
        distances = {
            (label, entry.first, entry.second): entry
            for label in overlap.labels
            for entry in surface_distances(
                votes, label, geometry.spacing_mm, tolerance_mm=tolerance_mm
            )
        }
    for first, second in itertools.combinations(range(len(readings.rater_ids)), 2):
        for place, label in enumerate(overlap.labels):
            dice, iou = overlap.pair(label, first, second)
            if dice is None:
                continue
            table = _two_by_two(overlap.shared_vox[place], first, second, near[place])
            distance = distances.get((label, first, second))
            found.append(
                PairCase(
                    case_id=readings.case.case_id,
                    label=label,
                    rater_a=readings.rater_ids[first],
                    rater_b=readings.rater_ids[second],
                    dice=dice,
                    iou=iou,
                    kappa=cohen_kappa(table),
                    ac1=gwet_ac1(*_as_counts(table)),
                    hd95_mm=distance.hd95_mm if distance else None,
                    mean_surface_mm=distance.mean_mm if distance else None,
                    surface_dice=distance.surface_dice if distance else None,
                )
            )
    return tuple(found)


def _count_near(votes: VoteRuns, label: int) -> int:
    """Return how many voxels lie within three voxels of where anybody gave the label.

    Kappa grows with the background that is looked at: the region must not depend on how large the
    image is, or on what else was drawn.
    """
    return count_near(replace(votes, patterns=(votes.patterns == label).astype(np.uint16)))


def _two_by_two(
    shared: NDArray[np.int64], first: int, second: int, n_near: int
) -> NDArray[np.int64]:
    """Return how two raters voted in the voxels near a label, absent first; ``(2, 2)``.

    ``shared`` is ``(rater, rater)``, the diagonal each rater's own voxels.
    """
    both = int(shared[first, second])
    one, other = int(shared[first, first]) - both, int(shared[second, second]) - both
    return np.array([[n_near - both - one - other, other], [one, both]])


def _as_counts(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a 2 x 2 table as answer counts of two raters and how often each row occurs."""
    return np.array([[2, 0], [1, 1], [0, 2]]), np.array(
        [table[0, 0], table[0, 1] + table[1, 0], table[1, 1]]
    )


def _labels(votes: VoteRuns, pooled: NDArray[np.intp], voxel_size: float) -> tuple[LabelCase, ...]:
    found = []
    for label in votes.labels[1:]:
        says = votes.patterns[:, pooled] == label
        anyone = int(votes.counts[says.any(axis=1)].sum())
        everyone = int(votes.counts[says.all(axis=1)].sum())
        if anyone:
            found.append(
                LabelCase(
                    label=label,
                    agreed_share=everyone / anyone,
                    disputed_size=(anyone - everyone) * voxel_size,
                )
            )
    return tuple(found)


def _groups(overlap: Overlap, is_model: NDArray[np.bool_]) -> tuple[GroupCase, ...]:
    people, models = np.flatnonzero(~is_model), np.flatnonzero(is_model)
    if not len(people) or not len(models):
        return ()
    order = np.concatenate([people, models])
    found = []
    for place, label in enumerate(overlap.labels):
        is_drawn = np.diagonal(overlap.shared_vox[place]) > 0
        if not is_drawn[people].any() or not is_drawn[models].any():
            continue  # not what the models are for, or nothing that they could have drawn
        dice = overlap.dice[place][np.ix_(people, models)]
        iou = overlap.iou[place][np.ix_(order, order)]
        best, matched = dice_max(dice), dice_match(dice)
        energy = ged_squared(iou, len(people))
        if best is None or matched is None or energy is None:
            continue
        found.append(
            GroupCase(
                label=label,
                nearest_of_people=best.of_first,
                nearest_of_models=best.of_second,
                matched=matched,
                energy=energy,
                energy_unbiased=ged_squared(iou, len(people), estimator="without-self"),
            )
        )
    return tuple(found)


def without_strangers(cases: Sequence[CaseFacts], pooled: frozenset[str]) -> tuple[CaseFacts, ...]:
    """Return the cases without structures that nobody of ``pooled`` ever drew.

    Others, who are models, are left out of the structures that they never drew: those are not what
    they are for, and nothing that they could miss.
    """
    drew = {key for case in cases for key, size in case.sizes.items() if size > 0}
    labels = {label for rater_id, label in drew if rater_id in pooled}

    def concerns(rater_id: str, label: int) -> bool:
        return label in labels and (rater_id in pooled or (rater_id, label) in drew)

    return tuple(
        replace(
            case,
            pairs=tuple(
                pair
                for pair in case.pairs
                if concerns(pair.rater_a, pair.label) and concerns(pair.rater_b, pair.label)
            ),
            raters=tuple(one for one in case.raters if concerns(one.rater_id, one.label)),
            labels=tuple(one for one in case.labels if one.label in labels),
            groups=tuple(one for one in case.groups if one.label in labels),
            sizes={key: size for key, size in case.sizes.items() if concerns(*key)},
        )
        for case in cases
    )
