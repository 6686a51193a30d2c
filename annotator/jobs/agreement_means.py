"""Rows of the agreement report: means over cases of what each case says."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.agreement_icc import icc_agreement, intraclass
from annotator.analysis.bland_altman import bland_altman, repeatability
from annotator.analysis.bootstrap import bootstrap_interval
from annotator.analysis.case_bootstrap import N_DRAWS, SEED, mean_ends
from annotator.jobs.agreement_facts import (
    CaseMean,
    CaseRow,
    GroupRow,
    LabelRow,
    PairRow,
    RaterRow,
    SizePair,
    SizePoint,
    SizeRow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.jobs.agreement_cases import CaseFacts, PairCase, RaterCase
    from annotator.jobs.agreement_facts import Reference

_REFERENCES: tuple[Reference, ...] = ("signed-off", "fused", "others")


def mean_over_cases(values: Iterable[float | None]) -> CaseMean:
    """Return the mean of what is defined, one value a case, with its bootstrap interval."""
    known = np.array([value for value in values if value is not None], np.float64)
    ends = mean_ends(known)
    return CaseMean(
        value=float(known.mean()) if len(known) else None,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        n_cases=len(known),
    )


def label_rows(cases: Sequence[CaseFacts], pooled: frozenset[str]) -> tuple[LabelRow, ...]:
    """Return each structure over all cases, of the pairs whose raters both are ``pooled``."""
    rows = []
    for label in labels_of(cases):
        own = [
            [
                pair
                for pair in case.pairs
                if pair.label == label and {pair.rater_a, pair.rater_b} <= pooled
            ]
            for case in cases
        ]
        rows.append(
            LabelRow(
                label=label,
                dice=_mean_of(own, lambda pair: pair.dice),
                iou=_mean_of(own, lambda pair: pair.iou),
                agreed_share=mean_over_cases(
                    entry.agreed_share
                    for case in cases
                    for entry in case.labels
                    if entry.label == label
                ),
                kappa=_mean_of(own, lambda pair: pair.kappa),
                ac1=_mean_of(own, lambda pair: pair.ac1),
                hd95_mm=_mean_of(own, lambda pair: pair.hd95_mm),
                mean_surface_mm=_mean_of(own, lambda pair: pair.mean_surface_mm),
                surface_dice=_mean_of(own, lambda pair: pair.surface_dice),
            )
        )
    return tuple(rows)


def pair_rows(cases: Sequence[CaseFacts], order: Mapping[str, int]) -> tuple[PairRow, ...]:
    """Return every two raters on every structure; ``order`` is the place of each rater by id."""
    grouped: dict[tuple[int, str, str], list[PairCase]] = defaultdict(list)
    for case in cases:
        for pair in case.pairs:
            first, second = sorted((pair.rater_a, pair.rater_b), key=order.__getitem__)
            grouped[pair.label, first, second].append(pair)
    keys = sorted(grouped, key=lambda key: (key[0], order[key[1]], order[key[2]]))
    return tuple(
        PairRow(
            rater_a=first,
            rater_b=second,
            label=label,
            dice=mean_over_cases(pair.dice for pair in grouped[label, first, second]),
            iou=mean_over_cases(pair.iou for pair in grouped[label, first, second]),
            kappa=mean_over_cases(pair.kappa for pair in grouped[label, first, second]),
            ac1=mean_over_cases(pair.ac1 for pair in grouped[label, first, second]),
            hd95_mm=mean_over_cases(pair.hd95_mm for pair in grouped[label, first, second]),
            mean_surface_mm=mean_over_cases(
                pair.mean_surface_mm for pair in grouped[label, first, second]
            ),
            surface_dice=mean_over_cases(
                pair.surface_dice for pair in grouped[label, first, second]
            ),
        )
        for label, first, second in keys
    )


def rater_rows(cases: Sequence[CaseFacts], order: Mapping[str, int]) -> tuple[RaterRow, ...]:
    """Return every rater against every reference that there is."""
    grouped: dict[tuple[int, Reference, str], list[RaterCase]] = defaultdict(list)
    for case in cases:
        for entry in case.raters:
            grouped[entry.label, entry.reference, entry.rater_id].append(entry)
    keys = sorted(grouped, key=lambda key: (key[0], _REFERENCES.index(key[1]), order[key[2]]))
    rows = []
    for label, reference, rater_id in keys:
        own = grouped[label, reference, rater_id]
        rows.append(
            RaterRow(
                rater_id=rater_id,
                label=label,
                reference=reference,
                dice=mean_over_cases(entry.dice for entry in own),
                size_bias=mean_over_cases(
                    entry.size / entry.reference_size - 1 if entry.reference_size else None
                    for entry in own
                ),
            )
        )
    return tuple(row for row in rows if row.dice.n_cases)


def size_rows(
    cases: Sequence[CaseFacts], raters: Sequence[str], pooled: frozenset[str]
) -> tuple[SizeRow, ...]:
    """Return the agreement on sizes, by structure and unit, of the ``pooled`` raters.

    A case in which nobody drew the structure is left out: it has no size to agree on.
    """
    rows = []
    columns = [rater_id for rater_id in raters if rater_id in pooled]
    for label, unit in itertools.product(labels_of(cases), sorted({case.unit for case in cases})):
        own = [case for case in cases if case.unit == unit]
        scores = np.array(
            [[case.sizes.get((rater_id, label), np.nan) for rater_id in columns] for case in own],
            np.float64,
        ).reshape(len(own), len(columns))
        # Who read a case in which nobody drew this drew nothing of it: size 0, not unknown.
        was_there = np.array([[r in case.rater_ids for r in columns] for case in own], np.bool_)
        scores[was_there & ~np.isfinite(scores)] = 0.0
        is_drawn = np.nansum(scores, axis=1) > 0 if len(own) else np.zeros(0, np.bool_)
        if is_drawn.any():
            kept = [case for case, drawn in zip(own, is_drawn, strict=True) if drawn]
            rows.append(_size_row(label, unit, kept, columns, scores[is_drawn]))
    return tuple(rows)


def _size_row(
    label: int,
    unit: str,
    cases: Sequence[CaseFacts],
    columns: Sequence[str],
    scores: NDArray[np.float64],
) -> SizeRow:
    pairs = []
    for first, second in itertools.combinations(range(len(columns)), 2):
        difference = bland_altman(scores[:, first], scores[:, second])
        if difference is not None:
            pairs.append(
                SizePair(rater_a=columns[first], rater_b=columns[second], difference=difference)
            )
    complete = scores[np.isfinite(scores).all(axis=1)]
    drawn = bootstrap_interval(complete, icc_agreement, N_DRAWS, SEED)
    return SizeRow(
        label=label,
        unit=unit,
        icc=intraclass(scores),
        icc_bootstrap=CaseMean(
            value=icc_agreement(complete),
            low=drawn.low if drawn else None,
            high=drawn.high if drawn else None,
            n_cases=len(complete),
        ),
        scatter=repeatability(scores),
        pairs=tuple(pairs),
        points=tuple(
            SizePoint(case_id=case.case.case_id, rater_id=rater_id, size=float(value))
            for case, row in zip(cases, scores, strict=True)
            for rater_id, value in zip(columns, row, strict=True)
            if np.isfinite(value)
        ),
    )


def group_rows(cases: Sequence[CaseFacts]) -> tuple[GroupRow, ...]:
    """Return people against models, by structure."""
    rows = []
    for label in labels_of(cases):
        own = [entry for case in cases for entry in case.groups if entry.label == label]
        if own:
            rows.append(
                GroupRow(
                    label=label,
                    nearest_of_people=mean_over_cases(entry.nearest_of_people for entry in own),
                    nearest_of_models=mean_over_cases(entry.nearest_of_models for entry in own),
                    matched=mean_over_cases(entry.matched for entry in own),
                    energy=mean_over_cases(entry.energy for entry in own),
                    energy_unbiased=mean_over_cases(entry.energy_unbiased for entry in own),
                )
            )
    return tuple(rows)


def case_rows(cases: Sequence[CaseFacts], pooled: frozenset[str]) -> tuple[CaseRow, ...]:
    """Return every structure of every case in which it was drawn, least agreed first."""
    rows = []
    for case in cases:
        for entry in case.labels:
            dice = [
                pair.dice
                for pair in case.pairs
                if pair.label == entry.label
                and pair.dice is not None
                and {pair.rater_a, pair.rater_b} <= pooled
            ]
            if dice:
                rows.append(
                    CaseRow(
                        case_id=case.case.case_id,
                        title=case.case.title,
                        label=entry.label,
                        n_raters=len(pooled.intersection(case.rater_ids)),
                        dice=float(np.mean(dice)),
                        disputed_size=entry.disputed_size,
                        unit=case.unit,
                    )
                )
    return tuple(sorted(rows, key=lambda row: (row.dice, row.title, row.label)))


def labels_of(cases: Sequence[CaseFacts]) -> tuple[int, ...]:
    """Return the labels that anybody drew in any case, ascending."""
    return tuple(sorted({pair.label for case in cases for pair in case.pairs}))


def _mean_of(
    cases: Sequence[Sequence[PairCase]], number: Callable[[PairCase], float | None]
) -> CaseMean:
    """Return the mean over cases of the mean over the pairs of each."""
    found: list[float | None] = []
    for pairs in cases:
        known = [value for pair in pairs if (value := number(pair)) is not None]
        found.append(float(np.mean(known)) if known else None)
    return mean_over_cases(found)
