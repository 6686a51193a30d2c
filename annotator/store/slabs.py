"""Slabs of runs as bytes: their key, their compressed form, and the table that keeps them."""

from __future__ import annotations

import hashlib
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard
from sqlalchemy import insert, select

from annotator.analysis.runs import SlabRuns
from annotator.domain.errors import IntegrityError
from annotator.store.tables import slabs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from sqlalchemy import Connection

_LEVEL = 3
_KEYS_A_QUERY = 500
_RUN_BYTES = 6
_HEADER = struct.Struct("<BI")
_LAGS = (2, 4)
"""Runs in a row of one or two objects."""
_CENTRE = 0x8080
"""Added to a distance from the row above, so that small ones differ in their low byte only."""
_MODULUS = 1 << 32

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
    """Return the runs compressed, in the smallest of three codings.

    An end is kept as its distance from an earlier one: from the one before (a length), or, where a
    row of ``columns`` voxels looks like the row above, from the one that lies ``lag`` runs back,
    less a row. The distances go byte by byte (all low bytes first), then the labels as uint16,
    under zstd; before them stand the lag (uint8) and what to add to each distance (uint32).
    """
    compress = _compressor().compress
    ends = runs.ends.astype("<u4", copy=False)
    labels = _little(runs.labels, "<u2")
    lengths = np.diff(ends, prepend=np.uint32(0))
    packed = [_HEADER.pack(1, 0) + compress(_planes(lengths) + labels)]
    shift = (columns - _CENTRE) % _MODULUS
    for lag in _LAGS:
        distances = ends - np.uint32(shift)
        distances[lag:] -= ends[:-lag]
        packed.append(_HEADER.pack(lag, shift) + compress(_planes(distances) + labels))
    return min(packed, key=len)


def unpack(blob: bytes) -> SlabRuns:
    """Return the runs that `pack` compressed; IntegrityError where the bytes are something else."""
    try:
        lag, shift = _HEADER.unpack_from(blob)
        content = _decompressor().decompress(memoryview(blob)[_HEADER.size :])
    except (zstandard.ZstdError, struct.error, TypeError) as error:
        raise IntegrityError(f"a slab cannot be decompressed ({error})") from error
    n_runs, rest = divmod(len(content), _RUN_BYTES)
    if rest or not n_runs or not lag:
        raise IntegrityError(f"a slab holds {len(content)} bytes, which is no number of runs")
    planes = np.frombuffer(content, np.uint8, 4 * n_runs).reshape(4, n_runs)
    ends = np.ascontiguousarray(planes.T).view("<u4").reshape(-1)
    if shift:
        ends += np.uint32(shift)
    for first in range(lag):
        np.cumsum(ends[first::lag], dtype=np.uint32, out=ends[first::lag])
    return SlabRuns(ends, np.frombuffer(content, "<u2", n_runs, 4 * n_runs))


def put(connection: Connection, runs: Iterable[SlabRuns], columns: int) -> tuple[StoredSlab, ...]:
    """Keep slabs, each content once, and return where they lie, in the order given.

    ``columns`` is the length of a row of the grid, for the sake of compression.
    """
    ordered = [(slab_key(entry), entry) for entry in runs]
    known = find(connection, (key for key, _ in ordered))
    missing = {key: entry for key, entry in ordered if key not in known}
    if missing:
        added = connection.execute(
            insert(slabs).returning(slabs.c.slab_id, slabs.c.key),
            [{"key": key, "blob": pack(entry, columns)} for key, entry in missing.items()],
        )
        known.update((bytes(key), slab_id) for slab_id, key in added)
    return tuple(StoredSlab(known[key], key) for key, _ in ordered)


def find(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
    """Return the row of each key that is kept."""
    wanted = list(dict.fromkeys(keys))
    known: dict[bytes, int] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        query = select(slabs.c.key, slabs.c.slab_id).where(
            slabs.c.key.in_(wanted[start : start + _KEYS_A_QUERY])
        )
        known.update((bytes(key), slab_id) for key, slab_id in connection.execute(query))
    return known


def get(connection: Connection, slab_ids: Iterable[int]) -> Mapping[int, SlabRuns]:
    """Return the runs of some rows."""
    wanted = list(dict.fromkeys(slab_ids))
    found: dict[int, SlabRuns] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        query = select(slabs.c.slab_id, slabs.c.blob).where(
            slabs.c.slab_id.in_(wanted[start : start + _KEYS_A_QUERY])
        )
        found.update((slab_id, unpack(blob)) for slab_id, blob in connection.execute(query))
    return found


def _planes(distances: NDArray[np.uint32]) -> bytes:
    return distances.view(np.uint8).reshape(-1, 4).T.tobytes()


def _little(values: NDArray[np.unsignedinteger[Any]], dtype: str) -> bytes:
    return values.astype(dtype, copy=False).tobytes()


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    found: zstandard.ZstdCompressor = _local.compressor
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _local.decompressor
    return found
