"""What each rater is worth by the cases that were signed off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.bootstrap import bootstrap_interval
from annotator.jobs.judging import judge_readings, signed_off_truths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.bootstrap import Interval
    from annotator.api import Progress
    from annotator.domain.study import Case
    from annotator.store import Store

_HIT, _MISSED, _FALSE, _NEITHER = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledPerformance:
    """One rater on one structure, over the voxels of all signed-off cases that they read.

    Intervals are 95 % bootstrap intervals over cases, None for fewer than two. Specificity counts
    the whole grid: it depends on how much of it is background.
    """

    rater_id: str
    rater_name: str
    is_model: bool
    label: int
    label_name: str
    n_cases: int
    sensitivity: float | None
    sensitivity_interval: Interval | None
    specificity: float | None
    specificity_interval: Interval | None
    n_right: int
    n_asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOffReport:
    """Everybody against what was signed off; ``says`` tells of how many cases it comes."""

    rows: tuple[PooledPerformance, ...]
    n_cases: int
    says: str


def report_signed_off(store: Store, cases: Sequence[Case], progress: Progress) -> SignedOffReport:
    """Pool everybody's readings over those of the cases that were signed off.

    A signed-off mask was made of the readings themselves: whoever was believed in a verdict agrees
    with it.
    """
    truths = tuple(signed_off_truths(store, cases))
    judged = judge_readings(store, truths, progress)
    schema = store.project().schema
    rows = []
    for rater in store.raters():
        own = [entry for entry in judged if entry.rater_id == rater.rater_id]
        for label in sorted({one.label for entry in own for one in entry.labels}):
            counts = np.array(
                [one.counts for entry in own for one in entry.labels if one.label == label],
                np.int64,
            )
            named = schema.label(label)
            rows.append(
                PooledPerformance(
                    rater_id=rater.rater_id,
                    rater_name=rater.name,
                    is_model=rater.is_model,
                    label=label,
                    label_name=named.name if named else f"label {label}",
                    n_cases=len(counts),
                    sensitivity=_sensitivity(counts),
                    sensitivity_interval=bootstrap_interval(counts, _sensitivity),
                    specificity=_specificity(counts),
                    specificity_interval=bootstrap_interval(counts, _specificity),
                    n_right=sum(entry.n_right for entry in own),
                    n_asked=sum(entry.n_asked for entry in own),
                )
            )
    return SignedOffReport(rows=tuple(rows), n_cases=len(truths), says=_words(len(truths)))


def _sensitivity(counts: NDArray[np.int64]) -> float | None:
    hit, missed = counts[:, _HIT].sum(), counts[:, _MISSED].sum()
    return float(hit / (hit + missed)) if hit + missed else None


def _specificity(counts: NDArray[np.int64]) -> float | None:
    neither, false = counts[:, _NEITHER].sum(), counts[:, _FALSE].sum()
    return float(neither / (neither + false)) if neither + false else None


def _words(n_cases: int) -> str:
    if n_cases == 0:
        return "No case is signed off yet."
    return f"Updated from {n_cases} signed-off {'case' if n_cases == 1 else 'cases'}."
