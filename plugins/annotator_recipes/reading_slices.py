"""The slices of all cases in one table, each with what every rater drew on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.domain.errors import AnnotatorError
from annotator_recipes.images import Sampling, channels_of, labels_of, read_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress

MIN_CASES = 6
_FULL = 255


class NetworkParameters(BaseModel):
    """What may be set for every network that learns from readings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(
        default=128,
        ge=32,
        le=512,
        multiple_of=8,
        description="working pixels along each side of a slice",
    )
    slices: int = Field(default=12, ge=1, le=200, description="slices of a volume to learn from")
    width: int = Field(default=16, ge=4, le=64, description="features of the finest level")
    levels: int = Field(default=3, ge=2, le=4, description="levels of the network, halved in size")
    epochs: int = Field(default=60, ge=1, le=1000, description="most rounds over all slices")
    patience: int = Field(
        default=15, ge=1, le=1000, description="rounds without progress on cases held out"
    )
    batch: int = Field(default=4, ge=1, le=64, description="slices at a time")
    learning_rate: float = Field(default=3e-3, gt=0.0, le=0.1, description="step of Adam")
    held_out: float = Field(
        default=0.2, ge=0.1, le=0.5, description="share of cases to judge progress by"
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="the same seed, the same network")

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each level of the network, finest first."""
        return tuple(self.width * 2**level for level in range(self.levels))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingSlices:
    """Slices of all cases on working pixels.

    Attributes
    ----------
    rater_ids : tuple of str
        Everyone who read any of the cases, sorted.
    labels : tuple of int
        Every label that may occur, ascending, 0 first.
    image : ndarray
        ``(slice, channel, size, size)`` float32.
    shares : ndarray
        How much of each working pixel each rater gave each label, in 255ths,
        ``(slice, rater, label, size, size)`` uint8 without background.
    present : ndarray
        Who read the case of each slice, ``(slice, rater)`` bool.
    case : ndarray
        Which case each slice is of, ``(slice,)`` int64.
    n_cases : int
        How many cases there are.
    """

    rater_ids: tuple[str, ...]
    labels: tuple[int, ...]
    image: NDArray[np.float32]
    shares: NDArray[np.uint8]
    present: NDArray[np.bool_]
    case: NDArray[np.int64]
    n_cases: int

    def readings(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what each rater drew, background first, ``(slice, rater, label, size, size)``.

        Sums to 1 over labels, also for raters who did not read the case: background alone.
        """
        drawn = self.shares[rows].astype(np.float32) / np.float32(_FULL)
        rest = np.maximum(0.0, 1.0 - drawn.sum(axis=2, keepdims=True))
        whole = np.concatenate([rest, drawn], axis=2)
        return np.asarray(whole / whole.sum(axis=2, keepdims=True), np.float32)

    def split(
        self, share: float, random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows to learn from and rows to judge by; a case is never in both."""
        learn, judge = split_cases(self.n_cases, share, random)
        rows = np.arange(len(self.case))
        return rows[np.isin(self.case, learn)], rows[np.isin(self.case, judge)]


def split_cases(
    n_cases: int, share: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of cases to learn from and to judge by, at least one of each."""
    order = random.permutation(n_cases)
    n_judge = min(max(1, round(share * n_cases)), n_cases - 1)
    return np.sort(order[n_judge:]), np.sort(order[:n_judge])


def require_cases(cases: Sequence[CaseVotes], title: str) -> None:
    """Raise AnnotatorError where there is too little to learn from."""
    if len(cases) < MIN_CASES:
        raise AnnotatorError(
            f"{title} needs at least {MIN_CASES} cases that two or more have read; "
            f"there {'is' if len(cases) == 1 else 'are'} {len(cases)}"
        )


def refuse_target(cases: Sequence[CaseVotes], title: str) -> None:
    """Raise AnnotatorError where a method that goes by the readings was told to learn a fusion."""
    if any(case.target is not None for case in cases):
        raise AnnotatorError(
            f"{title} learns from what each rater drew, not from a fusion; leave the fusion out"
        )


def raters_of(cases: Sequence[CaseVotes], title: str) -> tuple[str, ...]:
    """Return everyone who read any of the cases, sorted; raises AnnotatorError for fewer than 2."""
    rater_ids = tuple(sorted({one for case in cases for one in case.votes.rater_ids}))
    if len(rater_ids) < 2:
        raise AnnotatorError(f"{title} tells raters apart; there is only one")
    return rater_ids


def gather_readings(
    cases: Sequence[CaseVotes], settings: NetworkParameters, title: str, progress: Progress
) -> ReadingSlices:
    """Read the slices of all cases; raises AnnotatorError where they do not do."""
    require_cases(cases, title)
    rater_ids = raters_of(cases, title)
    if not any((case.votes.patterns != 0).any() for case in cases):
        raise AnnotatorError(f"{title} learns from drawings; nobody has drawn anything")
    labels = labels_of(cases)
    sampling = Sampling(
        labels=labels,
        size=settings.size,
        n_slices=settings.slices,
        n_channels=channels_of(cases),
    )
    found = []
    for number, case in enumerate(cases):
        progress(0.1 * number / len(cases), f"reading {case.title}")
        found.append(read_whole(case, sampling))
    sizes = [len(entry.places) for entry in found]
    n_rows, side = sum(sizes), settings.size
    shares = np.zeros((n_rows, len(rater_ids), len(labels), side, side), np.uint8)
    present = np.zeros((n_rows, len(rater_ids)), np.bool_)
    for stop, entry in zip(np.cumsum(sizes).tolist(), found, strict=True):
        rows = slice(stop - len(entry.places), stop)
        raters = [rater_ids.index(one) for one in entry.rater_ids]
        present[rows, raters] = True
        shares[rows, raters] = np.rint(entry.shares * _FULL).astype(np.uint8)
    return ReadingSlices(
        rater_ids=rater_ids,
        labels=(0, *labels),
        image=np.concatenate([entry.image for entry in found]),
        shares=shares,
        present=present,
        case=np.repeat(np.arange(len(cases)), sizes),
        n_cases=len(cases),
    )
