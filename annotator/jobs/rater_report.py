"""What each rater is good at: agreement with the consensus, bias in size, misses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.segments import connect, cut_into_rows
from annotator.analysis.votes import merge_votes
from annotator.jobs.comparing import mean_interval
from annotator.jobs.readings import Readings, current_fusions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.api import Progress
    from annotator.domain.study import Case
    from annotator.store import Store

_SPECK_VOXELS = 8
"""Smaller pieces of a consensus come from its voting, voxel by voxel; nobody drew them."""

Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterCase:
    """One rater on one label of one case, against the consensus.

    ``dice`` is None where neither drew the label; an object is a connected piece of the consensus
    (26 neighbours, 8 voxels or more), missed where the rater's label does not touch it.
    """

    case_id: str
    rater_id: str
    label: int
    dice: float | None
    volume_mm3: float
    consensus_mm3: float
    n_objects: int
    n_missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterRow:
    """One rater on one label, over all cases.

    ``dice`` is the mean over cases; ``volume_bias`` the mean of (rater - consensus) / consensus
    over cases where the consensus has the label; intervals are 95 % bootstrap intervals over
    cases, None where there is no number or one case only.
    """

    rater_id: str
    rater_name: str
    is_model: bool
    label: int
    label_name: str
    n_cases: int
    dice: float | None
    dice_interval: Bounds | None
    volume_bias: float | None
    volume_bias_interval: Bounds | None
    n_objects: int
    n_missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterReport:
    """Every rater against the consensus: the adjudicated mask where there is one, else the fused.

    A rater's own reading is part of the fused consensus, which flatters everyone a little.
    ``methods`` names what the fused ones were fused by.
    """

    rows: tuple[RaterRow, ...]
    cases: tuple[RaterCase, ...]
    n_adjudicated: int
    n_fused: int
    methods: tuple[str, ...]


def report_raters(
    store: Store, cases: Sequence[Case], progress: Progress | None = None
) -> RaterReport:
    """Compare every rater with the consensus of each case that has one."""
    found: list[RaterCase] = []
    n_adjudicated = 0
    methods: list[str] = []
    for number, case in enumerate(cases):
        if progress is not None:
            progress(number / len(cases), f"comparing {case.title}")
        consensus, method = consensus_of(store, case.case_id)
        if consensus is None:
            continue
        if method is None:
            n_adjudicated += 1
        else:
            methods.append(method)
        found.extend(
            compare_case(Readings.load(store, case.case_id, include_models=True), consensus)
        )
    return RaterReport(
        rows=_rows(store, found),
        cases=tuple(found),
        n_adjudicated=n_adjudicated,
        n_fused=len(methods),
        methods=tuple(sorted(set(methods))),
    )


def consensus_of(store: Store, case_id: str) -> tuple[MaskRuns | None, str | None]:
    """Return the consensus of a case, and the method that fused it: None where it was adjudicated.

    The adjudicated mask, else what was fused last of the readings that count now, else no mask.
    What was fused to train a model on is never a consensus.
    """
    adjudication = store.adjudication(case_id)
    if adjudication is not None:
        return store.adjudication_mask(adjudication.adjudication_id)[0], None
    fusions = [one for one in current_fusions(store, case_id) if not one.training_target_only]
    if not fusions:
        return None, None
    return store.fusion_labels(fusions[-1].fusion_id), fusions[-1].recipe.method


def compare_case(readings: Readings, consensus: MaskRuns) -> tuple[RaterCase, ...]:
    """Compare each reading of the whole case with the consensus, label by label."""
    if not readings.annotations:
        return ()
    found = [
        entry
        for own in readings.by_group(consensus)
        for entry in _compare_group(own, own.own(consensus))
    ]
    return tuple(sorted(found, key=lambda entry: entry.label))


def _compare_group(readings: Readings, consensus: MaskRuns) -> list[RaterCase]:
    in_consensus = {
        int(value) for runs in consensus.slabs.values() for value in np.unique(runs.labels)
    }
    labels = tuple(sorted({*readings.labels, *in_consensus} - {0}))
    votes = merge_votes((*readings.masks, consensus), labels=labels)
    voxel_mm3 = readings.series.geometry.voxel_mm3
    found: list[RaterCase] = []
    for label in labels:
        drawn = votes.patterns == label
        sizes = votes.counts @ drawn
        common = votes.counts @ (drawn[:, :-1] & drawn[:, -1:])
        if not sizes.any():
            continue
        n_objects, n_missed = _misses(votes, drawn)
        for column, rater_id in enumerate(readings.rater_ids):
            if rater_id in readings.regions:
                continue  # what others drew stands for what they were not asked for
            total = int(sizes[column] + sizes[-1])
            found.append(
                RaterCase(
                    case_id=readings.case.case_id,
                    rater_id=rater_id,
                    label=label,
                    dice=2.0 * int(common[column]) / total if total else None,
                    volume_mm3=int(sizes[column]) * voxel_mm3,
                    consensus_mm3=int(sizes[-1]) * voxel_mm3,
                    n_objects=n_objects,
                    n_missed=int(n_missed[column]),
                )
            )
    return found


def _misses(votes: VoteRuns, drawn: NDArray[np.bool_]) -> tuple[int, NDArray[np.int64]]:
    """Count the consensus' objects of a label, and how many each rater does not touch.

    ``drawn`` is ``(pattern, rater + 1)``: who gave the label, the consensus last.
    """
    pieces = cut_into_rows(votes, drawn[:, -1])
    number = connect(pieces, votes.grid)
    n_pieces = int(number.max(initial=-1)) + 1
    is_object = np.bincount(number, pieces.size, n_pieces) >= _SPECK_VOXELS
    # One row for every (object, pattern) that occurs together, instead of a pass a rater.
    pairs = np.unique(number * len(drawn) + pieces.pattern)
    touching = np.zeros((n_pieces, drawn.shape[1] - 1), np.bool_)
    piece, pattern = np.divmod(pairs, len(drawn))
    np.logical_or.at(touching, piece, drawn[pattern, :-1])
    return int(is_object.sum()), (~touching[is_object]).sum(axis=0)


def _rows(store: Store, found: Sequence[RaterCase]) -> tuple[RaterRow, ...]:
    schema = store.project().schema
    in_consensus = {entry.label for entry in found if entry.consensus_mm3}
    grouped: dict[tuple[str, int], list[RaterCase]] = defaultdict(list)
    for entry in found:
        grouped[entry.rater_id, entry.label].append(entry)
    rows: list[RaterRow] = []
    for rater in store.raters():
        for label in sorted({label for rater_id, label in grouped if rater_id == rater.rater_id}):
            own = grouped[rater.rater_id, label]
            is_drawn = any(entry.volume_mm3 for entry in own)
            if not is_drawn and (rater.is_model or label not in in_consensus):
                continue  # not what the model is for, or nothing to be missed
            if rater.is_model and label not in in_consensus:
                continue  # nobody's label to hold the model against
            dice = [entry.dice for entry in own if entry.dice is not None]
            bias = [
                entry.volume_mm3 / entry.consensus_mm3 - 1.0 for entry in own if entry.consensus_mm3
            ]
            named = schema.label(label)
            rows.append(
                RaterRow(
                    rater_id=rater.rater_id,
                    rater_name=rater.name,
                    is_model=rater.is_model,
                    label=label,
                    label_name=named.name if named else f"label {label}",
                    n_cases=len(own),
                    dice=_mean(dice),
                    dice_interval=_bounds(dice),
                    volume_bias=_mean(bias),
                    volume_bias_interval=_bounds(bias),
                    n_objects=sum(entry.n_objects for entry in own),
                    n_missed=sum(entry.n_missed for entry in own),
                )
            )
    return tuple(rows)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _bounds(values: Sequence[float]) -> Bounds | None:
    interval = mean_interval(values)
    return None if interval is None else (interval.low, interval.high)
