"""Fusion by a weight a rater and structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def fuse_by_structure(
    patterns: NDArray[np.integer], labels: Sequence[int], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of each label, ``(pattern, label)``, of ``(pattern, rater)``.

    ``weights`` are ``(rater, label)`` without background and sum to 1 over raters. A label has the
    weight, for that label, of those who gave it; background the weight of those who gave none,
    meant over the labels that anybody gave there. Shares are then scaled to sum to 1. Where one
    structure is in question that changes nothing: its probability is the weight of those who gave
    it. With equal weights the result is the share of raters.
    """
    said = patterns[:, :, None] == np.asarray(labels[1:])
    is_given = np.asarray(said.any(axis=1))
    share = np.empty((len(patterns), len(labels)))
    share[:, 1:] = np.einsum("prl,rl->pl", said, weights)
    n_given = np.maximum(is_given.sum(axis=1, keepdims=True), 1)
    by_rater = is_given @ weights.T / n_given
    share[:, 0] = (by_rater * (patterns == 0)).sum(axis=1)
    share[~is_given.any(axis=1), 0] = 1.0
    return np.asarray(share / share.sum(axis=1, keepdims=True))
