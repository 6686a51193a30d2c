"""Raters who do not seem to have read independently of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALIKE = 0.1
"""Two raters are alike if they differ this much less from each other than from the rest."""
_FEWEST_VOXELS = 20


def differing_voxels(
    patterns: NDArray[np.integer], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Count the voxels in which two raters differ, ``(rater, rater)``."""
    weights = counts.astype(np.float64)[:, None]
    same = np.zeros((patterns.shape[1], patterns.shape[1]))
    for label in np.unique(patterns):
        said = (patterns == label).astype(np.float64)
        same += said.T @ (said * weights)
    return np.asarray(weights.sum() - same)


def dependent_pairs(
    patterns: NDArray[np.integer], counts: NDArray[np.integer]
) -> list[tuple[int, int]]:
    """Return the pairs of raters who are nearly identical where raters dispute.

    Two raters who err independently differ from each other about as much as from anybody else. A
    pair is named whose readings differ in less than a tenth of the voxels in which the two differ
    from the other raters (the median over those who drew anything). Three raters are needed.
    """
    differ = differing_voxels(patterns, counts)
    has_drawn = (counts[:, None] * (patterns != 0)).sum(axis=0) > 0
    found = []
    for left in range(len(differ)):
        for right in range(left + 1, len(differ)):
            others = has_drawn.copy()
            others[[left, right]] = False
            if not (has_drawn[left] and has_drawn[right] and others.any()):
                continue
            usual = float(np.median((differ[left, others] + differ[right, others]) / 2))
            if usual >= _FEWEST_VOXELS and differ[left, right] < _ALIKE * usual:
                found.append((left, right))
    return found
