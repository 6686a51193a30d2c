"""The cases that are learned from: which ones, by which readings, and what is aimed at."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from annotator.analysis.runs import decode, labels_in
from annotator.jobs.case_votes import case_votes, signed_off
from annotator.jobs.group_fusing import probability_in
from annotator.jobs.readings import Readings, counted_by_case

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes
    from annotator.domain.fit import FitRecipe
    from annotator.domain.reading import Annotation
    from annotator.domain.review import Adjudication, Fusion
    from annotator.store import Store

_N_HELD = 64
"""Cases whose votes stay in memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """One case to learn from: its readings, what was signed off of them, what to aim at.

    It ``aims_at_adjudication`` where what was signed off is the target itself.
    """

    readings: Readings
    adjudication: Adjudication | None
    target: Fusion | None = None
    aims_at_adjudication: bool = False


def lessons_of(
    store: Store, *, include_models: bool, least_readings: int = 2
) -> tuple[Lesson, ...]:
    """Return the cases of a project that so many have read, by id."""
    lessons = []
    read = counted_by_case(store, include_models=include_models)
    for case in sorted(store.cases(), key=lambda entry: entry.case_id):
        readings = Readings(store, case, read.get(case.case_id, ()))
        if len(readings.annotations) >= least_readings:
            lessons.append(Lesson(readings=readings, adjudication=signed_off(store, readings)))
    return tuple(lessons)


def adjudicated_lessons(store: Store) -> tuple[Lesson, ...]:
    """Return the cases that were signed off, by id, with the readings of then."""
    lessons = []
    for case in sorted(store.cases(), key=lambda entry: entry.case_id):
        adjudication = store.adjudication(case.case_id)
        if adjudication is None:
            continue
        inputs = store.fusion(adjudication.fusion_id).recipe.inputs
        readings = Readings(store, case, [store.annotation(one) for one in inputs])
        lessons.append(
            Lesson(readings=readings, adjudication=adjudication, aims_at_adjudication=True)
        )
    return tuple(lessons)


def without_slides(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """Return the cases whose image can be taken in whole."""
    return tuple(one for one in lessons if one.readings.series.slide is None)


def targets_of(lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """Return the ids of what is aimed at, fusions and sign-offs, sorted, as a recipe has them."""
    found = [entry.target.fusion_id for entry in lessons if entry.target]
    found += [
        entry.adjudication.adjudication_id
        for entry in lessons
        if entry.adjudication and entry.aims_at_adjudication
    ]
    return tuple(sorted(found))


def lessons_again(store: Store, recipe: FitRecipe) -> tuple[Lesson, ...]:
    """Return the cases of a recipe with the readings of then."""
    by_case: dict[str, list[Annotation]] = defaultdict(list)
    for annotation_id in recipe.inputs:
        annotation = store.annotation(annotation_id)
        by_case[annotation.case_id].append(annotation)
    decided = {
        entry.case_id: entry for entry in map(store.adjudication_by_id, recipe.adjudications)
    }
    aimed_at = set(recipe.targets) & set(recipe.adjudications)
    fusions = [store.fusion(one) for one in recipe.targets if one not in aimed_at]
    targets = {entry.recipe.case_id: entry for entry in fusions}
    found = []
    for case_id in sorted(by_case):
        adjudication = decided.get(case_id)
        found.append(
            Lesson(
                readings=Readings(store, store.case(case_id), by_case[case_id]),
                adjudication=adjudication,
                target=targets.get(case_id),
                aims_at_adjudication=adjudication is not None
                and adjudication.adjudication_id in aimed_at,
            )
        )
    return tuple(found)


class LessonCases(Sequence["CaseVotes"]):
    """Lessons as methods see them; votes are read when a case is asked for, some stay in memory.

    Of ``group`` alone where one is given: other label groups are not seen.
    """

    def __init__(self, store: Store, lessons: Sequence[Lesson], group: str | None = None) -> None:
        self._store = store
        self._lessons = lessons
        self._group = group
        self._held: OrderedDict[int, CaseVotes] = OrderedDict()

    def __len__(self) -> int:
        """Return how many cases there are."""
        return len(self._lessons)

    @overload
    def __getitem__(self, index: int) -> CaseVotes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CaseVotes]: ...
    def __getitem__(self, index: int | slice) -> CaseVotes | Sequence[CaseVotes]:
        """Return a case, or some of them."""
        if isinstance(index, slice):
            return LessonCases(self._store, self._lessons[index], self._group)
        number = range(len(self))[index]
        if number not in self._held:
            self._held[number] = self._read(self._lessons[number])
            if len(self._held) > _N_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(number)
        return self._held[number]

    def _read(self, lesson: Lesson) -> CaseVotes:
        # A lesson's own readings would keep their masks for as long as there is the lesson.
        given = lesson.readings
        readings = Readings(self._store, given.case, given.annotations)
        if self._group is not None:
            readings = readings.of_group(self._group)
        adjudication = lesson.adjudication
        if lesson.aims_at_adjudication and adjudication is not None:
            labels = self._decided_labels(adjudication, readings)
            return case_votes(
                self._store,
                readings,
                adjudication=adjudication,
                target=partial(_decided_target, self._store, adjudication, readings, labels),
                target_labels=labels,
            )
        target = None
        if lesson.target is not None:
            target = partial(_fused_target, self._store, lesson.target, readings)
        return case_votes(self._store, readings, adjudication=adjudication, target=target)

    def _decided_labels(self, adjudication: Adjudication, readings: Readings) -> tuple[int, ...]:
        mask, _ = self._store.adjudication_mask(adjudication.adjudication_id)
        return tuple(sorted({0, *labels_in([readings.own(mask)]), *readings.labels}))


def _fused_target(store: Store, fusion: Fusion, readings: Readings) -> NDArray[np.float32]:
    patterns, table = store.fusion_probability(fusion.fusion_id)
    table = probability_in(readings, table)
    return np.moveaxis(table.astype(np.float32)[decode(patterns)], -1, 0)


def _decided_target(
    store: Store, adjudication: Adjudication, readings: Readings, labels: tuple[int, ...]
) -> NDArray[np.float32]:
    mask, _ = store.adjudication_mask(adjudication.adjudication_id)
    dense = decode(readings.own(mask))
    return np.stack([dense == label for label in labels]).astype(np.float32)
