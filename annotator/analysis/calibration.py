"""How far a probability can be believed: what was said with 80 % should hold in 80 % of voxels.

Everything is computed from cells: voxels with the same probability and the same truth, and how
many there are. Over the whole image background would hide everything; count the cells of a band
around outlines and disputes (:mod:`annotator.analysis.band`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

N_BINS = 10
SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 in the logarithm: one sure error is not infinite."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Voxels of one label, gathered by what was said of them and what is so.

    Attributes
    ----------
    probability : ndarray
        What was said, ``(cell,)``, 0 to 1.
    observed : ndarray
        What is so, ``(cell,)``: 0 or 1, or the share of raters who gave the label.
    counts : ndarray
        Voxels, ``(cell,)``.
    """

    probability: NDArray[np.float64]
    observed: NDArray[np.float64]
    counts: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Cells whose probability lies between two edges.

    ``confidence`` is their mean probability, ``frequency`` how often the label was there.
    """

    low: float
    high: float
    n_voxels: float
    confidence: float
    frequency: float


def join_cells(several: Sequence[Cells]) -> Cells:
    """Return the cells of all."""
    return Cells(
        probability=np.concatenate([np.zeros(0), *(cells.probability for cells in several)]),
        observed=np.concatenate([np.zeros(0), *(cells.observed for cells in several)]),
        counts=np.concatenate([np.zeros(0), *(cells.counts for cells in several)]),
    )


def sums_of_raters(
    probability: NDArray[np.float64], said: NDArray[np.bool_], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the sums of equally wide bins against each rater alone, ``(rater, bin, 3)``.

    ``said`` is ``(cell, rater)``. Sums of several cases add up, as in :func:`bin_sums`.
    """
    edges = equal_width_edges()
    times = counts.astype(np.float64)
    return np.stack(
        [
            bin_sums(
                Cells(probability=probability, observed=one.astype(np.float64), counts=times), edges
            )
            for one in said.T
        ]
    )


def error_against_each(sums: NDArray[np.float64]) -> float | None:
    """Return the calibration error against each rater, averaged, of ``(rater, bin, 3)`` sums.

    Where all raters looked at the same voxels it is never below the error against their mean,
    whose cells have the share of raters as truth: that one lets raters' errors cancel. None
    without voxels.
    """
    known = [error for one in sums if (error := calibration_error(one)) is not None]
    return float(np.mean(known)) if known else None


def reliability(cells: Cells, edges: NDArray[np.float64] | None = None) -> tuple[Bin, ...]:
    """Return the bins that hold voxels, of equal width unless ``edges`` are given."""
    limits = equal_width_edges() if edges is None else edges
    sums = bin_sums(cells, limits)
    return tuple(
        Bin(
            low=float(limits[place]),
            high=float(limits[place + 1]),
            n_voxels=float(n),
            confidence=float(said / n),
            frequency=float(so / n),
        )
        for place, (n, said, so) in enumerate(sums)
        if n > 0
    )


def equal_width_edges(n_bins: int = N_BINS) -> NDArray[np.float64]:
    """Return the edges of bins of equal width, ``(bin + 1,)``."""
    return np.linspace(0.0, 1.0, n_bins + 1)


def equal_mass_edges(cells: Cells, n_bins: int = N_BINS) -> NDArray[np.float64]:
    """Return edges between which about the same number of voxels lies, ``(bin + 1,)``.

    Fewer bins where many voxels share a probability.
    """
    if not cells.counts.sum():
        return np.array([0.0, 1.0])
    order = np.argsort(cells.probability, kind="stable")
    value, share = cells.probability[order], np.cumsum(cells.counts[order]) / cells.counts.sum()
    inner = value[np.searchsorted(share, np.arange(1, n_bins) / n_bins)]
    # An edge belongs to the bin above it, so that voxels of one probability stay together.
    inner = np.unique(inner[(inner > 0) & (inner < 1)])
    return np.concatenate([[0.0], inner, [1.0]])


def bin_sums(cells: Cells, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return voxels, and sums of probability and of truth over them, ``(bin, 3)``.

    Sums of several cases add up: intervals over cases need nothing else.
    """
    n_bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, cells.probability, side="right") - 1, 0, n_bins - 1)
    return np.stack(
        [
            np.bincount(place, cells.counts * value, n_bins)
            for value in (1.0, cells.probability, cells.observed)
        ],
        axis=1,
    )


def calibration_error(sums: NDArray[np.float64]) -> float | None:
    """Return the mean gap between probability and frequency over bins, weighed by their voxels.

    ``sums`` is ``(bin, 3)`` of :func:`bin_sums`. With bins of equal width this is the expected
    calibration error (ECE; Naeini et al. (2015), AAAI), with bins of equal mass the adaptive one
    (ACE; Nixon et al. (2019), CVPR workshops). None where there are no voxels.
    """
    total = float(sums[:, 0].sum())
    return float(np.abs(sums[:, 1] - sums[:, 2]).sum()) / total if total else None


def brier_score(cells: Cells) -> float | None:
    """Return the mean squared gap between probability and truth; None without voxels.

    Where the truth is a share of raters this is the mean over the raters. Brier (1950), Monthly
    Weather Review 78.
    """
    p, q = cells.probability, cells.observed
    return _mean(cells, q * (1 - p) ** 2 + (1 - q) * p**2)


def log_loss(cells: Cells) -> float | None:
    """Return the mean negative log-likelihood of the truth in nats; None without voxels.

    Probabilities are kept :data:`SMALLEST` away from 0 and 1.
    """
    p = np.clip(cells.probability, SMALLEST, 1 - SMALLEST)
    return _mean(cells, -(cells.observed * np.log(p) + (1 - cells.observed) * np.log1p(-p)))


def crps(values: NDArray[np.float64], predicted: float) -> float | None:
    """Return the continuous ranked probability score of one number against several.

    ``values`` are the raters' sizes of a case, ``(rater,)``; the result is in their unit. For one
    rater it is the absolute difference. Form: E|X - v| - E|X - X'| / 2 over the empirical
    distribution, Gneiting & Raftery (2007), Journal of the American Statistical Association 102.
    None without raters.
    """
    if not len(values):
        return None
    spread = np.abs(values[:, None] - values[None, :]).mean()
    return float(np.abs(values - predicted).mean() - spread / 2)


def _mean(cells: Cells, loss: NDArray[np.float64]) -> float | None:
    total = float(cells.counts.sum())
    return float(cells.counts @ loss) / total if total else None
