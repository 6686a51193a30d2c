"""How far a fusion believes each rater: the probability of the label that the rater gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.votes import to_dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.domain.reading import Box


def belief_of_patterns(
    patterns: NDArray[np.integer], probability: NDArray[np.float64], labels: Sequence[int]
) -> NDArray[np.float64]:
    """Return how far each rater is believed, ``(pattern, rater)``, 0 to 1.

    ``patterns`` is ``(pattern, rater)``, ``probability`` ``(pattern, label)`` in the order of
    ``labels``.
    """
    return np.take_along_axis(probability, np.searchsorted(labels, patterns), axis=1)


def belief_in_box(
    votes: VoteRuns, probability: NDArray[np.float64], rater: int, box: Box | None = None
) -> NDArray[np.float32]:
    """Return how far a rater is believed at each voxel of a box, ``(z, y, x)``.

    ``rater`` is the rater's column in ``votes``; without a box it is the whole grid.
    """
    own = belief_of_patterns(votes.patterns, probability, votes.labels)[:, rater]
    return to_dense(votes, own, np.float32, box)


def belief_of_voxels(
    masks: NDArray[np.integer], probability: NDArray[np.float32], labels: Sequence[int]
) -> NDArray[np.float32]:
    """Return how far each rater is believed at each voxel, ``(rater, z, y, x)``.

    ``masks`` is the label of each rater, ``(rater, z, y, x)``; ``probability`` is
    ``(label, z, y, x)`` on the same box, in the order of ``labels``.
    """
    numbers = np.searchsorted(labels, masks)
    return np.take_along_axis(probability, numbers, axis=0)


def mean_belief(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    probability: NDArray[np.float64],
    labels: Sequence[int],
) -> NDArray[np.float64]:
    """Return how far each rater is believed on average where raters disagree, ``(rater,)``.

    1 where they never do.
    """
    disputed = (patterns != patterns[:, :1]).any(axis=1)
    weights = np.where(disputed, counts, 0).astype(np.float64)
    total = weights.sum()
    if total == 0:
        return np.ones(patterns.shape[1])
    return np.asarray(weights @ belief_of_patterns(patterns, probability, labels) / total)
