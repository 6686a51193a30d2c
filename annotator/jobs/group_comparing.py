"""Two masks of a project compared label by label, where labels of several groups may overlap."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from annotator.analysis.acceptance import Comparison, changed_share, compare_with_model
from annotator.analysis.against_truth import compare_with_truth
from annotator.analysis.group_votes import split_masks
from annotator.jobs.readings import labels_in

if TYPE_CHECKING:
    from annotator.analysis.against_truth import LabelAgainstTruth
    from annotator.analysis.runs import MaskRuns
    from annotator.domain.geometry import Geometry
    from annotator.domain.label_groups import MaskValues


def against_truth(
    drawn: MaskRuns,
    truth: MaskRuns,
    values: MaskValues,
    geometry: Geometry,
    *,
    tolerance_mm: float,
) -> tuple[LabelAgainstTruth, ...]:
    """Compare a reading with the truth, for each label that is in either, ascending."""
    found = (
        compare_with_truth(one, other, labels_in((one, other)), geometry, tolerance_mm=tolerance_mm)
        for _, (one, other) in split_masks((drawn, truth), values)
    )
    return tuple(sorted(chain.from_iterable(found), key=lambda one: one.label))


def against_model(
    model: MaskRuns,
    final: MaskRuns,
    values: MaskValues,
    geometry: Geometry,
    *,
    with_surface: bool = True,
) -> Comparison:
    """Count what became of a model's drawing; a label that overlaps it did not change it."""
    found = [
        compare_with_model(one, other, labels_in((one, other)), geometry, with_surface=with_surface)
        for _, (one, other) in split_masks((model, final), values)
    ]
    if len(found) == 1:
        return found[0]
    labels = chain.from_iterable(one.labels for one in found)
    return Comparison(
        labels=tuple(sorted(labels, key=lambda one: one.label)),
        changed=changed_share(model, final, labels_in((model, final))),
    )
