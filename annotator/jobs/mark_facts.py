"""Agreement on marks as facts: frozen, in plain numbers, so that it can be written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from annotator.analysis.agreement_icc import IccTable
    from annotator.analysis.bland_altman import BlandAltman, Estimate
    from annotator.analysis.mark_agreement import Spread
    from annotator.domain.marks import MarkKind
    from annotator.jobs.agreement_facts import CaseMean

Unit = Literal["mm", "px"]
Axes = tuple[str, str, str]
LPS: Axes = ("to the left", "to the back", "to the head")
IMAGE: Axes = ("along x", "along y", "along z")


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkRater:
    """One rater on one landmark, beside the consensus of the other raters.

    ``within`` are shares of their places no farther from it than each of `WITHIN`; ``offset`` the
    mean of place minus consensus along the three axes of the row, None below two cases.
    """

    rater_id: str
    n_read: int
    n_missing: int
    distance: CaseMean
    within: tuple[float | None, ...]
    offset: tuple[Estimate, Estimate, Estimate] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkPoint:
    """How far one rater's landmark of one case lies from the consensus of all."""

    case_id: str
    rater_id: str
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkRow:
    """One landmark over all cases, in ``unit``.

    Attributes
    ----------
    n_cases : int
        Cases in which two raters or more set it.
    n_read, n_missing : int
        Readings of cases in which anybody set it, and those that lack it.
    distance : CaseMean
        Between two raters: mean over cases of the mean over their pairs.
    spread : Spread
        Of the same distances, all pairs of all cases together.
    to_consensus : CaseMean
        From each place to the geometric median of its case, mean over cases of the mean.
    within : tuple
        Share of places no farther from the consensus of the other raters than each of `WITHIN`.
    icc : tuple of IccTable
        Of the coordinates along each of ``axes``. Near 1 wherever patients lie apart.
    """

    name: str
    title: str
    unit: Unit
    axes: Axes
    n_cases: int
    n_read: int
    n_missing: int
    distance: CaseMean
    spread: Spread
    to_consensus: CaseMean
    within: tuple[float | None, ...]
    icc: tuple[IccTable, IccTable, IccTable]
    raters: tuple[LandmarkRater, ...]
    points: tuple[LandmarkPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPair:
    """Two raters on marks of one key; the second is held against the first.

    ``compared`` is the mean distance, of boxes the mean overlap, over the marks that were matched;
    ``difference`` the first's size minus the second's.
    """

    rater_a: str
    rater_b: str
    n_cases: int
    n_a: int
    n_b: int
    n_matched: int
    precision: float | None
    recall: float | None
    f1: float | None
    compared: float | None
    difference: BlandAltman | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """Marks of one kind, name and label over all cases, matched between raters.

    Attributes
    ----------
    unit : str
        Of distances and lengths; areas in it squared.
    n_cases, n_marks : int
        Cases in which a rater set one, and how many were set.
    f1 : CaseMean
        Mean over cases of the mean over pairs of raters.
    compared : CaseMean
        Mean over cases of the mean distance of matched marks; of boxes of the intersection over
        union.
    size : str or None
        What their size is: ``length``, ``angle`` or ``area``; None of points and boxes.
    icc : IccTable or None
        Of the sizes of marks that several raters set.
    """

    kind: MarkKind
    name: str
    label: int
    label_name: str
    unit: Unit
    n_cases: int
    n_marks: int
    f1: CaseMean
    compared: CaseMean
    size: Literal["length", "angle", "area"] | None
    icc: IccTable | None
    pairs: tuple[MarkPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkAgreement:
    """How far raters agree on marks; ``limit`` is how far apart they are still matched."""

    landmarks: tuple[LandmarkRow, ...] = ()
    matched: tuple[MarkRow, ...] = ()
    limit: float = 0.0
    within: tuple[float, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nobody marked anything."""
        return not self.landmarks and not self.matched
