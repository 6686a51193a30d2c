"""Labels that a trained model rejects in the readings of a case, and how they come to review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.disagreement import is_disputed
from annotator.analysis.label_errors import describe_rejected, find_rejected
from annotator.analysis.runs import decode, encode
from annotator.analysis.votes import to_dense
from annotator.api import LabelChecker
from annotator.domain.errors import AnnotatorError
from annotator.domain.review import CheckedLabels, Finding, LabelError
from annotator.jobs.case_votes import require_unreviewed
from annotator.jobs.training import image_of, trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.label_errors import RejectedPlace
    from annotator.api import BelievedLabels, Progress
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Box
    from annotator.jobs.finding import Regions
    from annotator.jobs.readings import Readings
    from annotator.registry import Registry
    from annotator.store import Store


def newest_checker(store: Store, registry: Registry) -> str:
    """Return the id of the newest fit that can check labels; raises AnnotatorError."""
    checkers = {
        (trainer.name, trainer.version)
        for trainer in registry.trainers()
        if isinstance(trainer, LabelChecker)
    }
    for fit in reversed(store.fits()):
        recipe = fit.recipe
        if recipe.kind == "trainer" and (recipe.name, recipe.version) in checkers:
            return fit.fit_id
    raise AnnotatorError(
        "nothing that checks labels was trained on this project yet; train it with: "
        "annotator train PROJECT --trainer cross-denoising --target readings"
    )


def check_labels(
    store: Store,
    registry: Registry,
    fit_id: str,
    readings: Readings,
    progress: Progress,
    *,
    actor: str,
) -> CheckedLabels:
    """Keep what a fit rejects in the readings of a case, and return it.

    Raises AnnotatorError where verdicts were given on these readings already: the places that they
    decided would become others.
    """
    case = readings.case
    require_unreviewed(store, readings)
    fit, trainer = trained(store, registry, fit_id)
    if not isinstance(trainer, LabelChecker):
        raise AnnotatorError(f"{trainer.title} cannot check labels; cross-denoising can")
    image, series = image_of(store, case)
    content = store.fit_content(fit.fit_id)
    believed = trainer.believed(content, image, series.geometry.spacing_mm, progress)
    found = CheckedLabels(
        case_id=case.case_id,
        fit_id=fit.fit_id,
        findings_key=readings.findings_key,
        errors=_errors(_judged(readings, believed), believed),
    )
    store.put_label_errors(found, actor=actor)
    return found


def _judged(readings: Readings, believed: BelievedLabels) -> Readings:
    """Return the readings of the label group that a model learned."""
    values = readings.values
    known = [values.group_of(label) for label in believed.labels if label]
    return readings.of_group(known[0] if known else readings.only_group)


def _errors(readings: Readings, believed: BelievedLabels) -> tuple[LabelError, ...]:
    """Return what is rejected: of voxels that all gave the same label, then reading by reading."""
    votes = readings.votes
    disputed = to_dense(votes, is_disputed(votes), np.bool_)
    everybody = readings.rater_ids
    who = "all raters" if len(everybody) > 1 else readings.raters[everybody[0]].name
    first = decode(readings.masks[0])
    places = [
        (place, everybody, who)
        for place in find_rejected(first, believed.labels, believed.most, among=~disputed)
    ]
    if disputed.any():
        for rater_id, runs in zip(everybody, readings.masks, strict=True):
            name = readings.raters[rater_id].name
            found = find_rejected(decode(runs), believed.labels, believed.most, among=disputed)
            places += [(place, (rater_id,), name) for place in found]
    errors = [_error(readings, place, rater_ids, name) for place, rater_ids, name in places]
    return tuple(sorted(errors, key=lambda one: (not one.is_agreed, -one.doubt * one.n_voxels)))


def _error(
    readings: Readings, place: RejectedPlace, rater_ids: tuple[str, ...], who: str
) -> LabelError:
    starts = np.flatnonzero(np.diff(place.position, prepend=-2) != 1)
    lengths = np.diff(np.append(starts, len(place.position)))
    return LabelError(
        rater_ids=rater_ids,
        is_agreed=rater_ids == readings.rater_ids,
        drawn=place.drawn,
        proposed=place.proposed,
        doubt=round(place.doubt, 4),
        n_voxels=len(place.position),
        runs=tuple(zip(place.position[starts].tolist(), lengths.tolist(), strict=True)),
        why=describe_rejected(place, readings.series.geometry, readings.schema, who=who),
    )


def with_rejected(
    store: Store, readings: Readings, findings: tuple[Finding, ...], regions: Regions
) -> tuple[tuple[Finding, ...], Regions]:
    """Add to the disputed regions those where all agree but a check of labels rejects them.

    Only what was found in exactly these readings counts. ``regions`` holds for each label group
    per voxel the number of its region, or 0.
    """
    checked = store.label_errors(readings.case.case_id)
    if checked is None or checked.findings_key != readings.findings_key:
        return findings, regions
    errors = [error for error in checked.errors if error.is_agreed]
    if not errors:
        return findings, regions
    shape = readings.series.geometry.shape
    numbers: dict[str, NDArray[np.unsignedinteger]] = {}
    added = []
    for number, error in enumerate(errors, start=len(findings) + 1):
        position = _positions(error)
        finding = _finding(readings, error, position, number)
        group = readings.values.group_of(finding.label)
        if group not in numbers:
            numbers[group] = region_numbers(regions, group, readings).reshape(-1)
        numbers[group][position] = number
        added.append(finding)
    found = {group: encode(own.reshape(shape)) for group, own in numbers.items()}
    return (*findings, *added), regions | found


def region_numbers(regions: Regions, group: str, readings: Readings) -> NDArray[np.unsignedinteger]:
    """Return the number of the region of a label group at each voxel, ``(z, y, x)``, or 0."""
    known = regions.get(group)
    if known is None:
        return np.zeros(readings.series.geometry.shape, np.uint16)
    return decode(known, np.dtype(np.uint16))


def _positions(error: LabelError) -> NDArray[np.int64]:
    return np.concatenate([np.arange(start, start + size) for start, size in error.runs])


def _finding(
    readings: Readings, error: LabelError, position: NDArray[np.int64], number: int
) -> Finding:
    geometry = readings.series.geometry
    box, centre = _place(position, geometry)
    is_drawn = error.drawn != 0
    return Finding(
        case_id=readings.case.case_id,
        region=number,
        label=error.drawn if is_drawn else error.proposed,
        kind="rejected",
        score=error.doubt,
        size_mm3=error.n_voxels * geometry.voxel_mm3,
        box=box,
        centre=centre,
        raters_for=error.rater_ids if is_drawn else (),
        raters_against=() if is_drawn else error.rater_ids,
        mean_entropy=0.0,
        max_distance_mm=None,
        why=error.why,
    )


def _place(position: NDArray[np.int64], geometry: Geometry) -> tuple[Box, tuple[int, int, int]]:
    """Return the box around voxels, and the voxel nearest their middle where most of them lie."""
    index = np.stack(np.unravel_index(position, geometry.shape), axis=1)
    low, high = index.min(axis=0).tolist(), (index.max(axis=0) + 1).tolist()
    z = int(np.bincount(index[:, 0]).argmax())
    inside = index[index[:, 0] == z]
    squared = ((inside[:, 1:] - inside[:, 1:].mean(axis=0)) ** 2).sum(axis=1)
    _, y, x = inside[int(squared.argmin())].tolist()
    return ((low[0], low[1], low[2]), (high[0], high[1], high[2])), (z, y, x)


def doubted_words(n_rejected: int, n_wrong_lines: int) -> str:
    """Return how many places checks reject that all raters agree on, in words.

    ``n_rejected`` are those of a check of labels, ``n_wrong_lines`` those of a check of contours.
    """
    said = []
    if n_rejected:
        places = "1 place" if n_rejected == 1 else f"{n_rejected} places"
        said.append(f"a check of labels rejects {places} that all raters agree on")
    if n_wrong_lines:
        lines = "1 line" if n_wrong_lines == 1 else f"{n_wrong_lines} lines"
        said.append(f"a check of contours holds {lines} wrong that all raters agree on")
    return "; ".join(said)
