"""What fusion methods that work on patterns say of each rater."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.performance import drawn_volumes, judge_patterns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import VotePatterns
    from annotator.domain.review import RaterPerformance

    Floats = NDArray[np.float64]


def rows_of_weights(
    votes: VotePatterns, chosen: NDArray[np.uint16], share: Floats, ends: Floats | None
) -> tuple[RaterPerformance, ...]:
    """Judge raters, who share ``(rater,)`` of the vote, by the chosen label of each pattern."""
    is_chosen = (chosen[:, None] == np.asarray(votes.labels)).astype(np.float64)
    judged = judge_patterns(
        votes.patterns, votes.counts, votes.labels, is_chosen, votes.block_counts
    )
    each = np.ones(len(votes.labels) - 1)
    return judged.rows(
        votes.rater_ids,
        votes.labels,
        drawn_volumes(votes.patterns, votes.counts, votes.labels, votes.voxel_mm3),
        weights=np.multiply.outer(share, each),
        weight_ends=None if ends is None else np.multiply.outer(ends, each),
    )


def rows_of_posterior(
    votes: VotePatterns, counts: NDArray[np.int64], posterior: Floats
) -> tuple[RaterPerformance, ...]:
    """Judge raters by the probability of each label, over the voxels that count, ``(pattern,)``.

    A rater's weight is the share of what is known of a label.
    """
    judged = judge_patterns(votes.patterns, counts, votes.labels, posterior, votes.block_counts)
    return judged.rows(
        votes.rater_ids,
        votes.labels,
        drawn_volumes(votes.patterns, votes.counts, votes.labels, votes.voxel_mm3),
        weights=judged.informed,
        weight_ends=judged.informed_ends,
    )
