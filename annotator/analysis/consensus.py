"""What fusion methods share: counting votes, choosing a label, judging raters against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.dependence import dependent_pairs
from annotator.analysis.performance import drawn_volumes, judge_patterns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.review import RaterPerformance

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
    block_counts: NDArray[np.integer] | None = None,
) -> tuple[RaterPerformance, ...]:
    """Compare each rater with the chosen labels ``(pattern,)``, label by label, over all voxels.

    Intervals come from ``block_counts``, voxels by block of neighbouring voxels and pattern.
    """
    is_chosen = (chosen[:, None] == np.asarray(labels)).astype(np.float64)
    found = judge_patterns(patterns, counts, labels, is_chosen, block_counts)
    return found.rows(rater_ids, labels, drawn_volumes(patterns, counts, labels, voxel_mm3))


def warn_of_votes(
    rater_ids: Sequence[str],
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    undecided: NDArray[np.bool_] | None = None,
) -> list[str]:
    """Say in words what makes any fusion of these votes doubtful; ``undecided`` marks ties."""
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
    found += [
        f"{rater_ids[left]} and {rater_ids[right]} are nearly identical where others differ: "
        "readings that are not independent count double."
        for left, right in dependent_pairs(patterns, counts)
    ]
    n_tied = 0 if undecided is None else int(counts[undecided].sum())
    if n_tied:
        found.append(
            f"{n_tied} {'voxel is' if n_tied == 1 else 'voxels are'} tied: the lowest tied label "
            "was taken."
        )
    return found


def _is_or_are(count: int) -> str:
    return "is" if count == 1 else "are"
