"""Masks and votes where labels of different groups may overlap: group by group, and together again.

A vote pattern holds mask values, so that a group is a lookup on the few patterns, not on voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.disagreement import normalised_entropy, vote_entropy
from annotator.analysis.label_tables import cleared_table, group_table, mapped
from annotator.analysis.overlap import Overlap, measure_overlap, voxel_kappa
from annotator.analysis.runs import labels_in
from annotator.analysis.votes import VoteHistogram, merge_votes, spread
from annotator.domain.review import VoteSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.label_groups import MaskValues


def groups_in(values: MaskValues, found: Iterable[int]) -> tuple[str, ...]:
    """Return the groups that mask values hold something of, in the order of the schema."""
    held = {values.group_of(label) for value in found for label in values.labels(value)}
    return tuple(group for group in values.groups if group in held)


def labels_of(values: MaskValues, found: Iterable[int]) -> tuple[int, ...]:
    """Return the labels that mask values stand for, each once, ascending, 0 first."""
    return tuple(sorted({0, *(label for value in found for label in values.labels(value))}))


def split_masks(
    masks: Sequence[MaskRuns], values: MaskValues
) -> tuple[tuple[str, tuple[MaskRuns, ...]], ...]:
    """Return each group that any of the masks holds, and what each mask holds of it.

    Where no more than one group is drawn the masks come back as they are: they overlap nowhere.
    """
    drawn = groups_in(values, labels_in(masks)) if values.may_overlap else ()
    if len(drawn) < 2:
        return ((drawn[0] if drawn else values.groups[0], tuple(masks)),)
    found = []
    for group in drawn:
        table = group_table(values, group)
        found.append((group, tuple(mapped(mask, table) for mask in masks)))
    return tuple(found)


def join_masks(masks: Sequence[MaskRuns], values: MaskValues) -> MaskRuns:
    """Return one mask of masks that hold labels of one group each; each another group."""
    if len(masks) == 1:
        return masks[0]
    votes = merge_votes(masks, labels=labels_in(masks))
    return spread(votes, np.array([values.value(row) for row in votes.patterns.tolist()]))


def split_histogram(
    votes: VoteRuns | VoteHistogram, values: MaskValues
) -> tuple[VoteRuns | VoteHistogram, ...]:
    """Return the votes on each group that is drawn, pattern by pattern of the votes given.

    Patterns that differ in other groups only are listed apart here.
    """
    drawn = groups_in(values, votes.labels) if values.may_overlap else ()
    if len(drawn) < 2:
        return (votes,)
    own = [group_table(values, group) for group in drawn]
    return tuple(
        VoteHistogram(
            patterns=table[votes.patterns],
            counts=votes.counts,
            labels=tuple(np.unique(np.append(table[list(votes.labels)], 0)).tolist()),
        )
        for table in own
    )


def rows_in(group: VoteRuns, votes: VoteRuns, table: NDArray[np.uint16]) -> NDArray[np.intp]:
    """Return the pattern of a group that each pattern of all votes shows, ``(pattern,)``.

    ``table`` is that of the group, by mask value; all patterns of ``votes`` occur in the group's.
    """
    place = {row.tobytes(): number for number, row in enumerate(group.patterns)}
    own = np.ascontiguousarray(table[votes.patterns])
    return np.array([place[row.tobytes()] for row in own], np.intp)


def join_overlaps(found: Sequence[Overlap]) -> Overlap:
    """Return the overlap of the labels of all groups, in ascending order of labels."""
    if len(found) == 1:
        return found[0]
    labels = np.concatenate([np.array(one.labels, np.int64) for one in found])
    order = np.argsort(labels)
    return Overlap(
        labels=tuple(labels[order].tolist()),
        shared_vox=np.concatenate([one.shared_vox for one in found])[order],
        voxel_mm3=found[0].voxel_mm3,
    )


def overlap_of(votes: VoteRuns | VoteHistogram, values: MaskValues, voxel_mm3: float) -> Overlap:
    """Return the overlap of every rater pair for every label; one that shares voxels counts there.

    Labels of different groups are measured each by itself.
    """
    parts = split_histogram(votes, values)
    return join_overlaps([measure_overlap(part, voxel_mm3) for part in parts])


def kappa_of(votes: VoteRuns | VoteHistogram, values: MaskValues) -> float | None:
    """Return Fleiss' kappa over all voxels: the mean of the groups' where it is defined."""
    found = [voxel_kappa(part) for part in split_histogram(votes, values)]
    known = [kappa for kappa in found if kappa is not None]
    return float(np.mean(known)) if known else None


def mean_entropy_of(votes: VoteRuns | VoteHistogram, values: MaskValues) -> float:
    """Return the entropy of the votes in bits, averaged over voxels; a voxel's as `entropy_of`."""
    return float(votes.counts @ entropy_of(votes, values) / votes.counts.sum())


def entropy_of(votes: VoteRuns | VoteHistogram, values: MaskValues) -> NDArray[np.float64]:
    """Return the entropy of each pattern's votes in bits, ``(pattern,)``.

    Of several label groups the largest counts: a voxel is as disputed as what is disputed most
    there. Votes on a combination of labels are no choice among all combinations.
    """
    return _largest([vote_entropy(part) for part in split_histogram(votes, values)])


def normalised_entropy_of(
    votes: VoteRuns | VoteHistogram, values: MaskValues
) -> NDArray[np.float64]:
    """Return the entropy of each pattern's votes divided by the largest, ``(pattern,)``, 0 to 1.

    Each group by its own largest; of several the largest share counts.
    """
    return _largest([normalised_entropy(part) for part in split_histogram(votes, values)])


def summary_of(votes: VoteRuns | VoteHistogram, values: MaskValues) -> VoteSummary:
    """Return how far the raters of a case agree, label groups each by itself."""
    return VoteSummary(
        mean_dice=overlap_of(votes, values, 1.0).mean_dice(),
        kappa=kappa_of(votes, values),
        entropy_bits=mean_entropy_of(votes, values),
    )


def replace_group(
    mask: NDArray[np.unsignedinteger],
    other: NDArray[np.unsignedinteger],
    values: MaskValues,
    group: str,
) -> NDArray[np.unsignedinteger]:
    """Return mask values with what ``other`` holds of a group in place of their own, same shape.

    What they hold of other groups stays.
    """
    kept, taken = cleared_table(values, group)[mask], group_table(values, group)[other]
    pairs, number = np.unique(kept.astype(np.int64) << 16 | taken, return_inverse=True)
    joined = [values.value((*values.labels(pair >> 16), pair & 0xFFFF)) for pair in pairs.tolist()]
    return np.asarray(np.array(joined, mask.dtype)[number.reshape(mask.shape)])


def _largest(found: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return found[0] if len(found) == 1 else np.max(found, axis=0)
