"""The series beside a case: which there are, under which names, and how they are put there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from annotator.domain.companions import (
    Companion,
    attribute,
    can_stand_beside,
    in_order,
    kind_by_files,
    study_date,
    words_of_time,
)
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.jobs.attaching import attach, attach_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annotator.api import Progress
    from annotator.domain.companions import CompanionKind
    from annotator.domain.study import Case, Series
    from annotator.jobs.attaching import AttachReport
    from annotator.registry import Registry
    from annotator.store import Store


def companions_of(store: Store, case_id: str, *, is_neutral: bool = False) -> tuple[Companion, ...]:
    """Return what can be shown beside a case: images only, and nothing of any reading.

    A repeat has what its original has, and neither of them the other: both are the same series.
    ``is_neutral`` leaves out of titles what would tell one patient from another.
    """
    repeat = store.repeat(case_id)
    case = store.case(case_id if repeat is None else repeat.original_id)
    own = store.series(case.series_ids[0])
    found: dict[str, Companion] = {}

    def take(other: Series, kind: CompanionKind, *, is_attached: bool = False) -> None:
        if other.series_id not in found and can_stand_beside(own, other):
            found[other.series_id] = Companion(
                series=other,
                kind=kind,
                title=_title(other, is_neutral=is_neutral),
                when=words_of_time(own, other, kind),
                is_attached=is_attached,
            )

    for entry in store.attached_series(case.case_id):
        take(store.series(entry.series_id), entry.kind, is_attached=True)
    for series_id in case.series_ids[1:]:
        take(store.series(series_id), "series")
    for other in store.series_of_patient(own):
        kind = kind_by_files(own, other)
        if kind is not None:
            take(other, kind)
    return _told_apart(in_order(tuple(found.values())))


class CompanionDesk:
    """Puts series beside the cases of one project. May be called from any thread."""

    def __init__(self, store: Store, registry: Registry, actor: str) -> None:
        self._store = store
        self._registry = registry
        self._actor = actor

    def of_case(self, case_id: str) -> tuple[Companion, ...]:
        """Return what can be shown beside a case, by id or title."""
        return companions_of(self._store, self._store.study_case(case_id).case_id)

    def attach_files(
        self,
        case_id: str,
        paths: Sequence[str | Path],
        kind: CompanionKind | None,
        progress: Progress,
    ) -> AttachReport:
        """Put every series in files and directories beside a case; they become no cases."""
        return attach_files(
            self._store, self._registry, case_id, paths, kind, progress, actor=self._actor
        )

    def attach_case(self, case_id: str, other_id: str, kind: CompanionKind | None) -> CompanionKind:
        """Put the image of another case beside a case, and return what it is to it."""
        case, other = self._store.study_case(case_id), self._store.study_case(other_id)
        series = self._store.series(other.series_ids[0])
        return attach(self._store, case, series, kind, actor=self._actor)

    def detach(self, case_id: str, series_id: str) -> Companion:
        """Take a series away that was put beside a case, named by its title or id.

        Raises AnnotatorError where it stands there because the files say so.
        """
        case = self._store.study_case(case_id)
        found = self._named(case, series_id)
        if not self._store.detach_series(case.case_id, found.series.series_id, actor=self._actor):
            raise AnnotatorError(
                f"{found.title!r} was not put beside {case.title!r} by anybody: its files name the "
                "same patient, so it is always offered"
            )
        return found

    def _named(self, case: Case, name: str) -> Companion:
        known = companions_of(self._store, case.case_id)
        for one in known:
            if name == one.title or (name and one.series.series_id.startswith(name)):
                return one
        raise UnknownNameError("series beside the case", name, [one.title for one in known])


def _title(series: Series, *, is_neutral: bool) -> str:
    if is_neutral:
        return series.modality
    number = attribute(series, "SeriesNumber")
    words = series.description or (f"{series.modality} series {number}" if number else "")
    day = study_date(series)
    return f"{words or series.modality}{'' if day is None else f', {day.isoformat()}'}"


def _told_apart(companions: tuple[Companion, ...]) -> tuple[Companion, ...]:
    """Give those that have the same title numbers."""
    often = Counter(one.title for one in companions)
    seen: Counter[str] = Counter()
    named = []
    for one in companions:
        seen[one.title] += 1
        is_alone = often[one.title] == 1
        title = one.title if is_alone else f"{one.title} ({seen[one.title]})"
        named.append(replace(one, title=title))
    return tuple(named)
