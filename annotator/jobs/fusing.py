"""Readings become a fusion; the same recipe gives the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis.votes import spread
from annotator.api import (
    FusedPatterns,
    FusedVoxels,
    FusionMethod,
    LearnedFusionMethod,
    SpatialFusionMethod,
    no_progress,
)
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.domain.review import FusionRecipe
from annotator.jobs.case_votes import case_votes, is_of, vote_patterns
from annotator.jobs.group_fusing import join_kept, named_warnings
from annotator.jobs.group_learning import of_group
from annotator.jobs.keeping import MAX_ROWS, Kept, keep_voxels
from annotator.jobs.learning import current_fit
from annotator.jobs.parameters import (
    by_rater_id,
    check_parameters,
    sorted_json,
    with_names,
)
from annotator.jobs.readings import GroupReadings, Readings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from annotator.api import AnyFusionMethod, Progress, VotePatterns
    from annotator.domain.fit import Fit
    from annotator.domain.review import Adjudication, Fusion
    from annotator.registry import Registry
    from annotator.store import Store


def fuse_readings(
    store: Store,
    registry: Registry,
    readings: Readings,
    method_name: str,
    parameters: Mapping[str, object] | None = None,
    progress: Progress = no_progress,
    *,
    fit: Fit | None = None,
    actor: str,
) -> Fusion:
    """Fuse the readings of a case; what was fused before by the same recipe is returned.

    A method that learns from the project goes by ``fit``; where none is given, by what it has
    learned from the readings as they are now, which it may have to learn first.
    """
    method = registry.fusion_method(method_name)
    readings.require_two()
    given = by_rater_id(parameters or {}, store.raters())
    checked = check_parameters(method.name, method.parameters, given)
    if isinstance(method, LearnedFusionMethod) and fit is None:
        fit = current_fit(
            store, method, checked, progress, include_models=readings.include_models, actor=actor
        )
    recipe = FusionRecipe(
        case_id=readings.case.case_id,
        method=method.name,
        method_version=method.version,
        inputs=readings.annotation_ids,
        parameters=sorted_json(checked),
        fit_id=fit.fit_id if fit else None,
    )
    for known in store.fusions(recipe.case_id):
        if known.recipe == recipe:
            return known
    return _run(store, method, readings, recipe, checked, progress, actor)


def rerun_fusion(
    store: Store,
    registry: Registry,
    fusion_id: str,
    progress: Progress = no_progress,
    *,
    actor: str,
) -> Fusion:
    """Fuse again by a stored recipe; raises IntegrityError where anything comes out differently."""
    stored = store.fusion(fusion_id)
    recipe = stored.recipe
    method = registry.fusion_method(recipe.method)
    if method.version != recipe.method_version:
        raise AnnotatorError(
            f"fusion {fusion_id[:12]}… was made by {recipe.method} {recipe.method_version}; "
            f"{method.version} is installed, which may give another result"
        )
    given = {name: json.loads(value) for name, value in recipe.parameters}
    checked = check_parameters(method.name, method.parameters, given)
    annotations = [store.annotation(annotation_id) for annotation_id in recipe.inputs]
    readings = Readings(store, store.case(recipe.case_id), annotations)
    again = _run(store, method, readings, recipe, checked, progress, actor)
    if again.fusion_id != stored.fusion_id:
        raise IntegrityError(
            f"fusion {fusion_id[:12]}… came out as {again.fusion_id[:12]}… from the same recipe"
        )
    return again


def _run(
    store: Store,
    method: AnyFusionMethod,
    readings: Readings,
    recipe: FusionRecipe,
    parameters: BaseModel,
    progress: Progress,
    actor: str,
) -> Fusion:
    parts = readings.by_group()
    made: list[_Made] = []
    for number, part in enumerate(parts):

        def report(fraction: float, message: str, *, number: int = number) -> None:
            progress((number + fraction) / len(parts), message)

        made.append(_fuse_alone(store, method, part, recipe, parameters, report))
    kept, warnings = made[0].kept, made[0].fused.warnings
    groups = [part for part in parts if isinstance(part, GroupReadings)]
    if groups:
        by_pattern = all(isinstance(one.fused, FusedPatterns) for one in made)
        kept = join_kept(readings, groups, [one.kept for one in made], by_pattern=by_pattern)
        warnings = named_warnings(readings, groups, [one.fused.warnings for one in made])
    _require_few(len(kept.probability))
    return store.add_fusion(
        recipe,
        labels=kept.labels,
        patterns=kept.patterns,
        probability=kept.probability,
        performance=[entry for one in made for entry in one.fused.performance],
        warnings=with_names(warnings, store.raters()),
        weights=kept.weights,
        training_target_only=any(
            isinstance(one.fused, FusedVoxels) and one.fused.training_target_only for one in made
        ),
        actor=actor,
    )


class _Made(NamedTuple):
    """What a method made of the readings of one label group."""

    fused: FusedPatterns | FusedVoxels
    kept: Kept


def _fuse_alone(
    store: Store,
    method: AnyFusionMethod,
    readings: Readings,
    recipe: FusionRecipe,
    parameters: BaseModel,
    progress: Progress,
) -> _Made:
    try:
        fused = _fuse(store, method, readings, recipe, parameters, progress)
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{method.title} failed on {readings.case.title!r}: {type(error).__name__}: {error}"
        ) from error
    return _Made(fused=fused, kept=_kept(method.title, readings, fused))


def _fuse(
    store: Store,
    method: AnyFusionMethod,
    readings: Readings,
    recipe: FusionRecipe,
    parameters: BaseModel,
    progress: Progress,
) -> FusedPatterns | FusedVoxels:
    if isinstance(method, FusionMethod):
        return method.fuse(vote_patterns(readings), parameters)
    if isinstance(method, SpatialFusionMethod):
        return method.fuse_voxels(case_votes(store, readings), parameters, progress)
    fit = store.fit(recipe.fit_id or "")
    case = case_votes(store, readings, adjudication=_signed_off_then(store, readings, fit))
    content = of_group(store.fit_content(fit.fit_id), readings)
    return method.fuse_learned(case, content, parameters, progress)


def _signed_off_then(store: Store, readings: Readings, fit: Fit) -> Adjudication | None:
    """Return what the fit knew to be signed off of these readings.

    Not what is signed off now: that is no part of the recipe, which must give the same bytes later.
    """
    known = set(fit.recipe.adjudications)
    for entry in store.adjudications(readings.case.case_id):
        if entry.adjudication_id in known and is_of(store, entry, readings):
            return entry
    return None


def _kept(title: str, readings: Readings, fused: FusedPatterns | FusedVoxels) -> Kept:
    votes = readings.votes
    if isinstance(fused, FusedVoxels):
        patterns: VotePatterns = vote_patterns(readings)
        return keep_voxels(fused, patterns, votes.grid, title)
    _require_few(len(votes.patterns))
    return Kept(
        labels=spread(votes, fused.chosen),
        # Pattern 0 is background by everyone, so the value of a voxel is its pattern's row.
        patterns=spread(votes, np.arange(len(votes.patterns))),
        probability=fused.probability,
        weights={},
    )


def _require_few(n_patterns: int) -> None:
    if n_patterns > MAX_ROWS:
        raise AnnotatorError(
            f"the readings disagree in {n_patterns} ways; at most {MAX_ROWS} can be kept"
        )
