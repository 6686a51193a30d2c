"""How well points and stretches of a contour are told right from wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FALSE_ALERTS = 0.02
"""Share of right points that are falsely alerted, at which detection is told."""
LEAST_SHARE = 0.25
"""A stretch is found where this share of it is alerted: one lucky point is no finding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredContour:
    """A contour of which is known where it is wrong, and how suspicious each point seemed.

    Attributes
    ----------
    score : ndarray
        ``(point,)`` float64; larger is more suspicious.
    is_wrong : ndarray
        ``(point,)`` bool.
    size_mm : ndarray
        ``(point,)`` float64, mm² or mm.
    stretches : tuple of ndarray
        Points of each wrong stretch.
    """

    score: NDArray[np.float64]
    is_wrong: NDArray[np.bool_]
    size_mm: NDArray[np.float64]
    stretches: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What is found at one threshold; shares run from 0 to 1, None where there is nothing to find.

    ``found`` is of wrong stretches, ``point_recall`` of wrong contour and ``false_alerts`` of right
    contour, by size; ``precision`` is the wrong share of all that is alerted; ``alerted_share`` of
    all contour is alerted.
    """

    threshold: float
    found: float | None
    point_recall: float | None
    false_alerts: float | None
    precision: float | None
    alerted_share: float


def threshold_at(contours: Sequence[ScoredContour], false_alerts: float = FALSE_ALERTS) -> float:
    """Return the lowest threshold at which no more of the right contour is alerted.

    A point is alerted where its score is at or above it.
    """
    score = np.concatenate([one.score[~one.is_wrong] for one in contours])
    size = np.concatenate([one.size_mm[~one.is_wrong] for one in contours])
    order = np.argsort(-score, kind="stable")
    score, size = score[order], size[order]
    # Points of one score are alerted together or not at all.
    last = np.flatnonzero(np.append(score[1:] != score[:-1], [True] * bool(len(score))))
    within = np.cumsum(size)[last] <= false_alerts * size.sum()
    lowest = score[last[within][-1]] if within.any() else np.inf
    above = score[score < lowest]
    return float(np.nextafter(above[0], np.inf)) if len(above) else -np.inf


def detect(
    contours: Sequence[ScoredContour], threshold: float, *, least_share: float = LEAST_SHARE
) -> Detection:
    """Return what is found where points at or above a threshold are alerted."""
    hits = np.concatenate([found_stretches(one, threshold, least_share) for one in contours])
    sizes = np.zeros((2, 2))
    for one in contours:
        is_alerted = one.score >= threshold
        for wrong in (False, True):
            for alerted in (False, True):
                chosen = (one.is_wrong == wrong) & (is_alerted == alerted)
                sizes[int(wrong), int(alerted)] += one.size_mm[chosen].sum()
    return Detection(
        threshold=threshold,
        found=float(hits.mean()) if len(hits) else None,
        point_recall=_share(sizes[1, 1], sizes[1].sum()),
        false_alerts=_share(sizes[0, 1], sizes[0].sum()),
        precision=_share(sizes[1, 1], sizes[:, 1].sum()),
        alerted_share=_share(sizes[:, 1].sum(), sizes.sum()) or 0.0,
    )


def found_stretches(
    contour: ScoredContour, threshold: float, least_share: float = LEAST_SHARE
) -> NDArray[np.bool_]:
    """Tell of each wrong stretch whether enough of it is alerted, ``(stretch,)``."""
    is_alerted = contour.score >= threshold
    size = contour.size_mm
    return np.array(
        [
            size[rows][is_alerted[rows]].sum() >= least_share * size[rows].sum()
            for rows in contour.stretches
        ],
        np.bool_,
    )


def alerts_per_mm(n_alerts: int, contours: Sequence[ScoredContour]) -> float:
    """Return the alerted stretches for each mm of contour; for each mm² in volumes."""
    return n_alerts / float(sum(one.size_mm.sum() for one in contours))


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None
