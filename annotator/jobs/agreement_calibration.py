"""How far the fused probability of a case can be believed, voxel by voxel near its outlines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.band import count_in_band, find_band
from annotator.analysis.calibration import Cells, crps, join_cells, sums_of_raters
from annotator.analysis.consensus import count_votes
from annotator.analysis.soft_overlap import soft_dice
from annotator.analysis.votes import count_near, merge_votes
from annotator.api import FusionMethod, VotePatterns
from annotator.domain.errors import AnnotatorError
from annotator.jobs.agreement_cases import labels_in, size_unit
from annotator.jobs.parameters import check_parameters
from annotator.jobs.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.band import Band
    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.review import Fusion
    from annotator.jobs.agreement_facts import Target
    from annotator.registry import Registry
    from annotator.store import Store

SHARE = "share of raters"
"""What stands for a fusion where none is on record, or it cannot be repeated without a rater."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseCells:
    """Cells of one label of one case against one target.

    ``each`` holds by rater id the sums ``(bin, 3)`` against that rater alone, where raters are the
    target.
    """

    case_id: str
    label: int
    target: Target
    method: str
    cells: Cells
    each: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFused:
    """A fused map of a label in a case against the raters; see `FusedRow`."""

    case_id: str
    label: int
    method: str
    unit: str
    soft_dice: float
    crps: float
    relative_crps: float


class CaseCalibration:
    """The readings of one case with a fusion and a signed-off mask, if there are any."""

    def __init__(
        self,
        readings: Readings,
        pooled: Sequence[int],
        fusion: Fusion | None,
        decided: MaskRuns | None,
        band_mm: float,
    ) -> None:
        self._readings = readings
        self._pooled = list(pooled)
        self._fusion = fusion
        masks = [*readings.masks, *([decided] if decided is not None else [])]
        self._votes: VoteRuns = merge_votes(masks, labels=labels_in(masks))
        self._decided = self._votes.patterns[:, -1] if decided is not None else None
        spacing_mm = readings.series.geometry.spacing_mm
        found = {
            label: find_band(self._votes, label, spacing_mm, band_mm)
            for label in readings.labels[1:]
        }
        self._bands = {label: band for label, band in found.items() if band is not None}

    def measure(
        self, store: Store, registry: Registry
    ) -> tuple[tuple[CaseCells, ...], tuple[CaseFused, ...]]:
        """Return the cells against every target that there is, and the scores of fused sizes."""
        cells = self._leave_out(registry)
        if self._fusion is None:
            return tuple(cells), ()
        rows, table = store.fusion_probability(self._fusion.fusion_id)
        joint = _join(self._votes, rows)
        known = self._labels_of(store, self._fusion)
        cells += [
            entry
            for label, band in self._bands.items()
            if label in known
            for entry in self._of_fusion(label, band, joint, table[:, known.index(label)])
        ]
        return tuple(cells), self._against_raters(joint, table, known)

    def _labels_of(self, store: Store, fusion: Fusion) -> tuple[int, ...]:
        """Return what the columns of the fusion's table stand for."""
        if fusion.recipe.inputs == self._readings.annotation_ids:
            return self._readings.all_labels
        inputs = [store.annotation(annotation_id) for annotation_id in fusion.recipe.inputs]
        return Readings(store, self._readings.case, inputs).drawn_labels

    def _of_fusion(
        self,
        label: int,
        band: Band,
        joint: _Joint,
        probability: NDArray[np.float64],
    ) -> list[CaseCells]:
        """Hold the probability on record against the signed-off mask and the raters' own share."""
        patterns = self._votes.patterns
        places = np.searchsorted(joint.ends, band.positions(self._votes.grid.shape), side="right")
        both, counts = np.unique(
            joint.row[places] * len(patterns) + joint.pattern[places], return_counts=True
        )
        row, index = np.divmod(both, len(patterns))
        p = probability[row]
        said = patterns[index][:, self._pooled] == label
        method = self._fusion.recipe.method if self._fusion else SHARE
        case_id = self._readings.case.case_id
        raters = [self._readings.rater_ids[column] for column in self._pooled]
        found = [
            CaseCells(
                case_id=case_id,
                label=label,
                target="same-raters",
                method=method,
                cells=_cells(p, said.mean(axis=1), counts),
                each=dict(zip(raters, sums_of_raters(p, said, counts), strict=True)),
            )
        ]
        if self._decided is not None:
            is_so = self._decided[index] == label
            found.append(
                CaseCells(
                    case_id=case_id,
                    label=label,
                    target="signed-off",
                    method=method,
                    cells=_cells(p, is_so, counts),
                )
            )
        return found

    def _leave_out(self, registry: Registry) -> list[CaseCells]:
        """Fuse all raters but one, hold the result against that one; each in turn."""
        if len(self._pooled) < 3:
            return []
        method, tables = self._fused_without(registry)
        found = []
        for label, band in self._bands.items():
            counts = count_in_band(self._votes, band)
            kept = counts > 0
            place = self._readings.labels.index(label)
            parts = [
                _cells(
                    table[kept, place],
                    self._votes.patterns[kept, rater] == label,
                    counts[kept] / len(self._pooled),
                )
                for rater, table in zip(self._pooled, tables, strict=True)
            ]
            found.append(
                CaseCells(
                    case_id=self._readings.case.case_id,
                    label=label,
                    target="left-out",
                    method=method,
                    cells=join_cells(parts),
                )
            )
        return found

    def _fused_without(self, registry: Registry) -> tuple[str, list[NDArray[np.float64]]]:
        """Return the method, and per rater the ``(pattern, label)`` of a fusion of the others."""
        fusion = self._fusion
        if fusion is not None:
            try:
                method = registry.fusion_method(fusion.recipe.method)
                if isinstance(method, FusionMethod):
                    given = {name: json.loads(value) for name, value in fusion.recipe.parameters}
                    checked = check_parameters(method.name, method.parameters, given)
                    return method.name, [
                        method.fuse(votes, checked).probability[inverse]
                        for votes, inverse in map(self._without, self._pooled)
                    ]
            except AnnotatorError:
                pass  # a method that is gone, or does not take these readings
        labels = self._readings.labels
        tables = []
        for rater in self._pooled:
            others = [column for column in self._pooled if column != rater]
            votes = count_votes(self._votes.patterns[:, others], labels)
            tables.append(votes / len(others))
        return SHARE, tables

    def _without(self, rater: int) -> tuple[VotePatterns, NDArray[np.intp]]:
        """Return the votes of all others, and the row there of each pattern here."""
        others = [column for column in self._pooled if column != rater]
        labels = self._readings.labels
        own = self._votes.patterns[:, others]
        patterns, inverse = np.unique(own, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        counts = np.bincount(inverse, self._votes.counts, len(patterns)).astype(np.int64)
        votes = VotePatterns(
            rater_ids=tuple(self._readings.rater_ids[column] for column in others),
            patterns=patterns,
            counts=counts,
            labels=labels,
            voxel_mm3=self._readings.series.geometry.voxel_mm3,
            n_near=count_near(replace(self._votes, patterns=own)),
        )
        return votes, inverse

    def _against_raters(
        self, joint: _Joint, table: NDArray[np.float64], known: Sequence[int]
    ) -> tuple[CaseFused, ...]:
        """Hold the map of each label, and its sum as a size, against what the raters drew."""
        fusion = self._fusion
        unit, voxel_size = size_unit(self._readings.series)
        counts = np.diff(joint.ends, prepend=0)
        expected = np.bincount(joint.row, counts, len(table)) @ table * voxel_size
        found = []
        for place, label in enumerate(known):
            says = self._votes.patterns[:, self._pooled] == label
            sizes = (self._votes.counts @ says) * voxel_size
            score = crps(sizes.astype(np.float64), float(expected[place]))
            if label and fusion is not None and score is not None and sizes.any():
                share = says.mean(axis=1)[joint.pattern]
                found.append(
                    CaseFused(
                        case_id=self._readings.case.case_id,
                        label=label,
                        method=fusion.recipe.method,
                        unit=unit,
                        soft_dice=soft_dice(table[joint.row, place], share, counts),
                        crps=score,
                        relative_crps=score / float(sizes.mean()),
                    )
                )
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Joint:
    """Runs over the flattened grid: vote pattern and row of probability of each, int64."""

    ends: NDArray[np.int64]
    pattern: NDArray[np.int64]
    row: NDArray[np.int64]


def _join(votes: VoteRuns, rows: MaskRuns) -> _Joint:
    """Cut the runs of the votes where the row of probability changes."""
    row_ends, values = [], []
    for slab in range(rows.grid.n_slabs):
        start, runs = rows.grid.offset(slab), rows.slabs.get(slab)
        if runs is None:
            row_ends.append(np.array([start + rows.grid.n_voxels(slab)], np.int64))
            values.append(np.zeros(1, np.int64))
        else:
            row_ends.append(runs.ends.astype(np.int64) + start)
            values.append(runs.labels.astype(np.int64))
    own_ends, own = np.concatenate(row_ends), np.concatenate(values)
    ends = np.union1d(votes.ends, own_ends)
    return _Joint(
        ends=ends,
        pattern=votes.index[np.searchsorted(votes.ends, ends)].astype(np.int64),
        row=own[np.searchsorted(own_ends, ends)],
    )


def _cells(
    probability: NDArray[np.float64],
    observed: NDArray[np.bool_] | NDArray[np.float64],
    counts: NDArray[np.integer] | NDArray[np.float64],
) -> Cells:
    return Cells(
        probability=probability,
        observed=np.asarray(observed, np.float64),
        counts=np.asarray(counts, np.float64),
    )
