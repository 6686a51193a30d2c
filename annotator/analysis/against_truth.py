"""One reading against a known truth: overlap, surfaces, objects found and made up, bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.outline_shift import outline_shift
from annotator.analysis.overlap import measure_overlap
from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import bounding_box, merge_votes, to_dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.outline_shift import OutlineShift
    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Box

_EVERY_NEIGHBOUR = np.ones((3, 3, 3), np.bool_)
_DRAWN, _TRUE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAgainstTruth:
    """One label of one reading against the truth of the case.

    Attributes
    ----------
    dice : float
        Twice the shared voxels over the sum of both.
    surface_dice : float or None
        Share of both surfaces within the tolerance; None in videos and where nothing is known of
        the spacing, as are all lengths.
    hd95_mm : float or None
        95 % Hausdorff distance; None too where only one of the two has the label.
    n_objects, n_found : int
        Connected pieces (26 neighbours) of the truth, and those that the drawing touches.
    n_false : int
        Connected pieces of the drawing that touch nothing true.
    drawn_mm3, true_mm3 : float
        Volumes.
    counts : tuple of int
        Voxels of the whole grid: true and drawn, true and not drawn, drawn and not true, neither.
    shift : OutlineShift or None
        Where the outline lies outside or inside; in pixels where nothing is known of the spacing.
    """

    label: int
    dice: float
    surface_dice: float | None
    hd95_mm: float | None
    n_objects: int
    n_found: int
    n_false: int
    drawn_mm3: float
    true_mm3: float
    counts: tuple[int, int, int, int]
    shift: OutlineShift | None


def compare_with_truth(
    drawn: MaskRuns,
    truth: MaskRuns,
    labels: Sequence[int],
    geometry: Geometry,
    *,
    tolerance_mm: float,
) -> tuple[LabelAgainstTruth, ...]:
    """Compare a reading with the truth, for each label that is in either.

    ``labels`` names every label that may occur.
    """
    votes = merge_votes((drawn, truth), labels=labels)
    overlap = measure_overlap(votes, geometry.voxel_mm3)
    has_lengths = geometry.is_calibrated and not geometry.is_time
    found = []
    for place, label in enumerate(votes.labels[1:]):
        dice, _ = overlap.pair(label, _DRAWN, _TRUE)
        box = _box(votes, label)
        if dice is None or box is None:
            continue
        own, true = (
            to_dense(votes, votes.patterns[:, column] == label, np.bool_, box)
            for column in (_DRAWN, _TRUE)
        )
        n_objects, n_found, n_false = count_objects(own, true)
        hd95_mm, surface_dice = None, 0.0 if has_lengths else None
        if has_lengths and own.any() and true.any():
            (distance,) = surface_distances(
                votes, label, geometry.spacing_mm, tolerance_mm=tolerance_mm
            )
            hd95_mm, surface_dice = distance.hd95_mm, distance.surface_dice
        found.append(
            LabelAgainstTruth(
                label=label,
                dice=dice,
                surface_dice=surface_dice,
                hd95_mm=hd95_mm,
                n_objects=n_objects,
                n_found=n_found,
                n_false=n_false,
                drawn_mm3=float(overlap.volumes_mm3[place, _DRAWN]),
                true_mm3=float(overlap.volumes_mm3[place, _TRUE]),
                counts=_counts(votes, label),
                shift=outline_shift(own, true, geometry),
            )
        )
    return tuple(found)


def count_objects(drawn: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return how many true objects there are, how many were touched, and how many drawn are false.

    Objects are connected by faces, edges or corners.
    """
    objects, n_objects = ndimage.label(truth, _EVERY_NEIGHBOUR)
    pieces, n_pieces = ndimage.label(drawn, _EVERY_NEIGHBOUR)
    both = drawn & truth
    n_found = len(np.unique(objects[both]))
    n_true_pieces = len(np.unique(pieces[both]))
    return n_objects, n_found, n_pieces - n_true_pieces


def _counts(votes: VoteRuns, label: int) -> tuple[int, int, int, int]:
    drawn, true = (votes.patterns[:, column] == label for column in (_DRAWN, _TRUE))
    hit, missed, false, neither = (
        int(votes.counts[chosen].sum())
        for chosen in (true & drawn, true & ~drawn, drawn & ~true, ~drawn & ~true)
    )
    return hit, missed, false, neither


def _box(votes: VoteRuns, label: int) -> Box | None:
    """Return the box of a label in either mask, a voxel wider as far as the grid goes."""
    box = bounding_box(votes, (votes.patterns == label).any(axis=1))
    if box is None:
        return None
    low = [max(0, at - 1) for at in box[0]]
    high = [min(size, at + 1) for at, size in zip(box[1], votes.grid.shape, strict=True)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
