"""Where raters disagree: entropy of the votes, and the disputed regions that a reviewer decides.

Every disputed voxel belongs to exactly one region, so that deciding all regions decides the mask.
Regions are few: an object that some raters left out is one region; of an object that all drew,
each place where the outlines part widely is one, and the rest of its rim is one more; specks, and
whatever exceeds the forty largest objects of a label, are gathered in one region that ranks last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.consensus import count_votes
from annotator.analysis.dispute_words import describe_region
from annotator.analysis.label_disputes import Draft, LabelDisputes
from annotator.analysis.segments import mask_of_voxels
from annotator.domain.review import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteHistogram, VoteRuns
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema

_REFERENCE_MM3 = 1000.0
_REFERENCE_MM = 10.0


def vote_entropy(votes: VoteRuns | VoteHistogram) -> NDArray[np.float64]:
    """Return the entropy of each pattern's votes in bits, ``(pattern,)``; 0 where all agree."""
    share = count_votes(votes.patterns, votes.labels) / votes.patterns.shape[1]
    logs = np.log2(np.where(share > 0, share, 1.0))
    return np.asarray(np.maximum(0.0, -(share * logs).sum(axis=1)))


def normalised_entropy(votes: VoteRuns | VoteHistogram) -> NDArray[np.float64]:
    """Return the entropy of each pattern's votes divided by the largest, ``(pattern,)``, 0 to 1.

    The largest is that of votes spread evenly over as many labels as raters and labels allow.
    """
    n_raters = votes.patterns.shape[1]
    most = min(n_raters, len(votes.labels))
    if most < 2:
        return np.zeros(len(votes.patterns))
    even = np.bincount(np.arange(n_raters) % most) / n_raters
    return vote_entropy(votes) / float(-(even * np.log2(even)).sum())


def is_disputed(votes: VoteRuns) -> NDArray[np.bool_]:
    """Tell of each pattern whether raters differ, ``(pattern,)``."""
    return np.asarray((votes.patterns != votes.patterns[:, :1]).any(axis=1))


def find_regions(
    votes: VoteRuns,
    geometry: Geometry,
    *,
    rater_ids: Sequence[str],
    case_id: str,
    schema: LabelSchema,
) -> tuple[tuple[Finding, ...], MaskRuns]:
    """Return the disputed regions, worst first and numbered from 1, and the map of their numbers.

    ``rater_ids`` names the columns of the patterns. The map is 0 where all raters agree. A voxel
    is disputed about the label that most raters gave it, the lowest in a tie, never background.
    The same votes give the same regions.
    """
    disputed = is_disputed(votes)
    drafts: list[Draft] = []
    if len(votes.labels) > 1:
        tally = count_votes(votes.patterns, votes.labels[1:])
        claim = np.where(disputed, np.asarray(votes.labels[1:])[tally.argmax(axis=1)], 0)
        for label in votes.labels[1:]:
            if votes.counts[claim == label].any():
                drafts += LabelDisputes(votes, geometry, label, claim == label).drafts()
    entropy = normalised_entropy(votes)
    found = [
        (_describe(draft, votes, geometry, rater_ids, case_id, schema, entropy), draft)
        for draft in drafts
    ]
    found.sort(key=lambda pair: (-pair[0].score, pair[0].label, int(pair[1].position[0])))
    position = np.concatenate([np.zeros(0, np.int64), *(draft.position for _, draft in found)])
    number = np.repeat(np.arange(1, len(found) + 1), [len(draft.position) for _, draft in found])
    order = np.argsort(position, kind="stable")
    findings = tuple(
        replace(finding, region=region) for region, (finding, _) in enumerate(found, start=1)
    )
    return findings, mask_of_voxels(votes.grid, position[order], number[order])


def _describe(
    draft: Draft,
    votes: VoteRuns,
    geometry: Geometry,
    rater_ids: Sequence[str],
    case_id: str,
    schema: LabelSchema,
    entropy: NDArray[np.float64],
) -> Finding:
    """Return the finding of a region, still without its number."""
    counts = np.bincount(draft.pattern, minlength=len(votes.patterns))
    size = len(draft.position)
    inside = counts @ (votes.patterns == draft.label)
    is_for = draft.drew if draft.kind == "presence" else 2 * inside > size
    size_mm3 = size * geometry.voxel_mm3
    index = np.stack(np.unravel_index(draft.position, votes.grid.shape), axis=1)
    low, high = index.min(axis=0).tolist(), (index.max(axis=0) + 1).tolist()
    box: Box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    against = votes.patterns[:, ~is_for]
    others = {
        label: int(n_raters)
        for label in votes.labels[1:]
        if label != draft.label and (n_raters := (2 * (counts @ (against == label)) > size).sum())
    }
    return Finding(
        case_id=case_id,
        region=0,
        label=draft.label,
        kind=draft.kind,
        score=_score(draft, is_for, size_mm3),
        size_mm3=size_mm3,
        box=box,
        centre=_centre(index),
        raters_for=tuple(np.asarray(rater_ids)[is_for].tolist()),
        raters_against=tuple(np.asarray(rater_ids)[~is_for].tolist()),
        mean_entropy=float(counts @ entropy / size),
        max_distance_mm=draft.max_distance_mm,
        why=describe_region(
            part=draft.part,
            label=draft.label,
            n_objects=draft.n_objects,
            n_for=int(is_for.sum()),
            n_raters=len(rater_ids),
            n_voxels=size,
            max_distance_mm=draft.max_distance_mm,
            others=others,
            geometry=geometry,
            schema=schema,
        ),
    )


def _score(draft: Draft, is_for: NDArray[np.bool_], size_mm3: float) -> float:
    """Return 2 to 3 for a presence dispute, 1 to 2 where outlines part, below 1 for the rest.

    Presence grows with size and with how evenly the raters are split, boundary with the distance.
    """
    if draft.kind == "presence":
        share = float(is_for.mean())
        return 2.0 + 4.0 * share * (1.0 - share) * size_mm3 / (size_mm3 + _REFERENCE_MM3)
    distance = draft.max_distance_mm or 0.0
    return (1.0 if draft.part == "place" else 0.0) + distance / (distance + _REFERENCE_MM)


def _centre(index: NDArray[np.int64]) -> tuple[int, int, int]:
    """Return the voxel nearest the middle of the region in the slice that holds most of it."""
    z = int(np.bincount(index[:, 0]).argmax())
    inside = index[index[:, 0] == z]
    squared = ((inside[:, 1:] - inside[:, 1:].mean(axis=0)) ** 2).sum(axis=1)
    _, y, x = inside[int(squared.argmin())].tolist()
    return (z, y, x)
