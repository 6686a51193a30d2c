"""How far two groups of drawings of the same case agree: people and models, say.

From the overlap of all pairs, one member of each group or two of the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Estimator = Literal["with-self", "without-self"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BestMatch:
    """Mean of each member's best Dice in the other group, both ways."""

    of_first: float
    of_second: float


def dice_max(dice: NDArray[np.float64]) -> BestMatch | None:
    """Return how well each member is met by its nearest of the other group, ``(first, second)``.

    None where a group is empty. As "D_max" of D-Persona, Wu et al. (2024), CVPR.
    """
    if not dice.size:
        return None
    return BestMatch(
        of_first=float(dice.max(axis=1).mean()), of_second=float(dice.max(axis=0).mean())
    )


def dice_match(dice: NDArray[np.float64]) -> float | None:
    """Return the mean Dice of the best one-to-one pairing of two groups, ``(first, second)``.

    The pairing is Hungarian; of the larger group some members stay without a partner. None where
    a group is empty. As "D_match" of D-Persona, Wu et al. (2024), CVPR.
    """
    if not dice.size:
        return None
    rows, columns = linear_sum_assignment(dice, maximize=True)
    return float(dice[rows, columns].mean())


def ged_squared(
    iou: NDArray[np.float64], n_first: int, *, estimator: Estimator = "with-self"
) -> float | None:
    """Return the squared generalised energy distance of two groups, distance being 1 - IoU.

    ``iou`` is ``(member, member)``, the ``n_first`` of the first group before the others; two
    empty drawings have IoU 1. ``with-self`` counts the distance 0 of a drawing to itself in the
    mean within a group (the biased form, never below 0, of Kohl et al. (2018), NeurIPS);
    ``without-self`` leaves it out (unbiased, may be below 0, needs two members a group). None
    where a group has too few members.
    """
    distance = 1.0 - iou
    first, second = distance[:n_first, :n_first], distance[n_first:, n_first:]
    within = [_mean_within(group, estimator) for group in (first, second)]
    if within[0] is None or within[1] is None:
        return None
    return float(2.0 * distance[:n_first, n_first:].mean() - within[0] - within[1])


def _mean_within(distance: NDArray[np.float64], estimator: Estimator) -> float | None:
    n = len(distance)
    if n < (1 if estimator == "with-self" else 2):
        return None
    return float(distance.sum()) / (n * n if estimator == "with-self" else n * (n - 1))
