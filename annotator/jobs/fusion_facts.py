"""What a stored fusion says besides its labels: whom it believed where, what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.changes import find_changes_from_majority
from annotator.analysis.disagreement import is_disputed
from annotator.analysis.runs import decode
from annotator.analysis.votes import to_dense
from annotator.jobs.readings import Readings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.changes import Changes
    from annotator.domain.review import Fusion
    from annotator.store import Store

WEIGHT_STEPS = 254.0
"""A weight of 1, as the store keeps it: see `Store.add_fusion`."""


def readings_of(store: Store, fusion: Fusion) -> Readings:
    """Return the readings that were fused."""
    annotations = [store.annotation(entry) for entry in fusion.recipe.inputs]
    return Readings(store, store.case(fusion.recipe.case_id), annotations)


def believed(
    store: Store, readings: Readings, fusion: Fusion, rater_id: str
) -> NDArray[np.float32]:
    """Return how far a rater was believed where raters differ, ``(z, y, x)`` from 0 to 1.

    That is the weight that the fusion gave them there, where it weighed raters place by place; else
    how probable the label is, by the fusion, that they gave. 0 where all raters agree.
    """
    votes = readings.votes
    weights = store.fusion_weights(fusion.fusion_id)
    if rater_id in weights:
        steps = decode(weights[rater_id]).astype(np.float32)
        found = np.maximum(0.0, steps - 1.0) / np.float32(WEIGHT_STEPS)
    else:
        rows, table = store.fusion_probability(fusion.fusion_id)
        mask = decode(readings.mask_of(rater_id))
        given = np.searchsorted(np.asarray(votes.labels), mask)
        found = table.astype(np.float32)[decode(rows), given]
    return np.asarray(found * to_dense(votes, is_disputed(votes), np.bool_))


def changes_from_vote(store: Store, readings: Readings, fusion: Fusion) -> Changes:
    """Return what a fusion changes against the majority vote of its readings."""
    return find_changes_from_majority(
        readings.votes,
        store.fusion_labels(fusion.fusion_id),
        readings.series.geometry.voxel_mm3,
    )
