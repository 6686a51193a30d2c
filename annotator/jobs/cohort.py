"""Agreement in all cases of a project, from what is kept with their vote histograms.

A histogram is kept whenever the disputes of a case are found. No voxel is read, so that a project
of thousands of cases is summarised within a second, and memory does not grow with their size.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.group_votes import summary_of
from annotator.analysis.overlap import summarise
from annotator.analysis.votes import VoteHistogram
from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues
from annotator.jobs.finding import keep_votes
from annotator.jobs.readings import Readings, findings_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from annotator.api import Progress
    from annotator.domain.review import VoteSummary
    from annotator.store import Store
    from annotator.store.case_votes import StoredHistogram, StoredVotes

_AT_ONCE = 500
"""Cases that are in memory at a time."""
_SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAgreement:
    """How far the raters of one case agree; None where that is undefined.

    ``mean_dice`` is over labels and pairs of raters, ``kappa`` is Fleiss' over all voxels,
    ``entropy_bits`` the mean over all voxels. Where labels of several groups may share voxels,
    ``kappa`` is the mean of the groups', and a voxel's entropy the largest of the groups'.
    """

    case_id: str
    title: str
    n_readings: int
    mean_dice: float | None
    kappa: float | None
    entropy_bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Agreement in all cases that can be told, and the titles of those that cannot.

    ``stale`` have other readings now than when their disputes were found, of ``unknown`` they were
    never found, and ``single`` have fewer than two readings.
    """

    cases: tuple[CaseAgreement, ...]
    stale: tuple[str, ...]
    unknown: tuple[str, ...]
    single: tuple[str, ...]

    @property
    def median_dice(self) -> float | None:
        """The median of the cases' mean Dice; None where none has one."""
        known = [case.mean_dice for case in self.cases if case.mean_dice is not None]
        return statistics.median(known) if known else None

    def worst(self, n_cases: int) -> tuple[CaseAgreement, ...]:
        """Return the cases of the least Dice, worst first."""
        ranked = [case for case in self.cases if case.mean_dice is not None]
        ranked.sort(key=lambda case: (case.mean_dice, case.title))
        return tuple(ranked[:n_cases])

    @property
    def left_out(self) -> str:
        """What is left out, in words; empty where nothing is."""
        said = []
        for titles, what in (
            (self.stale, "changed since their disputes were found"),
            (self.unknown, "not searched for disputes yet"),
            (self.single, "with fewer than two readings"),
        ):
            if titles:
                said.append(f"{len(titles)} {'case' if len(titles) == 1 else 'cases'} {what}")
        return "; ".join(said)


@dataclass(slots=True)
class _Sorted:
    cases: list[CaseAgreement] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    single: list[str] = field(default_factory=list)


def summarise_cohort(
    store: Store,
    *,
    only: Collection[str] | None = None,
    recompute: bool = False,
    actor: str = _SYSTEM,
    progress: Progress = no_progress,
) -> Cohort:
    """Return the agreement in every case of a project, or in those of these ids, by title.

    A histogram of other readings than those that count now is stale: with ``recompute`` it is made
    anew from the masks, and so are those that were never made, and kept where the project can be
    written; otherwise such cases are left out and named. Readings of models count where the
    disputes were found with them.
    """
    found = _Sorted()
    anew: list[str] = []
    for stored in _every(store):
        if only is not None and stored.case_id not in only:
            continue
        if len(stored.annotation_ids) + len(stored.model_ids) < 2:
            found.single.append(stored.title)
        elif _is_current(stored):
            found.cases.append(_kept(store, stored))
        elif recompute and len(stored.annotation_ids) > 1:
            anew.append(stored.case_id)
        else:
            (found.unknown if stored.findings_key is None else found.stale).append(stored.title)
    for number, case_id in enumerate(anew):
        readings = Readings.load(store, case_id)
        progress(number / len(anew), readings.case.title)
        found.cases.append(_made_anew(store, readings, actor))
    return Cohort(
        cases=tuple(sorted(found.cases, key=lambda case: case.title)),
        stale=tuple(sorted(found.stale)),
        unknown=tuple(sorted(found.unknown)),
        single=tuple(sorted(found.single)),
    )


def _every(store: Store) -> Iterator[StoredVotes]:
    last = ""
    while some := store.votes_after(last, _AT_ONCE):
        yield from some
        last = some[-1].case_id


def _is_current(stored: StoredVotes) -> bool:
    if stored.findings_key is None:
        return False
    people = stored.annotation_ids
    return stored.findings_key == findings_key(people) or (
        bool(stored.model_ids) and stored.findings_key == findings_key(people + stored.model_ids)
    )


def _kept(store: Store, stored: StoredVotes) -> CaseAgreement:
    n_readings, summary = stored.n_readings, stored.summary
    if summary is None:
        votes = store.vote_histogram(stored.case_id)
        if votes is None:
            raise AnnotatorError(f"the vote histogram of {stored.title!r} has just been taken away")
        n_readings = votes.places.shape[1]
        summary = _summary(store, votes)
    return _row(stored.case_id, stored.title, n_readings, summary)


def _summary(store: Store, votes: StoredHistogram) -> VoteSummary:
    values = MaskValues(store.project().schema)
    if not values.may_overlap:
        return summarise(votes.places, votes.counts, votes.labels)
    patterns = np.asarray(votes.labels, np.uint16)[votes.places]
    return summary_of(
        VoteHistogram(patterns=patterns, counts=votes.counts, labels=votes.labels), values
    )


def _made_anew(store: Store, readings: Readings, actor: str) -> CaseAgreement:
    summary = keep_votes(store, readings, actor=actor)
    case = readings.case
    return _row(case.case_id, case.title, len(readings.annotations), summary)


def _row(case_id: str, title: str, n_readings: int, summary: VoteSummary) -> CaseAgreement:
    return CaseAgreement(
        case_id=case_id,
        title=title,
        n_readings=n_readings,
        mean_dice=summary.mean_dice,
        kappa=summary.kappa,
        entropy_bits=summary.entropy_bits,
    )
