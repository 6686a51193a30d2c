"""Whether people are drawn towards a model that they were shown: readings with and without it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from annotator.analysis.case_bootstrap import case_draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Measure = Literal["model", "truth", "time"]
MEASURES: tuple[Measure, ...] = ("model", "truth", "time")
_ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReading:
    """One structure in one reading of a case that a model had read before.

    Attributes
    ----------
    is_shown : bool
        Whether the rater was offered the model's drawing, taken or not: what was drawn by lot.
        Who takes it is chosen by the rater, and choice would bias the comparison.
    with_model : float or None
        Dice with the model's drawing.
    with_truth : float or None
        Dice with the mask that was signed off, or is known.
    active_s : float or None
        Time at work on the case.
    """

    case_id: str
    rater_id: str
    label: int
    is_shown: bool
    with_model: float | None = None
    with_truth: float | None = None
    active_s: float | None = None

    def value(self, measure: Measure) -> float | None:
        """Return one of the three numbers."""
        numbers = {"model": self.with_model, "truth": self.with_truth, "time": self.active_s}
        return numbers[measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoringRow:
    """Readings with a model against readings without it, by one measure.

    Attributes
    ----------
    label : int or None
        The structure; None for the time, which is of a whole case.
    n_with, n_without, n_cases : int
        Readings of the raters who have both kinds, and their cases.
    mean_with, mean_without : float
        Means over raters of their own means, weighed as in `measure_anchoring`.
    difference : float
        The first less the second: within raters, whatever share each read without. Above 0 in
        Dice with the model, people are drawn towards it.
    low, high : float or None
        95 % interval over cases; None below two cases.
    """

    measure: Measure
    label: int | None
    n_with: int
    n_without: int
    n_cases: int
    mean_with: float
    mean_without: float
    difference: float
    low: float | None
    high: float | None

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def measure_anchoring(readings: Sequence[ShownReading]) -> tuple[AnchoringRow, ...]:
    """Compare readings with and without a model, a row for each structure and measure.

    Each rater is their own control: the difference is taken within each rater, and raters are
    weighed by ``n_with * n_without / (n_with + n_without)``, the precision of their difference
    where readings scatter alike. Raters who have one kind only say nothing. Since it was drawn by
    lot which readings were without the model, it is an estimate without bias of what showing it
    does. Cases are drawn with replacement for the interval, all readings of a case together, as
    they share its difficulty. Rows for which nobody has both kinds are left out.
    """
    found = []
    for measure in MEASURES:
        labels: Sequence[int | None] = sorted({entry.label for entry in readings})
        for label in (None,) if measure == "time" else labels:
            chosen = [
                (entry.case_id, entry.rater_id, entry.is_shown, value)
                for entry in (_once(readings) if label is None else readings)
                if label in (None, entry.label) and (value := entry.value(measure)) is not None
            ]
            row = _row(measure, label, chosen)
            if row is not None:
                found.append(row)
    return tuple(found)


def _once(readings: Sequence[ShownReading]) -> list[ShownReading]:
    """Return one entry for each rater and case: the time is not that of a structure."""
    return list({(entry.case_id, entry.rater_id): entry for entry in readings}.values())


def _row(
    measure: Measure, label: int | None, chosen: Sequence[tuple[str, str, bool, float]]
) -> AnchoringRow | None:
    kinds: dict[str, set[bool]] = defaultdict(set)
    for _, rater_id, is_shown, _ in chosen:
        kinds[rater_id].add(is_shown)
    both = sorted(rater_id for rater_id, seen in kinds.items() if len(seen) == 2)
    # Sorted: the same readings in another order must give the same bytes.
    own = sorted(entry for entry in chosen if entry[1] in both)
    if not own:
        return None
    cases = sorted({entry[0] for entry in own})
    case_at, rater_at = ({name: at for at, name in enumerate(names)} for names in (cases, both))
    sums = np.zeros((len(cases), len(both), 2, 2))
    for case_id, rater_id, is_shown, value in own:
        sums[case_at[case_id], rater_at[rater_id], int(is_shown)] += (1.0, value)
    flat = sums.reshape(len(cases), -1)
    count = sums.sum(axis=(0, 1))[:, 0]
    means = _means(flat.sum(axis=0)[None], len(both))[0]
    difference = float(means[1] - means[0])
    low, high = _interval(flat, len(both), len(own), difference)
    return AnchoringRow(
        measure=measure,
        label=label,
        n_with=int(count[1]),
        n_without=int(count[0]),
        n_cases=len(cases),
        mean_with=float(means[1]),
        mean_without=float(means[0]),
        difference=difference,
        low=low,
        high=high,
    )


def _interval(
    flat: NDArray[np.float64], n_raters: int, n_readings: int, value: float
) -> tuple[float | None, float | None]:
    n_cases, n_left = len(flat), n_readings - n_raters - 1
    if n_cases < 2 or n_left < 1:
        return None, None
    drawn = np.diff(_means(case_draws(n_cases) @ flat, n_raters), axis=1)[:, 0]
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None, None
    # A mean is fitted to each rater, and cases are few: without both corrections of Cameron and
    # Miller (J Human Resources 50 (2015) 317) one in ten intervals misses instead of one in twenty.
    wider = float(student.ppf(_ENDS[1], n_cases - 1) / norm.ppf(_ENDS[1]))
    wider *= np.sqrt(n_cases / (n_cases - 1) * (n_readings - 1) / n_left)
    low, high = (value + wider * (np.quantile(known, _ENDS) - value)).tolist()
    return low, high


def _means(sums: NDArray[np.float64], n_raters: int) -> NDArray[np.float64]:
    """Return the weighted means without and with from ``(draw, sums)``, ``(draw, 2)``."""
    parts = sums.reshape(len(sums), n_raters, 2, 2)
    count, total = parts[..., 0], parts[..., 1]
    weight = count.prod(axis=2) / np.maximum(count.sum(axis=2), 1.0)
    summed = weight.sum(axis=1)[:, None]
    mean = total / np.maximum(count, 1.0)
    weighed = (weight[..., None] * mean).sum(axis=1)
    return np.where(summed > 0, weighed / np.where(summed > 0, summed, 1.0), np.nan)
