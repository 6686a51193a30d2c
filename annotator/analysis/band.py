"""The band around outlines and disputes: the only voxels where a probability is put to a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.votes import bounding_box, to_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.domain.reading import Box

    Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """Voxels of a box that lie in the band; ``inside`` is ``(z, y, x)`` bool on ``box``."""

    box: Box
    inside: NDArray[np.bool_]

    def positions(self, shape: tuple[int, int, int]) -> NDArray[np.int64]:
        """Return the places of the voxels in the flattened grid, ascending."""
        index = np.nonzero(self.inside)
        found = tuple(axis + low for axis, low in zip(index, self.box[0], strict=True))
        return np.ravel_multi_index(found, shape).astype(np.int64)


def find_band(votes: VoteRuns, label: int, spacing_mm: Spacing, within_mm: float) -> Band | None:
    """Return the voxels within a distance of anything disputed or bordering about a label.

    A voxel is disputed where some raters gave it the label and others did not, and borders where a
    neighbour across a face was given the label by other raters. The distance is between voxel
    centres. None where nobody gave the label.
    """
    says = votes.patterns == label
    inner = bounding_box(votes, says.any(axis=1))
    if inner is None:
        return None
    reach = [int(within_mm / size) for size in spacing_mm]
    shape = votes.grid.shape
    low = [max(0, edge - 1 - step) for edge, step in zip(inner[0], reach, strict=True)]
    high = [min(n, edge + 1 + step) for n, edge, step in zip(shape, inner[1], reach, strict=True)]
    box: Box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    # Patterns that differ about this label only: a change of number is a change of some rater.
    _, number = np.unique(says, axis=0, return_inverse=True)
    dense = to_dense(votes, number.reshape(-1), np.int32, box)
    disputed = says.any(axis=1) & ~says.all(axis=1)
    seed = to_dense(votes, disputed, np.bool_, box)
    for axis in range(3):
        along, mark = np.moveaxis(dense, axis, 0), np.moveaxis(seed, axis, 0)
        changes = along[1:] != along[:-1]
        mark[1:] |= changes
        mark[:-1] |= changes
    return Band(box=box, inside=_grown(seed, spacing_mm, within_mm))


def count_in_band(votes: VoteRuns, band: Band) -> NDArray[np.int64]:
    """Return the voxels of each pattern that lie in the band, ``(pattern,)``."""
    index = to_dense(votes, np.arange(len(votes.patterns)), np.int32, band.box)
    return np.bincount(index[band.inside], minlength=len(votes.patterns)).astype(np.int64)


def _grown(seed: NDArray[np.bool_], spacing_mm: Spacing, within_mm: float) -> NDArray[np.bool_]:
    """Return everything within a distance of the seed: an exact ball, one row of it at a time."""
    sz, sy, sx = spacing_mm
    limit = within_mm**2 * (1 + 1e-9)
    rows: dict[int, list[tuple[int, int]]] = {}
    for z in range(int(within_mm / sz) + 1):
        for y in range(int(within_mm / sy) + 1):
            left = limit - (z * sz) ** 2 - (y * sy) ** 2
            if left >= 0:
                rows.setdefault(int(np.sqrt(left) / sx), []).append((z, y))
    n_columns = seed.shape[2]
    wide = seed.copy()
    grown = np.zeros((*seed.shape[:2], -(-n_columns // 8)), np.uint8)
    step = 0
    for reach in sorted(rows):
        while step < reach:
            step += 1
            wide[..., step:] |= seed[..., :-step]
            wide[..., :-step] |= seed[..., step:]
        bits = np.packbits(wide, axis=2)
        for z, y in rows[reach]:
            for dz in {z, -z}:
                for dy in {y, -y}:
                    _or_shifted(grown, bits, dz, dy)
    return np.unpackbits(grown, axis=2, count=n_columns).astype(np.bool_)


def _or_shifted(into: NDArray[np.uint8], bits: NDArray[np.uint8], dz: int, dy: int) -> None:
    """Add the bits, moved by so many slices and rows; what leaves the array is lost."""
    n_z, n_y, _ = bits.shape
    if abs(dz) >= n_z or abs(dy) >= n_y:
        return
    here = (slice(max(0, dz), n_z + min(0, dz)), slice(max(0, dy), n_y + min(0, dy)))
    there = (slice(max(0, -dz), n_z + min(0, -dz)), slice(max(0, -dy), n_y + min(0, -dy)))
    into[here] |= bits[there]
