"""Masks as runs: a sorted list of (end, label) per slab.

A slab is a band of whole rows of one slice, small enough that one stroke re-encodes little. Empty
slabs do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from annotator.domain.reading import Box

SLAB_VOXELS = 1 << 18
"""Voxels that a slab aims at: a 512 x 512 slice is one slab, a photograph is cut into bands."""


@dataclass(frozen=True, slots=True)
class SlabGrid:
    """How a ``(z, y, x)`` grid is cut into slabs, numbered from the first slice's first band."""

    shape: tuple[int, int, int]

    @property
    def band_rows(self) -> int:
        """Rows in a slab (the last band of a slice may have fewer)."""
        _, rows, columns = self.shape
        return min(rows, max(1, SLAB_VOXELS // max(1, columns)))

    @property
    def bands(self) -> int:
        """Slabs in one slice."""
        return -(-self.shape[1] // self.band_rows)

    @property
    def n_slabs(self) -> int:
        """Slabs in the grid."""
        return self.shape[0] * self.bands

    def rows(self, slab: int) -> tuple[int, int, int]:
        """Return ``(z, first row, last row + 1)`` of a slab."""
        z, band = divmod(slab, self.bands)
        first = band * self.band_rows
        return z, first, min(first + self.band_rows, self.shape[1])

    def offset(self, slab: int) -> int:
        """Return the position of a slab's first voxel in the flattened grid."""
        z, first, _ = self.rows(slab)
        return (z * self.shape[1] + first) * self.shape[2]

    def n_voxels(self, slab: int) -> int:
        """Return the number of voxels in a slab."""
        _, first, last = self.rows(slab)
        return (last - first) * self.shape[2]

    def touched(self, box: Box) -> Iterator[int]:
        """Yield the slabs that a half-open voxel box reaches into."""
        (z0, y0, _), (z1, y1, _) = box
        for z in range(z0, z1):
            for band in range(y0 // self.band_rows, -(-y1 // self.band_rows)):
                yield z * self.bands + band


@dataclass(frozen=True, slots=True, eq=False)
class SlabRuns:
    """The runs of one slab: run ``i`` covers voxels ``ends[i-1] .. ends[i]`` with ``labels[i]``.

    ``ends`` is uint32 and ascending, the last one is the slab's voxel count; ``labels`` is uint16,
    neighbours differ.
    """

    ends: NDArray[np.uint32]
    labels: NDArray[np.uint16]

    def equals(self, other: SlabRuns) -> bool:
        """Whether both hold the same voxels."""
        return np.array_equal(self.ends, other.ends) and np.array_equal(self.labels, other.labels)


@dataclass(frozen=True, slots=True, eq=False)
class MaskRuns:
    """Mask of one reading as runs; slabs that are not listed are background."""

    grid: SlabGrid
    slabs: Mapping[int, SlabRuns]


def encode_slab(voxels: NDArray[np.integer]) -> SlabRuns | None:
    """Return the runs of a slab's voxels (any shape, C order), or None where all are 0."""
    flat = np.ascontiguousarray(voxels).reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    if changes.size == 0 and (flat.size == 0 or flat[0] == 0):
        return None
    ends = np.append(changes + 1, flat.size).astype(np.uint32)
    return SlabRuns(ends, flat[ends.astype(np.intp) - 1].astype(np.uint16))


def decode_slab(runs: SlabRuns, dtype: np.dtype[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return the voxels of a slab, flat, in the given type."""
    lengths = np.diff(runs.ends, prepend=np.uint32(0))
    return np.repeat(runs.labels.astype(dtype), lengths)


def encode(mask: NDArray[np.integer], slabs: Iterable[int] | None = None) -> MaskRuns:
    """Return a ``(z, y, x)`` mask as runs; only the named slabs are looked at where given.

    Must not write to its input.
    """
    z_size, y_size, x_size = mask.shape
    grid = SlabGrid((z_size, y_size, x_size))
    found: dict[int, SlabRuns] = {}
    for slab in range(grid.n_slabs) if slabs is None else slabs:
        z, first, last = grid.rows(slab)
        runs = encode_slab(mask[z, first:last])
        if runs is not None:
            found[slab] = runs
    return MaskRuns(grid, found)


def decode(
    runs: MaskRuns, dtype: np.dtype[np.unsignedinteger] | None = None
) -> NDArray[np.unsignedinteger]:
    """Return the dense ``(z, y, x)`` mask: uint8 where every label fits, else uint16."""
    chosen = dtype or mask_dtype(
        max((int(slab.labels.max()) for slab in runs.slabs.values()), default=0)
    )
    mask = np.zeros(runs.grid.shape, chosen)
    for slab, content in runs.slabs.items():
        z, first, last = runs.grid.rows(slab)
        mask[z, first:last] = decode_slab(content, chosen).reshape(last - first, -1)
    return mask


def mask_dtype(largest: int) -> np.dtype[np.unsignedinteger]:
    """Return the smallest mask type that holds a label value up to ``largest`` (at most 65535)."""
    return np.dtype(np.uint8) if largest <= np.iinfo(np.uint8).max else np.dtype(np.uint16)
