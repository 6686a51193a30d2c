"""Outlines of all raters at once: one bit a rater in every voxel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.sparse_array import is_large
from annotator.analysis.surface_kernels import MAX_BITS, mark
from annotator.analysis.vote_bands import bands
from annotator.analysis.votes import bounding_box, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edges:
    """Edge voxels of one label, as array indices ``(voxel, 3)`` in the order z, y, x.

    A voxel is on the edge where one of its six neighbours (four in a picture) is outside; outside
    the grid counts as outside.
    """

    raters: tuple[NDArray[np.int64], ...]
    union: NDArray[np.int64]


def find_edges(votes: VoteRuns, says: NDArray[np.bool_]) -> Edges:
    """Return the edges of what each rater drew; ``says`` is ``(pattern, rater)`` bool."""
    columns = np.concatenate([says, says.any(axis=1, keepdims=True)], axis=1)
    found: list[NDArray[np.int64]] = []
    for first in range(0, columns.shape[1], MAX_BITS):
        own = columns[:, first : first + MAX_BITS]
        found += (_edges_by_bands if is_large(votes.grid.shape) else _edges_of)(votes, own)
    return Edges(raters=tuple(found[:-1]), union=found[-1])


def _edges_by_bands(votes: VoteRuns, says: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    none = np.zeros((0, 3), np.int64)
    found: list[list[NDArray[np.int64]]] = [[none] for _ in range(says.shape[1])]
    for (first, stop), top, band in bands(votes, says, above=1, below=1):
        for own, index in zip(found, _edges_of(band, says), strict=True):
            moved = index + np.array([0, top, 0])
            own.append(moved[(moved[:, 1] >= first) & (moved[:, 1] < stop)])
    return [np.concatenate(own) for own in found]


def _edges_of(votes: VoteRuns, says: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    field = mark(votes, says, (0 if votes.grid.shape[0] == 1 else 2, 2, 2), at_corners=False)
    if field is not None:
        return [field.index(field.owned(bit)) for bit in range(says.shape[1])]
    box = bounding_box(votes, np.asarray(says.any(axis=1)))
    n_sets = says.shape[1]
    if box is None:
        return [np.zeros((0, 3), np.int64)] * n_sets
    kind = next(
        kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if 8 * kind().nbytes >= n_sets
    )
    powers = np.array([1 << place for place in range(n_sets)], kind)
    bits = to_dense(votes, (says * powers).sum(axis=1, dtype=kind), kind, box)
    inner = bits.copy()
    for axis in range(3):
        if votes.grid.shape[axis] == 1:
            continue
        along, around = np.moveaxis(inner, axis, 0), np.moveaxis(bits, axis, 0)
        along[1:] &= around[:-1]
        along[:-1] &= around[1:]
        along[0] = 0
        along[-1] = 0
    bits &= ~inner
    place = np.flatnonzero(bits)
    bits = bits.reshape(-1)[place]
    index = np.stack(np.unravel_index(place, inner.shape), axis=1) + np.array(box[0])
    return [index[(bits & power) != 0] for power in powers]
