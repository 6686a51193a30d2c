"""How far raters put the same landmark apart: distances, consensus, missing ones, offsets.

Positions are ``(case, rater, 3)``, in LPS mm or in pixels; NaN where a rater left none. The shares
within 2, 2.5, 3 and 4 mm are those by which landmarks are judged since Wang et al. (2015),
"Evaluation and Comparison of Anatomical Landmark Detection Methods for Cephalometric X-Ray
Images: A Grand Challenge", IEEE Transactions on Medical Imaging 34.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from annotator.analysis.agreement_icc import intraclass
from annotator.analysis.bland_altman import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.agreement_icc import IccTable

WITHIN = (2.0, 2.5, 3.0, 4.0)
"""Distances, mm, within which a landmark counts as found."""
_TOLERANCE = 1e-8
_MOST_STEPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Distances of one kind, all of them together; None where there are none.

    ``sd`` divides by their number less one; ``p95`` is the 95th percentile.
    """

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RaterLandmark:
    """One rater's places of a landmark beside the consensus of the other raters.

    Attributes
    ----------
    n_read, n_missing : int
        Cases that they read, and those of them in which they left none though another rater did.
    distances : ndarray
        To the consensus of the others, ``(case,)``; NaN where there is nothing to compare.
    offset : tuple of Estimate or None
        Mean of their place minus the consensus along each axis, with a t interval over cases; None
        below two cases.
    """

    n_read: int
    n_missing: int
    distances: NDArray[np.float64]
    offset: tuple[Estimate, Estimate, Estimate] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LandmarkAgreement:
    """How far raters agree on one landmark.

    Attributes
    ----------
    n_cases : int
        Cases in which two raters or more set it.
    n_read, n_missing : int
        Readings of cases in which anybody set it, and those that lack it.
    pair_distances : tuple of ndarray
        Of each case the distances of all pairs of pooled raters, ``(pair,)``.
    pairs : Spread
        Of all of them together.
    consensus : ndarray
        Geometric median of each case's places, ``(case, 3)``; NaN where nobody set it.
    to_consensus : ndarray
        Each pooled place's distance to it, ``(case, rater)``; NaN where there is none, or no other.
    raters : tuple of RaterLandmark
        In the order of the columns.
    icc : tuple of IccTable
        Of the coordinates along each axis.
    """

    n_cases: int
    n_read: int
    n_missing: int
    pair_distances: tuple[NDArray[np.float64], ...]
    pairs: Spread
    consensus: NDArray[np.float64]
    to_consensus: NDArray[np.float64]
    raters: tuple[RaterLandmark, ...]
    icc: tuple[IccTable, IccTable, IccTable]


def geometric_median(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place with the least sum of distances to places, ``(n, d)``, one or more.

    Of two places, and of others where several are least, it is the one that iterating from the
    mean leads to. Weiszfeld's iteration; that a given place is the least is told by the condition
    of Vardi & Zhang (2000), "The multivariate L1-median and associated data depth", PNAS 97. Where
    a step of Newton's method leads lower, it is taken instead.
    """
    at: NDArray[np.float64] = points.mean(axis=0)
    scale = float(np.abs(points - at).max())
    if scale == 0.0:
        return at
    for place in points:
        if _holds(points, place, scale):
            held: NDArray[np.float64] = place.copy()
            return held
    for _ in range(_MOST_STEPS):
        after = _nearer(points, at, scale)
        if np.linalg.norm(after - at) <= _TOLERANCE * scale:
            return after
        at = after
    return at


def _holds(points: NDArray[np.float64], place: NDArray[np.float64], scale: float) -> bool:
    """Whether one of the places is the least: the others do not pull it away from itself."""
    away = np.linalg.norm(points - place, axis=1)
    is_here = away <= _TOLERANCE * scale
    pull = ((points - place)[~is_here] / away[~is_here, None]).sum(axis=0)
    return bool(is_here.sum() > np.linalg.norm(pull) * (1 + _TOLERANCE))


def _nearer(
    points: NDArray[np.float64], at: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Return a place from which the sum of distances is less than from ``at``."""
    gaps = points - at
    away = np.maximum(np.linalg.norm(gaps, axis=1), _TOLERANCE * scale)
    weights = 1.0 / away
    towards: NDArray[np.float64] = weights @ points / weights.sum()
    units = gaps / away[:, None]
    bent = weights.sum() * np.eye(len(at)) - (units * weights[:, None]).T @ units
    newton: NDArray[np.float64] = at + np.linalg.lstsq(bent, units.sum(axis=0), rcond=1e-9)[0]
    return min((newton, towards), key=lambda place: _total(points, place))


def _total(points: NDArray[np.float64], at: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(points - at, axis=1).sum())


def landmark_agreement(
    positions: NDArray[np.float64], was_read: NDArray[np.bool_], is_pooled: NDArray[np.bool_]
) -> LandmarkAgreement:
    """Compare ``(case, rater, 3)`` places of one landmark; ``was_read`` is ``(case, rater)``.

    ``is_pooled`` ``(rater,)`` says who makes up the consensus, the pairs and the sums; the others
    are held against that consensus only. Missing ones are counted, in cases in which another rater
    set it, and compared with nothing.
    """
    known: NDArray[np.bool_] = np.asarray(np.isfinite(positions).all(axis=2), np.bool_)
    pooled = known & is_pooled
    counts = pooled.sum(axis=1)
    apart = tuple(_pair_distances(row[here]) for row, here in zip(positions, pooled, strict=True))
    consensus = np.full((len(positions), 3), np.nan)
    for case in np.flatnonzero(counts):
        consensus[case] = geometric_median(positions[case, pooled[case]])
    to_consensus = np.linalg.norm(positions - consensus[:, None], axis=2)
    to_consensus[(counts < 2)[:, None] | ~pooled] = np.nan
    expected = was_read & is_pooled & (counts > 0)[:, None]
    return LandmarkAgreement(
        n_cases=int((counts >= 2).sum()),
        n_read=int(expected.sum()),
        n_missing=int((expected & ~pooled).sum()),
        pair_distances=apart,
        pairs=spread_of(np.concatenate([np.zeros(0), *apart])),
        consensus=consensus,
        to_consensus=to_consensus,
        raters=tuple(
            _against_others(positions, pooled, was_read, column)
            for column in range(positions.shape[1])
        ),
        icc=tuple(intraclass(positions[:, is_pooled, axis]) for axis in range(3)),  # type: ignore[arg-type]
    )


def spread_of(distances: NDArray[np.float64]) -> Spread:
    """Return what distances, ``(distance,)``, have in common."""
    n = len(distances)
    if not n:
        return Spread(n=0, mean=None, sd=None, median=None, p95=None)
    return Spread(
        n=n,
        mean=float(distances.mean()),
        sd=float(distances.std(ddof=1)) if n > 1 else None,
        median=float(np.median(distances)),
        p95=float(np.percentile(distances, 95)),
    )


def shares_within(distances: NDArray[np.float64]) -> tuple[float | None, ...]:
    """Return which share of distances, NaN left out, is no larger than each of ``WITHIN``."""
    known = distances[np.isfinite(distances)]
    return tuple(float((known <= limit).mean()) if len(known) else None for limit in WITHIN)


def _pair_distances(places: NDArray[np.float64]) -> NDArray[np.float64]:
    pairs = itertools.combinations(places, 2)
    return np.array([np.linalg.norm(one - other) for one, other in pairs], np.float64)


def _against_others(
    positions: NDArray[np.float64],
    pooled: NDArray[np.bool_],
    was_read: NDArray[np.bool_],
    column: int,
) -> RaterLandmark:
    known = np.isfinite(positions[:, column]).all(axis=1)
    others = pooled.copy()
    others[:, column] = False
    offsets = np.full((len(positions), 3), np.nan)
    for case in np.flatnonzero(others.any(axis=1) & known):
        reference = geometric_median(positions[case, others[case]])
        offsets[case] = positions[case, column] - reference
    expected = was_read[:, column] & others.any(axis=1)
    return RaterLandmark(
        n_read=int((expected | known).sum()),
        n_missing=int((expected & ~known).sum()),
        distances=np.linalg.norm(offsets, axis=1),
        offset=_mean_offset(offsets[np.isfinite(offsets).all(axis=1)]),
    )


def _mean_offset(offsets: NDArray[np.float64]) -> tuple[Estimate, Estimate, Estimate] | None:
    n = len(offsets)
    if n < 2:
        return None
    reach = float(special.stdtrit(n - 1, 0.975)) * offsets.std(axis=0, ddof=1) / np.sqrt(n)
    x, y, z = (
        Estimate(value=float(mean), low=float(mean - away), high=float(mean + away))
        for mean, away in zip(offsets.mean(axis=0), reach, strict=True)
    )
    return x, y, z
