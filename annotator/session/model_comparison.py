"""What several models drew on one case: their masks, how far they agree, how much each drew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.group_votes import overlap_of
from annotator.analysis.runs import decode, encode, mask_dtype
from annotator.analysis.votes import merge_votes
from annotator.domain.label_groups import MaskValues
from annotator.session.access import model_readings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.overlap import Overlap
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series
    from annotator.session.review_case import ReviewCase
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """A mask ``(z, y, x)`` and whose it is; ``annotation_id`` is empty for a reference."""

    title: str
    mask: NDArray[np.unsignedinteger]
    annotation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelsOnCase:
    """What models drew on a case, side by side.

    Attributes
    ----------
    voxels : ndarray
        Stored values, ``(z, y, x[, channel])``.
    drawings : tuple of Drawing
        One a model; the reference comes last where there is one.
    has_reference : bool
        Whether the last drawing is what the others are held against.
    overlap : Overlap or None
        Of all drawings, in their order; None where there are none.
    """

    case: Case
    series: Series
    schema: LabelSchema
    voxels: NDArray[Any]
    drawings: tuple[Drawing, ...]
    has_reference: bool
    overlap: Overlap | None

    def dice(self, label: int, first: int, second: int) -> float | None:
        """Return the Dice of two drawings; None where neither drew the label."""
        if self.overlap is None or label not in self.overlap.labels:
            return None
        return self.overlap.pair(label, first, second)[0]

    def n_voxels(self, label: int) -> tuple[int, ...]:
        """Return how much each drawing holds of a label, voxels."""
        if self.overlap is None or label not in self.overlap.labels:
            return (0,) * len(self.drawings)
        place = self.overlap.labels.index(label)
        return tuple(int(n) for n in np.diagonal(self.overlap.shared_vox[place]))

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that any of them drew, in the order of the schema."""
        return tuple(value for value in self.schema.values if any(self.n_voxels(value)))


def models_on_case(store: Store, case_id: str, *, reference: Drawing | None) -> ModelsOnCase:
    """Return what models drew on a case.

    With a ``reference``, which is for reviewers, also models that tell how others have read the
    case; without one only those that raters may start from.
    """
    case = store.study_case(case_id)
    series, schema = store.series(case.series_ids[0]), store.project().schema
    found = model_readings(store, case.case_id) if reference is None else _all_of(store, case)
    found = tuple(sorted(found, key=lambda entry: entry[1].name))
    runs = store.annotation_masks([entry.annotation_id for entry, _ in found])
    values = MaskValues(schema)
    dtype = mask_dtype(max(values.known))
    drawings = tuple(
        Drawing(title=rater.name, mask=decode(mask, dtype), annotation_id=entry.annotation_id)
        for (entry, rater), mask in zip(found, runs, strict=True)
    )
    if reference is not None:
        runs, drawings = (*runs, encode(reference.mask)), (*drawings, reference)
    overlap = None
    if runs:
        votes = merge_votes(runs, labels=values.known)
        overlap = overlap_of(votes, values, series.geometry.voxel_mm3)
    return ModelsOnCase(
        case=case,
        series=series,
        schema=schema,
        voxels=store.voxels(series.series_id),
        drawings=drawings,
        has_reference=reference is not None,
        overlap=overlap,
    )


def what_holds(store: Store, case: ReviewCase) -> Drawing:
    """Return what models on a reviewed case are held against: the last sign-off, or the fusion."""
    adjudication = case.adjudication
    if adjudication is None:
        return Drawing(title=f"the fusion by {case.fusion.recipe.method}", mask=case.fused)
    decided, _ = store.adjudication_mask(adjudication.adjudication_id)
    return Drawing(title="what was signed off", mask=decode(decided, case.fused.dtype))


def _all_of(store: Store, case: Case) -> list[tuple[Annotation, Rater]]:
    models = {rater.rater_id: rater for rater in store.raters() if rater.is_model}
    return [
        (entry, models[entry.rater_id])
        for entry in store.annotations(case.case_id)
        if entry.rater_id in models
    ]
