"""Slabs of runs as bytes: their key, their compressed form, and the table that keeps them."""

from __future__ import annotations

import hashlib
import itertools
import struct
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard
from sqlalchemy import bindparam, insert, select

from annotator.analysis.runs import SlabRuns, unpack_planes
from annotator.bundled import resource
from annotator.domain.errors import IntegrityError
from annotator.store.tables import slabs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

LEVEL = 3
"""How hard zstd tries."""
_KEYS_A_QUERY = 500
_RUN_BYTES = 6
_HEADER = struct.Struct("<BBI")
_HEADERS = np.dtype([("lag", "u1"), ("n_filled", "u1"), ("shift", "<u4")])
_WORTH_A_THREAD = 1 << 17
"""Compressed bytes from which on a second thread pays."""
_UINT16, _UINT32 = np.dtype("<u2"), np.dtype("<u4")
_LAGS = (2, 4)
"""Runs in a row of one or two objects."""
_CENTRE = 0x8080
"""Added to a distance from the row above, so that small ones differ in their low byte only."""
_MODULUS = 1 << 32

# Built once: putting a statement together costs more than running it.
_ADD = insert(slabs).returning(slabs.c.slab_id, slabs.c.key)
_BY_KEY = select(slabs.c.key, slabs.c.slab_id).where(
    slabs.c.key.in_(bindparam("keys", expanding=True))
)
_BY_ID = select(slabs.c.slab_id, slabs.c.blob).where(
    slabs.c.slab_id.in_(bindparam("slab_ids", expanding=True))
)

_local = threading.local()
"""Compressors must not be shared between threads."""


@dataclass(frozen=True, slots=True)
class StoredSlab:
    """Where a slab lies in the table, and its key."""

    slab_id: int
    key: bytes


def slab_key(runs: SlabRuns) -> bytes:
    """Return the SHA-256 over the runs: all ends as little-endian uint32, all labels as uint16."""
    hashed = hashlib.sha256(_little(runs.ends, "<u4"))
    hashed.update(_little(runs.labels, "<u2"))
    return hashed.digest()


def pack(runs: SlabRuns, columns: int) -> bytes:
    """Return the runs compressed, in the smallest of three codings: see `codings`.

    Before them stand the lag and how many were filled up (uint8 each), and what to add to each
    distance (uint32). The dictionary of slabs spares each small frame its own tables of codes.
    """
    packed = [
        header + _slab_compressor().compress(content) for header, content in codings(runs, columns)
    ]
    return min(packed, key=len)


def codings(runs: SlabRuns, columns: int) -> list[tuple[bytes, bytes]]:
    """Return three ways to put runs into bytes, each a header and its content.

    An end is kept as its distance from an earlier one: from the one before (a length), or, where a
    row of ``columns`` voxels looks like the row above, from the one that lies ``lag`` runs back,
    less a row. Distances go byte by byte (all low bytes first), then the labels as uint16. Both are
    filled up to a multiple of the lag.
    """
    ends = runs.ends.astype(_UINT32, copy=False)
    shift = (columns - _CENTRE) % _MODULUS
    found = [_coded(np.diff(ends, prepend=np.uint32(0)), runs.labels, 1, 0)]
    for lag in _LAGS:
        distances = ends - np.uint32(shift)
        distances[lag:] -= ends[:-lag]
        found.append(_coded(distances, runs.labels, lag, shift))
    return found


def unpack(blobs: Sequence[bytes]) -> list[SlabRuns]:
    """Return the runs that `pack` compressed; IntegrityError where the bytes are something else."""
    ends, labels, first = unpack_joined(blobs)
    bounds = first.tolist()
    return [SlabRuns(ends[low:high], labels[low:high]) for low, high in itertools.pairwise(bounds)]


def unpack_joined(
    blobs: Sequence[bytes],
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.int64]]:
    """Return the ends and labels of all slabs, one after the other, and where each begins.

    The last number is where the last slab ends. IntegrityError where the bytes are no slab.
    """
    try:
        # A header that is cut off makes the sum wrong.
        header = np.frombuffer(b"".join([blob[: _HEADER.size] for blob in blobs]), _HEADERS)
        contents = _decompressed([blob[_HEADER.size :] for blob in blobs])
    except (zstandard.ZstdError, ValueError, TypeError) as error:
        raise IntegrityError(f"a slab cannot be decompressed ({error})") from error
    sizes = np.array([len(content) for content in contents], np.int64)
    lag, n_filled = header["lag"].astype(np.int64), header["n_filled"]
    is_odd = (sizes == 0) | (n_filled >= lag) | (sizes % (_RUN_BYTES * np.maximum(lag, 1)) != 0)
    if is_odd.any():
        size = int(sizes[is_odd][0])
        raise IntegrityError(f"a slab holds {size} bytes, which is no number of runs")
    offset = np.append(0, np.cumsum(sizes))
    found = unpack_planes(b"".join(contents), offset, header["lag"], n_filled, header["shift"])
    return found or _unpack_planes_by_sums(contents, header)


def _decompressed(frames: Sequence[bytes]) -> list[bytes]:
    """Return what zstd frames hold, on two threads where that pays."""
    own = _slab_decompressor()
    # Only zstandard's own compiled form has it.
    together = getattr(own, "multi_decompress_to_buffer", None)
    if together is not None and sum(map(len, frames)) > _WORTH_A_THREAD:
        try:
            return list(together(list(frames), threads=2))
        except (zstandard.ZstdError, MemoryError):
            pass  # one by one says which frame is damaged
    return [own.decompress(frame) for frame in frames]


def _unpack_planes_by_sums(
    contents: Sequence[bytes], header: NDArray[np.void]
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.int64]]:
    """Do in numpy what `unpack_planes` does."""
    alike: dict[tuple[int, int], list[tuple[int, int, bytes]]] = {}
    for number, (content, (lag, n_filled, shift)) in enumerate(
        zip(contents, header.tolist(), strict=True)
    ):
        alike.setdefault((lag, shift), []).append((number, n_filled, content))
    found: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint16]]] = {}
    for (lag, shift), members in alike.items():
        ends, labels = _joined([content for _, _, content in members], lag, shift)
        first = 0
        for number, n_filled, content in members:
            last = first + len(content) // _RUN_BYTES
            found[number] = ends[first : last - n_filled], labels[first : last - n_filled]
            first = last
    ordered = [found[number] for number in range(len(contents))]
    none: tuple[NDArray[np.uint32], NDArray[np.uint16]] = np.zeros(0, _UINT32), np.zeros(0, _UINT16)
    return (
        np.concatenate([ends for ends, _ in ordered or [none]]),
        np.concatenate([labels for _, labels in ordered or [none]]),
        np.cumsum([0, *(len(ends) for ends, _ in ordered)], dtype=np.int64),
    )


def _joined(
    contents: Sequence[bytes], lag: int, shift: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
    """Return ends and labels of slabs of one coding, one slab after the other.

    All at once, because a mask has hundreds of slabs of a few hundred runs each.
    """
    lengths = [len(content) // _RUN_BYTES for content in contents]
    sizes = list(zip(contents, lengths, strict=True))
    planes = np.zeros((sum(lengths), 4), np.uint8)
    for plane in range(4):
        joined = b"".join([content[plane * size : (plane + 1) * size] for content, size in sizes])
        planes[:, plane] = np.frombuffer(joined, np.uint8)
    labels = np.frombuffer(b"".join([content[4 * size :] for content, size in sizes]), _UINT16)
    ends = planes.view(_UINT32).reshape(-1, lag)
    ends += np.uint32(shift)
    # A slab begins at 0 again: its first row takes back what the slab before it adds up to.
    first_rows = np.cumsum([0, *lengths[:-1]]) // lag
    sums = np.add.reduceat(ends, first_rows, axis=0, dtype=_UINT32)
    ends[first_rows[1:]] -= sums[:-1]
    for column in range(lag):
        np.add.accumulate(ends[:, column], out=ends[:, column])
    return ends.reshape(-1), labels


def _coded(
    distances: NDArray[np.uint32], labels: NDArray[np.uint16], lag: int, shift: int
) -> tuple[bytes, bytes]:
    n_filled = -distances.size % lag
    if n_filled:
        distances = np.append(distances, np.zeros(n_filled, _UINT32))
    planes = distances.view(np.uint8).reshape(-1, 4).T.tobytes()
    content = planes + _little(labels, "<u2") + bytes(2 * n_filled)
    return _HEADER.pack(lag, n_filled, shift), content


def put(connection: Connection, runs: Iterable[SlabRuns], columns: int) -> tuple[StoredSlab, ...]:
    """Keep slabs, each content once, and return where they lie, in the order given.

    ``columns`` is the length of a row of the grid, for the sake of compression.
    """
    ordered = [(slab_key(entry), entry) for entry in runs]
    known = find(connection, (key for key, _ in ordered))
    missing = {key: entry for key, entry in ordered if key not in known}
    if missing:
        added = connection.execute(
            _ADD,
            [{"key": key, "blob": pack(entry, columns)} for key, entry in missing.items()],
        )
        known.update((bytes(key), slab_id) for slab_id, key in added)
    return tuple(StoredSlab(known[key], key) for key, _ in ordered)


def find(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
    """Return the row of each key that is kept."""
    wanted = list(dict.fromkeys(keys))
    known: dict[bytes, int] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        rows = connection.execute(_BY_KEY, {"keys": wanted[start : start + _KEYS_A_QUERY]})
        known.update((bytes(key), slab_id) for key, slab_id in rows)
    return known


def get(connection: Connection, slab_ids: Iterable[int]) -> Mapping[int, SlabRuns]:
    """Return the runs of some rows."""
    wanted = list(dict.fromkeys(slab_ids))
    blobs: dict[int, bytes] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        rows = connection.execute(_BY_ID, {"slab_ids": wanted[start : start + _KEYS_A_QUERY]})
        blobs.update((slab_id, blob) for slab_id, blob in rows)
    return dict(zip(blobs, unpack(list(blobs.values())), strict=True))


def _little(values: NDArray[np.unsignedinteger[Any]], dtype: str) -> bytes:
    return values.astype(dtype, copy=False).tobytes()


def compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor."""
    try:
        found: zstandard.ZstdCompressor = _local.compressor
    except AttributeError:
        found = _local.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    return found


def decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor."""
    try:
        found: zstandard.ZstdDecompressor = _local.decompressor
    except AttributeError:
        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(resource("slabs/dictionary.zdict").read_bytes())


def _slab_compressor() -> zstandard.ZstdCompressor:
    try:
        found: zstandard.ZstdCompressor = _local.slab_compressor
    except AttributeError:
        found = _local.slab_compressor = zstandard.ZstdCompressor(
            level=LEVEL, dict_data=_dictionary(), write_checksum=True
        )
    return found


def _slab_decompressor() -> zstandard.ZstdDecompressor:
    """Return what reads frames with the dictionary, and those of older programs without one."""
    try:
        found: zstandard.ZstdDecompressor = _local.slab_decompressor
    except AttributeError:
        found = _local.slab_decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary())
    return found
