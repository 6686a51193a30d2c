"""A finished case is drawn on others; what comes of it is a model's reading, never a person's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.network_output import quantised
from annotator.analysis.propagation import outline_doubt
from annotator.analysis.runs import decode, encode
from annotator.api import PlacedImage
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues
from annotator.jobs.parameters import check_parameters
from annotator.jobs.predicting import rater_of_model
from annotator.jobs.training import image_of
from annotator.store.prediction_maps import PredictionMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import Carrier, Progress, Propagated, Propagator
    from annotator.domain.reading import Annotation
    from annotator.domain.study import Case
    from annotator.registry import Registry
    from annotator.store import Store

_DOUBTFUL = 0.5
_TAKING_IN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinishedCase:
    """A case to carry to others: ``drawing_id`` is the reading's, or the adjudication's."""

    case: Case
    drawing_id: str
    mask: NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagatedReading:
    """A reading that was carried to a case.

    Attributes
    ----------
    error_mm : float
        Mean way between where a voxel of the drawing began and ended, there and back.
    doubtful : float
        Share of the drawing where a reviewer should look: the outline may lie on its other side.
    folded : float
        Share of the case where the way there folds over itself.
    """

    annotation: Annotation
    error_mm: float
    doubtful: float
    folded: float


def finished_case(store: Store, case_id: str, rater: str | None) -> FinishedCase:
    """Return a case with what a person drew on it: a rater's reading, or what was signed off.

    Where no rater is named and nothing is signed off, the only reading there is. Raises
    AnnotatorError, with the names, where it cannot be told what is meant.
    """
    case = store.study_case(case_id)
    signed_off = store.adjudication(case.case_id)
    if rater is None and signed_off is not None:
        mask, _ = store.adjudication_mask(signed_off.adjudication_id)
        return FinishedCase(case=case, drawing_id=signed_off.adjudication_id, mask=decode(mask))
    people = {one.rater_id: one.name for one in store.raters() if not one.is_model}
    readings = [one for one in store.annotations(case.case_id) if one.rater_id in people]
    if rater is not None:
        wanted = store.rater(rater)
        if wanted.is_model:
            raise AnnotatorError(
                f"{wanted.name!r} is a model; only what a person drew or signed off is propagated"
            )
        readings = [one for one in readings if one.rater_id == wanted.rater_id]
    if len(readings) != 1:
        names = ", ".join(sorted(people[one.rater_id] for one in readings))
        who = f"{store.rater(rater).name} has" if rater else "nobody has"
        raise AnnotatorError(
            f"{names} have read {case.title!r}, and nothing is signed off: say whose reading is "
            "meant"
            if readings
            else f"{who} submitted a reading of {case.title!r}: there is nothing to propagate"
        )
    (reading,) = readings
    mask = store.annotation_mask(reading.annotation_id)
    return FinishedCase(case=case, drawing_id=reading.annotation_id, mask=decode(mask))


class Propagation:
    """One finished case on its way to others."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        source: FinishedCase,
        target_ids: Sequence[str],
        method: str,
        parameters: Mapping[str, object],
    ) -> None:
        self._store = store
        self._source = source
        self._propagator = registry.propagator(method)
        self._parameters: BaseModel = check_parameters(
            method, self._propagator.parameters, parameters
        )
        cases = [store.study_case(case_id) for case_id in target_ids]
        self._targets = [case for case in cases if self.reason_against(case) is None]
        self._carrier: Carrier | None = None

    @property
    def reader(self) -> str:
        """Name of the rater that stands for it."""
        by = f"{self._propagator.title} {self._propagator.version}"
        return f"Propagated from {self._source.case.title} ({by})"

    def reason_against(self, case: Case) -> str | None:
        """Say why the finished case cannot be carried to a case, or None where it can."""
        if case.case_id == self._source.case.case_id:
            return "it is the finished case itself"
        series = (self._store.series(one.series_ids[0]) for one in (self._source.case, case))
        return self._propagator.refuses(*series)

    def carry_to(self, case_id: str, progress: Progress, *, actor: str) -> PropagatedReading:
        """Carry the finished case to a case; keep the reading, and where it is in doubt.

        The same again gives the reading that exists. Raises AnnotatorError where it cannot.
        """
        case = self._store.study_case(case_id)
        reason = self.reason_against(case)
        if reason is not None:
            raise AnnotatorError(
                f"{self._source.case.title!r} cannot be carried to {case.title!r}: {reason}"
            )
        target = placed_image(self._store, case)
        start = 0.0 if self._carrier else _TAKING_IN

        def report(fraction: float, message: str) -> None:
            progress(start + (1.0 - start) * fraction, message)

        found = self._ask(case, target, progress, report)
        known = MaskValues(self._store.project().schema).known
        _check(found, self._propagator, target, known)
        doubt = outline_doubt(found.mask, found.error_mm, target.geometry.spacing_mm)
        rater = rater_of_model(self._store, self.reader, actor=actor)
        annotation = self._store.add_prediction(
            case.case_id,
            rater.rater_id,
            encode(found.mask),
            [PredictionMap("uncertainty", 0, encode(quantised(doubt)))],
            actor=actor,
        )
        drawn = found.mask != 0
        return PropagatedReading(
            annotation=annotation,
            error_mm=float(found.error_mm[drawn].mean()) if drawn.any() else 0.0,
            doubtful=float((doubt[drawn] > _DOUBTFUL).mean()) if drawn.any() else 0.0,
            folded=found.folded,
        )

    def _ask(
        self, case: Case, target: PlacedImage, taking_in: Progress, carrying: Progress
    ) -> Propagated:
        try:
            if self._carrier is None:
                self._carrier = self._propagator.take_in(
                    placed_image(self._store, self._source.case),
                    self._source.mask,
                    [partial(placed_image, self._store, one) for one in self._targets],
                    self._parameters,
                    lambda fraction, message: taking_in(_TAKING_IN * fraction, message),
                )
            return self._carrier.carry(target, carrying)
        except (AnnotatorError, MemoryError):
            raise
        except Exception as error:  # a plugin may raise anything; its name must be told
            raise AnnotatorError(
                f"{self._propagator.title} failed on {case.title!r}: "
                f"{type(error).__name__}: {error}"
            ) from error


def placed_image(store: Store, case: Case) -> PlacedImage:
    """Return the modality values that a case is drawn on, and where they lie."""
    image, series = image_of(store, case)
    return PlacedImage(image=image, geometry=series.geometry)


def _check(
    found: Propagated, propagator: Propagator, target: PlacedImage, values: tuple[int, ...]
) -> None:
    shape = target.geometry.shape
    if found.mask.shape != shape or found.error_mm.shape != shape:
        raise AnnotatorError(
            f"{propagator.title} gave a mask of shape {found.mask.shape} and errors of "
            f"{found.error_mm.shape}; the series has {shape}"
        )
    unknown = sorted(set(np.unique(found.mask).tolist()) - set(values))
    if unknown:
        raise AnnotatorError(
            f"{propagator.title} drew the label values {unknown}; the schema has {list(values[1:])}"
        )
