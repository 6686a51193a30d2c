"""Overlap of maps of probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CUTS = (0.1, 0.3, 0.5, 0.7, 0.9)


def soft_dice(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    counts: NDArray[np.integer] | None = None,
) -> float:
    """Return Dice averaged over cuts of both maps at 0.1, 0.3, 0.5, 0.7 and 0.9, 0 to 1.

    The measure of multi-rater papers since Ji et al. (CVPR 2021), where ``second`` is the share of
    raters. Where a cut leaves nothing of either, they agree. ``counts`` says how many voxels each
    value stands for, one where it is left out.
    """
    found = []
    times = np.ones(first.shape, np.int64) if counts is None else counts
    for cut in _CUTS:
        one, other = first > cut, second > cut
        total = int(times[one].sum()) + int(times[other].sum())
        found.append(2.0 * int(times[one & other].sum()) / total if total else 1.0)
    return float(np.mean(found))
