"""A case as fusion methods and trainers see it, made from its stored readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.blocks import count_blocks
from annotator.analysis.moments import label_moments
from annotator.analysis.votes import bounding_box, count_near, merge_votes, to_dense
from annotator.api import CaseVotes, CaseWindow, VotePatterns
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.domain.review import Adjudication
    from annotator.jobs.readings import Readings
    from annotator.store import Store


def vote_patterns(readings: Readings) -> VotePatterns:
    """Return the vote patterns of the readings of a case."""
    votes = readings.votes
    return VotePatterns(
        rater_ids=readings.rater_ids,
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=readings.series.geometry.voxel_mm3,
        n_near=count_near(votes),
        block_counts=count_blocks(votes),
    )


def case_votes(
    store: Store,
    readings: Readings,
    *,
    adjudication: Adjudication | None = None,
    target: Callable[[], NDArray[np.float32]] | None = None,
    target_labels: tuple[int, ...] | None = None,
) -> CaseVotes:
    """Return a case with its readings; voxels of the image are read when a window is asked for.

    ``adjudication`` is what was signed off of exactly these readings.
    """
    series, case = readings.series, readings.case

    def window(margin: int | None) -> CaseWindow:
        box = window_box(readings, margin)
        slices = tuple(slice(low, high) for low, high in zip(*box, strict=True))
        voxels = store.voxels(series.series_id)[slices]
        n_patterns = len(readings.votes.patterns)
        return CaseWindow(
            box=box,
            index=to_dense(readings.votes, np.arange(n_patterns), np.int32, box),
            image=np.asarray(voxels, np.float32) * np.float32(series.slope)
            + np.float32(series.intercept),
        )

    return CaseVotes(
        case_id=case.case_id,
        title=case.title,
        votes=vote_patterns(readings),
        shape=series.geometry.shape,
        spacing_mm=series.geometry.spacing_mm,
        moments=lambda: label_moments(readings.votes, series.geometry.spacing_mm),
        window=window,
        modality=series.modality,
        diagnoses={entry.rater_id: entry.diagnosis for entry in readings.annotations},
        final_diagnosis=adjudication.diagnosis if adjudication else None,
        decided_counts=_decided(store, readings, adjudication) if adjudication else None,
        target=target,
        target_labels=target_labels,
    )


def window_box(readings: Readings, margin: int | None) -> Box:
    """Return the box around everything drawn, ``margin`` voxels wider, or the whole grid."""
    shape = readings.votes.grid.shape
    drawn = bounding_box(readings.votes, (readings.votes.patterns != 0).any(axis=1))
    if margin is None or drawn is None:
        return (0, 0, 0), shape
    (z0, y0, x0), (z1, y1, x1) = drawn
    return (
        (max(0, z0 - margin), max(0, y0 - margin), max(0, x0 - margin)),
        (min(shape[0], z1 + margin), min(shape[1], y1 + margin), min(shape[2], x1 + margin)),
    )


def signed_off(store: Store, readings: Readings) -> Adjudication | None:
    """Return what was signed off of exactly these readings, or None."""
    adjudication = store.adjudication(readings.case.case_id)
    if adjudication is None or not is_of(store, adjudication, readings):
        return None
    return adjudication


def require_unreviewed(store: Store, readings: Readings) -> None:
    """Raise AnnotatorError where nobody has read a case, or verdicts hold on its places."""
    case = readings.case
    if not readings.annotations:
        raise AnnotatorError(f"nobody has read {case.title!r} yet")
    if signed_off(store, readings) or store.verdicts(case.case_id, readings.findings_key):
        raise AnnotatorError(f"{case.title!r} was reviewed; its places stay as they are")


def is_of(store: Store, adjudication: Adjudication, readings: Readings) -> bool:
    """Whether exactly these readings were signed off."""
    inputs = set(store.fusion(adjudication.fusion_id).recipe.inputs)
    return inputs == set(readings.annotation_ids)


def _decided(store: Store, readings: Readings, adjudication: Adjudication) -> NDArray[np.int64]:
    """Count the voxels of each pattern by decided label; labels that nobody drew are left out."""
    mask, _ = store.adjudication_mask(adjudication.adjudication_id)
    votes = readings.votes
    mask = readings.of_group(readings.only_group).own(mask)
    labels = sorted({*votes.labels, *readings.schema.values})
    joint = merge_votes([*readings.masks, mask], labels=labels)
    place = {row.tobytes(): number for number, row in enumerate(votes.patterns)}
    found = np.zeros((len(votes.patterns), len(votes.labels)), np.int64)
    for row, count in zip(joint.patterns, joint.counts.tolist(), strict=True):
        pattern = place.get(np.ascontiguousarray(row[:-1]).tobytes())
        if pattern is None:
            raise AnnotatorError(f"the readings of {readings.case.title!r} changed meanwhile")
        if row[-1] in votes.labels:
            found[pattern, votes.labels.index(int(row[-1]))] += count
    return found
