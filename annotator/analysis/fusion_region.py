"""Which voxels raters are judged by, and what becomes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.analysis.consensus import choose, count_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Region = Literal["union", "full", "disputed"]


def region_counts(
    patterns: NDArray[np.integer],
    counts: NDArray[np.int64],
    n_near: int | None,
    region: Region,
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the voxels of each pattern ``(pattern,)`` that count, and what to say about it.

    ``n_near`` is the number of voxels within three voxels of anything that was drawn.
    """
    if region == "full":
        return counts, []
    if region == "disputed":
        return np.where((patterns == patterns[:, :1]).all(axis=1), 0, counts), []
    if n_near is None:
        return counts, [
            "Surroundings of the drawings were not counted: the full field of view was used."
        ]
    is_empty = (patterns == 0).all(axis=1)
    n_drawn = int(counts[~is_empty].sum())
    return np.where(is_empty, max(0, n_near - n_drawn), counts), []


def settle_agreed(
    probability: NDArray[np.float64],
    patterns: NDArray[np.integer],
    labels: Sequence[int],
    region: Region,
) -> NDArray[np.float64]:
    """Return ``(pattern, label)`` with certainty beyond the region.

    Beyond the union all is background; beyond what is disputed all have said the same.
    """
    settled = probability.copy()
    if region != "full":
        settled[(patterns == 0).all(axis=1)] = np.eye(len(labels))[0]
    if region == "disputed":
        agreed = (patterns == patterns[:, :1]).all(axis=1)
        settled[agreed] = np.eye(len(labels))[np.searchsorted(labels, patterns[agreed, 0])]
    return settled


def warn_of_departure(
    patterns: NDArray[np.integer],
    counts: NDArray[np.integer],
    labels: Sequence[int],
    chosen: NDArray[np.integer],
    title: str,
    share: float,
) -> list[str]:
    """Name the labels whose volume departs from the majority vote by more than a share of it."""
    majority, _ = choose(count_votes(patterns, labels) / patterns.shape[1], labels)
    said = []
    for label in labels[1:]:
        fused = int(counts[chosen == label].sum())
        voted = int(counts[majority == label].sum())
        if abs(fused - voted) > share * voted:
            said.append(
                f"Label {label} has {fused} voxels by {title} and {voted} by majority: "
                "look at where the two differ."
            )
    return said
