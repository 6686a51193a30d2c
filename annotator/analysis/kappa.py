"""Agreement of two raters beyond chance, from a table of who said what, and Gwet's AC1.

Where one answer is far more common than others kappa can be low although raters nearly always
agree; AC1 does not suffer from that. Both go with the plain share of agreement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

Weights = Literal["none", "linear", "quadratic"]


def answer_table(
    first: Sequence[Hashable | None],
    second: Sequence[Hashable | None],
    categories: Sequence[Hashable],
) -> NDArray[np.int64]:
    """Return how often each pair of answers was given, ``(category, category)``.

    None where a rater gave no answer: the item is left out.
    """
    place = {category: number for number, category in enumerate(categories)}
    table = np.zeros((len(categories), len(categories)), np.int64)
    for one, other in zip(first, second, strict=True):
        if one is not None and other is not None:
            table[place[one], place[other]] += 1
    return table


def observed_agreement(table: NDArray[np.integer]) -> float | None:
    """Return the share of items on which both gave the same answer; None where there are none."""
    total = int(table.sum())
    return float(np.trace(table)) / total if total else None


def cohen_kappa(
    table: NDArray[np.integer],
    weights: Weights = "none",
    values: Sequence[float] | None = None,
) -> float | None:
    """Return Cohen's kappa of a ``(category, category)`` table.

    With weights ``linear`` or ``quadratic`` it counts how far apart two answers are: by ``values``,
    the numbers of the categories, or by their places where those are left out. None where there
    are no items, or chance alone would agree always. Cohen (1960), Educational and Psychological
    Measurement 20; weighted: (1968), Psychological Bulletin 70.
    """
    total = float(table.sum())
    if total == 0.0:
        return None
    share = table / total
    apart = _apart(np.arange(len(table)) if values is None else values, weights)
    expected = float(share.sum(axis=1) @ apart @ share.sum(axis=0))
    return None if expected == 0.0 else 1.0 - float((apart * share).sum()) / expected


def gwet_ac1(counts: NDArray[np.integer], times: NDArray[np.integer] | None = None) -> float | None:
    """Return Gwet's AC1 of ``(item, category)`` counts of raters; raters may be missing.

    ``times`` says how many items each row stands for. None where no item has two raters, or there
    is one category only. Gwet (2008), British Journal of Mathematical and Statistical Psychology
    61.
    """
    n_items = np.ones(len(counts)) if times is None else np.asarray(times, np.float64)
    n_raters = counts.sum(axis=1)
    paired, rated = n_raters >= 2, n_raters >= 1
    n_categories = counts.shape[1]
    if n_categories < 2 or not n_items[paired].sum():
        return None
    own = n_raters[paired]
    agreeing = (counts[paired] * (counts[paired] - 1)).sum(axis=1) / (own * (own - 1))
    observed = float(n_items[paired] @ agreeing / n_items[paired].sum())
    share = counts[rated] / n_raters[rated, None]
    common = n_items[rated] @ share / n_items[rated].sum()
    expected = float((common * (1 - common)).sum() / (n_categories - 1))
    return None if expected >= 1.0 else (observed - expected) / (1.0 - expected)


def _apart(values: Sequence[float] | NDArray[np.integer], weights: Weights) -> NDArray[np.float64]:
    """Return how much a pair of answers counts as disagreement, ``(category, category)``."""
    if weights == "none":
        return 1.0 - np.eye(len(values))
    place = np.asarray(values, np.float64)
    gap = np.abs(place[:, None] - place[None, :])
    return gap if weights == "linear" else gap**2
