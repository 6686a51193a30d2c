"""What methods learn from the readings of a project; the same readings give the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from annotator.analysis.dispute_words import group_words
from annotator.api import DeskTrainer, Learned, LearnedFusionMethod
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.domain.fit import FitRecipe
from annotator.jobs.group_learning import drawn_groups, pack
from annotator.jobs.lessons import (
    LessonCases,
    lessons_again,
    lessons_of,
    targets_of,
    without_slides,
)
from annotator.jobs.parameters import (
    by_rater_id,
    check_parameters,
    sorted_json,
    with_labels,
    with_names,
)
from annotator.jobs.relearning import require_same, require_version
from annotator.jobs.training_desk import StoreDesk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from annotator.api import Progress, Trainer
    from annotator.domain.fit import Fit, FitKind
    from annotator.jobs.lessons import Lesson
    from annotator.registry import Registry
    from annotator.store import Store


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

    It learns where it has not yet; one that looks at images leaves slides out. Raises
    AnnotatorError where the project does not do.
    """
    lessons = lessons_of(store, include_models=include_models)
    if _needs_image(method):
        lessons = without_slides(lessons)
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


def fit_lessons(
    store: Store,
    method: LearnedFusionMethod | Trainer,
    parameters: BaseModel,
    lessons: Sequence[Lesson],
    progress: Progress,
    *,
    kind: FitKind,
    group: str | None = None,
    job_id: int | None = None,
    actor: str,
) -> Fit:
    """Learn from these cases, or return what was learned from them before.

    A fusion method learns each label group by itself; a trainer the ``group`` that is named, or
    all where there is but one.

    A trainer with a desk is watched there, and goes on from what it kept. Where a person stops
    it, the recipe of what it learned names the round.
    """
    recipe = FitRecipe(
        kind=kind,
        name=method.name,
        version=method.version,
        inputs=tuple(sorted(one for entry in lessons for one in entry.readings.annotation_ids)),
        adjudications=tuple(
            sorted(entry.adjudication.adjudication_id for entry in lessons if entry.adjudication)
        ),
        targets=targets_of(lessons),
        parameters=sorted_json(parameters),
        group=group,
    )
    known = store.fit_of(recipe)
    if known is not None:
        return known
    desk = None
    if isinstance(method, DeskTrainer):
        training = store.begin_training(recipe, job_id=job_id, actor=actor)
        desk = StoreDesk(store, training.training_id)
    learned = _learn(store, method, parameters, lessons, progress, desk=desk, group=group)
    if learned.stopped_after is not None:
        recipe = _stopped(recipe, parameters, learned.stopped_after)
    fit = store.add_fit(recipe, content=learned.content, summary=learned.summary, actor=actor)
    if desk is not None:
        store.finish_training(training.training_id, fit_id=fit.fit_id, actor=actor)
    return fit


def _stopped(recipe: FitRecipe, parameters: BaseModel, epoch: int) -> FitRecipe:
    """Return the recipe by which the same comes out as when a person stopped the training."""
    return replace(
        recipe, parameters=sorted_json(parameters.model_copy(update={"stop_after": epoch}))
    )


def _needs_image(method: object) -> bool:
    return bool(getattr(method, "needs_image", False))


def count_newer(store: Store, registry: Registry, fit: Fit) -> int:
    """Return how many readings would be learned from now that were not there, or changed since."""
    people = {rater.rater_id for rater in store.raters() if not rater.is_model}
    latest = [entry for entry in store.annotations() if entry.rater_id in people]
    n_readings = Counter(entry.case_id for entry in latest)
    known = set(fit.recipe.inputs)
    newer = [
        entry.case_id
        for entry in latest
        if n_readings[entry.case_id] >= 2 and entry.annotation_id not in known
    ]
    name = fit.recipe.name
    if any(one.name == name and _needs_image(one) for one in registry.fusion_methods()):
        firsts = {case_id: store.case(case_id).series_ids[0] for case_id in newer}
        slides = {case_id for case_id, one in firsts.items() if store.series(one).slide}
        newer = [case_id for case_id in newer if case_id not in slides]
    return len(newer)


def told(store: Store, fit: Fit) -> tuple[str, ...]:
    """Return what was learned, a sentence each, with names for ids of raters and label values."""
    return with_names(with_labels(fit.summary, store.project().schema), store.raters())


def relearn(
    store: Store, registry: Registry, fit_id: str, progress: Progress, *, actor: str
) -> Fit:
    """Learn again by a stored recipe; raises IntegrityError where anything comes out differently.

    Networks are held to it on one machine only: another processor rounds differently.
    """
    stored = store.fit(fit_id)
    recipe = stored.recipe
    method = _method(registry, recipe)
    require_version(stored, method.version)
    given = {name: json.loads(value) for name, value in recipe.parameters}
    parameters = check_parameters(method.name, method.parameters, given)
    lessons = lessons_again(store, recipe)
    learned = _learn(store, method, parameters, lessons, progress, group=recipe.group)
    again = store.add_fit(recipe, content=learned.content, summary=learned.summary, actor=actor)
    require_same(stored, again)
    return again


def _method(registry: Registry, recipe: FitRecipe) -> LearnedFusionMethod | Trainer:
    if recipe.kind == "trainer":
        return registry.trainer(recipe.name)
    method = registry.fusion_method(recipe.name)
    if not isinstance(method, LearnedFusionMethod):
        raise AnnotatorError(f"{method.title} does not learn from a project any more")
    return method


def _learn(
    store: Store,
    method: LearnedFusionMethod | Trainer,
    parameters: BaseModel,
    lessons: Sequence[Lesson],
    progress: Progress,
    *,
    desk: StoreDesk | None = None,
    group: str | None = None,
) -> Learned:
    groups = drawn_groups(store, lessons) if isinstance(method, LearnedFusionMethod) else ()
    if len(groups) < 2:
        learned = _learn_alone(store, method, parameters, lessons, progress, desk, group)
        return learned if group is None else _said_of_group(store, learned, group)
    found: dict[str, Learned] = {}
    for number, one in enumerate(groups):
        words = group_words(store.project().schema, one)

        def report(fraction: float, message: str, *, number: int = number) -> None:
            progress((number + fraction) / len(groups), message)

        try:
            found[one] = _learn_alone(store, method, parameters, lessons, report, None, one)
        except CancelledError:
            raise
        except AnnotatorError as error:
            raise AnnotatorError(f"{words}: {error}") from error
    return Learned(
        content=pack({one: learned.content for one, learned in found.items()}),
        summary=tuple(
            f"{group_words(store.project().schema, one)}: {sentence}"
            for one, learned in found.items()
            for sentence in learned.summary
        ),
    )


def _said_of_group(store: Store, learned: Learned, group: str) -> Learned:
    words = group_words(store.project().schema, group)
    return replace(learned, summary=(f"Learned of {words} only.", *learned.summary))


def _learn_alone(
    store: Store,
    method: LearnedFusionMethod | Trainer,
    parameters: BaseModel,
    lessons: Sequence[Lesson],
    progress: Progress,
    desk: StoreDesk | None,
    group: str | None,
) -> Learned:
    cases = LessonCases(store, lessons, group)
    try:
        if isinstance(method, LearnedFusionMethod):
            return method.learn(cases, parameters, progress)
        if desk is not None and isinstance(method, DeskTrainer):
            return method.train_at(cases, parameters, progress, desk)
        return method.train(cases, parameters, progress)
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{method.title} failed to learn: {type(error).__name__}: {error}"
        ) from error
