"""Trained models: learned from the readings of a project, then read cases like any other rater."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.consensus import choose
from annotator.analysis.dispute_words import group_words
from annotator.analysis.network_output import entropy, quantised
from annotator.analysis.runs import encode, mask_dtype
from annotator.domain.errors import AnnotatorError
from annotator.domain.fit import Forecast
from annotator.jobs.fusing import fuse_readings
from annotator.jobs.group_learning import group_to_learn
from annotator.jobs.learning import fit_lessons, learn_for_fusion
from annotator.jobs.lessons import adjudicated_lessons, lessons_of, without_slides
from annotator.jobs.parameters import by_rater_id, check_parameters
from annotator.jobs.predicting import rater_of_model
from annotator.store.prediction_maps import PredictionMap

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.api import Prediction, Progress, Trainer
    from annotator.domain.fit import Fit
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.study import Case, Series
    from annotator.jobs.lessons import Lesson
    from annotator.registry import Registry
    from annotator.store import Store

ADJUDICATED = "adjudicated"
"""As what to aim at: what was signed off."""
READINGS = "readings"
"""As what to aim at: the readings, however many a case has."""

_NO_LESSONS = {
    ADJUDICATED: "there is no case to learn from: none was signed off",
    READINGS: "there is no case to learn from: nobody has read any",
}
_TOLD = " (trust: "
"""In the name of a reader, before what it was told."""
_N_SHOWN = 8
"""Letters of a fit's id in the name of a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedReading:
    """What a trained model said of a case: a reading where it draws, a forecast where it foretells.

    ``trust`` names how far it was told to believe each rater, by name.
    """

    case: Case
    annotation: Annotation | None
    forecast: Forecast | None


def train_model(
    store: Store,
    registry: Registry,
    trainer_name: str,
    parameters: Mapping[str, object],
    progress: Progress,
    *,
    target: str | None = None,
    group: str | None = None,
    include_models: bool = False,
    job_id: int | None = None,
    actor: str,
) -> Fit:
    """Train on cases of the project; what was trained alike before is returned.

    ``target`` is one of:

    - None: every case that two or more have read, for trainers that go by the readings;
    - ``readings``: every case that anybody has read;
    - ``adjudicated``: every case that was signed off, and the model aims at what was decided;
    - the name of a fusion method: every case that two or more have read is fused by it first, and
      the model aims at the fusions.

    Slides, which no trainer can take in whole, are left out.

    A model draws one label of a voxel: where labels of several groups may share one, it learns
    from the ``group`` of that name, or of that label, the first where none is named.
    """
    trainer = registry.trainer(trainer_name)
    learned = group_to_learn(store.project().schema, group)
    given = by_rater_id(parameters, store.raters())
    checked = check_parameters(trainer.name, trainer.parameters, given)
    lessons, start = _lessons(store, target, include_models=include_models), 0.0
    if target not in (None, ADJUDICATED, READINGS):
        start = 0.3
        fit = learn_for_fusion(
            store,
            registry,
            target,
            {},
            lambda fraction, message: progress(0.15 * fraction, message),
            include_models=include_models,
            actor=actor,
        )
        begin = 0.15 if fit else 0.0
        aimed = []
        for number, lesson in enumerate(lessons):
            done = begin + (start - begin) * number / len(lessons)
            progress(done, f"fusing {lesson.readings.case.title}")
            fusion = fuse_readings(store, registry, lesson.readings, target, fit=fit, actor=actor)
            aimed.append(replace(lesson, target=fusion))
        lessons = tuple(aimed)

    def report(fraction: float, message: str) -> None:
        progress(start + (1.0 - start) * fraction, message)

    return fit_lessons(
        store,
        trainer,
        checked,
        lessons,
        report,
        kind="trainer",
        group=learned,
        job_id=job_id,
        actor=actor,
    )


def _lessons(store: Store, target: str | None, *, include_models: bool) -> tuple[Lesson, ...]:
    """Return the cases to learn a target from, without slides.

    Raises AnnotatorError where none can be learned from.
    """
    if target == ADJUDICATED:
        lessons = adjudicated_lessons(store)
    else:
        least = 1 if target == READINGS else 2
        lessons = lessons_of(store, include_models=include_models, least_readings=least)
    if not lessons and target in _NO_LESSONS:
        raise AnnotatorError(_NO_LESSONS[target])
    smaller = without_slides(lessons)
    if lessons and not smaller:
        raise AnnotatorError(
            "there is no case to learn from but slides, which are too large to be learned from"
        )
    return smaller


def predict_by_fit(
    store: Store,
    registry: Registry,
    fit_id: str,
    case_id: str,
    progress: Progress,
    *,
    trust: Mapping[str, float] | None = None,
    actor: str,
) -> TrainedReading:
    """Let a trained model read a case; the same again gives the annotation that exists.

    ``trust`` says by rater id how far to believe each, where the model can be told.
    """
    case = store.study_case(case_id)
    fit, prediction = ask_model(store, registry, fit_id, case, progress, trust=trust)
    annotation = None
    if prediction.probability is not None:
        rater = rater_of_model(store, reader_name(store, registry, fit, trust), actor=actor)
        annotation = store.add_prediction(
            case.case_id,
            rater.rater_id,
            encode(drawn_mask(prediction)),
            _maps_of(prediction.labels, prediction.probability),
            actor=actor,
        )
    forecast = None
    if prediction.difficulty is not None:
        forecast = Forecast(
            case_id=case.case_id,
            fit_id=fit.fit_id,
            difficulty=prediction.difficulty,
            why=prediction.why,
        )
        store.put_forecast(forecast, actor=actor)
    return TrainedReading(case=case, annotation=annotation, forecast=forecast)


def _maps_of(labels: Sequence[int], probability: NDArray[np.float32]) -> tuple[PredictionMap, ...]:
    """Return how sure a model was: the probability of each label, and the entropy."""
    unsure = entropy(probability, is_open=False)
    found = [PredictionMap("uncertainty", 0, encode(quantised(unsure)))]
    found += [
        PredictionMap("probability", label, encode(quantised(chance)))
        for label, chance in zip(labels, probability, strict=True)
        if label
    ]
    return tuple(found)


def ask_model(
    store: Store,
    registry: Registry,
    fit_id: str,
    case: Case,
    progress: Progress,
    *,
    trust: Mapping[str, float] | None = None,
) -> tuple[Fit, Prediction]:
    """Return what a trained model says of a case, keeping nothing."""
    fit, trainer = trained(store, registry, fit_id)
    image, series = image_of(store, case)
    content = store.fit_content(fit.fit_id)
    prediction = ask(trainer, content, image, series, case, progress, trust=trust)
    _check(prediction, trainer.title, series.geometry.shape, store.project().schema.values)
    return fit, prediction


def image_of(store: Store, case: Case) -> tuple[NDArray[np.float32], Series]:
    """Return the modality values that a case is drawn on, and what is known of them."""
    series = store.series(case.series_ids[0])
    voxels = np.asarray(store.voxels(series.series_id), np.float32)
    return voxels * np.float32(series.slope) + np.float32(series.intercept), series


def trained(store: Store, registry: Registry, fit_id: str) -> tuple[Fit, Trainer]:
    """Return a trained model and its trainer; raises AnnotatorError where it cannot be used."""
    fit = store.fit(fit_id)
    if fit.recipe.kind != "trainer":
        raise AnnotatorError(
            f"fit {fit_id[:12]}… was learned by the fusion method {fit.recipe.name!r}; "
            "only what a trainer learned can read cases"
        )
    trainer = registry.trainer(fit.recipe.name)
    if trainer.version != fit.recipe.version:
        raise AnnotatorError(
            f"fit {fit_id[:12]}… was trained by {fit.recipe.name} {fit.recipe.version}; "
            f"{trainer.version} is installed, which may not understand it: train again"
        )
    return fit, trainer


def ask(
    trainer: Trainer,
    content: bytes,
    image: NDArray[np.float32],
    series: Series,
    case: Case,
    progress: Progress,
    *,
    trust: Mapping[str, float] | None,
) -> Prediction:
    """Return what a trained model says of an image, or of some of its slices."""
    if trust is not None and not trainer.takes_trust:
        raise AnnotatorError(f"{trainer.title} cannot be told how far to believe each rater")
    try:
        return trainer.predict(
            content, image, series.geometry.spacing_mm, trust=trust, progress=progress
        )
    except (AnnotatorError, MemoryError):
        raise
    except Exception as error:  # a plugin may raise anything; its name must be told
        raise AnnotatorError(
            f"{trainer.title} failed on {case.title!r}: {type(error).__name__}: {error}"
        ) from error


def drawn_mask(prediction: Prediction) -> NDArray[np.unsignedinteger]:
    """Return the most probable label of each voxel, ``(z, y, x)``."""
    if prediction.probability is None:
        raise AnnotatorError("the model draws nothing")
    probability = np.moveaxis(prediction.probability, 0, -1)
    chosen, _ = choose(
        probability.reshape(-1, len(prediction.labels)).astype(np.float64), prediction.labels
    )
    return chosen.reshape(probability.shape[:-1]).astype(mask_dtype(max(prediction.labels)))


def trained_title(store: Store, registry: Registry, fit: Fit) -> str:
    """Return what a trained model is called: its trainer, and the label group that it learned."""
    title, group = registry.trainer(fit.recipe.name).title, fit.recipe.group
    return title if group is None else f"{title} {group_words(store.project().schema, group)}"


def reader_name(
    store: Store, registry: Registry, fit: Fit, trust: Mapping[str, float] | None
) -> str:
    """Return the name of the rater that stands for a trained model, told so to trust raters."""
    name = f"{trained_title(store, registry, fit)} {_shown(fit)}"
    if not trust:
        return name
    told = ", ".join(
        f"{store.rater(rater_id).name} {weight:g}" for rater_id, weight in sorted(trust.items())
    )
    return f"{name}{_TOLD}{told})"


def telling_readers(store: Store, case_id: str, readers: Collection[Rater]) -> frozenset[str]:
    """Return which models' readings of a case may tell a person how others have read it.

    Those of models that learned from readings of the case, and of those that were told whom to
    trust: their names say so, and they draw the way these people do.
    """
    fits = _fits_by_name(store)
    readings = {entry.annotation_id for entry in store.annotations(case_id, latest=False)}
    found = set()
    for reader in readers:
        title, told, _ = reader.name.partition(_TOLD)
        fit = fits.get(title[-_N_SHOWN:])
        if fit is not None and (told or not readings.isdisjoint(fit.recipe.inputs)):
            found.add(reader.rater_id)
    return frozenset(found)


def fit_of_reader(store: Store, name: str) -> Fit | None:
    """Return what the reader of that name was trained as; None where it is no trained model."""
    rater = store.rater(name)
    if not rater.is_model:
        return None
    title, _, _ = rater.name.partition(_TOLD)
    return _fits_by_name(store).get(title[-_N_SHOWN:])


def _fits_by_name(store: Store) -> dict[str, Fit]:
    """Return the trained models by what ends the names of their readers."""
    return {_shown(fit): fit for fit in store.fits() if fit.recipe.kind == "trainer"}


def _shown(fit: Fit) -> str:
    return fit.fit_id[:_N_SHOWN]


def _check(
    prediction: Prediction, title: str, shape: tuple[int, int, int], values: tuple[int, ...]
) -> None:
    if prediction.probability is None:
        return
    expected = (len(prediction.labels), *shape)
    if prediction.probability.shape != expected:
        raise AnnotatorError(
            f"{title} gave probabilities of shape {prediction.probability.shape}; "
            f"(label, z, y, x) {expected} is needed"
        )
    unknown = sorted(set(prediction.labels) - {0, *values})
    if unknown:
        raise AnnotatorError(
            f"{title} learned the label values {unknown}; the schema has {list(values)}"
        )


def trust_by_id(store: Store, given: Mapping[str, float]) -> dict[str, float]:
    """Return trust by rater id, of trust by rater name or id; raises in words."""
    for name, weight in given.items():
        if not (weight >= 0 and np.isfinite(weight)):
            raise AnnotatorError(
                f"trust in {name!r} is {json.dumps(weight)}; it runs from 0 (not at all) upwards"
            )
    return {store.rater(name).rater_id: float(weight) for name, weight in given.items()}
