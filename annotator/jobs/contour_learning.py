"""Detectors that learned from signed-off cases where contours go wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from annotator.analysis.contour_deviation import signed_deviation_mm
from annotator.analysis.contour_points import contour_points
from annotator.analysis.group_votes import split_masks
from annotator.analysis.runs import decode
from annotator.api import ContourLesson
from annotator.domain.errors import AnnotatorError
from annotator.domain.fit import FitRecipe
from annotator.domain.label_groups import MaskValues
from annotator.jobs.contour_drawn import cut_out
from annotator.jobs.parameters import check_parameters, sorted_json
from annotator.jobs.relearning import require_same, require_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import ContourDetector, Progress
    from annotator.domain.fit import Fit
    from annotator.domain.review import Adjudication
    from annotator.domain.study import Case
    from annotator.registry import Registry
    from annotator.store import Store

_SEED = 0
_GATHERED = 0.1


def newest_contour_detector(store: Store, registry: Registry) -> Fit:
    """Return the newest fit of an installed contour detector; raises AnnotatorError."""
    installed = {(one.name, one.version) for one in registry.contour_detectors()}
    for fit in reversed(store.fits()):
        recipe = fit.recipe
        if recipe.kind == "contour" and (recipe.name, recipe.version) in installed:
            return fit
    raise AnnotatorError(
        "no contour errors were learned on this project yet; learn them with: "
        "annotator learn-contours PROJECT"
    )


def learn_contours(
    store: Store,
    registry: Registry,
    name: str,
    parameters: Mapping[str, object],
    progress: Progress,
    *,
    actor: str,
) -> Fit:
    """Let a detector learn from every signed-off case, and keep what it learned.

    Each reading that was signed off of is compared with what was. The same sign-offs give the fit
    that exists. Raises AnnotatorError where there is too little to learn from.
    """
    detector = registry.contour_detector(name)
    checked = check_parameters(detector.name, detector.parameters, parameters)
    found = [store.adjudication(case.case_id) for case in store.cases()]
    signed = [entry for entry in found if entry is not None]
    if not signed:
        raise AnnotatorError(
            "no case is signed off yet: contour errors are learned from what reviewers decided"
        )
    recipe = FitRecipe(
        kind="contour",
        name=detector.name,
        version=detector.version,
        inputs=tuple(sorted(one for entry in signed for one in _readings_of(store, entry))),
        adjudications=tuple(sorted(entry.adjudication_id for entry in signed)),
        parameters=sorted_json(checked),
    )
    return store.fit_of(recipe) or _learn(store, detector, recipe, progress, actor)


def relearn_contours(
    store: Store, registry: Registry, fit: Fit, progress: Progress, *, actor: str
) -> Fit:
    """Learn again by a stored recipe; raises IntegrityError where it comes out differently."""
    detector = registry.contour_detector(fit.recipe.name)
    require_version(fit, detector.version)
    again = _learn(store, detector, fit.recipe, progress, actor)
    require_same(fit, again)
    return again


def _learn(
    store: Store, detector: ContourDetector, recipe: FitRecipe, progress: Progress, actor: str
) -> Fit:
    lessons: list[ContourLesson] = []
    for number, adjudication_id in enumerate(recipe.adjudications):
        progress(_GATHERED * number / len(recipe.adjudications), "reading signed-off cases")
        lessons += _lessons_of(store, store.adjudication_by_id(adjudication_id))
    given = {name: json.loads(value) for name, value in recipe.parameters}
    parameters = check_parameters(detector.name, detector.parameters, given)

    def report(fraction: float, message: str) -> None:
        progress(_GATHERED + (1.0 - _GATHERED) * fraction, message)

    learned = detector.learn(lessons, parameters, seed=_SEED, progress=report)
    n_cases = len(recipe.adjudications)
    summary = (
        f"Learned from {len(recipe.inputs)} readings of {n_cases} signed-off "
        f"{'case' if n_cases == 1 else 'cases'}.",
        *learned.summary,
    )
    return store.add_fit(recipe, content=learned.content, summary=summary, actor=actor)


def _readings_of(store: Store, signed: Adjudication) -> tuple[str, ...]:
    """Return the readings that were signed off of, but those of some regions only."""
    partly = {entry.rater_id for entry in store.partial_readers(signed.case_id)}
    inputs = set(store.fusion(signed.fusion_id).recipe.inputs)
    return tuple(
        entry.annotation_id
        for entry in store.annotations(signed.case_id, latest=False)
        if entry.annotation_id in inputs and entry.rater_id not in partly
    )


def _lessons_of(store: Store, signed: Adjudication) -> list[ContourLesson]:
    case = store.case(signed.case_id)
    decided = store.adjudication_mask(signed.adjudication_id)[0]
    drawn = store.annotation_masks(_readings_of(store, signed))
    values = MaskValues(store.project().schema)
    return [
        lesson
        for _, (right, *masks) in split_masks([decided, *drawn], values)
        for lesson in _lessons_in(store, case, decode(right), [decode(runs) for runs in masks])
    ]


def _lessons_in(
    store: Store,
    case: Case,
    right: NDArray[np.unsignedinteger],
    masks: Sequence[NDArray[np.unsignedinteger]],
) -> list[ContourLesson]:
    """Return what the contours of one label group teach, ``(z, y, x)`` each."""
    around = cut_out(store, case, store.series(case.series_ids[0]), [right, *masks])
    if around is None:
        return []
    truth = right[around.box]
    lessons = []
    for mask in masks:
        for drawn in around.contours(mask):
            points = contour_points(drawn.mask == drawn.label, drawn.spacing_mm)
            off_mm = signed_deviation_mm(points, truth == drawn.label)
            lessons.append(ContourLesson(drawn=drawn, deviation_mm=off_mm))
    return lessons
