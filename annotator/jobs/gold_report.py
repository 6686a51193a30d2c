"""How raters do on gold cases, and whether that changes over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.drift import find_drift
from annotator.jobs.comparing import mean_interval
from annotator.jobs.judging import TOLERANCE_MM, gold_truths, judge_readings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.against_truth import LabelAgainstTruth
    from annotator.analysis.bootstrap import Interval
    from annotator.analysis.drift import Drift
    from annotator.api import Progress
    from annotator.domain.reading import Rater
    from annotator.jobs.judging import JudgedReading
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldLabel:
    """One rater on one label, over the gold cases that they read.

    Means are over cases, with 95 % bootstrap intervals over cases; None where nothing is known of
    lengths or there is one case only. ``n_false`` are objects that touch nothing true.
    """

    rater_id: str
    rater_name: str
    label: int
    n_cases: int
    dice: float | None
    dice_interval: Interval | None
    surface_dice: float | None
    surface_dice_interval: Interval | None
    hd95_mm: float | None
    hd95_interval: Interval | None
    n_objects: int
    n_found: int
    n_false: int

    @property
    def detection(self) -> float | None:
        """Share of the true objects that were found, None where there are none."""
        return self.n_found / self.n_objects if self.n_objects else None

    @property
    def false_per_case(self) -> float:
        """Objects that are not there, a case."""
        return self.n_false / self.n_cases


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRater:
    """One rater over the gold cases that they read, in the order of reading.

    ``dice`` is each case's mean over its labels, oldest first; ``drift`` is None for fewer than
    eight; ``says`` is a sentence where the results changed, else empty.
    """

    rater: Rater
    n_cases: int
    n_right: int
    n_asked: int
    dice: tuple[float, ...]
    drift: Drift | None
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldReport:
    """Everybody on the gold cases."""

    n_gold: int
    tolerance_mm: float
    raters: tuple[GoldRater, ...]
    labels: tuple[GoldLabel, ...]


def report_gold(
    store: Store,
    progress: Progress,
    *,
    tolerance_mm: float = TOLERANCE_MM,
    without: str | None = None,
) -> GoldReport:
    """Compare everybody's readings of gold cases with the truth, but those of one rater."""
    truths = tuple(gold_truths(store))
    judged = judge_readings(store, truths, progress, tolerance_mm=tolerance_mm)
    raters = [
        (rater, [entry for entry in judged if entry.rater_id == rater.rater_id])
        for rater in store.raters()
        if rater.rater_id != without
    ]
    return GoldReport(
        n_gold=len(truths),
        tolerance_mm=tolerance_mm,
        raters=tuple(_rater(rater, own) for rater, own in raters if own),
        labels=tuple(entry for rater, own in raters if own for entry in _labels(rater, own)),
    )


def _rater(rater: Rater, own: Sequence[JudgedReading]) -> GoldRater:
    dice = tuple(
        float(np.mean([label.dice for label in entry.labels])) for entry in own if entry.labels
    )
    drift = None if rater.is_model else find_drift(dice)
    return GoldRater(
        rater=rater,
        n_cases=len(own),
        n_right=sum(entry.n_right for entry in own),
        n_asked=sum(entry.n_asked for entry in own),
        dice=dice,
        drift=drift,
        says=drift_in_words(rater.name, drift),
    )


def drift_in_words(name: str, drift: Drift | None) -> str:
    """Say how somebody's Dice on gold cases changed; an empty text where it did not."""
    if drift is None or not drift.is_there:
        return ""
    said = []
    if drift.falls or drift.rises:
        verb = "falls" if drift.falls else "rises"
        said.append(
            f"{verb} by {abs(drift.slope):.3f} from one gold case to the next (95 % interval "
            f"{drift.slope_low:+.3f} to {drift.slope_high:+.3f})"
        )
    if drift.left_at is not None:
        went = "fell" if drift.lower_sums[drift.left_at - 1] > 0 else "rose"
        said.append(f"{went} for longer than chance explains by gold case {drift.left_at}")
    return f"{name}'s Dice {' and '.join(said)}, of {drift.n} read."


def _labels(rater: Rater, own: Sequence[JudgedReading]) -> list[GoldLabel]:
    by_label: dict[int, list[LabelAgainstTruth]] = {}
    for entry in own:
        for one in entry.labels:
            by_label.setdefault(one.label, []).append(one)
    found = []
    for label, several in sorted(by_label.items()):
        dice = [one.dice for one in several]
        surface = [one.surface_dice for one in several if one.surface_dice is not None]
        hd95 = [one.hd95_mm for one in several if one.hd95_mm is not None]
        found.append(
            GoldLabel(
                rater_id=rater.rater_id,
                rater_name=rater.name,
                label=label,
                n_cases=len(several),
                dice=_mean(dice),
                dice_interval=mean_interval(dice),
                surface_dice=_mean(surface),
                surface_dice_interval=mean_interval(surface),
                hd95_mm=_mean(hd95),
                hd95_interval=mean_interval(hd95),
                n_objects=sum(one.n_objects for one in several),
                n_found=sum(one.n_found for one in several),
                n_false=sum(one.n_false for one in several),
            )
        )
    return found


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
