"""Which cases of a project to draw next: what is known of each, and their order."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.acceptance import changed_share
from annotator.analysis.group_votes import labels_of
from annotator.analysis.next_cases import Candidate, GainWeights, doubt_of_map, next_cases
from annotator.analysis.runs import SlabTable, decode, labels_in
from annotator.domain.errors import UnknownNameError
from annotator.domain.label_groups import MaskValues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.next_cases import NextCase
    from annotator.analysis.runs import MaskRuns
    from annotator.api import Progress
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.study import Case, Series
    from annotator.store import Store

_BLOCKS = (4, 8, 8)
"""An image is made this small to be compared with others."""
_SAMPLES = 64
"""Voxels along each axis that the small image is made of."""
_COMPONENTS = 6
_PERCENTILES = (5, 25, 50, 75, 95)
_LEVELS = 254.0
_MARGIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCases:
    """Unread cases in the order in which to draw them.

    ``n_read`` cases have a person's reading and ``n_unread`` have none; ``model`` is the name of
    the model whose drawings and doubts were looked at, None where no model has read.
    """

    cases: tuple[NextCase, ...]
    n_read: int
    n_unread: int
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Predicted:
    """What models say of a case: a mask, and how sure they are; None where that is not known."""

    mask: MaskRuns
    doubt: float | None


def find_next_cases(
    store: Store,
    progress: Progress,
    *,
    n: int | None = None,
    model: str | None = None,
    weights: GainWeights | None = None,
) -> NextCases:
    """Return the unread cases that a model would gain most from, best first.

    Uncertainty is that along the outlines of ``model``, or of the model that has read most, where
    a map of it is kept; else, where several models have read, how far they differ, which foretells
    errors well (Zenk et al., arXiv 2406.03323). Difficulty is what a trained model
    foretells. What cases look like is told by a few numbers of the image, made small, and of the
    prediction: there is no network in it, so that it works on the first day.
    """
    cases = store.cases()
    people = {rater.rater_id for rater in store.raters() if not rater.is_model}
    latest = store.annotations()
    read = {entry.case_id for entry in latest if entry.rater_id in people}
    chosen = _model(store, latest, model)
    predicted = _predicted(store, latest, people, chosen, progress)
    features = _features(store, cases, predicted, progress)
    difficulty = {entry.case_id: entry.difficulty for entry in store.forecasts()}
    doubts = {case_id: entry.doubt for case_id, entry in predicted.items()}
    found = next_cases(
        [
            Candidate(
                case_id=case.case_id,
                uncertainty=doubts.get(case.case_id),
                difficulty=difficulty.get(case.case_id),
                features=features[case.case_id],
            )
            for case in cases
            if case.case_id not in read
        ],
        drawn=[features[case.case_id] for case in cases if case.case_id in read],
        n=n,
        weights=weights,
    )
    return NextCases(
        cases=found,
        n_read=sum(case.case_id in read for case in cases),
        n_unread=sum(case.case_id not in read for case in cases),
        model=None if chosen is None else chosen.name,
    )


def _model(store: Store, latest: Sequence[Annotation], name: str | None) -> Rater | None:
    """Return the model to go by: the one named, or else the one that has read most cases."""
    models = [rater for rater in store.raters() if rater.is_model]
    if name is not None:
        for rater in models:
            if name in (rater.rater_id, rater.name):
                return rater
        raise UnknownNameError("model", name, [rater.name for rater in models])
    n_read = {rater.rater_id: 0 for rater in models}
    for entry in latest:
        if entry.rater_id in n_read:
            n_read[entry.rater_id] += 1
    # The last of those that have read as many: it was trained on more.
    known = [rater for rater in models if n_read[rater.rater_id]]
    return max(reversed(known), key=lambda rater: n_read[rater.rater_id], default=None)


def _predicted(
    store: Store,
    latest: Sequence[Annotation],
    people: set[str],
    chosen: Rater | None,
    progress: Progress,
) -> dict[str, _Predicted]:
    if chosen is None:
        return {}
    own = [entry for entry in latest if entry.rater_id == chosen.rater_id]
    masks: dict[str, MaskRuns] = {}
    doubts: dict[str, float | None] = {}
    for number, entry in enumerate(own):
        progress(0.3 * number / len(own), "looking at what the model is unsure of")
        (masks[entry.case_id],) = store.annotation_masks([entry.annotation_id])
        levels = store.prediction_map(entry.annotation_id, "uncertainty", 0)
        doubts[entry.case_id] = None if levels is None else _doubt(levels, masks[entry.case_id])
    if not any(doubt is not None for doubt in doubts.values()):
        doubts.update(_differences(store, latest, people))
    return {
        case_id: _Predicted(mask=mask, doubt=doubts[case_id]) for case_id, mask in masks.items()
    }


def _doubt(levels: MaskRuns, mask: MaskRuns) -> float:
    """Return the doubt along the outlines from a map that is kept as ``1 + round(254 * value)``."""
    drawn, kept = decode(mask), decode(levels, np.dtype(np.uint8))
    around = _around(drawn)
    value = np.maximum(kept[around].astype(np.float32) - 1.0, 0.0) / _LEVELS
    return doubt_of_map(value, drawn[around])


def _around(drawn: NDArray[np.integer[Any]]) -> tuple[slice, ...]:
    """Return the box around what is drawn, with a margin; all of it where nothing is."""
    found = []
    for axis, size in enumerate(drawn.shape):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(drawn.any(axis=others))
        if not len(places):
            return (slice(None),) * 3
        found.append(slice(max(0, int(places[0]) - _MARGIN), min(size, int(places[-1]) + 3)))
    return tuple(found)


def _differences(
    store: Store, latest: Sequence[Annotation], people: set[str]
) -> dict[str, float | None]:
    """Return how far models differ on each case that two or more have read, 0 to 1."""
    by_case: dict[str, list[str]] = {}
    for entry in latest:
        if entry.rater_id not in people:
            by_case.setdefault(entry.case_id, []).append(entry.annotation_id)
    found: dict[str, float | None] = {}
    for case_id, ids in by_case.items():
        if len(ids) >= 2:
            pairs = itertools.combinations(store.annotation_masks(ids), 2)
            found[case_id] = float(
                np.mean([changed_share(one, two, labels_in((one, two))) for one, two in pairs])
            )
    return found


def _features(
    store: Store,
    cases: Sequence[Case],
    predicted: Mapping[str, _Predicted],
    progress: Progress,
) -> dict[str, tuple[float, ...]]:
    """Return what each case looks like, as many numbers for each, in the order of their ids."""
    ordered = sorted(cases, key=lambda case: case.case_id)
    if not ordered:
        return {}
    numbers, small = [], []
    for place, case in enumerate(ordered):
        progress(0.3 + 0.7 * place / len(ordered), f"looking at {case.title}")
        series = store.series(case.series_ids[0])
        image = small_image(_seen_whole(store, series), series)
        numbers.append(image_numbers(image, series))
        small.append(_standard(image).ravel())
    values = MaskValues(store.project().schema)
    labels = labels_of(values, labels_in([entry.mask for entry in predicted.values()]))
    held = [values.holding(label) for label in labels[1:]]
    drawn = np.array([_mask_numbers(predicted.get(case.case_id), held) for case in ordered])
    parts = [np.array(numbers), _components(np.array(small)), _filled(drawn)]
    return {
        case.case_id: tuple(row)
        for case, row in zip(ordered, np.concatenate(parts, axis=1).tolist(), strict=True)
    }


def _seen_whole(store: Store, series: Series) -> NDArray[Any]:
    """Return the voxels of a series, of a slide those of its coarsest level."""
    if series.slide is None:
        return store.voxels(series.series_id)
    pyramid = store.slide(series.series_id).pyramid
    rows, columns = pyramid.shapes[-1]
    return pyramid.read(len(pyramid.shapes) - 1, slice(0, rows), slice(0, columns))[np.newaxis]


def small_image(voxels: NDArray[Any], series: Series) -> NDArray[np.float64]:
    """Return an image as means of blocks in modality units, `_BLOCKS` ``(z, y, x)``.

    Of every so manieth voxel only; colours are averaged.
    """
    steps = [max(1, size // _SAMPLES) for size in voxels.shape[:3]]
    sample = np.asarray(voxels[tuple(slice(None, None, step) for step in steps)], np.float64)
    if sample.ndim == 4:
        sample = sample.mean(axis=3)
    sample = np.nan_to_num(sample * series.slope + series.intercept, posinf=0.0, neginf=0.0)
    for axis, n_blocks in enumerate(_BLOCKS):
        ends = np.linspace(0, sample.shape[axis], n_blocks + 1)
        low = np.minimum(ends[:-1].astype(int), sample.shape[axis] - 1)
        high = np.maximum(np.ceil(ends[1:]).astype(int), low + 1)
        parts = [
            sample.take(range(first, last), axis).mean(axis=axis)
            for first, last in zip(low.tolist(), high.tolist(), strict=True)
        ]
        sample = np.stack(parts, axis=axis)
    return sample


def image_numbers(image: NDArray[np.float64], series: Series) -> list[float]:
    """Return brightness, contrast, sharpness of the small image, and the size of the grid."""
    geometry = series.geometry
    sides = [math.log(n * mm) for n, mm in zip(geometry.shape, geometry.spacing_mm, strict=True)]
    edges = [float(np.abs(np.diff(image, axis=axis)).mean()) for axis in (1, 2)]
    return [*np.percentile(image, _PERCENTILES).tolist(), float(image.std()), *edges, *sides]


def _standard(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an image without its brightness and contrast: what is left is where things are."""
    return np.asarray((image - image.mean()) / (image.std() or 1.0))


def _components(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first principal components of rows, `_COMPONENTS` at most."""
    centred = rows - rows.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    n = min(_COMPONENTS, len(scale))
    return np.asarray(left[:, :n] * scale[:n])


def _mask_numbers(predicted: _Predicted | None, held: Sequence[tuple[int, ...]]) -> list[float]:
    """Return how large each label was drawn, and the doubt; not a number where nothing is known.

    ``held`` are the mask values that hold each label.
    """
    if predicted is None:
        return [math.nan] * (len(held) + 1)
    table = SlabTable.of(predicted.mask.slabs)
    lengths = np.diff(table.ends.astype(np.int64), prepend=0)
    begins = np.zeros(len(lengths), np.bool_)
    begins[table.first[:-1]] = True
    lengths[begins] = table.ends[begins]
    sizes = [math.log1p(int(lengths[np.isin(table.labels, own)].sum())) for own in held]
    return [*sizes, math.nan if predicted.doubt is None else predicted.doubt]


def _filled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows with the column's mean in place of what is not known."""
    known = np.isfinite(rows)
    n_known = known.sum(axis=0)
    mean = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(n_known, 1)
    return np.where(known, rows, mean)
