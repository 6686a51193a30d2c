"""What methods learn from the readings of a project; the same readings give the same bytes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import decode
from annotator.api import LearnedFusionMethod
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.domain.fit import FitRecipe
from annotator.jobs.case_votes import case_votes, signed_off
from annotator.jobs.parameters import (
    by_rater_id,
    check_parameters,
    sorted_json,
    with_names,
)
from annotator.jobs.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import Learned, Progress, Trainer
    from annotator.domain.fit import Fit, FitKind
    from annotator.domain.reading import Annotation
    from annotator.domain.review import Adjudication, Fusion
    from annotator.registry import Registry
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """One case to learn from: its readings, what was signed off of them, what to aim at."""

    readings: Readings
    adjudication: Adjudication | None
    target: Fusion | None = None


def current_fit(
    store: Store,
    method: LearnedFusionMethod,
    parameters: BaseModel,
    progress: Progress,
    *,
    include_models: bool,
    actor: str,
) -> Fit:
    """Return what a fusion method has learned from the readings as they are now.

    It learns where it has not yet. Raises AnnotatorError where the project does not do.
    """
    lessons = lessons_of(store, include_models=include_models)
    return fit_lessons(store, method, parameters, lessons, progress, kind="fusion", actor=actor)


def learn_for_fusion(
    store: Store,
    registry: Registry,
    method_name: str,
    parameters: Mapping[str, object],
    progress: Progress,
    *,
    include_models: bool,
    actor: str,
) -> Fit | None:
    """Return what a fusion method has learned from the readings now; None for one that does not."""
    method = registry.fusion_method(method_name)
    given = by_rater_id(parameters, store.raters())
    checked = check_parameters(method.name, method.parameters, given)
    if not isinstance(method, LearnedFusionMethod):
        return None
    return current_fit(store, method, checked, progress, include_models=include_models, actor=actor)


def lessons_of(store: Store, *, include_models: bool) -> tuple[Lesson, ...]:
    """Return the cases of a project that two or more have read, by id."""
    lessons = []
    for case in sorted(store.cases(), key=lambda entry: entry.case_id):
        readings = Readings.load(store, case.case_id, include_models=include_models)
        if len(readings.annotations) >= 2:
            lessons.append(Lesson(readings=readings, adjudication=signed_off(store, readings)))
    return tuple(lessons)


def fit_lessons(
    store: Store,
    method: LearnedFusionMethod | Trainer,
    parameters: BaseModel,
    lessons: Sequence[Lesson],
    progress: Progress,
    *,
    kind: FitKind,
    actor: str,
) -> Fit:
    """Learn from these cases, or return what was learned from them before."""
    recipe = FitRecipe(
        kind=kind,
        name=method.name,
        version=method.version,
        inputs=tuple(sorted(one for entry in lessons for one in entry.readings.annotation_ids)),
        adjudications=tuple(
            sorted(entry.adjudication.adjudication_id for entry in lessons if entry.adjudication)
        ),
        targets=tuple(sorted(entry.target.fusion_id for entry in lessons if entry.target)),
        parameters=sorted_json(parameters),
    )
    known = store.fit_of(recipe)
    if known is not None:
        return known
    learned = _learn(store, method, parameters, lessons, progress)
    return store.add_fit(recipe, content=learned.content, summary=learned.summary, actor=actor)


def count_newer(store: Store, fit: Fit) -> int:
    """Return how many readings would be learned from now that were not there, or changed since."""
    people = {rater.rater_id for rater in store.raters() if not rater.is_model}
    latest = [entry for entry in store.annotations() if entry.rater_id in people]
    n_readings = Counter(entry.case_id for entry in latest)
    known = set(fit.recipe.inputs)
    return sum(
        n_readings[entry.case_id] >= 2 and entry.annotation_id not in known for entry in latest
    )


def told(store: Store, fit: Fit) -> tuple[str, ...]:
    """Return what was learned, a sentence each, with the names of raters for their ids."""
    return with_names(fit.summary, store.raters())


def relearn(
    store: Store, registry: Registry, fit_id: str, progress: Progress, *, actor: str
) -> Fit:
    """Learn again by a stored recipe; raises IntegrityError where anything comes out differently.

    Networks are held to it on one machine only: another processor rounds differently.
    """
    stored = store.fit(fit_id)
    recipe = stored.recipe
    method = _method(registry, recipe)
    if method.version != recipe.version:
        raise AnnotatorError(
            f"fit {fit_id[:12]}… was learned by {recipe.name} {recipe.version}; {method.version} "
            "is installed, which may learn something else"
        )
    given = {name: json.loads(value) for name, value in recipe.parameters}
    parameters = check_parameters(method.name, method.parameters, given)
    learned = _learn(store, method, parameters, _lessons_again(store, recipe), progress)
    again = store.add_fit(recipe, content=learned.content, summary=learned.summary, actor=actor)
    if again.fit_id != stored.fit_id:
        raise IntegrityError(f"fit {fit_id[:12]}… came out differently from the same recipe")
    return again


def _method(registry: Registry, recipe: FitRecipe) -> LearnedFusionMethod | Trainer:
    if recipe.kind == "trainer":
        return registry.trainer(recipe.name)
    method = registry.fusion_method(recipe.name)
    if not isinstance(method, LearnedFusionMethod):
        raise AnnotatorError(f"{method.title} does not learn from a project any more")
    return method


def _lessons_again(store: Store, recipe: FitRecipe) -> list[Lesson]:
    """Return the cases of a recipe with the readings of then."""
    by_case: dict[str, list[Annotation]] = defaultdict(list)
    for annotation_id in recipe.inputs:
        annotation = store.annotation(annotation_id)
        by_case[annotation.case_id].append(annotation)
    decided = {
        entry.case_id: entry for entry in map(store.adjudication_by_id, recipe.adjudications)
    }
    targets = {entry.recipe.case_id: entry for entry in map(store.fusion, recipe.targets)}
    return [
        Lesson(
            readings=Readings(store, store.case(case_id), by_case[case_id]),
            adjudication=decided.get(case_id),
            target=targets.get(case_id),
        )
        for case_id in sorted(by_case)
    ]


def _learn(
    store: Store,
    method: LearnedFusionMethod | Trainer,
    parameters: BaseModel,
    lessons: Sequence[Lesson],
    progress: Progress,
) -> Learned:
    cases = [
        case_votes(
            store,
            lesson.readings,
            adjudication=lesson.adjudication,
            target=partial(_target, store, lesson.target) if lesson.target else None,
        )
        for lesson in lessons
    ]
    try:
        if isinstance(method, LearnedFusionMethod):
            return method.learn(cases, parameters, progress)
        return method.train(cases, parameters, progress)
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{method.title} failed to learn: {type(error).__name__}: {error}"
        ) from error


def _target(store: Store, fusion: Fusion) -> NDArray[np.float32]:
    patterns, table = store.fusion_probability(fusion.fusion_id)
    return np.moveaxis(table.astype(np.float32)[decode(patterns)], -1, 0)
