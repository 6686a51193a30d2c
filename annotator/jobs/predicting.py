"""A model reads a case; its prediction is an annotation like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.jobs.parameters import check_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.api import Model, Progress
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.schema import LabelSchema
    from annotator.registry import Registry
    from annotator.store import Store


def predict_case(
    store: Store,
    registry: Registry,
    model_name: str,
    case_id: str,
    parameters: Mapping[str, object],
    progress: Progress,
    *,
    actor: str,
) -> Annotation:
    """Let a model read a case; the same prediction again gives the annotation that exists.

    Raises AnnotatorError where the model does not fit the case or gives a wrong mask.
    """
    model = registry.model(model_name)
    case = store.study_case(case_id)
    series = store.series(case.series_ids[0])
    schema = store.project().schema
    reason = model.refuses(series, schema)
    if reason is not None:
        raise AnnotatorError(f"{model.card.title} does not fit {case.title!r}: {reason}")
    checked = check_parameters(model.name, model.parameters, parameters)
    voxels = store.voxels(series.series_id)
    try:
        mask = model.predict(voxels, series, schema, checked, progress)
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{model.card.title} failed on {case.title!r}: {type(error).__name__}: {error}"
        ) from error
    _check(model, mask, series.geometry.shape, schema)
    rater = model_rater(store, model, actor=actor)
    return store.add_annotation(
        case.case_id, rater.rater_id, encode(mask), Diagnosis(), only_new=True, actor=actor
    )


def model_rater(store: Store, model: Model, *, actor: str) -> Rater:
    """Return the rater that stands for a model in this version; adds it where it is new."""
    return rater_of_model(store, f"{model.card.title} {model.version}", actor=actor)


def rater_of_model(store: Store, name: str, *, actor: str) -> Rater:
    """Return the model of that name among the raters; adds it where it is new."""
    try:
        rater = store.rater(name)
    except UnknownNameError:
        return store.add_rater(name, is_model=True, may_review=False, actor=actor)
    if not rater.is_model:
        raise AnnotatorError(f"a person is named {name!r}, like the model; rename the person")
    return rater


def _check(
    model: Model,
    mask: NDArray[np.unsignedinteger],
    shape: tuple[int, int, int],
    schema: LabelSchema,
) -> None:
    title = model.card.title
    if mask.shape != shape:
        raise AnnotatorError(f"{title} gave a mask of shape {mask.shape}; the series has {shape}")
    if not np.issubdtype(mask.dtype, np.unsignedinteger):
        raise AnnotatorError(f"{title} gave a mask of {mask.dtype}; unsigned integers are needed")
    unknown = sorted(set(np.unique(mask).tolist()) - {0, *schema.values})
    if unknown:
        raise AnnotatorError(
            f"{title} gave the label values {unknown}; the schema has {list(schema.values)}"
        )
