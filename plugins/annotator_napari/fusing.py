"""Fuse Labels arrays with the engine of annotator; no napari and no Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.runs import decode, encode
from annotator.analysis.votes import count_near, merge_votes, spread, to_dense
from annotator.api import FusionMethod, VotePatterns
from annotator.domain.errors import AnnotatorError, GeometryMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.api import AnyFusionMethod

LARGEST_LABEL = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """Dice of two raters on one label, 0 to 1; None where neither drew it."""

    first: str
    second: str
    label: int
    dice: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fused:
    """What comes of fusing Labels layers.

    Attributes
    ----------
    labels : ndarray
        Fused labels, in the shape of the layers.
    entropy : ndarray
        Vote entropy in bits, float32, the same shape; 0 where all agree.
    agreement : tuple of PairAgreement
        Every pair of raters and every label.
    warnings : tuple of str
        Where the result should not be trusted, in words.
    """

    labels: NDArray[np.unsignedinteger]
    entropy: NDArray[np.float32]
    agreement: tuple[PairAgreement, ...]
    warnings: tuple[str, ...]


def fuse_labels(
    readings: Mapping[str, NDArray[Any]], method: AnyFusionMethod, *, voxel_mm3: float = 1.0
) -> Fused:
    """Fuse Labels arrays ``(y, x)`` or ``(z, y, x)``, one a rater, by the rater's name.

    Must not write to its input. Raises AnnotatorError where arrays cannot be fused, or the method
    needs more than them.
    """
    if not isinstance(method, FusionMethod):
        raise AnnotatorError(f"{method.title} needs the cases of a project; layers do not do")
    shape = _common_shape(readings)
    volume = (1,) * (3 - len(shape)) + shape
    masks = [encode(_checked(name, array).reshape(volume)) for name, array in readings.items()]
    labels = sorted(
        {int(value) for mask in masks for slab in mask.slabs.values() for value in slab.labels}
    )
    votes = merge_votes(masks, labels=[value for value in labels if value])
    fused = method.fuse(_patterns(votes, tuple(readings), voxel_mm3), method.parameters())
    return Fused(
        labels=decode(spread(votes, fused.chosen)).reshape(shape),
        entropy=to_dense(votes, vote_entropy(votes), np.float32).reshape(shape),
        agreement=pair_agreement(votes, tuple(readings)),
        warnings=fused.warnings,
    )


def vote_entropy(votes: VoteRuns) -> NDArray[np.float64]:
    """Return the entropy of each pattern's votes, ``(pattern,)``, bits."""
    share = np.stack([(votes.patterns == label).mean(axis=1) for label in votes.labels], axis=1)
    logarithm = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(np.abs((share * logarithm).sum(axis=1)))


def pair_agreement(votes: VoteRuns, names: Sequence[str]) -> tuple[PairAgreement, ...]:
    """Return the Dice of every pair and label, counted from the patterns."""
    found = []
    for label in votes.labels[1:]:
        drew = votes.patterns == label
        for first, second in combinations(range(len(names)), 2):
            both = int(votes.counts[drew[:, first] & drew[:, second]].sum())
            total = sum(int(votes.counts[drew[:, rater]].sum()) for rater in (first, second))
            dice = 2 * both / total if total else None
            found.append(
                PairAgreement(first=names[first], second=names[second], label=label, dice=dice)
            )
    return tuple(found)


def _patterns(votes: VoteRuns, names: tuple[str, ...], voxel_mm3: float) -> VotePatterns:
    return VotePatterns(
        rater_ids=names,
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=voxel_mm3,
        n_near=count_near(votes),
    )


def _common_shape(readings: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    if len(readings) < 2:
        raise AnnotatorError(f"fusing needs at least two Labels layers; {len(readings)} chosen")
    (first, array), *others = readings.items()
    if array.ndim not in (2, 3):
        raise AnnotatorError(f"{first} has {array.ndim} dimensions; 2 or 3 can be fused")
    for name, other in others:
        if other.shape != array.shape:
            raise GeometryMismatchError(
                f"{name} has shape {other.shape}, but {first} has {array.shape}; "
                "only layers on the same grid can be fused"
            )
    return array.shape


def _checked(name: str, array: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    mask = np.asarray(array)
    low, high = int(mask.min(initial=0)), int(mask.max(initial=0))
    if low < 0 or high > LARGEST_LABEL:
        raise AnnotatorError(
            f"{name} holds label values from {low} to {high}; 0 to {LARGEST_LABEL} can be fused"
        )
    return mask.astype(np.uint16, copy=False)
