"""Agreement beyond chance on diagnoses: Fleiss' kappa and Krippendorff's alpha.

Both are computed from how many raters gave each item each answer; the closed forms need no
coincidence of single pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]


def count_answers(
    answers: Sequence[Sequence[Hashable | None]], categories: Sequence[Hashable]
) -> NDArray[np.int64]:
    """Return how many raters gave each answer, ``(item, category)``.

    ``answers`` is a row an item, an entry a rater; None where the rater gave none.
    """
    place = {category: number for number, category in enumerate(categories)}
    counts = np.zeros((len(answers), len(categories)), np.int64)
    for item, row in enumerate(answers):
        for answer in row:
            if answer is not None:
                counts[item, place[answer]] += 1
    return counts


def fleiss_kappa(counts: NDArray[np.integer]) -> float | None:
    """Return Fleiss' kappa of ``(item, category)`` counts, the same number of raters an item.

    1 is full agreement, 0 what chance would give. None where it is undefined: no items, one rater,
    or a single answer throughout. Raises ValueError where items have different numbers of raters.
    """
    if not len(counts):
        return None
    n_raters = int(counts[0].sum())
    if (counts.sum(axis=1) != n_raters).any():
        raise ValueError("items have different numbers of raters: use krippendorff_alpha")
    if n_raters < 2:
        return None
    agreement = ((counts**2).sum(axis=1) - n_raters) / (n_raters * (n_raters - 1))
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    if expected >= 1.0:
        return None
    return float((agreement.mean() - expected) / (1.0 - expected))


def krippendorff_alpha(
    counts: NDArray[np.integer],
    level: Level = "nominal",
    values: Sequence[float] | None = None,
) -> float | None:
    """Return Krippendorff's alpha of ``(item, category)`` counts; raters may be missing.

    Categories are in ascending order for ``ordinal``; ``values`` gives their numbers for
    ``interval`` (their places where it is left out). None where it is undefined: fewer than two
    answers on every item, or a single answer throughout.
    """
    pairable = np.asarray(counts)[counts.sum(axis=1) >= 2].astype(np.float64)
    if not len(pairable):
        return None
    totals = pairable.sum(axis=0)
    n_answers = float(totals.sum())
    difference = _squared_difference(totals, level, values)
    per_item = np.einsum("ic,cd,id->i", pairable, difference, pairable)
    observed = float((per_item / (pairable.sum(axis=1) - 1)).sum()) / n_answers
    expected = float(totals @ difference @ totals) / (n_answers * (n_answers - 1))
    return None if expected == 0.0 else 1.0 - observed / expected


def _squared_difference(
    totals: NDArray[np.float64], level: Level, values: Sequence[float] | None
) -> NDArray[np.float64]:
    """Return how different two categories are, squared, ``(category, category)``."""
    n_categories = len(totals)
    if level == "nominal":
        return 1.0 - np.eye(n_categories)
    if level == "interval":
        at = np.arange(n_categories) if values is None else np.asarray(values, np.float64)
    else:  # the distance between ranks, with ties in the middle of theirs
        at = np.cumsum(totals) - totals / 2
    return np.asarray((at[:, None] - at[None, :]) ** 2, np.float64)
