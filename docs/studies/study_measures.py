"""What a fusion is judged by: overlap with a truth, distance to it, objects found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.runs import encode
from annotator.analysis.soft_overlap import soft_dice
from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import merge_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from study_cases import StudyCase
    from study_methods import Fused

TOUCHING = np.ones((3, 3, 3))
ALONE = "(one rater)"
"""What a project has that does not fuse: the mean over the raters of each one's own mask."""
NAMES = ("dice", "hd95_mm", "soft_dice", "object_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one method did on one case; NaN where a number is undefined."""

    set_name: str
    group: str
    case: str
    method: str
    dice: float
    hd95_mm: float
    soft_dice: float
    object_f1: float
    seconds: float


def judge(set_name: str, case: StudyCase, method: str, fused: Fused) -> Row:
    """Compare a fusion with the truth; the mean over structures where it is defined."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for _, labels in case.structures():
        drawn, truth = np.isin(fused.chosen, labels), np.isin(case.truth, labels)
        share = sum(
            fused.probability[case.runs.labels.index(label)]
            for label in labels
            if label in case.runs.labels
        )
        found["dice"].append(dice(drawn, truth))
        found["hd95_mm"].append(hd95_mm(drawn, truth, case.given.spacing_mm))
        if truth.any():
            found["soft_dice"].append(soft_dice(np.asarray(share), truth.astype(np.float32)))
        found["object_f1"].append(object_f1(drawn, truth))
    means = {name: _mean(values) for name, values in found.items()}
    return Row(
        set_name=set_name,
        group=case.group,
        case=case.key,
        method=method,
        dice=means["dice"],
        hd95_mm=means["hd95_mm"],
        soft_dice=means["soft_dice"],
        object_f1=means["object_f1"],
        seconds=fused.seconds,
    )


def mean_row(rows: Sequence[Row]) -> Row:
    """Return the mean of several rows of one case and method, where it is defined."""
    first = rows[0]
    return Row(
        set_name=first.set_name,
        group=first.group,
        case=first.case,
        method=first.method,
        dice=_mean([row.dice for row in rows]),
        hd95_mm=_mean([row.hd95_mm for row in rows]),
        soft_dice=_mean([row.soft_dice for row in rows]),
        object_f1=_mean([row.object_f1 for row in rows]),
        seconds=_mean([row.seconds for row in rows]),
    )


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, NaN where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else float("nan")


def hd95_mm(
    one: NDArray[np.bool_], other: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> float:
    """Return the 95 % Hausdorff distance, NaN where either is empty."""
    if not one.any() or not other.any():
        return float("nan")
    votes = merge_votes([encode(one.astype(np.uint8)), encode(other.astype(np.uint8))], labels=[1])
    (pair,) = surface_distances(votes, 1, spacing_mm)
    return float("nan") if pair.hd95_mm is None else pair.hd95_mm


def object_f1(drawn: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return F1 of objects: found where anything of it is drawn, false where it touches no truth.

    NaN where there is nothing to find and nothing was drawn.
    """
    true_objects, n_true = ndimage.label(truth, TOUCHING)
    drawn_objects, n_drawn = ndimage.label(drawn, TOUCHING)
    if not n_true and not n_drawn:
        return float("nan")
    n_found = len(np.unique(true_objects[drawn & truth]))
    n_right = len(np.unique(drawn_objects[drawn & truth]))
    return (n_found + n_right) / (n_true + n_drawn)


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
