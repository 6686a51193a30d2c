"""Fusions of label groups, each made by itself, become one: labels, probabilities, weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.disagreement import is_disputed
from annotator.analysis.dispute_words import group_words
from annotator.analysis.group_votes import join_masks, rows_in
from annotator.analysis.runs import decode, encode
from annotator.analysis.votes import spread, to_dense
from annotator.domain.errors import AnnotatorError
from annotator.jobs.keeping import LEVELS, MAX_ROWS, Kept
from annotator.jobs.readings import GroupReadings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.jobs.readings import Readings

    Floats = NDArray[np.float64]


def join_kept(
    whole: Readings, parts: Sequence[GroupReadings], kept: Sequence[Kept], *, by_pattern: bool
) -> Kept:
    """Return what was made of each label group as one, in the form that the store keeps.

    A voxel's label is that of each group there, as one mask value. The columns of ``probability``
    are the labels of all groups, each as probable as in its own group; the first, that nothing is
    drawn there, is the product of the groups' as if they had nothing to do with each other. With
    ``by_pattern`` the rows are those of the vote patterns, the groups' and the whole's.
    """
    labels = join_masks([one.labels for one in kept], whole.values)
    weights = _join_weights(whole, parts, kept)
    if by_pattern:
        n_patterns = len(whole.votes.patterns)
        rows = [rows_in(part.votes, whole.votes, part.table) for part in parts]
        tables = [one.probability[row] for one, row in zip(kept, rows, strict=True)]
        patterns = spread(whole.votes, np.arange(n_patterns))
        return Kept(
            labels=labels,
            patterns=patterns,
            probability=_side_by_side(whole, parts, tables),
            weights=weights,
        )
    places = [decode(one.patterns).astype(np.int64) for one in kept]
    rows, index = _joint_rows([one.probability for one in kept], places)
    tables = [one.probability[row] for one, row in zip(kept, rows, strict=True)]
    return Kept(
        labels=labels,
        patterns=encode(index),
        probability=_side_by_side(whole, parts, tables),
        weights=weights,
    )


def _side_by_side(
    whole: Readings, parts: Sequence[GroupReadings], tables: Sequence[Floats]
) -> Floats:
    """Return the probability of every label of all groups, ``(row, label)``, background first."""
    labels = whole.drawn_labels
    found = np.zeros((len(tables[0]), len(labels)))
    found[:, 0] = np.prod([table[:, 0] for table in tables], axis=0)
    for part, table in zip(parts, tables, strict=True):
        found[:, [labels.index(label) for label in part.labels[1:]]] = table[:, 1:]
    return found


def _joint_rows(
    tables: Sequence[Floats], places: Sequence[NDArray[np.int64]]
) -> tuple[list[NDArray[np.int64]], NDArray[np.uint16]]:
    """Return the row of each group in each joint row, and each voxel's joint row, ``(z, y, x)``.

    Joint row 0 is row 0, certain background, in all groups. Where more than can be kept would
    differ, rows of nearly the same probabilities are taken for one.
    """
    for levels in (0, *LEVELS):
        index = _alike(tables[0], levels)[places[0]]
        rows: list[NDArray[np.int64]] = [np.arange(len(tables[0]))]
        # Group by group: a code of all of them would be larger than a number can be.
        for table, place in zip(tables[1:], places[1:], strict=True):
            code = index * len(table) + _alike(table, levels)[place]
            # Background in all groups is the first of the codes, which are sorted.
            distinct, found = np.unique(np.append(code.reshape(-1), 0), return_inverse=True)
            before, row = np.divmod(distinct, len(table))
            rows = [*(one[before] for one in rows), row]
            index = found[:-1].reshape(code.shape)
            if len(distinct) > MAX_ROWS:
                break
        else:
            return rows, index.astype(np.uint16)
    raise AnnotatorError(
        f"the probabilities of the label groups differ in {len(distinct)} ways; at most {MAX_ROWS} "
        "can be kept"
    )


def _alike(table: Floats, levels: int) -> NDArray[np.int64]:
    """Return for each row the first of those that are the same in so many steps; 0: as they are."""
    if not levels:
        return np.arange(len(table))
    _, first, number = np.unique(
        np.rint(table * levels), axis=0, return_index=True, return_inverse=True
    )
    return np.asarray(first[number.reshape(-1)])


def _join_weights(
    whole: Readings, parts: Sequence[GroupReadings], kept: Sequence[Kept]
) -> dict[str, MaskRuns]:
    """Return each rater's weights: at each voxel the least of the groups that are disputed there.

    Where none is, the least of all.
    """
    weighed = [(part, one) for part, one in zip(parts, kept, strict=True) if one.weights]
    if not weighed:
        return {}
    disputed = [to_dense(part.votes, is_disputed(part.votes), np.bool_) for part, _ in weighed]
    nowhere = ~np.any(disputed, axis=0)
    found = {}
    for rater_id in whole.rater_ids:
        least = np.full(whole.votes.grid.shape, np.iinfo(np.uint16).max, np.uint16)
        for (_, one), matters in zip(weighed, disputed, strict=True):
            own = decode(one.weights[rater_id]).astype(np.uint16)
            counts = (matters | nowhere) & (own > 0)
            np.minimum(least, own, out=least, where=counts)
        least[least == np.iinfo(np.uint16).max] = 0
        found[rater_id] = encode(least)
    return found


def probability_in(readings: Readings, table: Floats) -> Floats:
    """Return the probability of the labels of readings, of all that a fusion of theirs knows.

    Both are ``(row, label)``, background first; that of a label group is what its labels leave.
    """
    if not isinstance(readings, GroupReadings):
        return table
    known = readings.all_labels
    found = np.zeros((len(table), len(readings.labels)))
    for place, label in enumerate(readings.labels[1:], start=1):
        if label in known:
            found[:, place] = table[:, known.index(label)]
    found[:, 0] = 1.0 - found.sum(axis=1)
    return found


def named_warnings(
    whole: Readings, parts: Sequence[GroupReadings], warnings: Sequence[Sequence[str]]
) -> tuple[str, ...]:
    """Return the warnings of all groups; those that not every group has name theirs."""
    common = set(warnings[0]).intersection(*warnings[1:])
    said = [one for one in warnings[0] if one in common]
    for part, own in zip(parts, warnings, strict=True):
        words = group_words(whole.schema, part.group)
        said += [f"{words}: {one}" for one in own if one not in common]
    return tuple(said)
