"""Where to believe which rater, told by how far each agrees with the estimate there.

The idea is that of self-calibrated segmentation (Wu et al., MICCAI 2022, arXiv 2206.05092): what a
network thinks each rater would draw says where that rater is to be believed, and readings weighed
so say what the network is to learn. The operator is another one. Theirs, ``P_k / sum P``, is for a
network that knows its raters ``sum s_k^2 / sum s_k``: the union of the readings, for it asks only
who drew, never who was right to leave out. Here a rater is believed for agreeing with the estimate,
on either side of the outline, so exchanging object and background exchanges the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

FLOOR = 1e-6
TRUNCATE = 3.0


def agreement(estimate: Floats, drawn: Floats) -> Floats:
    """Return how likely each rater and the estimate give a voxel the same label, ``(rater, …)``.

    ``estimate`` is ``(label, …)`` and ``drawn`` what each rater would draw, ``(rater, label, …)``;
    both sum to 1 over labels. With one label beside background this is ``yP + (1 - y)(1 - P)``.
    """
    return np.asarray((estimate[None] * drawn).sum(axis=1))


def expertness(
    estimate: Floats, drawn: Floats, *, beta: float, sigma: float, present: NDArray[np.bool_]
) -> Floats:
    """Return how far each rater is believed at each voxel, ``(rater, …)``; sums to 1 over raters.

    Parameters
    ----------
    estimate, drawn : ndarray
        As in :func:`agreement`; the last two axes are rows and columns.
    beta : float
        How strongly agreement counts: 0 believes all alike.
    sigma : float
        Over how many voxels of a slice agreement is averaged (Gaussian), in voxels.
    present : ndarray
        Who read the case, ``(rater,)``; the others get weight 0.

    Raises
    ------
    AnnotatorError
        Where nobody read the case.
    """
    if not present.any():
        raise AnnotatorError("nobody read this case, so there is nobody to believe")
    agreed = agreement(estimate, drawn)
    if sigma > 0:
        around = (0.0,) * (agreed.ndim - 2) + (sigma, sigma)
        agreed = ndimage.gaussian_filter(agreed, around, mode="nearest", truncate=TRUNCATE)
    score = beta * np.log(np.clip(agreed, FLOOR, 1.0))
    score[~present] = -np.inf
    weight = np.exp(score - score.max(axis=0))
    return np.asarray(weight / weight.sum(axis=0))


def fuse(
    estimate: Floats,
    drawn: Floats,
    readings: Floats,
    *,
    beta: float,
    sigma: float,
    present: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Return the readings, ``(rater, label, …)``, averaged by expertness, and the expertness.

    The first is ``(label, …)`` and sums to 1 over labels where each reading does; the second is
    ``(rater, …)``. What stands in ``readings`` for a rater who is not present does not count.
    """
    weight = expertness(estimate, drawn, beta=beta, sigma=sigma, present=present)
    return np.asarray((weight[:, None] * readings).sum(axis=0)), weight
