"""Detectors that learned from a project's signed-off tracings where tracings go wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import finding_at, trace_course
from annotator.analysis.tracing.events import WRONG_FROM, find_wrong_parts
from annotator.analysis.tracing.lacking import find_lacking
from annotator.analysis.tracing.match import match_trees
from annotator.api import no_progress
from annotator.api.tracing import TracedNeuron, TraceLesson
from annotator.domain.errors import AnnotatorError
from annotator.domain.fit import FitRecipe
from annotator.jobs.parameters import check_parameters, sorted_json
from annotator.jobs.relearning import require_same, require_version
from annotator.jobs.traced_images import traced_image, tracing_tolerance_um

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.api import Progress
    from annotator.api.tracing import TraceDetector, TracedImage
    from annotator.domain.fit import Fit
    from annotator.domain.trace_review import TraceSignOff
    from annotator.domain.tracing import TraceFinding
    from annotator.jobs.trace_readings import TraceReadings
    from annotator.registry import Registry
    from annotator.store import Store

_OMISSION_UM = 5.0
"""So near to where something was left out a point is wrong: the tracing should go on there."""
_SEED = 0


def newest_detector(store: Store, registry: Registry) -> Fit | None:
    """Return the newest fit of an installed trace detector, or None."""
    installed = {(one.name, one.version) for one in registry.trace_detectors()}
    for fit in reversed(store.fits()):
        recipe = fit.recipe
        if recipe.kind == "tracing" and (recipe.name, recipe.version) in installed:
            return fit
    return None


def learn_detector(
    store: Store,
    registry: Registry,
    name: str,
    parameters: Mapping[str, object],
    progress: Progress,
    *,
    actor: str,
) -> Fit:
    """Let a detector learn from every signed-off tracing, and keep what it learned.

    What the signed-off tree lacks of a tracing that it was made of is wrong in that tracing, and so
    are the points beside which that tracing lacks a branch of the signed-off tree. The same
    sign-offs give the fit that exists. Raises AnnotatorError where nothing is signed off.
    """
    detector = registry.trace_detector(name)
    checked = check_parameters(detector.name, detector.parameters, parameters)
    found = [store.trace_sign_off(case.case_id) for case in store.tracing_cases()]
    signed = [entry for entry in found if entry is not None]
    if not signed:
        raise AnnotatorError(
            "no tracing is signed off yet: a detector learns from what reviewers decided"
        )
    recipe = FitRecipe(
        kind="tracing",
        name=detector.name,
        version=detector.version,
        inputs=tuple(sorted(one for entry in signed for one in entry.found.inputs)),
        adjudications=tuple(sorted(entry.sign_off_id for entry in signed)),
        parameters=sorted_json(checked),
    )
    known = store.fit_of(recipe)
    return known or _learn(store, detector, recipe, progress, actor)


def relearn_detector(
    store: Store, registry: Registry, fit: Fit, progress: Progress, *, actor: str
) -> Fit:
    """Learn again by a stored recipe; raises IntegrityError where it comes out differently."""
    detector = registry.trace_detector(fit.recipe.name)
    require_version(fit, detector.version)
    again = _learn(store, detector, fit.recipe, progress, actor)
    require_same(fit, again)
    return again


def find_learned(
    store: Store, registry: Registry, fit: Fit, readings: TraceReadings
) -> tuple[TraceFinding, ...]:
    """Return where a detector holds the reviewed tracing wrong: an event for each stretch."""
    detector = registry.trace_detector(fit.recipe.name)
    tree = readings.tree
    if not len(tree):
        return ()
    neuron = _neuron(readings.case.case_id, tree, readings.image)
    judged = detector.judge(store.fit_content(fit.fit_id), neuron, no_progress)
    course = trace_course(tree)
    return tuple(
        finding_at(
            course,
            part.rows.tolist(),
            check="learned",
            source="learned",
            severity="warning",
            value=part.score,
            threshold=WRONG_FROM,
            unit="probability",
            probability=part.score,
            why=(
                f"{detector.title} holds the tracing wrong from here on, or something left out "
                f"here: {part.score:.0%} likely"
            ),
        )
        for part in find_wrong_parts(course, judged)
    )


def _learn(
    store: Store, detector: TraceDetector, recipe: FitRecipe, progress: Progress, actor: str
) -> Fit:
    by_id = {
        entry.sign_off_id: entry
        for case in store.tracing_cases()
        for entry in store.trace_sign_offs(case.case_id)
    }
    lessons = [
        lesson
        for sign_off_id in recipe.adjudications
        for lesson in _lessons_of(store, by_id[sign_off_id])
    ]
    given = {name: json.loads(value) for name, value in recipe.parameters}
    parameters = check_parameters(detector.name, detector.parameters, given)
    content = detector.learn(lessons, parameters, seed=_SEED, progress=progress)
    n_wrong = sum(int(lesson.is_wrong.sum()) for lesson in lessons)
    n_nodes = sum(len(lesson.is_wrong) for lesson in lessons)
    summary = (
        f"learned from {len(lessons)} tracings of {len(recipe.adjudications)} signed-off cases: "
        f"{n_wrong} of {n_nodes} points were wrong",
    )
    return store.add_fit(recipe, content=content, summary=summary, actor=actor)


def _lessons_of(store: Store, signed: TraceSignOff) -> list[TraceLesson]:
    case = store.tracing_case(signed.case_id)
    image = traced_image(store, store.series(case.series_ids[0]))
    right = store.signed_off_tree(signed.sign_off_id)
    tolerance = tracing_tolerance_um(image.spacing_um)
    lessons = []
    for annotation_id in signed.found.inputs:
        tree = store.annotation_tree(annotation_id)
        if len(tree):
            is_wrong = _lacking((tree, right), tolerance) | _beside_omissions(
                tree, right, tolerance
            )
            traced = _neuron(case.case_id, tree, image)
            lessons.append(TraceLesson(traced=traced, is_wrong=is_wrong))
    return lessons


def _lacking(pair: Sequence[Tree], tolerance_um: float) -> NDArray[np.bool_]:
    """Return the nodes of the first tree whose edge the second does not run along, ``(node,)``."""
    matched = match_trees(pair, tolerance=tolerance_um)
    fine = matched.trees[0]
    n_nodes = len(pair[0])
    whole = np.bincount(fine.origins, fine.lengths, n_nodes)
    along = np.bincount(fine.origins, fine.lengths * matched.shared[0][:, 1], n_nodes)
    return np.asarray(2 * along < whole)


def _beside_omissions(tree: Tree, right: Tree, tolerance_um: float) -> NDArray[np.bool_]:
    """Return the nodes beside which the second tree has a branch that the first lacks."""
    found = np.zeros(len(tree), np.bool_)
    for branch in find_lacking(tree, (right,), tolerance_um=tolerance_um):
        found |= np.linalg.norm(tree.points - branch.points[0], axis=1) <= _OMISSION_UM
    return found


def _neuron(name: str, tree: Tree, image: TracedImage) -> TracedNeuron:
    return TracedNeuron(
        name=name, points=tree.points, radii=tree.radii, parents=tree.parents, image=image
    )
