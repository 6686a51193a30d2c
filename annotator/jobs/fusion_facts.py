"""What a stored fusion says besides its labels: whom it believed where, what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.changes import find_changes_from_majority, join_changes
from annotator.analysis.disagreement import is_disputed
from annotator.analysis.runs import decode
from annotator.analysis.votes import to_dense
from annotator.jobs.group_fusing import probability_in
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
    how probable the label is, by the fusion, that they gave. 0 where all raters agree. Where raters
    differ about labels of several groups, the one counts about which they were believed the least.
    """
    weights = store.fusion_weights(fusion.fusion_id)
    if rater_id in weights:
        steps = decode(weights[rater_id]).astype(np.float32)
        found = np.maximum(0.0, steps - 1.0) / np.float32(WEIGHT_STEPS)
        return np.asarray(found * _disputed(readings))
    rows, table = store.fusion_probability(fusion.fusion_id)
    index = decode(rows)
    parts = [_believed_in(part, rater_id, index, table) for part in readings.by_group()]
    least = parts[0] if len(parts) == 1 else np.min(parts, axis=0)
    return np.where(np.isfinite(least), least, np.float32(0))


def _believed_in(
    readings: Readings,
    rater_id: str,
    index: NDArray[np.unsignedinteger],
    table: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return how probable what a rater gave is, infinite where the raters agree."""
    given = np.searchsorted(np.asarray(readings.labels), decode(readings.mask_of(rater_id)))
    chance = probability_in(readings, table).astype(np.float32)[index, given]
    return np.where(_disputed(readings), chance, np.float32(np.inf))


def _disputed(readings: Readings) -> NDArray[np.bool_]:
    return to_dense(readings.votes, is_disputed(readings.votes), np.bool_)


def changes_from_vote(store: Store, readings: Readings, fusion: Fusion) -> Changes:
    """Return what a fusion changes against the majority vote of its readings."""
    fused = store.fusion_labels(fusion.fusion_id)
    voxel_mm3 = readings.series.geometry.voxel_mm3
    parts = readings.by_group()
    return join_changes(
        [find_changes_from_majority(one.votes, one.own(fused), voxel_mm3) for one in parts],
        voxel_mm3,
    )
