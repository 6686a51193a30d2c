"""Rows of the agreement report on fused probabilities, over cases."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.calibration import (
    bin_sums,
    brier_score,
    calibration_error,
    equal_mass_edges,
    equal_width_edges,
    error_against_each,
    join_cells,
    log_loss,
    reliability,
)
from annotator.analysis.case_bootstrap import sum_ends
from annotator.jobs.agreement_facts import CalibrationRow, CaseMean, FusedRow, Target
from annotator.jobs.agreement_means import mean_over_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.calibration import Cells
    from annotator.jobs.agreement_calibration import CaseCells, CaseFused

_TARGETS: tuple[Target, ...] = ("signed-off", "left-out", "same-raters")


def calibration_rows(found: Sequence[CaseCells]) -> tuple[CalibrationRow, ...]:
    """Return every structure against every target; all voxels of all cases count alike."""
    grouped: dict[tuple[int, Target, str], list[CaseCells]] = defaultdict(list)
    for entry in found:
        if entry.cells.counts.sum():
            grouped[entry.label, entry.target, entry.method].append(entry)
    keys = sorted(grouped, key=lambda key: (key[0], _TARGETS.index(key[1]), key[2]))
    return tuple(_row(*key, grouped[key]) for key in keys)


def fused_rows(found: Sequence[CaseFused]) -> tuple[FusedRow, ...]:
    """Return how well fused maps stand for the raters, by structure, method and unit."""
    grouped: dict[tuple[int, str, str], list[CaseFused]] = defaultdict(list)
    for entry in found:
        grouped[entry.label, entry.method, entry.unit].append(entry)
    return tuple(
        FusedRow(
            label=label,
            method=method,
            unit=unit,
            soft_dice=mean_over_cases(entry.soft_dice for entry in own),
            crps=mean_over_cases(entry.crps for entry in own),
            relative_crps=mean_over_cases(entry.relative_crps for entry in own),
        )
        for (label, method, unit), own in sorted(grouped.items())
    )


def _row(label: int, target: Target, method: str, own: Sequence[CaseCells]) -> CalibrationRow:
    cells = [entry.cells for entry in own]
    together = join_cells(cells)
    return CalibrationRow(
        label=label,
        target=target,
        method=method,
        n_voxels=round(float(together.counts.sum())),
        ece=_error(cells, equal_width_edges()),
        ece_each=_error_each(own),
        ace=_error(cells, equal_mass_edges(together)),
        brier=_loss(cells, brier_score),
        log_loss=_loss(cells, log_loss),
        bins=reliability(together),
    )


def _error(cells: Sequence[Cells], edges: NDArray[np.float64]) -> CaseMean:
    """Return the calibration error of all voxels of all cases; its interval is over cases."""
    sums = np.stack([bin_sums(own, edges) for own in cells])

    def of_draws(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return _errors(drawn.reshape(len(drawn), *sums.shape[1:]))

    return _case_mean(
        calibration_error(sums.sum(axis=0)),
        sum_ends(sums.reshape(len(sums), -1), of_draws),
        len(cells),
    )


def _error_each(own: Sequence[CaseCells]) -> CaseMean:
    """Return the error against each rater, of all cases that they read, averaged over raters."""
    raters = sorted({rater_id for entry in own for rater_id in entry.each})
    if not raters:
        return _case_mean(None, None, 0)
    nothing = np.zeros((len(equal_width_edges()) - 1, 3))
    sums = np.stack([[entry.each.get(rater_id, nothing) for rater_id in raters] for entry in own])

    def of_draws(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        errors = _errors(drawn.reshape(len(drawn), *sums.shape[1:]))
        is_known = np.isfinite(errors)
        total = np.where(is_known, errors, 0.0).sum(axis=1)
        found: NDArray[np.float64] = total / np.maximum(is_known.sum(axis=1), 1)
        return found

    return _case_mean(
        error_against_each(sums.sum(axis=0)),
        sum_ends(sums.reshape(len(sums), -1), of_draws),
        len(own),
    )


def _errors(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the calibration error of ``(…, bin, 3)`` sums; NaN where there are no voxels."""
    total = sums[..., 0].sum(axis=-1)
    gap = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1)
    found: NDArray[np.float64] = np.full(total.shape, np.nan)
    np.divide(gap, total, out=found, where=total > 0)
    return found


def _loss(cells: Sequence[Cells], loss: Callable[[Cells], float | None]) -> CaseMean:
    """Return a mean over all voxels of all cases; its interval is over cases."""
    voxels = np.array([own.counts.sum() for own in cells])
    sums = np.stack([voxels * np.array([loss(own) for own in cells], np.float64), voxels], axis=1)

    def of_draws(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = drawn[:, 0] / drawn[:, 1]
        return found

    value = float(sums[:, 0].sum() / voxels.sum())
    return _case_mean(value, sum_ends(sums, of_draws), len(cells))


def _case_mean(value: float | None, ends: tuple[float, float] | None, n_cases: int) -> CaseMean:
    return CaseMean(
        value=value,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        n_cases=n_cases,
    )
