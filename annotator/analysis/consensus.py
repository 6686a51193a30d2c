"""What fusion methods share: counting votes, choosing a label, judging raters against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.review import RaterPerformance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TIE = 1e-9


def count_votes(patterns: NDArray[np.integer], labels: Sequence[int]) -> NDArray[np.int64]:
    """Return how many raters gave each label, ``(pattern, label)``, of ``(pattern, rater)``."""
    return np.stack([(patterns == label).sum(axis=1) for label in labels], axis=1)


def choose(
    probability: NDArray[np.float64], labels: Sequence[int]
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Return the most probable label of each pattern, ``(pattern,)``, and where that is a tie.

    In a tie the lowest label wins: background before anything, then the smaller value.
    """
    is_best = probability >= probability.max(axis=1, keepdims=True) - _TIE
    chosen = np.asarray(labels, np.uint16)[is_best.argmax(axis=1)]
    return chosen, is_best.sum(axis=1) > 1


def judge_raters(
    rater_ids: Sequence[str],
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    chosen: NDArray[np.integer],
    voxel_mm3: float,
) -> tuple[RaterPerformance, ...]:
    """Compare each rater with the chosen labels ``(pattern,)``, label by label, over all voxels."""
    found = []
    for label in labels[1:]:
        is_there = chosen == label
        n_there, n_not = int(counts[is_there].sum()), int(counts[~is_there].sum())
        for rater, rater_id in enumerate(rater_ids):
            said = patterns[:, rater] == label
            hits, false = int(counts[said & is_there].sum()), int(counts[said & ~is_there].sum())
            found.append(
                RaterPerformance(
                    rater_id=rater_id,
                    label=label,
                    sensitivity=hits / n_there if n_there else None,
                    specificity=1.0 - false / n_not if n_not else None,
                    volume_mm3=(hits + false) * voxel_mm3,
                )
            )
    return tuple(found)


def warn_of_votes(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    undecided: NDArray[np.bool_],
) -> list[str]:
    """Say in words what makes any fusion of these votes doubtful."""
    n_raters = patterns.shape[1]
    drawn = (counts[:, None] * (patterns != 0)).sum(axis=0)
    n_empty = int((drawn == 0).sum())
    found = []
    if n_raters == 1:
        found.append("There is one reading only: the result is that reading.")
    if n_empty == n_raters:
        found.append("No reading holds anything: the result is empty.")
    elif n_empty:
        found.append(f"{n_empty} of {n_raters} readings {_is_or_are(n_empty)} empty.")
    if counts.sum() and (drawn == counts.sum()).all():
        found.append("Every reading marks every voxel: how raters treat background is unknown.")
    n_tied = int(counts[undecided].sum())
    if n_tied:
        found.append(
            f"{n_tied} {'voxel is' if n_tied == 1 else 'voxels are'} tied: the lowest tied label "
            "was taken."
        )
    return found


def _is_or_are(count: int) -> str:
    return "is" if count == 1 else "are"
