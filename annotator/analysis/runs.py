"""Masks as runs: a sorted list of (end, label) per slab.

A slab is a band of whole rows of one slice, small enough that one stroke re-encodes little. Empty
slabs do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.sparse_array import is_large, sparse_zeros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from annotator.domain.reading import Box

_PART = 1 << 22
"""Voxels from which on two threads encode faster than one."""
_MANY = 1 << 17
"""Runs from which on two threads unpack faster than one."""
_CHUNK = 1 << 20
"""Runs that there is room for at a time when a mask is encoded."""
SLAB_VOXELS = 1 << 18
"""Voxels that a slab aims at: a 512 x 512 slice is one slab, a photograph is cut into bands."""
LARGE_SLAB_VOXELS = 1 << 22
"""What a slab of a slide aims at: bands of two rows would make ten thousand of a large stroke."""


@dataclass(frozen=True, slots=True)
class SlabGrid:
    """How a ``(z, y, x)`` grid is cut into slabs, numbered from the first slice's first band."""

    shape: tuple[int, int, int]

    @property
    def band_rows(self) -> int:
        """Rows in a slab (the last band of a slice may have fewer)."""
        _, rows, columns = self.shape
        aim = LARGE_SLAB_VOXELS if is_large(self.shape) else SLAB_VOXELS
        return min(rows, max(1, aim // max(1, columns)))

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

    @property
    def layout(self) -> tuple[int, int, int]:
        """Voxels in a slice, voxels in a slab (but the last of a slice), slabs in a slice."""
        return self.shape[1] * self.shape[2], self.band_rows * self.shape[2], self.bands

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


class SlabTable(Mapping[int, SlabRuns]):
    """Slabs of one mask whose runs lie one after the other in two arrays.

    ``numbers`` are the slabs, ascending int64; the runs of the i-th are ``first[i] .. first[i+1]``
    of ``ends`` (uint32) and ``labels`` (uint16). Must not be changed.
    """

    __slots__ = ("_place", "ends", "first", "labels", "numbers")

    def __init__(
        self,
        numbers: NDArray[np.int64],
        first: NDArray[np.int64],
        ends: NDArray[np.uint32],
        labels: NDArray[np.uint16],
    ) -> None:
        self.numbers, self.first, self.ends, self.labels = numbers, first, ends, labels
        self._place: dict[int, int] | None = None

    @classmethod
    def of(cls, slabs: Mapping[int, SlabRuns]) -> SlabTable:
        """Return slabs as a table, copied where they are none yet."""
        if isinstance(slabs, SlabTable):
            return slabs
        ordered = sorted(slabs.items())
        sizes = [len(runs.ends) for _, runs in ordered]
        empty = SlabRuns(np.zeros(0, np.uint32), np.zeros(0, np.uint16))
        entries = [runs for _, runs in ordered] or [empty]
        return cls(
            np.array([number for number, _ in ordered], np.int64),
            np.cumsum([0, *sizes], dtype=np.int64),
            np.concatenate([runs.ends for runs in entries], dtype=np.uint32),
            np.concatenate([runs.labels for runs in entries], dtype=np.uint16),
        )

    def __getitem__(self, slab: int) -> SlabRuns:
        """Return the runs of a slab; KeyError where it is background."""
        if self._place is None:
            self._place = {number: place for place, number in enumerate(self.numbers.tolist())}
        place = self._place[slab]
        own = slice(self.first[place], self.first[place + 1])
        return SlabRuns(self.ends[own], self.labels[own])

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the slabs, ascending."""
        return iter(self.numbers.tolist())

    def __len__(self) -> int:
        """Return the number of slabs."""
        return len(self.numbers)


@dataclass(frozen=True, slots=True, eq=False)
class MaskRuns:
    """Mask of one reading as runs; slabs that are not listed are background."""

    grid: SlabGrid
    slabs: Mapping[int, SlabRuns]


def slab_offsets(grid: SlabGrid) -> NDArray[np.int64]:
    """Return the position of each slab's first voxel in the flattened grid, ``(slab,)``."""
    z, band = np.divmod(np.arange(grid.n_slabs, dtype=np.int64), grid.bands)
    return np.asarray((z * grid.shape[1] + band * grid.band_rows) * grid.shape[2])


def labels_in(masks: Iterable[MaskRuns]) -> tuple[int, ...]:
    """Return the label values that occur in any of the masks, ascending; 0 only where in a slab."""
    seen = np.zeros(1 << 16, np.bool_)
    for mask in masks:
        seen[SlabTable.of(mask.slabs).labels] = True
    return tuple(np.flatnonzero(seen).tolist())


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
    if slabs is None:
        table = _encode_by_kernel(mask, grid)
        if table is not None:
            return MaskRuns(grid, table)
    found: dict[int, SlabRuns] = {}
    for slab in range(grid.n_slabs) if slabs is None else slabs:
        z, first, last = grid.rows(slab)
        runs = encode_slab(mask[z, first:last])
        if runs is not None:
            found[slab] = runs
    return MaskRuns(grid, found)


def _encode_by_kernel(mask: NDArray[np.integer], grid: SlabGrid) -> SlabTable | None:
    """Return all slabs of a mask; None where there is no kernel for it."""
    library = kernels.library()
    is_plain = mask.dtype.kind in "bu" and mask.itemsize <= 2 and mask.dtype.isnative
    if library is None or not is_plain or not mask.flags.c_contiguous:
        return None
    parts: dict[int, list[SlabTable]] = {}

    def encode_part(low: int, high: int) -> None:
        parts[low] = []
        room = max(_CHUNK, grid.n_voxels(0))
        at = np.array([low], np.int64)
        while at[0] < high:
            ends, labels = np.empty(room, np.uint32), np.empty(room, np.uint16)
            number = np.empty(high - int(at[0]), np.int64)
            first = np.empty(len(number) + 1, np.int64)
            n_found = library.encode_slabs(
                kernels.address(mask),
                mask.itemsize,
                *grid.layout,
                kernels.address(at),
                high,
                room,
                *(kernels.address(array) for array in (ends, labels, number, first)),
            )
            used = first[n_found]
            # Copied: the room is much larger than what it holds.
            parts[low].append(
                SlabTable(
                    number[:n_found], first[: n_found + 1], ends[:used].copy(), labels[:used].copy()
                )
            )

    kernels.in_parts(encode_part, grid.n_slabs, _PART // max(1, grid.n_voxels(0)))
    return _joined([table for low in sorted(parts) for table in parts[low]])


def _joined(tables: list[SlabTable]) -> SlabTable:
    if len(tables) == 1:
        return tables[0]
    begin = np.cumsum([0] + [len(table.ends) for table in tables[:-1]])
    first = [table.first[:-1] + start for table, start in zip(tables, begin, strict=True)]
    return SlabTable(
        np.concatenate([table.numbers for table in tables]),
        np.append(np.concatenate(first), begin[-1] + len(tables[-1].ends)),
        np.concatenate([table.ends for table in tables]),
        np.concatenate([table.labels for table in tables]),
    )


def decode(
    runs: MaskRuns, dtype: np.dtype[np.unsignedinteger] | None = None
) -> NDArray[np.unsignedinteger]:
    """Return the dense ``(z, y, x)`` mask: uint8 where every label fits, else uint16.

    A large one takes memory only where something is drawn.
    """
    chosen = np.dtype(dtype or mask_dtype(max(labels_in([runs]), default=0)))
    mask = sparse_zeros(runs.grid.shape, chosen)
    if is_large(mask.shape):
        _write_labels(runs, mask)
    else:
        write_slabs(runs, mask)
    return mask


def _write_labels(runs: MaskRuns, mask: NDArray[np.unsignedinteger]) -> None:
    """Write the listed slabs into a mask of zeros without touching what stays 0."""
    flat = mask.reshape(-1)
    for slab, content in runs.slabs.items():
        offset = runs.grid.offset(slab)
        drawn = np.flatnonzero(content.labels)
        stops = content.ends[drawn].astype(np.int64) + offset
        starts = np.where(drawn > 0, content.ends[drawn - 1], 0).astype(np.int64) + offset
        labels = content.labels[drawn]
        for start, stop, label in zip(
            starts.tolist(), stops.tolist(), labels.tolist(), strict=True
        ):
            flat[start:stop] = label


def replace_slabs(
    grid: SlabGrid, slabs: Mapping[int, SlabRuns | None], mask: NDArray[np.unsignedinteger]
) -> None:
    """Make slabs of a dense ``(z, y, x)`` mask what is given, background where that is None.

    Of a large mask no voxel is written that is 0 and stays so: it may take no memory.
    """
    drawn = {slab: runs for slab, runs in slabs.items() if runs is not None}
    whole = is_large(mask.shape)
    for slab in slabs if whole else slabs.keys() - drawn.keys():
        z, first, last = grid.rows(slab)
        band = mask[z, first:last]
        np.copyto(band, 0, where=band != 0)
    if whole:
        _write_labels(MaskRuns(grid, drawn), mask)
    else:
        write_slabs(MaskRuns(grid, drawn), mask)


def write_slabs(runs: MaskRuns, mask: NDArray[np.unsignedinteger]) -> None:
    """Write the listed slabs into a dense ``(z, y, x)`` mask; the others stay as they are."""
    if mask.flags.c_contiguous and _decode_by_kernel(runs, mask):
        return
    for slab, content in runs.slabs.items():
        z, first, last = runs.grid.rows(slab)
        mask[z, first:last] = decode_slab(content, mask.dtype).reshape(last - first, -1)


def _decode_by_kernel(runs: MaskRuns, mask: NDArray[np.unsignedinteger]) -> bool:
    library = kernels.library()
    if library is None or mask.dtype.kind != "u" or mask.itemsize > 2 or not mask.dtype.isnative:
        return False
    table = SlabTable.of(runs.slabs)
    state: int = library.decode_slabs(
        kernels.address(table.numbers),
        kernels.address(table.first),
        len(table),
        kernels.address(table.ends),
        kernels.address(table.labels),
        mask.itemsize,
        *runs.grid.layout,
        runs.grid.n_slabs,
        kernels.address(mask),
    )
    return state == 0


def unpack_planes(
    content: bytes,
    offset: NDArray[np.int64],
    lag: NDArray[np.uint8],
    n_filled: NDArray[np.uint8],
    shift: NDArray[np.uint32],
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.int64]] | None:
    """Return ends, labels and the first run of each slab from the byte planes of many slabs.

    Slab i is ``offset[i] .. offset[i+1]`` of ``content``, six bytes a run: four planes of distances
    from the end ``lag`` runs back, less ``shift``, then the labels; its last ``n_filled`` runs are
    not part of it. None where there is no kernel for it.
    """
    library = kernels.library()
    if library is None:
        return None
    first = np.append(0, np.cumsum(np.diff(offset) // 6 - n_filled))
    ends, labels = np.empty(first[-1], np.uint32), np.empty(first[-1], np.uint16)
    joined = np.frombuffer(content, np.uint8)
    # Copied: as parts of a header, numbers lie where a kernel must not look for them.
    lags, filled, shifts = lag.copy(), n_filled.copy(), shift.copy()

    def unpack_part(low: int, high: int) -> None:
        library.unpack_slabs(
            kernels.address(joined),
            kernels.address(offset[low:]),
            kernels.address(lags[low:]),
            kernels.address(filled[low:]),
            kernels.address(shifts[low:]),
            kernels.address(first[low:]),
            high - low,
            kernels.address(ends),
            kernels.address(labels),
        )

    kernels.in_parts(unpack_part, len(lag), _MANY * len(lag) // max(1, len(ends)))
    return ends, labels, first


def mask_dtype(largest: int) -> np.dtype[np.unsignedinteger]:
    """Return the smallest mask type that holds a label value up to ``largest`` (at most 65535)."""
    return np.dtype(np.uint8) if largest <= np.iinfo(np.uint8).max else np.dtype(np.uint16)
