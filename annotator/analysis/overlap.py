"""Agreement of all rater pairs at once, from vote patterns and their counts.

One matrix product a label gives every pair's shared voxels, exactly; kappa and entropy need only
how many raters gave each label. No voxel is touched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.consensus import count_votes
from annotator.analysis.disagreement import vote_entropy
from annotator.analysis.votes import VoteHistogram
from annotator.domain.review import VoteSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns

    Votes = VoteRuns | VoteHistogram


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlap:
    """How far pairs of raters agree, label by label (background is not a label here).

    Attributes
    ----------
    labels : tuple of int
        First axis of the arrays.
    shared_vox : ndarray
        Voxels that both raters gave the label, ``(label, rater, rater)``; the diagonal holds each
        rater's own voxels.
    voxel_mm3 : float
        Volume of one voxel.
    """

    labels: tuple[int, ...]
    shared_vox: NDArray[np.int64]
    voxel_mm3: float

    @property
    def volumes_mm3(self) -> NDArray[np.float64]:
        """Volume of each label in each reading, ``(label, rater)``."""
        return np.asarray(self._own() * self.voxel_mm3)

    @property
    def is_defined(self) -> NDArray[np.bool_]:
        """Whether at least one of the two drew the label, ``(label, rater, rater)``.

        Where neither did, Dice and IoU say 1, because they agree, but measure nothing.
        """
        own = self._own()
        return np.asarray(own[:, :, None] + own[:, None, :] > 0)

    @property
    def dice(self) -> NDArray[np.float64]:
        """Twice the shared voxels over the sum of both, ``(label, rater, rater)``."""
        own = self._own()
        return _ratio(2 * self.shared_vox, own[:, :, None] + own[:, None, :])

    @property
    def iou(self) -> NDArray[np.float64]:
        """Shared voxels over those of either, ``(label, rater, rater)``."""
        own = self._own()
        return _ratio(self.shared_vox, own[:, :, None] + own[:, None, :] - self.shared_vox)

    def pair(self, label: int, first: int, second: int) -> tuple[float | None, float | None]:
        """Return Dice and IoU of two raters, by column; None for both where neither drew it."""
        place = self.labels.index(label)
        if not self.is_defined[place, first, second]:
            return None, None
        return float(self.dice[place, first, second]), float(self.iou[place, first, second])

    def mean_dice(self) -> float | None:
        """Return the mean Dice over labels and pairs where it is defined, None where nowhere."""
        above = np.triu(np.ones(self.shared_vox.shape[1:], np.bool_), 1)
        defined = self.is_defined & above
        return float(self.dice[defined].mean()) if defined.any() else None

    def _own(self) -> NDArray[np.int64]:
        return np.diagonal(self.shared_vox, axis1=1, axis2=2)


def measure_overlap(votes: Votes, voxel_mm3: float) -> Overlap:
    """Return the overlap of every rater pair for every label but background."""
    labels = votes.labels[1:]
    n_raters = votes.patterns.shape[1]
    weights = votes.counts[:, None].astype(np.float64)
    shared = np.zeros((len(labels), n_raters, n_raters), np.int64)
    for place, label in enumerate(labels):
        said = (votes.patterns == label).astype(np.float64)
        shared[place] = np.rint((said * weights).T @ said)
    return Overlap(labels=labels, shared_vox=shared, voxel_mm3=voxel_mm3)


def voxel_kappa(votes: Votes) -> float | None:
    """Return Fleiss' kappa over all voxels of the grid, background being one of the categories.

    None for a single rater and where every voxel has the same label.
    """
    n_raters = votes.patterns.shape[1]
    if n_raters < 2:
        return None
    tally = count_votes(votes.patterns, votes.labels).astype(np.float64)
    n_voxels = float(votes.counts.sum())
    observed = votes.counts @ ((tally**2).sum(axis=1) - n_raters) / (n_raters * (n_raters - 1))
    expected = float((((votes.counts @ tally) / (n_voxels * n_raters)) ** 2).sum())
    if expected >= 1.0:
        return None
    return float((observed / n_voxels - expected) / (1.0 - expected))


def mean_entropy_bits(votes: Votes) -> float:
    """Return the entropy of the votes in bits, averaged over all voxels of the grid."""
    return float(votes.counts @ vote_entropy(votes) / votes.counts.sum())


def summarise(
    places: NDArray[np.uint8 | np.uint16], counts: NDArray[np.int64], labels: tuple[int, ...]
) -> VoteSummary:
    """Return the summary of a vote histogram.

    ``places`` is ``(pattern, rater)``: the place of each label in ``labels``, which is ascending
    and begins with 0. ``counts`` is the voxels of each pattern.
    """
    library = kernels.library()
    if library is not None and places.flags.c_contiguous and places.dtype.isnative:
        found = np.empty(3)
        n_patterns, n_raters = places.shape
        state = library.summarise_votes(
            kernels.address(places),
            places.itemsize,
            kernels.address(counts),
            n_patterns,
            n_raters,
            len(labels),
            kernels.address(found),
        )
        if state == 0:
            dice, kappa, entropy = found.tolist()
            return VoteSummary(
                mean_dice=None if math.isnan(dice) else dice,
                kappa=None if math.isnan(kappa) else kappa,
                entropy_bits=entropy,
            )
    votes = VoteHistogram(
        patterns=np.asarray(labels, np.uint16)[places], counts=counts, labels=labels
    )
    return VoteSummary(
        mean_dice=measure_overlap(votes, 1.0).mean_dice(),
        kappa=voxel_kappa(votes),
        entropy_bits=mean_entropy_bits(votes),
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), 1.0)
