"""Whose each voxel of a reading is that started from a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.analysis.acceptance import join_provenance, provenance
from annotator.analysis.group_votes import split_masks
from annotator.analysis.runs import labels_in
from annotator.domain.label_groups import MaskValues

if TYPE_CHECKING:
    from annotator.analysis.runs import MaskRuns
    from annotator.domain.reading import Annotation
    from annotator.store import Store


def provenance_of(store: Store, annotation: Annotation) -> MaskRuns | None:
    """Return a value of `PROVENANCE` for each voxel, as runs; None where no model was the start."""
    if annotation.started_from_id is None:
        return None
    start = store.annotation(annotation.started_from_id)
    if not store.rater(start.rater_id).is_model:
        return None
    model, final = store.annotation_masks([start.annotation_id, annotation.annotation_id])
    values = MaskValues(store.project().schema)
    parts = [
        provenance(one, other, labels_in((one, other)))
        for _, (one, other) in split_masks((model, final), values)
    ]
    return parts[0] if len(parts) == 1 else join_provenance(parts)
