"""Readings become a fusion; the same recipe gives the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from annotator.analysis.votes import count_near, spread
from annotator.api import VotePatterns
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.domain.review import FusionRecipe
from annotator.jobs.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from annotator.api import FusionMethod
    from annotator.domain.review import Fusion
    from annotator.registry import Registry
    from annotator.store import Store

MAX_PATTERNS = 1 << 16


def fuse_readings(
    store: Store,
    registry: Registry,
    readings: Readings,
    method_name: str,
    parameters: Mapping[str, object] | None = None,
    *,
    actor: str,
) -> Fusion:
    """Fuse the readings of a case; what was fused before by the same recipe is returned."""
    method = registry.fusion_method(method_name)
    readings.require_two()
    checked = check_parameters(method.name, method.parameters, parameters or {})
    recipe = FusionRecipe(
        case_id=readings.case.case_id,
        method=method.name,
        method_version=method.version,
        inputs=readings.annotation_ids,
        parameters=_sorted_json(checked),
    )
    for known in store.fusions(recipe.case_id):
        if known.recipe == recipe:
            return known
    return _run(store, method, readings, recipe, checked, actor)


def rerun_fusion(store: Store, registry: Registry, fusion_id: str, *, actor: str) -> Fusion:
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
    again = _run(store, method, readings, recipe, checked, actor)
    if again.fusion_id != stored.fusion_id:
        raise IntegrityError(
            f"fusion {fusion_id[:12]}… came out as {again.fusion_id[:12]}… from the same recipe"
        )
    return again


def check_parameters(name: str, model: type[BaseModel], given: Mapping[str, object]) -> BaseModel:
    """Return the parameters of a method as its own type; raises AnnotatorError in words."""
    allowed = model.model_fields
    unknown = [key for key in given if key not in allowed]
    if unknown:
        listed = ", ".join(sorted(allowed)) or "none"
        raise AnnotatorError(f"{name} has no parameter {unknown[0]!r}; it takes: {listed}")
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        words = "; ".join(
            f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}"
            for entry in error.errors()
        )
        raise AnnotatorError(f"{name} cannot work with these parameters: {words}") from None


def _run(
    store: Store,
    method: FusionMethod,
    readings: Readings,
    recipe: FusionRecipe,
    parameters: BaseModel,
    actor: str,
) -> Fusion:
    votes = readings.votes
    n_patterns = len(votes.patterns)
    if n_patterns > MAX_PATTERNS:
        raise AnnotatorError(
            f"the readings disagree in {n_patterns} ways; at most {MAX_PATTERNS} can be kept"
        )
    given = VotePatterns(
        rater_ids=readings.rater_ids,
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=readings.series.geometry.voxel_mm3,
        n_near=count_near(votes),
    )
    try:
        fused = method.fuse(given, parameters)
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{method.title} failed on {readings.case.title!r}: {type(error).__name__}: {error}"
        ) from error
    return store.add_fusion(
        recipe,
        labels=spread(votes, fused.chosen),
        # Pattern 0 is background by everyone, so the value of a voxel is its pattern's row.
        patterns=spread(votes, np.arange(n_patterns)),
        probability=fused.probability,
        performance=fused.performance,
        warnings=fused.warnings,
        actor=actor,
    )


def _sorted_json(parameters: BaseModel) -> tuple[tuple[str, str], ...]:
    content: dict[str, Any] = parameters.model_dump(mode="json")
    return tuple(
        (name, json.dumps(content[name], sort_keys=True, separators=(",", ":")))
        for name in sorted(content)
    )
